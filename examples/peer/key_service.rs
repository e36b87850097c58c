//! The key service of a cache: keys of encrypted content, for who may have them and of what there is to be had.

use std::collections::{BTreeMap, VecDeque};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64URL_NOPAD;
use sipveil::ppsp::content_key::{ContentMaster, KeyId, Version, granted, groups_of};
use sipveil::ppsp::jwe::{About, Fresh};
use sipveil::ppsp::jws::{SigningKey, VerifyingKey};
use sipveil::ppsp::key_message::{self, GrantedKey};
use sipveil::ppsp::key_request::KeyRequest;
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::ranges::PieceRange;
use sipveil::ppsp::ticket::{LIFETIME_SECONDS, Ticket, VIEWER_BYTES, Viewer};
use sipveil::ppsp::{Fault, SwarmId};

/// Keys of one answer: what has more is longer than the 16 KiB that are passed on.
pub const KEYS_MAX: usize = 48;
/// Requests of one identity in a minute.
const REQUESTS_PER_MINUTE: usize = 6;
/// Identities that are remembered, and tickets.
const REMEMBERED_MAX: usize = 100_000;
/// How long a key may be used.
const KEY_SECONDS: u64 = 86_400;

/// Which identities have paid.
pub enum Entitled {
    Everybody,
    Only(Vec<String>),
}

/// A content and what its keys are derived from.
pub struct Kept {
    pub manifest: Manifest,
    pub master: ContentMaster,
}

pub struct KeyService {
    /// As the manifest names this cache.
    name: String,
    signing: SigningKey,
    /// Makes viewers of identities.
    tag_key: hmac::Key,
    kept: Vec<Kept>,
    entitled: Entitled,
    asked: BTreeMap<String, VecDeque<u64>>,
    /// Whose a ticket is, of who showed it or was given it first, and when it was last seen: older ones are over.
    holders: BTreeMap<Viewer, (String, u64)>,
}

impl KeyService {
    pub fn new(
        name: String,
        signing: SigningKey,
        tag_key: &[u8; 32],
        kept: Vec<Kept>,
        entitled: Entitled,
    ) -> KeyService {
        KeyService {
            name,
            signing,
            tag_key: hmac::Key::new(HMAC_SHA256, tag_key),
            kept,
            entitled,
            asked: BTreeMap::new(),
            holders: BTreeMap::new(),
        }
    }

    fn kept(&self, swarm: &SwarmId) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.manifest.root == *swarm)
    }

    fn viewer(&self, identity: &str) -> Viewer {
        let tag = hmac::sign(&self.tag_key, identity.as_bytes());
        let mut viewer = [0; VIEWER_BYTES];
        viewer.copy_from_slice(&tag.as_ref()[..VIEWER_BYTES]);
        viewer
    }

    /// A ticket for who fetches from this cache: all of the content is to be had here.
    //= P2P-095
    pub fn ticket(&mut self, at: u64, identity: &str, swarm: SwarmId) -> Option<String> {
        let pieces = self.kept(&swarm)?.manifest.layout.pieces();
        let viewer = self.viewer(identity);
        self.belongs(at, viewer, identity).then_some(())?;
        let ticket = Ticket::new(at, swarm, viewer, &[(0, pieces - 1)]);
        ticket.sign(&self.signing).ok()
    }

    /// Whether a ticket of this viewer is this identity's.
    //= P2P-096
    fn belongs(&mut self, at: u64, viewer: Viewer, identity: &str) -> bool {
        if self.holders.len() >= REMEMBERED_MAX {
            self.holders.retain(|_, (_, seen)| *seen + LIFETIME_SECONDS > at);
        }
        let has_room = self.holders.len() < REMEMBERED_MAX;
        match self.holders.get_mut(&viewer) {
            Some((holder, seen)) if holder == identity => {
                *seen = at;
                true
            }
            None if has_room => {
                self.holders.insert(viewer, (identity.to_owned(), at));
                true
            }
            Some(_) | None => false,
        }
    }

    /// The keys for a request that the network says is of this identity: encrypted to the key that came with it.
    //= P2P-093
    //= P2P-094
    //= P2P-095
    //= P2P-096
    pub fn keys(&mut self, at: u64, identity: Option<&str>, body: &[u8], fresh: Fresh) -> Result<String, Fault> {
        let identity = identity.ok_or(Fault::Auth)?;
        self.may_ask(at, identity)?;
        let request = KeyRequest::read(body).map_err(|_| Fault::BadBody)?;
        let kept = self.kept(&request.swarm).ok_or(Fault::UnknownSwarm)?;
        let (layout, group_pieces) = (kept.manifest.layout, kept.manifest.group_pieces);
        let number = kept.manifest.encryption.ok_or(Fault::UnknownSwarm)?.version;
        let ticket = self.opened(at, &request, VerifyingKey::Ed25519(kept.manifest.tracker_key));
        let ticket = ticket.ok_or(Fault::KeyNotAuthorised)?;
        if !self.belongs(at, ticket.viewer, identity) {
            return Err(Fault::KeyNotAuthorised);
        }
        let entitled: &[PieceRange] = match &self.entitled {
            Entitled::Only(identities) if !identities.iter().any(|one| one == identity) => &[],
            _ => &[(0, layout.pieces() - 1)],
        };
        let groups = groups_of(&granted(&request.wanted, entitled, &ticket.ranges), group_pieces);
        let kept = self.kept(&request.swarm).ok_or(Fault::UnknownSwarm)?;
        let version = Version::of_title(&kept.manifest.title, number);
        let groups = groups.iter().flat_map(|(first, last)| *first..=*last).take(KEYS_MAX);
        let keys: Vec<GrantedKey> = groups
            .map(|group| GrantedKey {
                id: KeyId {
                    swarm: request.swarm,
                    group,
                    version: number,
                },
                key: kept.master.group(&version, group),
                not_before: at,
                expires: at + KEY_SECONDS,
            })
            .collect();
        if keys.is_empty() {
            return Err(Fault::KeyNotAuthorised);
        }
        let about = About {
            nonce: &request.nonce,
            swarm: &request.swarm,
            signer: &self.name,
        };
        key_message::seal(&keys, &about, &self.signing, &request.to, fresh).map_err(|_| Fault::Internal)
    }

    //= P2P-103
    fn may_ask(&mut self, at: u64, identity: &str) -> Result<(), Fault> {
        if self.asked.len() >= REMEMBERED_MAX {
            self.asked
                .retain(|_, times| times.back().is_some_and(|last| last + 60 > at));
        }
        if self.asked.len() >= REMEMBERED_MAX {
            return Err(Fault::Busy);
        }
        let times = self.asked.entry(identity.to_owned()).or_default();
        while times.front().is_some_and(|first| first + 60 <= at) {
            times.pop_front();
        }
        if times.len() == REQUESTS_PER_MINUTE {
            return Err(Fault::Rate);
        }
        times.push_back(at);
        Ok(())
    }

    /// A ticket of the tracker, or one of ours.
    fn opened(&self, at: u64, request: &KeyRequest, tracker: VerifyingKey) -> Option<Ticket> {
        let viewer = viewer_in(&request.ticket)?;
        let own = self.signing.verifying_key();
        let open = |key| Ticket::open(&request.ticket, &key, &request.swarm, &viewer, at).ok();
        let ticket = open(tracker).or_else(|| open(own))?;
        (ticket.expires <= at + LIFETIME_SECONDS).then_some(ticket)
    }
}

/// Whom a ticket says it is for: believed once its signature is.
fn viewer_in(ticket: &str) -> Option<Viewer> {
    #[derive(serde::Deserialize)]
    struct Document {
        viewer: String,
    }
    let payload = BASE64URL_NOPAD.decode(ticket.split('.').nth(1)?.as_bytes()).ok()?;
    let document: Document = serde_json::from_slice(&payload).ok()?;
    BASE64URL_NOPAD.decode(document.viewer.as_bytes()).ok()?.try_into().ok()
}
