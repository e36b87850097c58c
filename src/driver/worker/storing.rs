//! Registrations and what the tracker knows on their way to the store, and the word that they are kept.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::timeout,
};

use super::{DRAIN_TICK, Decides, EVENTS_MAX, Stop, Worker};
use crate::{
    engine::{
        Input, Now, SendId,
        storing::{Change, Piece},
    },
    store::{Snapshots, Store},
};

/// One worker's hand towards the store.
pub(super) struct Storing {
    store: Option<Arc<Store>>,
    snapshots: Option<Arc<Snapshots>>,
    /// Never longer than the queue of the store and one more: each word answers what waited there.
    told: UnboundedSender<Word>,
    heard: UnboundedReceiver<Word>,
    words: Vec<Word>,
    /// Of a snapshot, that are not written yet.
    pieces: usize,
}

enum Word {
    Stored(SendId, bool),
    Snapshotted(bool),
}

impl Storing {
    pub fn new(store: Option<Arc<Store>>, snapshots: Option<Arc<Snapshots>>) -> Storing {
        let (told, heard) = mpsc::unbounded_channel();
        Storing {
            store,
            snapshots,
            told,
            heard,
            words: Vec::new(),
            pieces: 0,
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
            let _ = told.send(Word::Stored(id, is_kept));
        };
        match &self.store {
            Some(store) => store.take(change, Box::new(done)),
            None => done(false),
        }
    }

    pub fn take_piece(&mut self, piece: Piece) {
        self.pieces += 1;
        let told = self.told.clone();
        let done = move |is_kept| {
            let _ = told.send(Word::Snapshotted(is_kept));
        };
        match &self.snapshots {
            Some(snapshots) => snapshots.take(piece, Box::new(done)),
            None => done(false),
        }
    }
}

impl<D: Decides> Worker<D> {
    /// Tells the engine what is kept.
    pub(super) fn feed_stored(&mut self, now: Now) {
        let mut words = std::mem::take(&mut self.storing.words);
        for word in words.drain(..) {
            self.feed_word(now, word);
        }
        self.storing.words = words;
    }

    fn feed_word(&mut self, now: Now, word: Word) {
        match word {
            Word::Stored(id, is_kept) => self.feed(now, Input::Stored { id, is_kept }),
            Word::Snapshotted(is_kept) => {
                self.storing.pieces -= 1;
                self.feed(now, Input::Snapshotted { is_kept });
            }
        }
    }

    /// Writes down what the engine would have outlive the process, unless it is to end at once.
    //= P2P-142
    pub(super) async fn write_last_snapshot(&mut self) {
        let now = self.clock.now();
        self.feed_stored(now);
        self.feed(now, Input::Closing);
        while self.storing.pieces > 0 && self.orders.borrow().stop != Stop::Now {
            if let Ok(Some(word)) = timeout(DRAIN_TICK, self.storing.heard.recv()).await {
                self.feed_word(self.clock.now(), word);
            }
        }
    }
}
