//! Registrations on their way to the store, and the word that they are kept.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::{Decides, EVENTS_MAX, Worker};
use crate::{
    engine::{Input, Now, SendId, storing::Change},
    store::Store,
};

/// One worker's hand towards the store.
pub(super) struct Storing {
    store: Option<Arc<Store>>,
    /// Never longer than the queue of the store: each word answers a change that waited there.
    told: UnboundedSender<(SendId, bool)>,
    heard: UnboundedReceiver<(SendId, bool)>,
    words: Vec<(SendId, bool)>,
}

impl Storing {
    pub fn new(store: Option<Arc<Store>>) -> Storing {
        let (told, heard) = mpsc::unbounded_channel();
        Storing {
            store,
            told,
            heard,
            words: Vec::new(),
        }
    }

    /// Ready when a change is made, or could not be.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if self.store.is_none() && self.heard.is_empty() {
            return Poll::Pending;
        }
        self.heard.poll_recv_many(cx, &mut self.words, EVENTS_MAX)
    }

    pub fn take(&self, id: SendId, change: Change) {
        let told = self.told.clone();
        let done = move |is_kept| {
            // An error: the worker has ended.
            let _ = told.send((id, is_kept));
        };
        match &self.store {
            Some(store) => store.take(change, Box::new(done)),
            None => done(false),
        }
    }
}

impl<D: Decides> Worker<D> {
    /// Tells the engine what is kept.
    pub(super) fn feed_stored(&mut self, now: Now) {
        let mut words = std::mem::take(&mut self.storing.words);
        for (id, is_kept) in words.drain(..) {
            self.feed(now, Input::Stored { id, is_kept });
        }
        self.storing.words = words;
    }
}
