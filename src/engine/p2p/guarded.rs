//! What other trackers say to peers, and what peers say to each other: no body passes that the guard did not write anew.

use std::hash::BuildHasher as _;

use rand_chacha::rand_core::Rng;

use super::{KEY_PACKAGE, MEDIA_TYPE, PACKAGE, Part, first_word, is_media_type, is_of_package, relays};
use crate::engine::counts::p2p::{Guarded, Side};
use crate::engine::reject::{Reject, Replied};
use crate::engine::transactions::{Id, ServerTransaction};
use crate::engine::{Engine, Now};
use crate::locate::Target;
use crate::policy::P2p as Table;
use crate::policy::p2p::{Addresses, Media};
use crate::ppsp::jwe;
use crate::privacy::guard::sdp::{self, Described};
use crate::privacy::guard::{self, Terms, headers, request_for_peer};
use crate::proxy::targets::NoTarget;
use crate::rule::Rule;
use crate::seal::temporary_id::BEGINNING;
use crate::sip::{Draft, Essentials, Method, Name};
use crate::trust::{Destination, Origin, Standing};

/// Bytes of keys that are passed on at most.
const KEYS_BYTES_MAX: usize = 16 * 1024;

impl Engine {
    /// A NOTIFY of lists or keys, whoever says it: its body as the guard writes it. Tells whether it is one.
    //= P2P-056
    //= P2P-061
    //= P2P-065
    pub(in crate::engine) fn guard_notify(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        asker: Option<u64>,
    ) -> Result<bool, Reject> {
        if self.p2p.is_none() || draft.method() != Some(Method::Notify) {
            return Ok(false);
        }
        if is_of_package(draft, KEY_PACKAGE) {
            self.guard_keys(draft)?;
        } else if is_of_package(draft, PACKAGE) {
            self.guard_list(now, origin, draft, asker)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A response of a tracker, or of who gives keys, on its way to a peer.
    //= P2P-056
    pub(in crate::engine) fn guard_response(
        &mut self,
        now: Now,
        id: Id,
        origin: &Origin,
        draft: &mut Draft,
    ) -> Result<(), Reject> {
        if self.p2p.is_none() {
            return Ok(());
        }
        let Some(server) = self.transactions.server(id).filter(|server| asks_tracker(server)) else {
            return Ok(());
        };
        let asked = server.work.as_ref().map(|work| &work.draft);
        if let Some(asked) = asked {
            headers::echo(draft, asked);
        }
        if draft.body().is_empty() {
            return Ok(());
        }
        let of_keys = asked.is_some_and(|asked| is_of_package(asked, KEY_PACKAGE));
        let arrived = *server.origin.flow();
        if of_keys && !is_media_type(draft) {
            return self.guard_keys(draft);
        }
        let asker = self.bindings.ue(&self.home(&arrived), now.unix).map(|ue| ue.owner());
        self.guard_list(now, origin, draft, asker)
    }

    /// A body of a tracker. `asker`: whom it is for, as tokens are bound to it.
    //= P2P-006
    fn guard_list(&mut self, now: Now, origin: &Origin, draft: &mut Draft, asker: Option<u64>) -> Result<(), Reject> {
        if draft.body().is_empty() {
            return Ok(());
        }
        let side = match origin.is_trusted() {
            true => Side::TrackerInside,
            false => Side::TrackerOutside,
        };
        match self.list_as_guarded(now, origin, draft, asker) {
            Some(guarded) => {
                self.note_leaks(side, origin, guarded.leaks);
                draft.set_body(guarded.body);
                Ok(())
            }
            None => {
                self.note_guarded(side, Guarded::Refused);
                self.warn_of_leaks(origin);
                Err(Reject::Unguarded)
            }
        }
    }

    fn list_as_guarded(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &Draft,
        asker: Option<u64>,
    ) -> Option<guard::Guarded> {
        if !is_media_type(draft) {
            return None;
        }
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let asker = asker.unwrap_or_default().to_be_bytes();
        let guarded = self.with_terms(now, origin.is_trusted(), |terms| {
            terms.response(draft.body(), &asker, nonce)
        });
        guarded?.ok()
    }

    /// What the guard goes by, for a tracker that is trusted or not. `None`: there is no system of peers here.
    pub(super) fn with_terms<T>(&self, now: Now, is_trusted: bool, guards: impl FnOnce(&Terms<'_>) -> T) -> Option<T> {
        let p2p = self.p2p.as_ref()?;
        let table = &self.policy.p2p;
        let relays = relays(table);
        let network_peers = table.network_peers.iter().chain(&table.cdn);
        let network_peers: Vec<String> = network_peers.map(|peer| peer.value.clone()).collect();
        let epoch_seconds = table.epoch.value.as_secs().max(1);
        let terms = Terms {
            hosts: &p2p.hosts,
            ids: match &p2p.part {
                Part::Guard(ids) => Some(ids),
                Part::Tracker(tracker) => Some(tracker.ids()),
            },
            network_peers: &network_peers,
            addresses: addresses(table, &relays),
            on_leak: table.on_leak.value,
            tracker: p2p.tracker_name(table),
            passes_tickets: is_trusted,
            epoch: (self.moment(now).unix.saturating_sub(BEGINNING) / epoch_seconds) as u32,
            epochs_kept: 1,
        };
        Some(guards(&terms))
    }

    /// Content keys pass encrypted for the peer that asked, and as nothing else.
    //= P2P-061
    //= P2P-097
    fn guard_keys(&mut self, draft: &Draft) -> Result<(), Reject> {
        if draft.body().is_empty() {
            return Ok(());
        }
        let passes = are_sealed_keys(draft);
        let what = match passes {
            true => Guarded::Clean,
            false => Guarded::Refused,
        };
        self.note_guarded(Side::Keys, what);
        passes.then_some(()).ok_or(Reject::Unguarded)
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
        let (Some(of_peers), back) = (server.peers.clone(), *server.back.destination()) else {
            return Ok(());
        };
        headers::answer_to(draft, &of_peers.to);
        self.counts.p2p.answered(draft.status());
        match draft.status() {
            300..400 => return Err(Reject::NoTarget(NoTarget::Unusable)),
            400.. => {
                headers::strip_body(draft);
                return Ok(());
            }
            _ => {}
        }
        let Some(answer) = self.guard_session(origin, draft, essentials)? else {
            return Ok(());
        };
        if answer.has_keys() && !self.may_carry_keys(&back) {
            return Err(Reject::Media);
        }
        match &of_peers.offer {
            Some(offer) => answer.answers(offer).map_err(|_| Reject::Media),
            None => Ok(()),
        }
    }

    /// The body of a message between peers, as it may go on; of SDP what it describes. One that is nothing of theirs is refused,
    /// but where the message must not be: there it goes without.
    //= P2P-075
    //= P2P-079
    //= P2P-081
    //= P2P-084
    //= P2P-088
    pub(in crate::engine) fn guard_session(
        &mut self,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<Option<Described>, Reject> {
        if draft.body().is_empty() {
            return Ok(None);
        }
        let described = self.session_as_guarded(origin, draft, essentials);
        let what = match &described {
            Err(_) => Guarded::Refused,
            Ok(_) if draft.body().is_empty() => Guarded::Removed,
            Ok(_) => Guarded::Clean,
        };
        self.note_guarded(Side::Peer, what);
        described
    }

    fn session_as_guarded(
        &self,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<Option<Described>, Reject> {
        let table = &self.policy.p2p;
        let relays = relays(table);
        if draft.method() == Some(Method::Message) && is_media_type(draft) {
            let hosts = self.p2p.as_ref().map(|p2p| &p2p.hosts).ok_or(Reject::Unguarded)?;
            let body = request_for_peer(draft.body(), hosts, addresses(table, &relays)).ok_or(Reject::Unguarded)?;
            draft.set_body(body);
            return Ok(None);
        }
        //= PRIV-064
        let must_pass = matches!(draft.method(), None | Some(Method::Bye | Method::Ack | Method::Prack));
        if !is_sdp(draft) {
            return match must_pass {
                true => {
                    headers::strip_body(draft);
                    Ok(None)
                }
                false => Err(other_type()),
            };
        }
        let terms = sdp::Terms {
            media: match table.media.value {
                Media::Direct => sdp::Media::Direct,
                Media::Relay => sdp::Media::Relay(&relays),
            },
            takes_dtls: true,
            // Ten digits whatever it is of, so that no length tells.
            session: self.keyed.hash_one(essentials.call_id()) as u32 | 1 << 31,
            version: self.keyed.hash_one(("version", essentials.call_id())) as u32,
        };
        let mut described = Described::read(draft.body(), &terms).map_err(|_| Reject::Media)?;
        if described.has_keys() && !(table.clear_keys.value || origin.flow().transport.is_tls()) {
            return Err(Reject::Media);
        }
        draft.set_body(std::mem::take(&mut described.sdp));
        Ok(Some(described))
    }

    /// Whether keys of media may leave by this way.
    //= P2P-088
    fn may_carry_keys(&self, way: &Destination) -> bool {
        self.policy.p2p.clear_keys.value || way.transport.is_tls()
    }

    /// The same of where a request is to go.
    pub(in crate::engine) fn may_carry_keys_by(&self, target: &Target) -> bool {
        self.policy.p2p.clear_keys.value || target.likely_transport().is_tls()
    }
}

/// Whether a request is a peer's for a tracker, or for who gives keys.
pub(in crate::engine) fn asks_tracker(server: &ServerTransaction) -> bool {
    let asked = server.work.as_ref().map(|work| &work.draft);
    matches!(server.method, Method::Publish | Method::Subscribe)
        && server.origin.standing() == Standing::Served
        && asked.is_some_and(|asked| is_of_package(asked, PACKAGE) || is_of_package(asked, KEY_PACKAGE))
}

fn addresses<'a>(table: &Table, relays: &'a [std::net::IpAddr]) -> guard::Addresses<'a> {
    match table.addresses.value {
        Addresses::None => guard::Addresses::None,
        Addresses::Relay => guard::Addresses::Relays(relays),
        Addresses::Real => guard::Addresses::All,
    }
}

fn is_sdp(draft: &Draft) -> bool {
    let kind = draft.first(Name::ContentType).map(first_word);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/sdp"))
}

pub(super) fn other_type() -> Reject {
    Replied::bare(415, Rule::P2P_056)
        .with(Name::Accept, format!("application/sdp, {MEDIA_TYPE}"))
        .into()
}

fn are_sealed_keys(draft: &Draft) -> bool {
    let kind = draft.first(Name::ContentType).map(first_word);
    let is_jose = kind.is_some_and(|kind| {
        kind.eq_ignore_ascii_case(b"application/jose+json") || kind.eq_ignore_ascii_case(b"application/jose")
    });
    let is_encrypted = std::str::from_utf8(draft.body()).is_ok_and(jwe::is_encrypted);
    is_jose && is_encrypted && draft.body().len() <= KEYS_BYTES_MAX
}
