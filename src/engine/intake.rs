//! What is taken in: room in the tables, what a source may ask, pressure, and the audit.

use super::rate::Place;
use super::reject::Reject;
use super::shed::{self, Weight};
use super::sources::{self, Beyond};
use super::{Engine, Now, Sink};
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::is_emergency;
use crate::sip::{Draft, Essentials, Method, Name};
use crate::trust::{Origin, Standing};
use rand_chacha::rand_core::Rng;

impl Engine {
    /// Whether there is room for a request, in the tables and within what its source may ask. `place`: where that is counted,
    /// when it is outside T.
    //= SEC-009
    pub(super) fn take(
        &mut self,
        now: Now,
        origin: &Origin,
        place: Option<Place>,
        draft: &Draft,
        essentials: &Essentials,
        method: Method,
    ) -> Result<(), (Beyond, Reject)> {
        let in_dialog = essentials.to_tag().is_some() && (place.is_none() || shed::brings_token(draft));
        let registered = || self.bindings.ue(&self.home(origin.flow()), now.unix).is_some();
        let registered = method == Method::Register && origin.standing() == Standing::Served && registered();
        let weight = Weight::of(method, draft, in_dialog, registered, self.of_peer(draft));
        let max = self.policy.limits.transactions_max;
        let room = match place {
            None => weight.room(max),
            Some(_) => weight.room_outside(max),
        };
        let is_full = self.transactions.len() >= room;
        let too_much = self.is_too_much(weight, place).then_some(Reject::Busy);
        let refused = too_much.or_else(|| self.is_unrecorded(draft).then_some(Reject::Unrecorded));
        if let Some(reject) = refused {
            let beyond = place.map_or(Beyond::Refuse, |place| self.sources.refusal(now.at, place));
            return Err((beyond, reject));
        }
        match place {
            None if is_full => Err((Beyond::Refuse, Reject::Full)),
            None => Ok(()),
            Some(place) if is_full => Err((self.sources.refusal(now.at, place), Reject::Full)),
            Some(place) => {
                let live = self.transactions.of_place(place);
                let taken = self.sources.take(now.at, place, weight, live);
                taken.map_err(|beyond| (beyond, Reject::TooMuch))
            }
        }
    }

    /// Whether a request is refused by chance, because this worker is behind with its work.
    //= SEC-009
    pub(super) fn is_too_much(&mut self, weight: Weight, place: Option<Place>) -> bool {
        self.pressure.count(place.is_some());
        let percent = place.map_or(0, |_| self.pressure.percent(weight));
        percent > 0 && self.random.next_u32() % 100 < percent
    }

    /// Whether what is new waits until the audit can be written again: all of it, whoever asks.
    //= LI-006
    //= LI-007
    pub(super) fn is_unrecorded(&self, draft: &Draft) -> bool {
        self.sink == Sink::Refuses && self.policy.lawful_interception.sink_required.value && opens(draft)
    }

    /// Whether this answer is given to a request that gets no transaction. For want of room it was asked before.
    //= SEC-009
    pub(super) fn answers(&mut self, now: Now, origin: &Origin, reject: &Reject) -> bool {
        if origin.is_trusted() || reject.is_overload() {
            return true;
        }
        let place = sources::place(&self.keyed, origin.flow().remote.ip());
        self.sources.answers(now.at, place)
    }
}

/// Whether a message belongs to nothing that stands already. Who calls for help is never kept waiting for an audit.
pub(super) fn opens(draft: &Draft) -> bool {
    let to = draft.first(Name::To).and_then(|to| NameAddr::parse(to).ok());
    let stands = to.is_some_and(|to| to.tag().is_some());
    draft.is_request() && !stands && !is_emergency(draft.request_uri())
}
