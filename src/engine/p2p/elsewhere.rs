//! Requests of peers for a tracker that another node is: on their way there, and written anew. One outside the trust domain
//! learns no name: who asks is called by a pseudonym that is another for each tracker.

use super::{P2p, PACKAGE, Part, foreign_body, is_of_package, refusal};
use crate::engine::counts::p2p::{Guarded, Side};
use crate::engine::reject::Reject;
use crate::engine::transactions::Kept;
use crate::engine::{Engine, Now};
use crate::locate::target::Place;
use crate::policy::p2p::TrackerIs;
use crate::ppsp::{Fault, Request};
use crate::privacy::Wanted;
use crate::privacy::guard::{Addresses, request_for_outside, request_for_peer};
use crate::proxy::targets::Targets;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Method, Name};
use crate::trust::{Hop, Origin, Standing};

impl P2p {
    /// What pseudonyms are bound to.
    pub(super) fn tracker_name<'p>(&self, table: &'p crate::policy::P2p) -> &'p [u8] {
        match &table.tracker.value {
            TrackerIs::At(next_hop) => next_hop.as_bytes(),
            TrackerIs::Embedded | TrackerIs::Off => b"",
        }
    }
}

impl Engine {
    /// Whether a request is a peer's for the tracker that another node is; its body is then written anew. Where it goes is the
    /// network's to say, or a `[[route]]`'s.
    //= P2P-005
    //= P2P-062
    //= P2P-138
    pub(in crate::engine) fn guard_request(&mut self, origin: &Origin, draft: &mut Draft) -> Result<bool, Reject> {
        let guarded = self.written_anew(origin, draft);
        match &guarded {
            Ok(false) => {}
            Ok(true) if draft.body().is_empty() => {}
            Ok(true) => self.note_guarded(Side::ToTracker, Guarded::Clean),
            Err(_) => self.note_guarded(Side::ToTracker, Guarded::Refused),
        }
        guarded
    }

    fn written_anew(&self, origin: &Origin, draft: &mut Draft) -> Result<bool, Reject> {
        let TrackerIs::At(_) = &self.policy.p2p.tracker.value else {
            return Ok(false);
        };
        let asks = matches!(draft.method(), Some(Method::Publish | Method::Subscribe));
        if !asks || origin.standing() != Standing::Served || !is_of_package(draft, PACKAGE) {
            return Ok(false);
        }
        if let Some(reject) = foreign_body(draft) {
            return Err(reject);
        }
        let Some(p2p) = &self.p2p else { return Ok(false) };
        if !draft.body().is_empty() {
            Request::read(draft.body()).map_err(refusal)?;
            // Where the tracker may know who asks, it may know where that is.
            let body = request_for_peer(draft.body(), &p2p.hosts, Addresses::All);
            draft.set_body(body.ok_or(refusal(Fault::TidIsPermanent))?);
        }
        Ok(true)
    }

    /// What is wanted of a request to a tracker outside the trust domain; `None`: it is inside, and may know who asks.
    //= P2P-002
    //= P2P-068
    pub(in crate::engine) fn blind(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        targets: &Targets,
        kept: &mut Kept,
    ) -> Result<Option<Wanted>, Reject> {
        // Each of them: another one is tried when the first fails.
        let is_inside = targets.list.iter().all(|target| match target.place {
            Place::Address(address) => {
                let destination = target.at(address);
                Hop::judge_recent(&mut self.recent, destination).is_trusted()
            }
            // Who answers to a name is not known yet.
            _ => false,
        });
        if is_inside {
            return Ok(None);
        }
        let arrived = self.home(origin.flow());
        let identity = self
            .bindings
            .ue(&arrived, now.unix)
            .and_then(|ue| ue.default_identity());
        let Some(p2p) = &self.p2p else { return Ok(None) };
        let Part::Guard(ids) = &p2p.part else { return Ok(None) };
        let pseudonym = identity.and_then(|identity| ids.pseudonym(identity, p2p.tracker_name(&self.policy.p2p)));
        let pseudonym = pseudonym.ok_or(Reject::Unguarded)?;
        let uri = format!("sip:{pseudonym}@{}", p2p.domain);
        if !draft.body().is_empty() {
            let body = request_for_outside(draft.body(), &pseudonym, &p2p.hosts, Addresses::None);
            draft.set_body(body.ok_or(Reject::Unguarded)?);
        }
        if draft.method() == Some(Method::Publish) {
            draft.set_request_uri(uri.as_bytes());
            if let Some((row, value)) = draft.first_at(Name::To) {
                kept.to = Some(value.to_vec());
                let tag = NameAddr::tag_of(value).ok().flatten().map(|tag| tag.of(value).to_vec());
                match tag {
                    Some(tag) => draft.set(row, &[b"<", uri.as_bytes(), b">;tag=", &tag]),
                    None => draft.set(row, &[b"<", uri.as_bytes(), b">"]),
                }
            }
        }
        Ok(Some(Wanted::between_peers(uri.into_bytes())))
    }
}
