//! Records on their way to the audit, and what is not sent without them.

use std::{mem, sync::Arc};

use super::{Decides, Worker};
use crate::{
    audit::Sink,
    engine::{self, Input, Now, SendId, record::Record},
};

/// One worker's hand towards the audit.
pub(super) struct Auditing {
    sink: Option<Arc<Sink>>,
    /// What the engine was told last.
    told: engine::Sink,
    /// The next sending does not leave.
    withholds: bool,
    withheld: Vec<SendId>,
}

impl Auditing {
    pub fn new(sink: Option<Arc<Sink>>) -> Auditing {
        Auditing {
            sink,
            told: engine::Sink::Takes,
            withholds: false,
            withheld: Vec::new(),
        }
    }

    /// Whether the sending at hand is to be withheld; asked once for each.
    pub fn withholds(&mut self) -> bool {
        mem::take(&mut self.withholds)
    }

    pub fn withheld(&mut self, id: SendId) {
        self.withheld.push(id);
    }

    pub fn take_withheld(&mut self) -> Vec<SendId> {
        mem::take(&mut self.withheld)
    }

    /// What the engine is to hear, if it has changed.
    fn news(&mut self) -> Option<engine::Sink> {
        let sink = self.sink.as_ref()?;
        let now = match sink.takes() {
            true => engine::Sink::Takes,
            false => engine::Sink::Refuses,
        };
        (mem::replace(&mut self.told, now) != now).then_some(now)
    }
}

impl<D: Decides> Worker<D> {
    /// Hands a record on. What needs it and does not get it is not sent.
    //= LI-006
    pub(super) fn write_down(&mut self, record: Box<Record>) {
        let is_required = record.is_required;
        let taken = self
            .auditing
            .sink
            .as_ref()
            .is_some_and(|sink| sink.take(record).is_ok());
        if !taken {
            self.counters.audit_refused.add(1);
            self.auditing.withholds = is_required;
        }
    }

    /// Tells the engine whether records are taken.
    pub(super) fn feed_audit(&mut self, now: Now) {
        if let Some(sink) = self.auditing.news() {
            self.feed(now, Input::Audit(sink));
        }
    }
}
