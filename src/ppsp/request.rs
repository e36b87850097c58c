//! What a peer says to a tracker.

use data_encoding::BASE64URL_NOPAD;

use super::address::PeerAddress;
use super::chunk_map::ChunkMap;
use super::fault::Fault;
use super::json::{Json, Limits, Unreadable, object};
use super::swarm_id::SwarmId;

/// Swarms in one request at most.
pub const SWARMS_MAX: usize = 64;
/// Reports of altered content in one request at most.
pub const TAMPER_MAX: usize = 16;
/// Peers that a list has at most: RFC 7846 says below 30.
pub const PEERS_MAX: u8 = 29;
const TRANSACTION_MAX: usize = 64;
pub(super) const ROOT: &str = "PPSPTrackerProtocol";

/// A request.
#[derive(Clone, PartialEq)]
pub struct Request {
    pub transaction: String,
    /// What the peer calls itself.
    pub peer_id: Option<String>,
    pub what: What,
}

#[derive(Clone, PartialEq)]
pub enum What {
    Connect(Connect),
    Find(Find),
    StatReport(StatReport),
}

/// Swarms that a peer enters and leaves.
#[derive(Clone, PartialEq)]
pub struct Connect {
    pub swarms: Vec<SwarmAction>,
    pub peer_count: Option<u8>,
    pub addresses: Vec<PeerAddress>,
}

#[derive(Clone, PartialEq)]
pub struct SwarmAction {
    pub swarm: SwarmId,
    pub action: Action,
    pub mode: Mode,
    pub map: Option<ChunkMap>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Join,
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Has all of it.
    Seeder,
    Leech,
}

/// Wants to know who else is in a swarm.
#[derive(Clone, PartialEq)]
pub struct Find {
    pub swarm: SwarmId,
    pub peer_count: Option<u8>,
}

/// How it goes.
#[derive(Clone, PartialEq, Default)]
pub struct StatReport {
    pub stats: Vec<Stat>,
    pub proof: Option<Proof>,
    pub tamper: Vec<Tamper>,
    pub missing: Vec<Missing>,
    /// Temporary IDs of peers with whom it wants to have nothing to do any more.
    pub block: Vec<String>,
}

/// A peer that did not give what it announced, or was not to be had.
#[derive(Clone, PartialEq)]
pub struct Missing {
    pub swarm: SwarmId,
    /// Temporary ID.
    pub holder: String,
}

/// Counters of one swarm, and what the peer holds by now.
#[derive(Clone, PartialEq)]
pub struct Stat {
    pub swarm: SwarmId,
    pub uploaded_bytes: u64,
    pub downloaded_bytes: u64,
    pub map: Option<ChunkMap>,
}

/// The answer to a challenge, as it was written.
#[derive(Clone, PartialEq)]
pub struct Proof {
    pub swarm: SwarmId,
    pub nonce: [u8; 16],
    pub shown: Shown,
}

#[derive(Clone, PartialEq)]
pub enum Shown {
    Tree {
        leaves: Vec<Vec<u8>>,
        hashes: Vec<[u8; 32]>,
    },
    Digest([u8; 32]),
}

/// A leaf that is not what it should be, and who gave it.
#[derive(Clone, PartialEq)]
pub struct Tamper {
    pub swarm: SwarmId,
    pub piece: u32,
    pub leaf: u64,
    /// Temporary ID.
    pub sender: String,
    pub seen: [u8; 32],
    pub time: u64,
    pub evidence: Option<Vec<u8>>,
}

impl Request {
    /// Reads what senders write: lists of one without their brackets, digits for numbers, FIND in two places. What is not
    /// known is passed over.
    //= P2P-010
    //= P2P-011
    pub fn read(body: &[u8]) -> Result<Request, Fault> {
        let document = Json::read(body, Limits::PPSP).map_err(|unreadable| match unreadable {
            Unreadable::TooLarge => Fault::TooLarge,
            Unreadable::Malformed => Fault::BadBody,
        })?;
        let root = document
            .get(ROOT)
            .filter(|root| root.is_object())
            .ok_or(Fault::BadBody)?;
        if root.get("version").and_then(Json::number).ok_or(Fault::BadBody)? != 1 {
            return Err(Fault::Version);
        }
        let transaction = root
            .get("transaction_id")
            .and_then(read_transaction)
            .ok_or(Fault::BadBody)?;
        let peer_id = match root.get("peer_id") {
            None => None,
            Some(peer_id) => Some(peer_id.text().ok_or(Fault::BadBody)?.to_string()),
        };
        let what = match root.get("request_type").and_then(Json::text) {
            Some("CONNECT") => root.get("connect").and_then(Connect::read).map(What::Connect),
            Some("FIND") => Find::read(root.get("find").unwrap_or(root)).map(What::Find),
            Some("STAT_REPORT") => match root.get("stat_report") {
                None => Some(What::StatReport(StatReport::default())),
                Some(report) => StatReport::read(report).map(What::StatReport),
            },
            _ => None,
        };
        Ok(Request {
            transaction,
            peer_id,
            what: what.ok_or(Fault::BadBody)?,
        })
    }

    //= P2P-011
    pub fn to_bytes(&self) -> Vec<u8> {
        let (name, member, value) = match &self.what {
            What::Connect(connect) => ("CONNECT", "connect", connect.to_json()),
            What::Find(find) => ("FIND", "find", find.to_json()),
            What::StatReport(report) => ("STAT_REPORT", "stat_report", report.to_json()),
        };
        let root = object([
            ("version", Some(1.into())),
            ("request_type", Some(name.into())),
            ("transaction_id", Some(self.transaction.as_str().into())),
            ("peer_id", self.peer_id.as_deref().map(Json::from)),
            (member, Some(value)),
        ]);
        object([(ROOT, Some(root))]).to_bytes()
    }
}

pub(super) fn read_transaction(json: &Json<'_>) -> Option<String> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        other => other.text()?.to_string(),
    };
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (1..=TRANSACTION_MAX)
        .contains(&text.len())
        .then_some(text)
        .filter(|_| is_visible)
}

fn read_swarm(json: &Json<'_>) -> Option<SwarmId> {
    SwarmId::parse(json.get("swarm_id")?.text()?)
}

fn read_peer_count(json: &Json<'_>) -> Option<Option<u8>> {
    let Some(wanted) = json.get("peer_num") else {
        return Some(None);
    };
    let count = wanted.get("peer_count").unwrap_or(wanted).number()?;
    Some(Some(count.clamp(1, PEERS_MAX.into()) as u8))
}

fn peer_count_json(count: Option<u8>) -> Option<Json<'static>> {
    count.map(|count| object([("peer_count", Some(u64::from(count).into()))]))
}

fn read_map(json: &Json<'_>) -> Option<Option<ChunkMap>> {
    match json.get("ims_chunk_map") {
        None => Some(None),
        Some(map) => ChunkMap::read(map).ok().map(Some),
    }
}

impl Connect {
    fn read(json: &Json<'_>) -> Option<Connect> {
        let swarms = json.get("swarm_action")?.one_or_many();
        if !(1..=SWARMS_MAX).contains(&swarms.len()) {
            return None;
        }
        Some(Connect {
            swarms: swarms.iter().map(SwarmAction::read).collect::<Option<_>>()?,
            peer_count: read_peer_count(json)?,
            addresses: PeerAddress::read_all(json.get("peer_addr"))?,
        })
    }

    fn to_json(&self) -> Json<'_> {
        let addresses: Vec<Json> = self.addresses.iter().map(|address| address.to_json()).collect();
        object([
            ("peer_num", peer_count_json(self.peer_count)),
            (
                "peer_addr",
                Some(Json::List(addresses)).filter(|_| !self.addresses.is_empty()),
            ),
            (
                "swarm_action",
                Some(Json::List(self.swarms.iter().map(SwarmAction::to_json).collect())),
            ),
        ])
    }
}

impl SwarmAction {
    fn read(json: &Json<'_>) -> Option<SwarmAction> {
        let action = match json.get("action")?.text()? {
            "JOIN" => Action::Join,
            "LEAVE" => Action::Leave,
            _ => return None,
        };
        let mode = match json.get("peer_mode").and_then(Json::text) {
            Some("SEEDER") => Mode::Seeder,
            Some("LEECH") => Mode::Leech,
            None if action == Action::Leave => Mode::Leech,
            _ => return None,
        };
        Some(SwarmAction {
            swarm: read_swarm(json)?,
            action,
            mode,
            map: read_map(json)?,
        })
    }

    fn to_json(&self) -> Json<'_> {
        let action = match self.action {
            Action::Join => "JOIN",
            Action::Leave => "LEAVE",
        };
        let mode = match self.mode {
            Mode::Seeder => "SEEDER",
            Mode::Leech => "LEECH",
        };
        object([
            ("swarm_id", Some(swarm_json(&self.swarm))),
            ("action", Some(action.into())),
            ("peer_mode", Some(mode.into())),
            ("ims_chunk_map", self.map.as_ref().map(ChunkMap::to_json)),
        ])
    }
}

pub(super) fn swarm_json(swarm: &SwarmId) -> Json<'static> {
    swarm.to_string().into()
}

impl Find {
    fn read(json: &Json<'_>) -> Option<Find> {
        Some(Find {
            swarm: read_swarm(json)?,
            peer_count: read_peer_count(json)?,
        })
    }

    fn to_json(&self) -> Json<'_> {
        object([
            ("swarm_id", Some(swarm_json(&self.swarm))),
            ("peer_num", peer_count_json(self.peer_count)),
        ])
    }
}

impl StatReport {
    fn read(json: &Json<'_>) -> Option<StatReport> {
        let stats = json.get("stat").or(json.get("Stat")).map_or(&[][..], Json::one_or_many);
        let tamper = json.get("ims_tamper").map_or(&[][..], Json::one_or_many);
        let missing = json.get("ims_missing").map_or(&[][..], Json::one_or_many);
        let block = json.get("ims_block").map_or(&[][..], Json::one_or_many);
        let reports = [tamper.len(), missing.len(), block.len()];
        if stats.len() > SWARMS_MAX || reports.into_iter().any(|count| count > TAMPER_MAX) {
            return None;
        }
        let proof = match json.get("ims_proof") {
            None => None,
            Some(proof) => Some(Proof::read(proof)?),
        };
        Some(StatReport {
            stats: stats.iter().map(Stat::read).collect::<Option<_>>()?,
            proof,
            tamper: tamper.iter().map(Tamper::read).collect::<Option<_>>()?,
            missing: missing.iter().map(Missing::read).collect::<Option<_>>()?,
            block: block
                .iter()
                .map(|id| Some(id.text()?.to_owned()))
                .collect::<Option<_>>()?,
        })
    }

    fn to_json(&self) -> Json<'_> {
        let stats = || Json::List(self.stats.iter().map(Stat::to_json).collect());
        let tamper = || Json::List(self.tamper.iter().map(Tamper::to_json).collect());
        let missing = || Json::List(self.missing.iter().map(Missing::to_json).collect());
        let block = || Json::List(self.block.iter().map(|id| id.as_str().into()).collect());
        object([
            ("type", Some("STREAM_STATS".into())),
            ("stat", (!self.stats.is_empty()).then(stats)),
            ("ims_proof", self.proof.as_ref().map(Proof::to_json)),
            ("ims_tamper", (!self.tamper.is_empty()).then(tamper)),
            ("ims_missing", (!self.missing.is_empty()).then(missing)),
            ("ims_block", (!self.block.is_empty()).then(block)),
        ])
    }
}

impl Stat {
    fn read(json: &Json<'_>) -> Option<Stat> {
        let counter = |name: &str| json.get(name).map_or(Some(0), Json::number);
        Some(Stat {
            swarm: read_swarm(json)?,
            uploaded_bytes: counter("uploaded_bytes")?,
            downloaded_bytes: counter("downloaded_bytes")?,
            map: read_map(json)?,
        })
    }

    fn to_json(&self) -> Json<'_> {
        object([
            ("swarm_id", Some(swarm_json(&self.swarm))),
            ("uploaded_bytes", Some(self.uploaded_bytes.into())),
            ("downloaded_bytes", Some(self.downloaded_bytes.into())),
            ("ims_chunk_map", self.map.as_ref().map(ChunkMap::to_json)),
        ])
    }
}

pub(super) fn bytes_of<const N: usize>(json: &Json<'_>) -> Option<[u8; N]> {
    BASE64URL_NOPAD.decode(json.text()?.as_bytes()).ok()?.try_into().ok()
}

pub(super) fn text_of(bytes: &[u8]) -> Json<'static> {
    BASE64URL_NOPAD.encode(bytes).into()
}

impl Proof {
    fn read(json: &Json<'_>) -> Option<Proof> {
        let decoded = |json: &Json<'_>| BASE64URL_NOPAD.decode(json.text()?.as_bytes()).ok();
        let shown = match json.get("kind")?.text()? {
            "tree" => Shown::Tree {
                leaves: json.get("leaves")?.list()?.iter().map(decoded).collect::<Option<_>>()?,
                hashes: json
                    .get("hashes")?
                    .list()?
                    .iter()
                    .map(bytes_of)
                    .collect::<Option<_>>()?,
            },
            "digest" => Shown::Digest(bytes_of(json.get("answer")?)?),
            _ => return None,
        };
        Some(Proof {
            swarm: read_swarm(json)?,
            nonce: bytes_of(json.get("nonce")?)?,
            shown,
        })
    }

    fn to_json(&self) -> Json<'_> {
        let (kind, leaves, hashes, answer) = match &self.shown {
            Shown::Tree { leaves, hashes } => (
                "tree",
                Some(Json::List(leaves.iter().map(|leaf| text_of(leaf)).collect())),
                Some(Json::List(hashes.iter().map(|hash| text_of(hash)).collect())),
                None,
            ),
            Shown::Digest(answer) => ("digest", None, None, Some(text_of(answer))),
        };
        object([
            ("swarm_id", Some(swarm_json(&self.swarm))),
            ("kind", Some(kind.into())),
            ("nonce", Some(text_of(&self.nonce))),
            ("leaves", leaves),
            ("hashes", hashes),
            ("answer", answer),
        ])
    }
}

impl Missing {
    fn read(json: &Json<'_>) -> Option<Missing> {
        Some(Missing {
            swarm: read_swarm(json)?,
            holder: json.get("tid")?.text()?.to_owned(),
        })
    }

    fn to_json(&self) -> Json<'_> {
        object([
            ("swarm_id", Some(swarm_json(&self.swarm))),
            ("tid", Some(self.holder.as_str().into())),
        ])
    }
}

impl Tamper {
    fn read(json: &Json<'_>) -> Option<Tamper> {
        let evidence = match json.get("evidence") {
            None => None,
            Some(evidence) => Some(BASE64URL_NOPAD.decode(evidence.text()?.as_bytes()).ok()?),
        };
        Some(Tamper {
            swarm: read_swarm(json)?,
            piece: u32::try_from(json.get("piece")?.number()?).ok()?,
            leaf: json.get("leaf")?.number()?,
            sender: json.get("tid")?.text()?.to_string(),
            seen: bytes_of(json.get("digest")?)?,
            time: json.get("time")?.number()?,
            evidence,
        })
    }

    fn to_json(&self) -> Json<'_> {
        object([
            ("swarm_id", Some(swarm_json(&self.swarm))),
            ("piece", Some(u64::from(self.piece).into())),
            ("leaf", Some(self.leaf.into())),
            ("tid", Some(self.sender.as_str().into())),
            ("digest", Some(text_of(&self.seen))),
            ("time", Some(self.time.into())),
            ("evidence", self.evidence.as_deref().map(text_of)),
        ])
    }
}

impl std::fmt::Debug for Request {
    /// Names nobody and nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.what {
            What::Connect(_) => "Connect",
            What::Find(_) => "Find",
            What::StatReport(_) => "StatReport",
        })
    }
}

#[cfg(test)]
mod tests;
