//! Registrations on their way to the store, and back from it.
//!
//! A UE hears that it is registered when that outlives this run of the process, and not before.

use rand_chacha::rand_core::Rng;

use super::output::{Output, SendId};
use super::reject::Reject;
use super::transactions::{Id, SendTo};
use super::{Engine, Now};
use crate::pcscf::register::stored::{self, Place};
use crate::pcscf::{FlowKey, Learned, RecordId, RegisteredUe, Room};
use crate::policy::store::Store;
use crate::policy::{ListenerId, Part, Policy};
use crate::privacy::Outgoing;
use crate::seal::Purpose;
use crate::transaction::ResponseClass;
use crate::trust::Flow;

/// What the store keeps of one registration, or of one fact of the tracker.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    pub record: RecordId,
    /// Seconds since 1970; after that it may be forgotten.
    pub expires_at: u64,
    /// Sealed: only a node with the keys reads it.
    pub sealed: Vec<u8>,
}

/// One change of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Put(Stored),
    Remove(RecordId),
    /// The same of what the tracker keeps, and of all of that.
    PutFact(Stored),
    RemoveFact(RecordId),
    ForgetFacts,
}

/// A part of a snapshot of what peers announced: behind the one before, the first at the beginning of another snapshot.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// The snapshot.
    pub of: u64,
    pub number: u32,
    /// With this one it is whole.
    pub is_last: bool,
    pub sealed: Vec<u8>,
}

impl Piece {
    /// What is sealed is bound to this.
    pub(super) fn name(&self) -> [u8; 13] {
        let mut name = [0; 13];
        name[..8].copy_from_slice(&self.of.to_be_bytes());
        name[8..12].copy_from_slice(&self.number.to_be_bytes());
        name[12] = self.is_last.into();
        name
    }
}

impl Engine {
    /// Takes in what an earlier run kept; called before any message is handled. Gives how many could not be read: of other
    /// keys, or of listeners that are gone.
    //= PCSCF-033
    pub fn recall(&mut self, now: Now, kept: &[Stored]) -> usize {
        let mut unreadable = 0;
        for stored in kept.iter().filter(|stored| now.unix < stored.expires_at) {
            match self.read(stored) {
                Some((flow, ue)) => {
                    if let Room::Displaced(record) = self.bindings.insert_at(flow, ue, now.unix) {
                        self.forget(record);
                    }
                }
                None => unreadable += 1,
            }
        }
        unreadable
    }

    fn read(&self, stored: &Stored) -> Option<(FlowKey, RegisteredUe)> {
        let binding = stored.record.0.to_be_bytes();
        let sealed = stored.sealed.clone();
        let plain = self.keys.open_bytes(Purpose::Registration, &[&binding], sealed).ok()?;
        let listener = |name: &str| {
            let mut listeners = self.policy.listeners.iter();
            let at = listeners.position(|listener| listener.name.value == name)?;
            u16::try_from(at).ok().map(ListenerId)
        };
        stored::decode(&plain, stored.record, listener)
    }

    /// Names what is kept of the registration of a flow, if anything of it is or is to be.
    //= PCSCF-033 type=exception reason=a registration over a connection or a security association is not kept: it ends with the process, and its UE registers again
    pub(super) fn name_record(&mut self, flow: &Flow, learned: &mut Learned) -> Option<RecordId> {
        let there = self.bindings.record(flow);
        let Learned::Registered(ue) = learned else { return there };
        let is_protected = matches!(
            self.policy.part(flow.listener),
            Some(Part::Server { .. } | Part::Client { .. })
        );
        if self.policy.store.value == Store::Memory || flow.connection.is_some() || is_protected {
            return None;
        }
        let record = there.unwrap_or_else(|| {
            let mut name = [0; 16];
            self.random.fill_bytes(&mut name);
            RecordId(u128::from_be_bytes(name))
        });
        ue.keep_as(record);
        Some(record)
    }

    /// Asks the shell to keep what is known of a flow now, or to forget it. The answer of this transaction waits for that.
    pub(super) fn keep(&mut self, now: Now, id: Id, flow: &Flow, record: RecordId) {
        let Some(change) = self.change(now, flow, record) else {
            return;
        };
        if let Some(work) = self.transactions.server(id).and_then(|server| server.work.as_mut()) {
            work.waits_for_store = true;
            let id = SendTo::Back(id).name();
            self.outputs.push_back(Output::Store { id, change });
        }
    }

    /// The same when nobody waits for it: the network has said something about a registration.
    pub(super) fn keep_as_told(&mut self, now: Now, flow: &Flow, record: RecordId) {
        if let Some(change) = self.change(now, flow, record) {
            let id = SendId(0);
            self.outputs.push_back(Output::Store { id, change });
        }
    }

    /// What is no longer known here is not to come back with the next run, in the place of who came after it.
    pub(super) fn forget(&mut self, record: Option<RecordId>) {
        if let Some(record) = record {
            let (id, change) = (SendId(0), Change::Remove(record));
            self.outputs.push_back(Output::Store { id, change });
        }
    }

    fn change(&mut self, now: Now, flow: &Flow, record: RecordId) -> Option<Change> {
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let Some(ue) = self.bindings.ue(flow, now.unix) else {
            return Some(Change::Remove(record));
        };
        Some(Change::Put(Stored {
            record,
            expires_at: ue.expires_at(),
            sealed: self.sealed(&self.policy, ue, flow, record, nonce)?,
        }))
    }

    fn sealed(
        &self,
        policy: &Policy,
        ue: &RegisteredUe,
        flow: &Flow,
        record: RecordId,
        nonce: [u8; 12],
    ) -> Option<Vec<u8>> {
        let name = |listener: ListenerId| {
            let listener = policy.listeners.get(usize::from(listener.0))?;
            Some(listener.name.value.as_str())
        };
        let place = Place {
            listener: name(flow.listener)?,
            inwards: name(ue.inwards())?,
            remote: flow.remote,
        };
        let plain = stored::encode(ue, place);
        let binding = record.0.to_be_bytes();
        self.keys.seal_bytes(Purpose::Registration, &[&binding], nonce, &plain)
    }

    /// Holds an answer back that waits for the store; gives it back when it does not.
    pub(super) fn hold_for_store(&mut self, id: Id, outgoing: Outgoing) -> Option<Outgoing> {
        let work = self.transactions.server(id).and_then(|server| server.work.as_mut());
        match work.filter(|work| work.waits_for_store) {
            Some(work) => {
                work.held_for_store = Some(outgoing);
                None
            }
            None => Some(outgoing),
        }
    }

    /// What was to be kept for the answer of this name is kept, or could not be.
    pub(super) fn stored(&mut self, now: Now, id: SendId, is_kept: bool) {
        let id = match SendTo::named(id) {
            SendTo::Back(id) => id,
            SendTo::Fact(number) => return self.fact_stored(now, number, is_kept),
            SendTo::On(_) => return,
        };
        let work = self.transactions.server(id).and_then(|server| server.work.as_mut());
        let Some(outgoing) = work.and_then(|work| work.held_for_store.take()) else {
            return;
        };
        match is_kept {
            true => self.server_response(now, id, ResponseClass::Success, outgoing),
            false => self.refuse_as_received(now, id, &Reject::Unstored),
        }
    }
}

impl std::fmt::Debug for Piece {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Stored {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").finish_non_exhaustive()
    }
}
