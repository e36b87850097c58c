//! Auditors of the network, at the tracker's door: where they are to look, and what they found. To peers they are peers.

use rand_chacha::rand_core::Rng;

use super::{Asker, Part, is_of_type, refusal};
use crate::engine::reject::{Reject, Replied};
use crate::engine::{Engine, Now};
use crate::ppsp::Fault;
use crate::ppsp::visit::{Found, MEDIA_TYPE};
use crate::rule::Rule;
use crate::sip::{Draft, Name};
use crate::tracker::{IDLE_SECONDS, VISIT_SECONDS};

impl Engine {
    /// Answers a PUBLISH of an auditor: takes what it found, and sends it where it is to look next.
    //= P2P-122
    //= P2P-125
    pub(super) fn audits(&mut self, now: Now, asker: &Asker, draft: &Draft) -> Reject {
        let is_auditor = |identity: &crate::policy::Stated<String>| identity.value.as_bytes() == asker.identity;
        if !self.policy.p2p.auditors.iter().any(is_auditor) {
            return refusal(Fault::Auth);
        }
        let found = match draft.body() {
            [] => None,
            _ if !is_of_type(draft, MEDIA_TYPE) => {
                return Replied::bare(415, Rule::P2P_122).with(Name::Accept, MEDIA_TYPE).into();
            }
            body => match Found::read(body) {
                Some(found) => Some(found),
                None => return refusal(Fault::BadBody),
            },
        };
        let moment = self.moment(now);
        let Engine { p2p, random, .. } = self;
        let Some(Part::Tracker(tracker)) = p2p.as_mut().map(|p2p| &mut p2p.part) else {
            return refusal(Fault::Internal);
        };
        let tag = draft.first(Name::SipIfMatch).map(number_of);
        match (tag, found) {
            (None, None) => {}
            (Some(Some(number)), Some(found)) if tracker.visited(moment, asker.member(), number, found) => {}
            (Some(_), _) => return Replied::bare(412, Rule::P2P_122).into(),
            (None, Some(_)) => return refusal(Fault::State),
        }
        let sent = tracker.next_visit(moment, asker.member(), random);
        let number = sent.as_ref().and_then(|sent| sent.number);
        let seconds = match number {
            Some(_) => VISIT_SECONDS,
            None => IDLE_SECONDS,
        };
        let tag = number.unwrap_or_else(|| random.next_u64());
        let mut replied = Replied::bare(200, Rule::P2P_122)
            .with(Name::SipEtag, format!("{tag:016x}"))
            .with(Name::Expires, seconds.to_string());
        if let Some(sent) = sent {
            replied = replied.with(Name::ContentType, MEDIA_TYPE);
            replied.body = sent.visit.to_bytes().into();
        }
        replied.into()
    }
}

fn number_of(tag: &[u8]) -> Option<u64> {
    let tag = std::str::from_utf8(tag.trim_ascii()).ok()?;
    u64::from_str_radix(tag, 16).ok()
}
