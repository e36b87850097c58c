//! What peers of the IMS P2P system ask of this node: the embedded tracker's door, sessions by temporary ID, the guard on what
//! other trackers say. What may be said is decided in [`crate::tracker`] and [`crate::privacy::guard`]; here it becomes SIP.

mod elsewhere;
mod guarded;
mod keeping;
mod lists;
mod posts;
mod sessions;
mod snapshots;
mod told;
mod visits;
mod watchers;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;

pub(super) use self::guarded::asks_tracker;
use self::keeping::Keeping;
pub use self::keeping::Recalling;
pub use self::posts::{BODY_BYTES_MAX as POST_BYTES_MAX, Post, PostId};
use self::snapshots::Snapshots;
use self::watchers::Watchers;
use super::counts::Counts;
use super::counts::p2p::Asked;
use super::reject::{Reject, Replied};
use super::shed::OfPeer;
use super::{Engine, Now};
use crate::pcscf::path;
use crate::policy::p2p::{Content, TrackerIs};
use crate::policy::store::Store;
use crate::policy::{P2p as Table, Policy};
use crate::ppsp::alto::Alto;
use crate::ppsp::jws::SigningKey;
use crate::ppsp::response::Role;
use crate::ppsp::{Fault, SwarmId, visit};
use crate::rule::Rule;
use crate::seal::Keys;
use crate::seal::temporary_id::{BEGINNING, Encoding, Hosts, Secret, TemporaryIds};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Essentials, Method, Name};
use crate::tracker::{Clock, Member, Moment, NetworkPeer, Path, Publish, Reply, Root, Settings, Tracker};
use crate::trust::{Origin, Standing};

/// The event package of peers and trackers, and the type of its bodies.
pub(super) const PACKAGE: &[u8] = b"p2p-content";
const KEY_PACKAGE: &[u8] = b"p2p-key";
pub(super) const MEDIA_TYPE: &str = "application/ppsp-tracker+json";
/// Peers of a list that a datagram carries back, in an answer and in a NOTIFY.
//= P2P-051
const PEERS_BY_DATAGRAM: usize = 8;
const PEERS_BY_NOTIFY: usize = 4;
const PEERS_BY_STREAM: usize = 29;
/// Of how many days before today temporary IDs open.
const DAYS_KEPT: u32 = 2;

/// This node's part.
pub struct P2p {
    part: Part,
    hosts: Hosts,
    /// The host of swarms.
    domain: String,
    watchers: Watchers,
    contents: Vec<SwarmId>,
    keeping: Keeping,
    /// Whether what IDs are made with is still to be written down.
    is_unwritten: bool,
    snapshots: Snapshots,
    clock: Clock,
}

enum Part {
    Tracker(Box<Tracker>),
    /// Another node tracks; this one looks at what it says.
    Guard(Box<TemporaryIds>),
}

impl P2p {
    /// `None`: the policy wants none of it.
    pub fn of(policy: &Policy, keys: &Keys, now: Now, random: &mut ChaCha12Rng) -> Option<Box<P2p>> {
        let table = &policy.p2p;
        if !table.is_on() {
            return None;
        }
        let partners: Vec<String> = table
            .partner_domains
            .iter()
            .map(|domain| format!("tid.{}", domain.value))
            .collect();
        let hosts = Hosts::new(&table.id_host(), &partners);
        let lasting = keys.of_pseudonyms().unwrap_or_else(|| drawn(random));
        let part = match table.tracker.value {
            TrackerIs::Embedded => {
                let root = Root::new(today(now), lasting, random);
                Part::Tracker(Box::new(tracker(policy, root, hosts.clone(), now, random)?))
            }
            // All workers and nodes with these keys open what one of them hid.
            TrackerIs::At(_) | TrackerIs::Off => {
                let secret = Secret::new(0, lasting, lasting);
                let ids = TemporaryIds::new(secret, hosts.clone(), Encoding::Base64Url, today(now), DAYS_KEPT);
                Part::Guard(Box::new(ids.ok()?))
            }
        };
        let mut p2p = P2p {
            part,
            hosts,
            domain: table.domain.value.to_ascii_lowercase(),
            watchers: Watchers::new(policy.limits.registrations_max as usize),
            contents: Vec::new(),
            keeping: Keeping::default(),
            is_unwritten: notes_bindings(policy),
            clock: Clock::default(),
            snapshots: match (&table.tracker.value, &policy.store.value) {
                (TrackerIs::Embedded, Store::File(_)) => Snapshots::begin(now),
                _ => Snapshots::default(),
            },
        };
        p2p.know(&table.contents);
        p2p.sign_with(keys);
        Some(Box::new(p2p))
    }

    /// Whether another policy has the same tracker, which then goes on; what else it says of one counts from the next start.
    pub fn is_of(&self, policy: &Policy) -> bool {
        let table = &policy.p2p;
        let tracks = matches!(self.part, Part::Tracker(_));
        table.is_on() && tracks == (table.tracker.value == TrackerIs::Embedded) && self.hosts.own() == table.id_host()
    }

    /// Makes these contents known, and those that went unknown.
    //= P2P-021
    //= P2P-099
    //= P2P-099 type=exception reason=keys of live content do not roll, as there is none: another version is another manifest, and one that was taken out is closed
    //= P2P-127
    pub fn know(&mut self, contents: &[Content]) {
        let Part::Tracker(tracker) = &mut self.part else { return };
        let (staying, gone): (Vec<SwarmId>, Vec<SwarmId>) = self
            .contents
            .iter()
            .partition(|known| contents.iter().any(|content| content.swarm == **known));
        gone.into_iter().for_each(|swarm| tracker.close(swarm));
        self.contents = staying;
        for content in contents {
            if !self.contents.contains(&content.swarm) && tracker.register(content.swarm, content.layout) {
                self.contents.push(content.swarm);
            }
        }
    }

    /// Adds what was counted behind the tracker's door.
    pub fn add_counts(&self, counts: &mut Counts) {
        if let Part::Tracker(tracker) = &self.part {
            counts.p2p.tracker += tracker.counts();
        }
    }

    /// And what there is now.
    pub fn add_held(&self, counts: &mut Counts) {
        if let Part::Tracker(tracker) = &self.part {
            counts.p2p.held += &tracker.held();
        }
    }

    /// Tickets are signed from here on with what these keys have for it, or none are.
    //= P2P-082
    pub fn sign_with(&mut self, keys: &Keys) {
        if let Part::Tracker(tracker) = &mut self.part {
            let signs = keys.of_tickets().and_then(|seed| SigningKey::from_seed(seed).ok());
            tracker.sign_tickets(signs);
        }
    }

    /// What ways cost from here on.
    //= P2P-134
    pub fn rank_by(&mut self, costs: Option<Arc<Alto>>) {
        if let Part::Tracker(tracker) = &mut self.part {
            tracker.rank_by(costs);
        }
    }

    fn tracker(&mut self) -> Option<&mut Tracker> {
        match &mut self.part {
            Part::Tracker(tracker) => Some(tracker),
            Part::Guard(_) => None,
        }
    }

    /// When something is due.
    pub fn next(&self) -> Option<std::time::Duration> {
        let tracker = match &self.part {
            Part::Tracker(tracker) => tracker.next_deadline(),
            Part::Guard(_) => None,
        };
        let all = [tracker, self.watchers.next(), self.snapshots.next()];
        all.into_iter().flatten().min()
    }
}

/// A tracker on this root, in a run of its own.
fn tracker(policy: &Policy, root: Root, hosts: Hosts, now: Now, random: &mut ChaCha12Rng) -> Option<Tracker> {
    let (hash_keys, mut run) = (root.hash_keys, [0; 16]);
    random.fill_bytes(&mut run);
    let ids = root.next_run(hosts, (today(now), DAYS_KEPT), run).ok()?;
    let mut tracker = Tracker::new(settings(policy), ids, hash_keys);
    if policy.store.value != Store::Memory {
        tracker.keep(moment(now));
    }
    Some(tracker)
}

fn today(now: Now) -> u32 {
    (now.unix.saturating_sub(BEGINNING) / 86_400) as u32
}

/// Who asks a tracker, as asserted.
//= P2P-003
//= P2P-004
struct Asker {
    identity: Vec<u8>,
    device: Vec<u8>,
    reach: Vec<u8>,
    path: Path,
    network: u32,
    address: Option<IpAddr>,
}

impl Asker {
    fn member(&self) -> Member<'_> {
        Member {
            identity: &self.identity,
            device: &self.device,
            reach: &self.reach,
            path: self.path,
            network: self.network,
            address: self.address,
        }
    }
}

impl Engine {
    /// What a request for the tracker of this node is answered; `None`: it is for somebody else.
    //= P2P-005
    pub(super) fn for_tracker(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &Draft,
        essentials: &Essentials,
    ) -> Option<Reject> {
        self.p2p.as_mut()?.tracker()?;
        let method = draft.method()?;
        let is_visit = method == Method::Publish && is_of_package(draft, visit::PACKAGE.as_bytes());
        let is_peers = matches!(method, Method::Publish | Method::Subscribe) && is_of_package(draft, PACKAGE);
        if !is_visit && !is_peers {
            return None;
        }
        let asked = asked(method, draft);
        let asker = self.asker(now, origin, draft);
        let tag = asker.as_ref().map(|asker| self.peer_tag(now, &asker.identity));
        let answer = match (asker, method) {
            (None, _) => refusal(Fault::Auth),
            (Some(asker), _) if is_visit => self.audits(now, &asker, draft),
            (Some(asker), Method::Subscribe) => self.subscribe_to_list(now, origin, asker, draft, essentials),
            (Some(asker), _) => match self.reach_of(origin) {
                None => refusal(Fault::Internal),
                Some(reach) => self.publish(now, &Asker { reach, ..asker }, draft),
            },
        };
        self.record_bindings(now);
        self.note_asked(asked, tag, &answer);
        Some(answer)
    }

    //= P2P-014
    fn publish(&mut self, now: Now, asker: &Asker, draft: &Draft) -> Reject {
        if let Some(reject) = foreign_body(draft) {
            return reject;
        }
        let moment = self.moment(now);
        let Engine { p2p, random, .. } = self;
        let Some(tracker) = p2p.as_mut().and_then(|p2p| p2p.tracker()) else {
            return refusal(Fault::Internal);
        };
        let publish = Publish {
            member: asker.member(),
            if_match: draft.first(Name::SipIfMatch).map(<[u8]>::trim_ascii),
            expires: expires(draft),
            body: Some(draft.body()).filter(|body| !body.is_empty()),
            accepts: accepts(draft),
            peers_max: match asker.path {
                Path::Stream => PEERS_BY_STREAM,
                Path::Datagram => PEERS_BY_DATAGRAM,
            },
        };
        let reply = tracker.publish(moment, &publish, random);
        let unkept = tracker.unkept(&asker.identity, &asker.device);
        if let Some(p2p) = &mut self.p2p {
            p2p.keeping.answer_waits_for(unkept);
        }
        replied(reply, Rule::P2P_014)
    }

    /// Who asks: a registered UE by its registration, else whom a node of T asserts. A UE is one peer, whichever of its identities
    /// it shows.
    //= P2P-025
    fn asker(&self, now: Now, origin: &Origin, draft: &Draft) -> Option<Asker> {
        let mut identity = asserted(draft)?;
        let path = match origin.flow().transport.is_reliable() {
            true => Path::Stream,
            false => Path::Datagram,
        };
        let ip = origin.flow().remote.ip().to_canonical();
        let network = network(ip);
        let device = match origin.standing() {
            Standing::Served => {
                let ue = self.bindings.ue(&self.home(origin.flow()), now.unix)?;
                if let Some(first) = ue.default_identity() {
                    identity = first.to_vec();
                }
                ue.contacts().next()?.to_vec()
            }
            Standing::Trusted => Vec::new(),
            Standing::Untrusted => return None,
        };
        Some(Asker {
            identity,
            device,
            reach: Vec::new(),
            path,
            network,
            // A node of the network says who asks, not from where.
            address: (origin.standing() == Standing::Served).then_some(ip),
        })
    }

    /// How a peer is reached: a UE by its flow, who is behind a node of the network by its name, which is nothing more to know.
    fn reach_of(&mut self, origin: &Origin) -> Option<Vec<u8>> {
        if origin.standing() != Standing::Served {
            return Some(Vec::new());
        }
        let arrived = self.home(origin.flow());
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        path::seal(&self.keys, &arrived, nonce)
    }

    /// What a request is, as far as it is a peer's for the tracker or for another peer.
    //= P2P-145
    pub(super) fn of_peer(&self, draft: &Draft) -> Option<OfPeer> {
        let p2p = self.p2p.as_ref()?;
        match draft.method()? {
            Method::Subscribe if is_of_package(draft, PACKAGE) => Some(OfPeer::List),
            Method::Publish if is_of_package(draft, PACKAGE) => Some(publication(draft)),
            Method::Invite | Method::Options | Method::Message => {
                p2p.hosts.read(draft.request_uri()).map(|_| OfPeer::Session)
            }
            _ => None,
        }
    }

    /// Both clocks are looked at before anything is asked of the tracker.
    //= P2P-146
    pub(super) fn look_at_clocks(&mut self, now: Now) {
        let jump = self.p2p.as_mut().and_then(|p2p| p2p.clock.look(now.at, now.unix));
        if let Some(seconds) = jump {
            tracing::warn!(
                seconds,
                "the clock of this machine jumped: temporary IDs and announcements follow it slowly"
            );
        }
    }

    /// When it is for the tracker.
    fn moment(&self, now: Now) -> Moment {
        let drift = self.p2p.as_ref().map_or(0, |p2p| p2p.clock.drift());
        Moment {
            unix: now.unix.saturating_add_signed(drift),
            ..moment(now)
        }
    }

    /// A registration is over: what its UE announced is, too.
    //= P2P-024
    pub(super) fn forget_peer(&mut self, now: Now, gone: &GonePeer) {
        let moment = self.moment(now);
        let Some(tracker) = self.p2p.as_mut().and_then(|p2p| p2p.tracker()) else {
            return;
        };
        for identity in &gone.identities {
            tracker.deregistered(moment, identity, &gone.device);
        }
    }

    /// Who a UE of this flow is to the tracker, as long as that is known.
    pub(super) fn peer_of(&self, now: Now, flow: &crate::trust::Flow) -> Option<GonePeer> {
        self.p2p.as_ref()?;
        let ue = self.bindings.ue(flow, now.unix)?;
        Some(GonePeer {
            identities: ue.identities().all.iter().map(<[u8]>::to_vec).collect(),
            device: ue.contacts().next()?.to_vec(),
        })
    }
}

/// A UE that was registered, as the tracker knows it.
pub(super) struct GonePeer {
    identities: Vec<Vec<u8>>,
    device: Vec<u8>,
}

fn moment(now: Now) -> Moment {
    Moment {
        at: now.at,
        unix: now.unix,
    }
}

fn drawn(random: &mut ChaCha12Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    random.fill_bytes(&mut bytes);
    bytes
}

fn settings(policy: &Policy) -> Settings {
    let table = &policy.p2p;
    let network_peers = table.network_peers.iter().map(|peer| NetworkPeer {
        id: peer.value.clone(),
        role: Role::Cache,
    });
    let cdn = table.cdn.iter().map(|url| NetworkPeer {
        id: url.value.clone(),
        role: Role::Cdn,
    });
    Settings {
        epoch_seconds: table.epoch.value.as_secs(),
        grace_seconds: table.grace.value.as_secs(),
        view: table.view.value,
        expose: table.expose.value,
        announces_per_second: policy.limits.announces_per_second_max,
        peers_max: policy.limits.tracked_peers_max as usize,
        swarms_max: policy.limits.tracked_contents_max as usize,
        network_peers: network_peers.chain(cdn).collect(),
        startup: table.startup.value,
        addresses: table.addresses.value,
        relays: relays(table),
        has_costs: table.alto.is_some(),
        notes_bindings: notes_bindings(policy),
        ..Settings::default()
    }
}

/// Whether the audit is told who is behind temporary IDs.
//= P2P-149
fn notes_bindings(policy: &Policy) -> bool {
    super::record::audits(policy) && !policy.p2p.audit_retention.value.is_zero()
}

/// Tells apart whence users come in.
fn network(ip: IpAddr) -> u32 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u32::from(ip) >> 8,
        IpAddr::V6(ip) => (u128::from(ip) >> 80) as u32,
    }
}

/// The first identity that was asserted: a node of T said so, or this node did.
fn asserted(draft: &Draft) -> Option<Vec<u8>> {
    let row = draft.first(Name::PAssertedIdentity)?;
    let value = list::values(row).next()?.of(row);
    let uri = NameAddr::parse(value).ok()?;
    Some(uri.uri_bytes().to_vec())
}

/// Whether a message is of an event package.
pub(super) fn is_of_package(draft: &Draft, package: &[u8]) -> bool {
    let event = draft.first(Name::Event).map(first_word);
    event.is_some_and(|event| event.eq_ignore_ascii_case(package))
}

/// What a request for the tracker asks, by its rows alone.
fn asked(method: Method, draft: &Draft) -> Asked {
    if method == Method::Subscribe {
        return Asked::List;
    }
    if !is_of_package(draft, PACKAGE) {
        return Asked::Visit;
    }
    match (draft.has(Name::SipIfMatch), expires(draft), draft.body()) {
        (false, ..) => Asked::Announce,
        (true, Some(0), _) => Asked::Withdraw,
        (true, _, []) => Asked::Refresh,
        (true, ..) => Asked::Change,
    }
}

/// What stands before parameters.
fn first_word(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// What a publication is for, without reading it.
fn publication(draft: &Draft) -> OfPeer {
    let says = |word: &[u8]| memchr::memmem::find(draft.body(), word).is_some();
    match draft.body() {
        [] if draft.first(Name::SipIfMatch).is_some() => OfPeer::Refresh,
        _ if says(b"\"ims_proof\"") => OfPeer::Proof,
        _ if says(b"\"STAT_REPORT\"") => OfPeer::Statistics,
        _ => OfPeer::Announcement,
    }
}

fn expires(draft: &Draft) -> Option<u32> {
    let text = std::str::from_utf8(draft.first(Name::Expires)?.trim_ascii()).ok()?;
    text.parse().ok()
}

fn accepts(draft: &Draft) -> bool {
    let mut accepted = draft.rows(Name::Accept).flat_map(|row| row.split(|byte| *byte == b','));
    accepted.any(|value| {
        let value = first_word(value);
        value == b"*/*" || value.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
    })
}

/// A body of another type than the tracker reads is refused.
//= P2P-061
fn foreign_body(draft: &Draft) -> Option<Reject> {
    if draft.body().is_empty() || is_media_type(draft) {
        return None;
    }
    let refused = Replied::bare(415, Rule::P2P_014).with(Name::Accept, MEDIA_TYPE);
    Some(refused.into())
}

fn is_media_type(draft: &Draft) -> bool {
    is_of_type(draft, MEDIA_TYPE)
}

/// Whether a body is of this type, and nothing is wound around it.
fn is_of_type(draft: &Draft, media_type: &str) -> bool {
    let kind = draft.first(Name::ContentType).map(first_word);
    let is_encoded = draft
        .all_rows()
        .any(|(name, _, _)| name.eq_ignore_ascii_case(b"Content-Encoding") || name.eq_ignore_ascii_case(b"e"));
    !is_encoded && kind.is_some_and(|kind| kind.eq_ignore_ascii_case(media_type.as_bytes()))
}

/// An answer of the tracker as SIP has it.
//= P2P-014
//= P2P-020
fn replied(reply: Reply, rule: Rule) -> Reject {
    let mut replied = Replied {
        fault: reply.fault,
        ..Replied::bare(reply.status, rule)
    };
    replied.rows.extend(reply.etag.map(|etag| (Name::SipEtag, etag)));
    for (name, seconds) in [
        (Name::Expires, reply.expires),
        (Name::MinExpires, reply.min_expires),
        (Name::RetryAfter, reply.retry_after),
    ] {
        replied.rows.extend(seconds.map(|seconds| (name, seconds.to_string())));
    }
    if let Some(body) = reply.body.filter(|body| !body.is_empty()) {
        replied = replied.with(Name::ContentType, MEDIA_TYPE);
        replied.body = Bytes::from(body);
    }
    replied.into()
}

/// A refusal without a word of the tracker.
fn refusal(fault: Fault) -> Reject {
    let replied = Replied {
        fault: Some(fault),
        ..Replied::bare(crate::tracker::reply::status_of(fault), Rule::P2P_014)
    };
    replied.into()
}

/// The table's addresses for the guard.
fn relays(table: &Table) -> Vec<IpAddr> {
    table.relays.iter().map(|relay| relay.value).collect()
}
