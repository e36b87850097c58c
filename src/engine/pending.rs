//! What waits for an answer from outside, by name.

use std::collections::BTreeMap;

use super::output::LocateId;
use super::transactions::Id;
use crate::locate::Target;
use crate::privacy::Wanted;
use crate::sip::Draft;
use crate::trust::Origin;

/// Who waits for the addresses of a host.
pub enum Waiting {
    /// A request with a transaction.
    Request(Id),
    /// The ACK of a 2xx, which has none.
    Ack(Box<WaitingAck>),
}

/// An ACK ready to leave but for its address.
pub struct WaitingAck {
    pub origin: Origin,
    /// It brought the token of its dialog, so what was asked for there is known.
    pub knows_dialog: bool,
    pub draft: Draft,
    pub wanted: Wanted,
    pub target: Target,
}

/// Questions asked and not answered yet.
pub struct Pending {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    max: usize,
}

/// There is no room for another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Pending {
    pub fn new(max: usize) -> Pending {
        Pending {
            waiting: BTreeMap::new(),
            next: 0,
            max,
        }
    }

    pub fn ask(&mut self, who: Waiting) -> Result<LocateId, Full> {
        if self.waiting.len() >= self.max {
            return Err(Full);
        }
        self.next += 1;
        self.waiting.insert(self.next, who);
        Ok(LocateId(self.next))
    }

    pub fn answered(&mut self, id: LocateId) -> Option<Waiting> {
        self.waiting.remove(&id.0)
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_holds() {
        let mut pending = Pending::new(2);
        let who = || Waiting::Request(Id { slot: 0, generation: 1 });
        let first = pending.ask(who());
        assert!(first.is_ok() && pending.ask(who()).is_ok());
        assert_eq!(pending.ask(who()), Err(Full));
        assert!(first.ok().and_then(|id| pending.answered(id)).is_some());
        assert!(pending.ask(who()).is_ok());
    }
}
