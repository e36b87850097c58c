//! Live transactions: machines, the last [`Outgoing`] of each, and what a response needs to find its way back.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use slab::Slab;

use crate::pcscf::Asked;
use crate::pcscf::charging::Icid;
use crate::pcscf::security::Protection;
use crate::policy::Policy;
use crate::privacy::guard::sdp::Described;
use crate::privacy::{DialogMemory, Outgoing, Party, PrivacySet, Wanted};
use crate::proxy::overload::Asks;
use crate::proxy::targets::ChosenBy;
use crate::sip::{Draft, Essentials, Method};
use crate::topology::Concealed;
use crate::transaction::{Client, InviteClient, InviteServer, Server, ServerKey, client, invite_client};
use crate::trust::{Flow, Hop, Origin, ReverseName};
use std::sync::Arc;

use super::branches::Branches;
use super::dialogs::OfDialog;
use super::output::SendId;
use super::rate::{Place, SLOTS};
use super::security::Authentication;

/// Names one transaction: its slot, and which use of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    pub slot: u32,
    pub generation: u32,
}

/// Which transaction hears that a sending failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendTo {
    /// The client transaction whose request it is.
    On(Id),
    /// The server transaction whose response it is.
    Back(Id),
    /// None: it is a fact of the tracker, on its way to the store.
    Fact(u32),
}

/// Set in the slot of a [`SendTo::Back`], and all there is in that of a [`SendTo::Fact`]. There are never so many transactions.
const BACK: u32 = 1 << 31;
const FACT: u32 = 1 << 30;

impl SendTo {
    pub fn name(self) -> SendId {
        let (id, back) = match self {
            SendTo::On(id) => (id, 0),
            SendTo::Back(id) => (id, BACK),
            SendTo::Fact(number) => return SendId(u64::from(number) << 32 | u64::from(FACT)),
        };
        SendId(u64::from(id.generation) << 32 | u64::from(id.slot | back))
    }

    pub fn named(name: SendId) -> SendTo {
        let (slot, generation) = (name.0 as u32, (name.0 >> 32) as u32);
        match slot & BACK {
            0 if slot == FACT => SendTo::Fact(generation),
            0 => SendTo::On(Id { slot, generation }),
            _ => SendTo::Back(Id {
                slot: slot & !BACK,
                generation,
            }),
        }
    }
}

/// A request this node received.
pub struct ServerTransaction {
    pub generation: u32,
    pub machine: ServerMachine,
    pub key: HashedKey,
    pub method: Method,
    pub origin: Origin,
    /// Where its source is counted, when that is outside T.
    pub place: Option<Place>,
    /// Whether it is told our load.
    pub asks: Asks,
    /// The hop its responses go to.
    pub back: Hop,
    /// Where it listens by its own word, should its connection be gone.
    pub sent_by_port: u16,
    /// The policy it was received under; it keeps it to the end.
    pub policy: Arc<Policy>,
    /// Our tag, should we answer ourselves.
    pub tag: u64,
    /// Nonce of every token sealed for this transaction: the same text seals to the same token, so that what is sent
    /// again is sent byte for byte.
    pub nonce: [u8; 12],
    /// It stands outside of dialogs, so who answers enters the one it may open.
    pub opens: bool,
    /// What the party that answers gave when it entered the dialog.
    pub responder: PrivacySet,
    /// What it has to do with the dialog store; `None`: nothing.
    pub dialog: Option<Box<OfDialog>>,
    /// The last response, to be sent again.
    pub last: Option<Outgoing>,
    /// What the request showed differently on every way on, for our own answers and its responses.
    pub kept: Option<Box<Kept>>,
    /// It is one between peers, and so is whatever answers it, to the end.
    pub peers: Option<Box<OfPeers>>,
    /// What forwarding needs; gone when a final response went out.
    pub work: Option<Box<Work>>,
    /// A final answer went out, or none will.
    pub answered: bool,
    /// Nobody sent it but this node, so nobody is answered.
    pub is_ours: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum ServerMachine {
    Invite(InviteServer),
    Other(Server),
}

/// What responses get back that the request lost on its way.
#[derive(Default, Clone)]
pub struct Kept {
    pub concealed: Concealed,
    /// The From row as received, when another was sent on.
    pub from: Option<Vec<u8>>,
    /// The To row as received, when another was sent on.
    pub to: Option<Vec<u8>>,
    /// What a served UE that answers may be: the P-Called-Party-ID a node of T gave, and the To URI.
    pub called: Option<Called>,
    /// The Via rows as they came, where what they hid was opened: its answers show them, whatever the inside makes of them.
    pub vias: Option<Vec<Vec<u8>>>,
}

/// What the answers to a request between peers are held against.
#[derive(Clone)]
pub struct OfPeers {
    pub offer: Option<Box<Described>>,
    /// Its To, as it went on.
    pub to: Vec<u8>,
    /// The temporary ID that led there; empty within a dialog.
    pub id: Vec<u8>,
}

/// Whom a request to a served UE was sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct Called {
    pub party: Option<Vec<u8>>,
    pub to_uri: Vec<u8>,
    pub in_dialog: bool,
    /// The P-Charging-Vector of the request.
    pub charging: Option<Vec<u8>>,
}

/// A request on its way: what is tried next.
pub struct Work {
    /// Admitted and restored; every attempt starts from here.
    pub draft: Draft,
    pub essentials: Essentials,
    pub wanted: Wanted,
    /// The dialog it opens or belongs to, when it is to be record-routed.
    pub dialog: Option<(Box<DialogMemory>, Party)>,
    /// Its Call-ID on the other side of its dialog, when that is not the one it came with.
    pub call_id: Option<Vec<u8>>,
    pub chosen_by: ChosenBy,
    /// However large it is, it goes as a datagram.
    pub insists_on_udp: bool,
    /// What its charging is known by, when it belongs to a dialog of which this is known.
    pub icid: Option<Icid>,
    /// Tells a request that comes back unchanged.
    pub loop_part: u64,
    /// Where it was sent and where it can still be sent.
    pub branches: Branches,
    /// What a REGISTER of a served UE asks for.
    pub asked: Option<Asked>,
    /// What its answer taught is on its way to the store.
    pub waits_for_store: bool,
    /// The answer itself, as long as that lasts.
    pub held_for_store: Option<Outgoing>,
    /// What is said to the registrar of a REGISTER over TLS.
    pub by_tls: Option<Protection>,
    /// What a REGISTER of a protected UE asks for.
    pub authentication: Option<Box<Authentication>>,
    /// The caller gave up, perhaps with a reason.
    pub cancelled: Option<Option<Vec<u8>>>,
}

/// What failed attempts amount to when none is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Nothing,
    NoAnswer,
    Unreachable,
    Overloaded,
    Refused(crate::engine::reject::Reject),
}

/// A request this node sent.
pub struct ClientTransaction {
    pub generation: u32,
    pub nonce: u64,
    pub machine: ClientMachine,
    pub server: Id,
    /// The line of the server transaction's branches that it belongs to.
    pub line: usize,
    /// What its responses get back, when the request was sent on differently than it came.
    pub kept: Option<Box<Kept>>,
    /// What its receiver was trusted for, if nothing else spoke for it: its answers are trusted for the same.
    pub reverse_name: Option<Box<ReverseName>>,
    /// The request as sent; gone when no retransmission, ACK or CANCEL can need it.
    pub request: Option<Outgoing>,
    /// The ACK of its failure, to be sent again.
    pub ack: Option<Outgoing>,
    pub cancel: Option<(Client, Outgoing)>,
    /// A CANCEL is due as soon as a provisional response came.
    pub cancel_wanted: bool,
    /// Why, when it is this node that wants it.
    pub cancel_reason: Option<&'static [u8]>,
    /// When Timer C runs out.
    pub timer_c: std::time::Duration,
}

impl ClientTransaction {
    /// Whether nothing came back yet.
    pub fn is_silent(&self) -> bool {
        match self.machine {
            ClientMachine::Invite(machine) => machine.state() == invite_client::State::Calling,
            ClientMachine::Other(machine) => machine.state() == client::State::Trying,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum ClientMachine {
    Invite(InviteClient),
    Other(Client),
}

/// SipHash with keys of ours, for tables whose keys peers choose. Never walked.
#[derive(Clone)]
pub struct Keyed {
    keys: (u64, u64),
}

impl Keyed {
    pub fn new(keys: (u64, u64)) -> Keyed {
        Keyed { keys }
    }

    pub fn keys(&self) -> (u64, u64) {
        self.keys
    }

    /// A number for the other end of a flow: its address, and the connection it is on.
    pub fn other_end(&self, flow: &Flow) -> u64 {
        let ip = match flow.remote.ip() {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let connection = flow.connection.map_or(0, |connection| connection.0);
        // In one piece: each write has its price.
        let mut bytes = [0; 28];
        bytes[..16].copy_from_slice(&ip.to_le_bytes());
        bytes[16..24].copy_from_slice(&connection.to_le_bytes());
        bytes[24..26].copy_from_slice(&flow.remote.port().to_le_bytes());
        bytes[26] = u8::from(flow.remote.is_ipv6());
        bytes[27] = u8::from(flow.connection.is_some());
        let mut hasher = self.build_hasher();
        hasher.write(&bytes);
        hasher.finish()
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.keys.0, self.keys.1)
    }
}

/// The key of a server transaction with its hash, which is made once for a request, whatever the table is asked.
pub struct HashedKey {
    key: ServerKey,
    hash: u64,
}

impl HashedKey {
    pub fn new(key: ServerKey, keyed: &Keyed) -> HashedKey {
        let hash = keyed.hash_one(&key);
        HashedKey { key, hash }
    }
}

/// All live transactions of an engine.
pub struct Transactions {
    servers: Slab<ServerTransaction>,
    /// Slots of the servers. Their keys stand there, and only there.
    by_key: HashTable<u32>,
    clients: Slab<ClientTransaction>,
    generation: u32,
    unanswered: usize,
    /// Server transactions of each place.
    of_places: Vec<u32>,
}

/// Transactions there is room for from the start: to grow is to move every live one while messages wait. Memory nobody wrote
/// to is not used up.
const ROOM: usize = 4096;

impl Default for Transactions {
    fn default() -> Transactions {
        Transactions {
            servers: Slab::with_capacity(ROOM),
            by_key: HashTable::with_capacity(ROOM),
            clients: Slab::with_capacity(ROOM),
            generation: 0,
            unanswered: 0,
            of_places: vec![0; SLOTS],
        }
    }
}

impl Transactions {
    /// Requests that have no final answer yet.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// A request got its final answer, or will get none.
    pub fn answered(&mut self, id: Id) {
        if let Some(server) = self.server(id)
            && !std::mem::replace(&mut server.answered, true)
        {
            self.unanswered -= 1;
        }
    }

    /// Server transactions of the sources that are counted here.
    pub fn of_place(&self, place: Place) -> u32 {
        self.of_places.get(place.index()).copied().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Live client transactions.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.clients.is_empty()
    }

    pub fn find(&self, key: &HashedKey) -> Option<Id> {
        let is_it = |slot: &u32| {
            let server = self.servers.get(*slot as usize);
            server.is_some_and(|server| server.key.key == key.key)
        };
        let slot = *self.by_key.find(key.hash, is_it)?;
        let generation = self.servers.get(slot as usize)?.generation;
        Some(Id { slot, generation })
    }

    pub fn add_server(&mut self, mut server: ServerTransaction) -> Id {
        let generation = self.next_generation();
        server.generation = generation;
        let hash = server.key.hash;
        if let Some(of_place) = server.place.and_then(|place| self.of_places.get_mut(place.index())) {
            *of_place += 1;
        }
        let slot = self.servers.insert(server) as u32;
        let servers = &self.servers;
        let hash_of = |slot: &u32| servers.get(*slot as usize).map_or(0, |server| server.key.hash);
        self.by_key.insert_unique(hash, slot, hash_of);
        self.unanswered += 1;
        Id { slot, generation }
    }

    pub fn add_client(&mut self, make: impl FnOnce(Id) -> ClientTransaction) -> Id {
        let generation = self.next_generation();
        let entry = self.clients.vacant_entry();
        let id = Id {
            slot: entry.key() as u32,
            generation,
        };
        entry.insert(make(id));
        id
    }

    /// The slot the next client transaction gets; its branch names it.
    pub fn next_client_slot(&self) -> u32 {
        self.clients.vacant_key() as u32
    }

    pub fn server(&mut self, id: Id) -> Option<&mut ServerTransaction> {
        self.servers
            .get_mut(id.slot as usize)
            .filter(|server| server.generation == id.generation)
    }

    pub fn client(&mut self, id: Id) -> Option<&mut ClientTransaction> {
        self.clients
            .get_mut(id.slot as usize)
            .filter(|client| client.generation == id.generation)
    }

    /// The client transaction that a branch of ours names.
    pub fn client_of_branch(&self, slot: u32, nonce: u64) -> Option<Id> {
        let client = self.clients.get(slot as usize).filter(|client| client.nonce == nonce)?;
        Some(Id {
            slot,
            generation: client.generation,
        })
    }

    pub fn remove_server(&mut self, id: Id) {
        self.answered(id);
        if self.server(id).is_some() {
            let server = self.servers.remove(id.slot as usize);
            if let Ok(entry) = self.by_key.find_entry(server.key.hash, |slot| *slot == id.slot) {
                entry.remove();
            }
            if let Some(of_place) = server.place.and_then(|place| self.of_places.get_mut(place.index())) {
                *of_place -= 1;
            }
        }
    }

    pub fn remove_client(&mut self, id: Id) {
        if self.client(id).is_some() {
            self.clients.remove(id.slot as usize);
        }
    }

    fn next_generation(&mut self) -> u32 {
        self.generation = self.generation.wrapping_add(1).max(1);
        self.generation
    }
}
