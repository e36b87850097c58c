//! What other trackers say to peers, and what one peer answers another: nothing passes that the guard did not write anew.

use rand_chacha::rand_core::Rng;

use super::{KEY_PACKAGE, PACKAGE, Part, first_word, is_media_type, is_of_package, relays};
use crate::engine::reject::Reject;
use crate::engine::transactions::Id;
use crate::engine::{Engine, Now};
use crate::policy::p2p;
use crate::ppsp::jwe;
use crate::privacy::guard::{self, Terms, headers};
use crate::proxy::targets::NoTarget;
use crate::seal::temporary_id::BEGINNING;
use crate::sip::{Draft, Essentials, Method, Name};
use crate::trust::{Origin, Standing};

impl Engine {
    /// A NOTIFY on its way to a peer: its body as the guard writes it.
    //= P2P-056
    //= P2P-061
    //= P2P-065
    pub(in crate::engine) fn guard_notify(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        asker: Option<u64>,
    ) -> Result<(), Reject> {
        let is_notify = draft.method() == Some(Method::Notify) && origin.standing() != Standing::Served;
        if self.p2p.is_none() || !is_notify {
            return Ok(());
        }
        if is_of_package(draft, KEY_PACKAGE) {
            return guard_keys(draft);
        }
        match is_of_package(draft, PACKAGE) {
            true => self.guard_body(now, draft, asker.unwrap_or_default()),
            false => Ok(()),
        }
    }

    /// A response of a tracker on its way to a peer.
    //= P2P-056
    pub(in crate::engine) fn guard_response(&mut self, now: Now, id: Id, draft: &mut Draft) -> Result<(), Reject> {
        if self.p2p.is_none() || draft.body().is_empty() {
            return Ok(());
        }
        let Some(server) = self.transactions.server(id) else {
            return Ok(());
        };
        let asks = matches!(server.method, Method::Publish | Method::Subscribe);
        let is_served = server.origin.standing() == Standing::Served;
        let asked = server.work.as_ref().map(|work| &work.draft);
        let of_package = asked.is_some_and(|asked| is_of_package(asked, PACKAGE));
        let of_keys = asked.is_some_and(|asked| is_of_package(asked, KEY_PACKAGE));
        let arrived = *server.origin.flow();
        if !(asks && is_served && (of_package || of_keys)) {
            return Ok(());
        }
        if of_keys && !is_media_type(draft) {
            return guard_keys(draft);
        }
        let arrived = self.home(&arrived);
        let asker = self.bindings.ue(&arrived, now.unix).map(|ue| ue.owner());
        self.guard_body(now, draft, asker.unwrap_or_default())
    }

    //= P2P-006
    fn guard_body(&mut self, now: Now, draft: &mut Draft, asker: u64) -> Result<(), Reject> {
        if draft.body().is_empty() {
            return Ok(());
        }
        if !is_media_type(draft) {
            return Err(Reject::Unguarded);
        }
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let Some(p2p) = &self.p2p else { return Ok(()) };
        let table = &self.policy.p2p;
        let relays = relays(table);
        let network_peers: Vec<String> = table.network_peers.iter().map(|peer| peer.value.clone()).collect();
        let epoch_seconds = table.epoch.value.as_secs().max(1);
        let terms = Terms {
            hosts: &p2p.hosts,
            ids: match &p2p.part {
                Part::Guard(ids) => Some(ids),
                Part::Tracker(tracker) => Some(tracker.ids()),
            },
            network_peers: &network_peers,
            addresses: match table.addresses.value {
                p2p::Addresses::None => guard::Addresses::None,
                p2p::Addresses::Relay => guard::Addresses::Relays(&relays),
                p2p::Addresses::Real => guard::Addresses::All,
            },
            on_leak: match table.on_leak.value {
                p2p::OnLeak::Redact => guard::OnLeak::Redact,
                p2p::OnLeak::Remove => guard::OnLeak::Remove,
                p2p::OnLeak::Refuse => guard::OnLeak::Refuse,
            },
            tracker: p2p.tracker_name(table),
            passes_tickets: true,
            epoch: (now.unix.saturating_sub(BEGINNING) / epoch_seconds) as u32,
            epochs_kept: 1,
        };
        match terms.response(draft.body(), &asker.to_be_bytes(), nonce) {
            Ok(guarded) => {
                if guarded.leaks.any() {
                    tracing::warn!(leaks = ?guarded.leaks, "a tracker named somebody to a peer");
                }
                draft.set_body(guarded.body);
                Ok(())
            }
            Err(_) => Err(Reject::Unguarded),
        }
    }

    /// What one peer answers another, as it may go back. `Err`: something else is answered.
    //= P2P-070
    //= P2P-073
    //= P2P-087
    pub(in crate::engine) fn guard_answer(
        &mut self,
        id: Id,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<(), Reject> {
        let Some(server) = self.transactions.server(id) else {
            return Ok(());
        };
        let Some(of_peers) = server.kept.as_ref().and_then(|kept| kept.peers.clone()) else {
            return Ok(());
        };
        if let Some(asked) = server.work.as_ref().and_then(|work| work.draft.first(Name::To)) {
            headers::answer_to(draft, asked);
        }
        match draft.status() {
            300..400 => return Err(Reject::NoTarget(NoTarget::Unusable)),
            400.. if !draft.body().is_empty() => {
                draft.remove(Name::ContentType);
                draft.set_body(Vec::new());
                return Ok(());
            }
            _ => {}
        }
        let described = self.guard_media(origin, draft, essentials)?;
        match (described, &of_peers.offer) {
            (Some(answer), Some(offer)) => answer.answers(offer).map_err(|_| Reject::Media),
            _ => Ok(()),
        }
    }
}

/// Bytes of keys that are passed on at most.
const KEYS_BYTES_MAX: usize = 16 * 1024;

/// Content keys pass encrypted for the peer that asked, and as nothing else.
//= P2P-061
//= P2P-097
fn guard_keys(draft: &Draft) -> Result<(), Reject> {
    if draft.body().is_empty() {
        return Ok(());
    }
    let kind = draft.first(Name::ContentType).map(first_word);
    let is_jose = kind.is_some_and(|kind| {
        kind.eq_ignore_ascii_case(b"application/jose+json") || kind.eq_ignore_ascii_case(b"application/jose")
    });
    let is_encrypted = std::str::from_utf8(draft.body()).is_ok_and(jwe::is_encrypted);
    match is_jose && is_encrypted && draft.body().len() <= KEYS_BYTES_MAX {
        true => Ok(()),
        false => Err(Reject::Unguarded),
    }
}
