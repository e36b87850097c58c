//! What a peer says to the tracker, and what it makes of the answers (RFC 7846).

use data_encoding::BASE64URL_NOPAD;
use sipveil::ppsp::address::PeerAddress;
use sipveil::ppsp::challenge;
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::proof::TreeProof;
use sipveil::ppsp::request::{Action, Connect, Find, Mode, Proof, Shown, StatReport, SwarmAction, Tamper, What};
use sipveil::ppsp::response::{Challenge, Kind, Outcome, SwarmResult};
use sipveil::ppsp::{ChunkMap, Fault, Request, Response, SwarmId};

use super::content::Whole;
use super::download::BadLeaf;
use super::random;

/// The media type of all of it.
pub const MEDIA_TYPE: &str = "application/ppsp-tracker+json";
pub const EVENT: &str = "p2p-content";

fn request(what: What) -> Vec<u8> {
    let request = Request {
        transaction: random::word(),
        peer_id: None,
        what,
    };
    request.to_bytes()
}

/// Enters a swarm, under a temporary ID that is drawn for it. Who this is stands nowhere in here.
//= P2P-013
/// `addresses`: where others reach it, outside of the network.
//= P2P-064
pub fn join(swarm: SwarmId, map: ChunkMap, addresses: Vec<PeerAddress>) -> Vec<u8> {
    let mode = if map.is_full() { Mode::Seeder } else { Mode::Leech };
    let action = SwarmAction {
        swarm,
        action: Action::Join,
        mode,
        map: Some(map),
    };
    let request = Request {
        transaction: random::word(),
        peer_id: Some(BASE64URL_NOPAD.encode(&random::bytes::<16>())),
        what: What::Connect(Connect {
            swarms: vec![action],
            peer_count: None,
            addresses,
        }),
    };
    request.to_bytes()
}

/// Leaves it.
//= P2P-017
pub fn leave(swarm: SwarmId) -> Vec<u8> {
    request(What::Connect(Connect {
        swarms: vec![SwarmAction {
            swarm,
            action: Action::Leave,
            mode: Mode::Leech,
            map: None,
        }],
        peer_count: None,
        addresses: Vec::new(),
    }))
}

/// Keeps up what was announced, where no PUBLISH does.
//= P2P-132
pub fn keep_up() -> Vec<u8> {
    request(What::StatReport(StatReport::default()))
}

/// The answer to a challenge. `None`: what is asked for is not held, or not what the nonce draws: nothing is shown then.
//= P2P-106
pub fn proof(swarm: SwarmId, asked: &Challenge, content: Option<&Whole>) -> Option<Vec<u8>> {
    let content = content.filter(|content| content.tree().root() == swarm)?;
    let whole = [(0, content.layout().pieces() - 1)];
    let drawn = challenge::Challenge::draw(asked.nonce, content.layout(), &whole, asked.leaves.len()).ok()?;
    let is_drawn = drawn
        .leaves()
        .iter()
        .map(|leaf| u64::from(*leaf))
        .eq(asked.leaves.iter().copied());
    if asked.kind != Kind::Tree || !is_drawn {
        return None;
    }
    let TreeProof { leaves, hashes } = TreeProof::make(content.tree(), &drawn, |leaf| content.leaf(leaf))?;
    Some(request(What::StatReport(StatReport {
        proof: Some(Proof {
            swarm,
            nonce: asked.nonce,
            shown: Shown::Tree { leaves, hashes },
        }),
        ..StatReport::default()
    })))
}

/// Asks who else is in a swarm: so many at most.
//= P2P-046
pub fn find(swarm: SwarmId, peers: u8) -> Vec<u8> {
    let peer_count = Some(peers);
    request(What::Find(Find { swarm, peer_count }))
}

/// Tells of a leaf that was not the content's, and whose it was.
//= P2P-123
pub fn tampered(swarm: SwarmId, layout: &Layout, bad: &BadLeaf, sender: &str, at: u64) -> Vec<u8> {
    let tamper = Tamper {
        swarm,
        piece: bad.leaf / layout.piece_leaves(),
        leaf: bad.leaf.into(),
        sender: sender.to_owned(),
        seen: bad.seen,
        time: at,
        evidence: None,
    };
    request(What::StatReport(StatReport {
        tamper: vec![tamper],
        ..StatReport::default()
    }))
}

/// Why something is not done, where the answer says it.
pub fn refused(body: &[u8]) -> Option<Refused> {
    match Response::read(body)?.outcome {
        Outcome::Failed { fault, .. } => Some(Refused::Fault(fault)),
        Outcome::Successful(_) => None,
    }
}

/// What the tracker says of one swarm.
pub fn told(swarm: SwarmId, body: &[u8]) -> Result<SwarmResult, Refused> {
    let response = Response::read(body).ok_or(Refused::Unreadable)?;
    match response.outcome {
        Outcome::Failed { fault, .. } => Err(Refused::Fault(fault)),
        Outcome::Successful(swarms) => {
            let told = swarms
                .into_iter()
                .find(|told| told.swarm == swarm)
                .ok_or(Refused::Unreadable)?;
            match (told.is_done, told.fault) {
                (true, _) => Ok(told),
                (false, fault) => Err(Refused::Fault(fault.unwrap_or(Fault::Internal))),
            }
        }
    }
}

/// What was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the answer is none of the tracker protocol")]
    Unreadable,
    #[error("the network says no: {0}")]
    Fault(Fault),
}
