//! Inside values of Via, Record-Route, Route, Path and Service-Route to tokens, towards the neighbours that are not to see them.

use smallvec::SmallVec;

use super::border::Border;
use super::mentions;
use super::open::TOKENS_MAX;
use super::token::{Kind, Tokens};
use crate::seal::hiding::PLAIN_BYTES_MAX;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Method, Name};
use crate::trust::Own;

/// A draft that shows its hop no more of the network's inside than its policy lets it see. Made only here, and the only thing
/// that becomes the bytes of a cleared message. While it is there, nothing about the draft changes.
#[derive(Debug)]
pub struct Tokenized<'d>(&'d Draft);

/// What changed, as bits of the names of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    pub hidden: u128,
    pub removed: u128,
    pub rewritten: u128,
}

/// A value is longer than a token can hold, there are more than [`TOKENS_MAX`] of them, or there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Via or a Route of the inside cannot be hidden: too long, or too many")]
pub struct CannotHide;

/// Bytes of values that follow each other and go into one token; beyond: the next one. Shorter ones lose less when one is lost.
const RUN_BYTES_MAX: usize = 2048;

impl<'d> Tokenized<'d> {
    /// Hides the inside in a request that is complete but for its framing: our own Via on top, our own Record-Route in place.
    //= THIG-002
    //= THIG-009
    pub fn request(draft: &'d mut Draft, border: &Border<'_>) -> Result<(Tokenized<'d>, Changes), CannotHide> {
        if !border.hides() {
            return Ok((Tokenized(draft), Changes::default()));
        }
        let mut changes = Changes::default();
        // The top Via is ours of this very leg; the first Route is the hop itself.
        //= THIG-002 type=exception reason=what a strict router finds first in Route behind itself is shown: it would come back as Request-URI
        for (name, seen) in [
            (Name::Via, Seen::First),
            (Name::RecordRoute, Seen::Own),
            (Name::Route, Seen::FirstAndOwn),
            (Name::Path, Seen::Own),
            (Name::ServiceRoute, Seen::Own),
        ] {
            field(draft, name, seen, Order::AsIs, border, &mut changes, Lack::Refuses)?;
        }
        mentions::strip(draft, border, &mut changes);
        Ok((Tokenized(draft), changes))
    }

    /// The same in a response. What cannot be hidden is taken out: a response is never refused. Its Via is what the hop wrote
    /// itself, which the engine has put back.
    //= THIG-002
    //= THIG-009
    pub fn response(draft: &'d mut Draft, border: &Border<'_>) -> (Tokenized<'d>, Changes) {
        let mut changes = Changes::default();
        if !border.hides() {
            return (Tokenized(draft), changes);
        }
        let leads_back = service_route(draft, border);
        for (name, order) in [
            // Who called turns the list over, and with it the values, but not what is within one.
            (Name::RecordRoute, Order::TurnedOver),
            (Name::Route, Order::AsIs),
            (Name::Path, Order::AsIs),
            (Name::ServiceRoute, Order::AsIs),
        ] {
            let hidden = field(draft, name, Seen::Own, order, border, &mut changes, Lack::TakesOut);
            debug_assert!(hidden.is_ok(), "what cannot be hidden is taken out");
        }
        if leads_back {
            draft.insert_top(Name::ServiceRoute, &[&Border::way_to(border.own)]);
        }
        mentions::strip(draft, border, &mut changes);
        (Tokenized(draft), changes)
    }

    /// What leaves.
    pub(crate) fn draft(&self) -> &Draft {
        self.0
    }
}

/// Which inside values of a field the hop sees all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The first of all.
    First,
    /// Our own on this leg.
    Own,
    /// Both: who is to come back to us must read where we are.
    FirstAndOwn,
}

/// In which order values go into one token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    AsIs,
    TurnedOver,
}

/// What a value becomes that cannot be hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Refuses,
    TakesOut,
}

/// Prepares a Service-Route whose way leads through the inside: those who use it come by us, by the side it came from. Tells
/// whether our own value of this leg is to stand on top.
//= THIG-009
fn service_route(draft: &mut Draft, border: &Border<'_>) -> bool {
    if draft.exchange() != Some(Method::Register) || !draft.has(Name::ServiceRoute) {
        return false;
    }
    let inside = border.inside();
    let is_hidden = |value: &[u8]| inside.has_route(value) && !is_own(border.own, value);
    let leads_inside = draft
        .rows(Name::ServiceRoute)
        .any(|row| list::values(row).any(|span| is_hidden(span.of(row))));
    let top = draft
        .first(Name::ServiceRoute)
        .map(|row| row.to_vec())
        .unwrap_or_default();
    let is_on_top = list::values(&top)
        .next()
        .is_some_and(|span| is_own(border.own, span.of(&top)));
    if !leads_inside || is_on_top {
        return false;
    }
    if let Some(other) = border.other_own.filter(|other| **other != *border.own) {
        draft.insert_top(Name::ServiceRoute, &[&Border::way_to(other)]);
    }
    true
}

fn is_own(own: &Own, value: &[u8]) -> bool {
    NameAddr::parse(value)
        .and_then(|route| route.uri())
        .is_ok_and(|uri| uri.maddr().is_none() && own.is_named(uri.host(), uri.port()))
}

/// The rows of a field with their values, and what each becomes.
fn field(
    draft: &mut Draft,
    name: Name,
    seen: Seen,
    order: Order,
    border: &Border<'_>,
    changes: &mut Changes,
    lack: Lack,
) -> Result<(), CannotHide> {
    if !draft.has(name) {
        return Ok(());
    }
    let kind = if name == Name::Via { Kind::Via } else { Kind::Route };
    let (tokens, inside) = (border.tokens(), border.inside());
    let is_hidden = |place: usize, value: &[u8]| {
        let is_inside = match kind {
            Kind::Via => inside.has_via(value),
            Kind::Route => inside.has_route(value),
        };
        let is_seen = match seen {
            Seen::First => place == 0,
            Seen::Own => is_own(border.own, value),
            Seen::FirstAndOwn => place == 0 || is_own(border.own, value),
        };
        // One that is hidden already shows nothing.
        is_inside && !is_seen && !tokens.is_some_and(|tokens| tokens.is_own(kind, value))
    };
    let rows: SmallVec<[_; 4]> = draft.rows_at(name).map(|(row, value)| (row, value.to_vec())).collect();
    let mut run = Run {
        tokens,
        kind,
        order,
        lack,
        fresh: border.fresh,
        row: 0,
        values: SmallVec::new(),
        made: 0,
        out: vec![Vec::new(); rows.len()],
    };
    let (mut place, mut found) = (0, false);
    for (row, (_, value)) in rows.iter().enumerate() {
        for span in list::values(value) {
            let text = span.of(value);
            if is_hidden(place, text) {
                found = true;
                run.take(row, text)?;
            } else {
                run.end()?;
                append(&mut run.out[row], text);
            }
            place += 1;
        }
    }
    run.end()?;
    if !found {
        return Ok(());
    }
    let out = run.out;
    // From the last to the first, so that the places of those before stay right.
    for ((row, before), after) in rows.iter().zip(&out).rev() {
        match after {
            after if after.is_empty() => draft.remove_row(*row),
            after if after != before => draft.set(*row, &[after]),
            _ => {}
        }
    }
    changes.hidden |= name.bit();
    Ok(())
}

/// Inside values that follow each other: one token.
//= THIG-006
struct Run<'r, 't> {
    tokens: Option<Tokens<'t>>,
    kind: Kind,
    order: Order,
    lack: Lack,
    fresh: [u8; 12],
    /// Where the first of them stood, and the token will.
    row: usize,
    values: SmallVec<[&'r [u8]; 8]>,
    made: usize,
    /// The rows as they will be.
    out: Vec<Vec<u8>>,
}

impl<'r> Run<'r, '_> {
    fn take(&mut self, row: usize, value: &'r [u8]) -> Result<(), CannotHide> {
        let length: usize = self.values.iter().map(|value| value.len() + 2).sum();
        if !self.values.is_empty() && length + value.len() > RUN_BYTES_MAX {
            self.end()?;
        }
        if self.values.is_empty() {
            self.row = row;
        }
        self.values.push(value);
        Ok(())
    }

    fn end(&mut self) -> Result<(), CannotHide> {
        if self.values.is_empty() {
            return Ok(());
        }
        if self.order == Order::TurnedOver {
            self.values.reverse();
        }
        let values = self.values.join(&b", "[..]);
        self.values.clear();
        self.made += 1;
        let fits = self.made <= TOKENS_MAX && values.len() <= PLAIN_BYTES_MAX;
        let tokens = self.tokens.filter(|_| fits);
        match tokens.and_then(|tokens| tokens.make(self.kind, self.fresh, &values)) {
            Some(token) => append(&mut self.out[self.row], &token),
            None if self.lack == Lack::Refuses => return Err(CannotHide),
            None => {}
        }
        Ok(())
    }
}

fn append(row: &mut Vec<u8>, value: &[u8]) {
    if !row.is_empty() {
        row.extend_from_slice(b", ");
    }
    row.extend_from_slice(value);
}
