//! What a tracker says to a peer.

use std::borrow::Cow;

use super::address::PeerAddress;
use super::chunk_map::{EIGHTHS, read_range, write_range};
use super::fault::Fault;
use super::json::{Json, Limits, Reader, Writer, object};
use super::request::{PEERS_MAX, ROOT, SWARMS_MAX, bytes_of, read_transaction, text_of};
use super::swarm_id::SwarmId;

/// Characters of a ticket at most.
pub const TICKET_MAX: usize = 600;
/// Leaves of one challenge at most.
pub const LEAVES_MAX: usize = 64;
/// Names of the peer itself, at most, for one swarm.
const ASSIGNED_MAX: usize = 8;
/// What is written at once has room in a piece.
const BYTES_USUAL: usize = 256;
const ENTRY_BYTES_USUAL: usize = 128;
/// Ranges that are told of a peer at most.
const HAVE_RANGES_MAX: usize = 64;

/// A response.
#[derive(Clone, PartialEq)]
pub struct Response {
    pub transaction: String,
    pub outcome: Outcome,
}

#[derive(Clone, PartialEq)]
pub enum Outcome {
    Successful(Vec<SwarmResult>),
    Failed { fault: Fault, retry_after: Option<u32> },
}

/// What became of one swarm.
#[derive(Clone, PartialEq)]
pub struct SwarmResult {
    pub swarm: SwarmId,
    /// `false`: this swarm failed, others may not have.
    pub is_done: bool,
    pub fault: Option<Fault>,
    pub peers: Vec<Peer>,
    pub state: Option<State>,
    pub challenge: Option<Challenge>,
    /// What the peer is called by others now.
    pub assigned: Vec<String>,
    pub ticket: Option<String>,
}

/// An entry of a list.
#[derive(Clone, PartialEq)]
pub struct Peer {
    /// Temporary ID, or the name of a node of the network.
    pub id: String,
    pub role: Role,
    pub have: Option<Have>,
    pub addresses: Vec<PeerAddress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Peer,
    Cache,
    Cdn,
}

/// How much a peer holds, as far as others are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Have {
    Full,
    Eighths(u8),
    Ranges(Vec<(u32, u32)>),
}

/// Whether what a peer announced is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Provisional,
    Verified,
    Refused,
}

/// What a peer is to show.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    pub kind: Kind,
    pub nonce: [u8; 16],
    pub leaves: Vec<u64>,
    pub deadline_ms: u32,
    /// With `Kind::Digest`: what the answer is bound to.
    pub peer_tag: Option<[u8; 16]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tree,
    Digest,
}

impl Response {
    /// Reads a response of any tracker. What is not known is passed over, so it does not come out again; a swarm or an entry
    /// that cannot be read is no swarm and no entry. `None`: it is no response.
    //= P2P-010
    //= P2P-011
    //= P2P-057
    pub fn read(body: &[u8]) -> Option<Response> {
        let mut reader = Reader::of(body, Limits::PPSP).ok()?;
        let mut root = None;
        reader.members(|reader, name| {
            match name {
                ROOT => root = Some(Root::read(reader)?),
                _ => drop(reader.value()?),
            }
            Some(())
        })?;
        reader.ends()?;
        root?.response()
    }

    //= P2P-011
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(BYTES_USUAL + self.entries() * ENTRY_BYTES_USUAL);
        out.object(|out| out.name(ROOT).object(|out| self.write(out)));
        out.finish()
    }

    fn entries(&self) -> usize {
        match &self.outcome {
            Outcome::Successful(swarms) => swarms.iter().map(|swarm| 1 + swarm.peers.len()).sum(),
            Outcome::Failed { .. } => 0,
        }
    }

    fn write(&self, out: &mut Writer) {
        let (kind, code) = match &self.outcome {
            Outcome::Successful(_) => (0, 0),
            Outcome::Failed { fault, .. } => (1, fault.code()),
        };
        out.name("version").number(1);
        out.name("response_type").number(kind);
        out.name("error_code").number(code.into());
        out.name("transaction_id").text(&self.transaction);
        match &self.outcome {
            Outcome::Successful(swarms) => {
                let write = |out: &mut Writer| swarms.iter().for_each(|swarm| out.object(|out| swarm.write(out)));
                out.name("swarm_result").list(write);
            }
            Outcome::Failed { fault, retry_after } => {
                out.name("ims_error").text(fault.word());
                if let Some(seconds) = retry_after {
                    out.name("retry_after").number((*seconds).into());
                }
            }
        }
    }
}

/// What a response says, before it is known what kind it is.
struct Root {
    version: Option<u64>,
    kind: Option<u64>,
    code: Option<u64>,
    transaction: Option<String>,
    fault: Option<Fault>,
    retry_after: Option<u64>,
    swarms: Vec<SwarmResult>,
}

impl Root {
    /// `None`, here and below: the document is none.
    fn read(reader: &mut Reader<'_>) -> Option<Root> {
        let mut root = Root {
            version: None,
            kind: None,
            code: Some(0),
            transaction: None,
            fault: None,
            retry_after: None,
            swarms: Vec::new(),
        };
        reader.members(|reader, name| {
            match name {
                "version" => root.version = reader.value()?.number(),
                "response_type" => root.kind = reader.value()?.number(),
                "error_code" => root.code = reader.value()?.number(),
                "transaction_id" => root.transaction = read_transaction(&reader.value()?),
                "ims_error" => root.fault = read_fault(reader)?,
                "retry_after" => root.retry_after = reader.value()?.number(),
                "swarm_result" => {
                    let mut left = SWARMS_MAX;
                    reader.elements(|reader| {
                        let swarm = SwarmResult::read(reader)?;
                        root.swarms.extend(swarm.filter(|_| left > 0));
                        left = left.saturating_sub(1);
                        Some(())
                    })?;
                }
                _ => drop(reader.value()?),
            }
            Some(())
        })?;
        Some(root)
    }

    fn response(self) -> Option<Response> {
        if self.version? != 1 {
            return None;
        }
        let (transaction, code) = (self.transaction?, self.code?);
        let outcome = match self.kind? {
            0 => Outcome::Successful(self.swarms),
            1 => Outcome::Failed {
                fault: self.fault.unwrap_or(Fault::of_code(code)),
                retry_after: self.retry_after.and_then(|seconds| seconds.try_into().ok()),
            },
            _ => return None,
        };
        Some(Response { transaction, outcome })
    }
}

/// `Some(None)`: a word that is not known.
fn read_fault(reader: &mut Reader<'_>) -> Option<Option<Fault>> {
    let word = reader.text()?;
    Some(word.and_then(|word| Fault::of_word(&word)))
}

impl Fault {
    /// The nearest word for a code of RFC 7846 that came without one.
    pub fn of_code(code: u64) -> Fault {
        match code {
            1 => Fault::BadBody,
            2 => Fault::Version,
            3 => Fault::State,
            5 => Fault::Busy,
            6 => Fault::Auth,
            _ => Fault::Internal,
        }
    }
}

impl SwarmResult {
    /// A swarm of which nothing is to be said but that it is done.
    pub fn done(swarm: SwarmId) -> SwarmResult {
        SwarmResult {
            swarm,
            is_done: true,
            fault: None,
            peers: Vec::new(),
            state: None,
            challenge: None,
            assigned: Vec::new(),
            ticket: None,
        }
    }

    /// A swarm that failed.
    pub fn failed(swarm: SwarmId, fault: Fault) -> SwarmResult {
        SwarmResult {
            is_done: false,
            fault: Some(fault),
            ..SwarmResult::done(swarm)
        }
    }

    /// `Some(None)`: it is none.
    fn read(reader: &mut Reader<'_>) -> Option<Option<SwarmResult>> {
        let (mut swarm, mut result, mut fault, mut state) = (None, Some(0), None, None);
        let (mut peers, mut challenge, mut assigned, mut ticket) = (Vec::new(), None, Vec::new(), None);
        reader.members(|reader, name| {
            match name {
                "swarm_id" => swarm = reader.text()?.and_then(|text| SwarmId::parse(&text)),
                "result" => result = reader.value()?.number(),
                "ims_error" => fault = read_fault(reader)?,
                "peer_group" => peers = read_peers(reader)?,
                "ims_state" => state = reader.text()?.and_then(|word| State::of_word(&word)),
                "ims_challenge" => challenge = Challenge::read(&reader.value()?),
                "ims_assigned_tid" => {
                    let names = reader.value()?;
                    let names = names.one_or_many().iter().filter_map(Json::text);
                    assigned = names.take(ASSIGNED_MAX).map(str::to_string).collect();
                }
                "ims_ticket" => {
                    let text = reader.text()?.filter(|ticket| is_compact_jws(ticket));
                    ticket = text.map(Cow::into_owned);
                }
                _ => drop(reader.value()?),
            }
            Some(())
        })?;
        let read = || {
            Some(SwarmResult {
                swarm: swarm?,
                is_done: result? == 0,
                fault,
                peers,
                state,
                challenge,
                assigned,
                ticket,
            })
        };
        Some(read())
    }

    fn write(&self, out: &mut Writer) {
        out.name("swarm_id").text(&self.swarm.to_string());
        out.name("result").number((!self.is_done).into());
        if let Some(fault) = self.fault {
            out.name("ims_error").text(fault.word());
        }
        if !self.peers.is_empty() {
            let peers = |out: &mut Writer| self.peers.iter().for_each(|peer| out.object(|out| peer.write(out)));
            out.name("peer_group").object(|out| out.name("peer_info").list(peers));
        }
        if let Some(state) = self.state {
            out.name("ims_state").text(state.word());
        }
        if let Some(challenge) = &self.challenge {
            out.name("ims_challenge").value(&challenge.to_json());
        }
        if !self.assigned.is_empty() {
            let names = |out: &mut Writer| self.assigned.iter().for_each(|name| out.text(name));
            out.name("ims_assigned_tid").list(names);
        }
        if let Some(ticket) = &self.ticket {
            out.name("ims_ticket").text(ticket);
        }
    }
}

/// Three parts of base64url.
fn is_compact_jws(text: &str) -> bool {
    let is_part = |part: &str| {
        let is_character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !part.is_empty() && part.bytes().all(is_character)
    };
    text.len() <= TICKET_MAX && text.split('.').count() == 3 && text.split('.').all(is_part)
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Provisional => "PROVISIONAL",
            State::Verified => "VERIFIED",
            State::Refused => "REFUSED",
        }
    }

    fn of_word(word: &str) -> Option<State> {
        [State::Provisional, State::Verified, State::Refused]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// The entries of a group, as many as count.
fn read_peers(reader: &mut Reader<'_>) -> Option<Vec<Peer>> {
    let mut peers = Vec::new();
    reader.members(|reader, name| match name {
        "peer_info" => reader.elements(|reader| {
            let peer = Peer::read(reader)?;
            peers.extend(peer.filter(|_| peers.len() < PEERS_MAX.into()));
            Some(())
        }),
        _ => reader.value().map(drop),
    })?;
    Some(peers)
}

impl Peer {
    /// `Some(None)`: it is none.
    fn read(reader: &mut Reader<'_>) -> Option<Option<Peer>> {
        let (mut id, mut role, mut have, mut addresses) = (None, Some(Role::Peer), Some(None), Some(Vec::new()));
        reader.members(|reader, name| {
            match name {
                "peer_id" => id = reader.text()?.map(Cow::into_owned),
                "ims_have" => have = Have::read(&reader.value()?).map(Some),
                "ims_role" => role = reader.text()?.and_then(|word| Role::of_word(&word)),
                "peer_addr" => addresses = PeerAddress::read_all(Some(&reader.value()?)),
                _ => drop(reader.value()?),
            }
            Some(())
        })?;
        let read = || {
            Some(Peer {
                id: id?,
                role: role?,
                have: have?,
                addresses: addresses?,
            })
        };
        Some(read())
    }

    fn write(&self, out: &mut Writer) {
        out.name("peer_id").text(&self.id);
        match self.role {
            Role::Peer => {}
            Role::Cache => out.name("ims_role").text("cache"),
            Role::Cdn => out.name("ims_role").text("cdn"),
        }
        if let Some(have) = &self.have {
            out.name("ims_have").value(&have.to_json());
        }
        if !self.addresses.is_empty() {
            let addresses = |out: &mut Writer| self.addresses.iter().for_each(|one| out.value(&one.to_json()));
            out.name("peer_addr").list(addresses);
        }
    }
}

impl Role {
    fn of_word(word: &str) -> Option<Role> {
        match word {
            "peer" => Some(Role::Peer),
            "cache" => Some(Role::Cache),
            "cdn" => Some(Role::Cdn),
            _ => None,
        }
    }
}

impl Have {
    fn read(json: &Json<'_>) -> Option<Have> {
        match json {
            Json::Text(word) if &**word == "full" => Some(Have::Full),
            Json::Number(eighths @ 1..=8) => Some(Have::Eighths(*eighths as u8)),
            Json::List(ranges) if ranges.len() <= HAVE_RANGES_MAX => {
                ranges.iter().map(read_range).collect::<Option<_>>().map(Have::Ranges)
            }
            _ => None,
        }
    }

    fn to_json(&self) -> Json<'static> {
        match self {
            Have::Full => "full".into(),
            Have::Eighths(eighths) => u64::from((*eighths).min(EIGHTHS)).into(),
            Have::Ranges(ranges) => Json::List(ranges.iter().map(|range| write_range(*range)).collect()),
        }
    }
}

impl Challenge {
    fn read(json: &Json<'_>) -> Option<Challenge> {
        let kind = match json.get("kind")?.text()? {
            "tree" => Kind::Tree,
            "digest" => Kind::Digest,
            _ => return None,
        };
        let leaves = json.get("leaves")?.list().filter(|leaves| leaves.len() <= LEAVES_MAX)?;
        Some(Challenge {
            kind,
            nonce: bytes_of(json.get("nonce")?)?,
            leaves: leaves.iter().map(Json::number).collect::<Option<_>>()?,
            deadline_ms: u32::try_from(json.get("deadline_ms")?.number()?).ok()?,
            peer_tag: json.get("peer_tag").and_then(bytes_of),
        })
    }

    fn to_json(&self) -> Json<'static> {
        let kind = match self.kind {
            Kind::Tree => "tree",
            Kind::Digest => "digest",
        };
        object([
            ("kind", Some(kind.into())),
            ("nonce", Some(text_of(&self.nonce))),
            (
                "leaves",
                Some(Json::List(self.leaves.iter().map(|leaf| (*leaf).into()).collect())),
            ),
            ("deadline_ms", Some(u64::from(self.deadline_ms).into())),
            ("peer_tag", self.peer_tag.as_ref().map(|tag| text_of(tag))),
        ])
    }
}

impl std::fmt::Debug for Response {
    /// Names nobody and nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.outcome {
            Outcome::Successful(swarms) => f.debug_tuple("Successful").field(&swarms.len()).finish(),
            Outcome::Failed { fault, .. } => f.debug_tuple("Failed").field(fault).finish(),
        }
    }
}

#[cfg(test)]
mod tests;
