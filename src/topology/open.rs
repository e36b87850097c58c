//! Tokens of ours in a message from a neighbour, each opened in its place.

use smallvec::SmallVec;

use super::token::{Kind, Tokens, Unopenable, names_somebody};
use crate::sip::headers::list;
use crate::sip::{Draft, Name};

/// Tokens of one field of one message that are opened at most, and made at most; a message with more is refused.
//= SEC-009
pub const TOKENS_MAX: usize = 16;

const FIELDS: [(Name, Kind); 5] = [
    (Name::Via, Kind::Via),
    (Name::RecordRoute, Kind::Route),
    (Name::Route, Kind::Route),
    (Name::Path, Kind::Route),
    (Name::ServiceRoute, Kind::Route),
];

/// What was opened.
#[derive(Clone, Default)]
pub struct Revealed {
    /// The values that stood hidden in Route: this network gave them out itself.
    routes: Vec<Vec<u8>>,
    /// The fields that changed, as bits of their names.
    pub fields: u128,
}

impl Revealed {
    /// Whether a Route value was given out by this network, and kept hidden until now. It is looked for only where any was.
    pub fn gave_out<'a>(&self, route: impl FnOnce() -> Option<&'a [u8]>) -> bool {
        !self.routes.is_empty() && route().is_some_and(|route| self.routes.iter().any(|given| given == route))
    }
}

/// Opens every token of ours, in place and in order. What others hid stays, and so does the top Via, by which its sender is
/// found. When one does not open, nothing changes at all.
//= THIG-007
//= THIG-008
//= THIG-009
pub fn open(draft: &mut Draft, tokens: &Tokens<'_>) -> Result<Revealed, Unopenable> {
    let mut revealed = Revealed::default();
    let mut changes: SmallVec<[_; 4]> = SmallVec::new();
    for (name, kind) in FIELDS.into_iter().filter(|(name, _)| draft.has(*name)) {
        let mut count = 0;
        for (number, (row, value)) in draft.rows_at(name).enumerate() {
            if !names_somebody(value) {
                continue;
            }
            let is_top = |place: usize| name == Name::Via && number == 0 && place == 0;
            let (mut out, mut changed) = (Vec::with_capacity(value.len()), false);
            for (place, span) in list::values(value).enumerate() {
                let text = span.of(value);
                if !out.is_empty() {
                    out.extend_from_slice(b", ");
                }
                let opened = (!is_top(place)).then(|| tokens.open(kind, text)).flatten();
                let Some(opened) = opened else {
                    out.extend_from_slice(text);
                    continue;
                };
                count += 1;
                if count > TOKENS_MAX {
                    return Err(Unopenable);
                }
                let opened = opened?;
                if name == Name::Route {
                    let values = list::values(&opened).map(|span| span.of(&opened).to_vec());
                    revealed.routes.extend(values);
                }
                out.extend_from_slice(&opened);
                changed = true;
            }
            if changed {
                revealed.fields |= name.bit();
                changes.push((row, out));
            }
        }
    }
    for (row, value) in changes {
        draft.set(row, &[&value]);
    }
    Ok(revealed)
}
