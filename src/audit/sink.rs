//! What takes records from all workers: a queue with a maximum, and a thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::engine::record::Record;

/// Records written at once.
const BATCH_MAX: usize = 64;

/// After a failed write: before the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// Where records are written.
pub trait Append: Send + 'static {
    /// All of them or none.
    fn append(&mut self, records: &[Box<Record>]) -> io::Result<()>;
}

/// Takes records, or says that it does not. Dropping it writes what it took.
#[derive(Debug)]
pub struct Sink {
    queue: Option<Sender<Box<Record>>>,
    state: Arc<State>,
    queue_max: usize,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// Taken and not yet written.
    waiting: AtomicUsize,
    /// It was full, and is not yet half empty again.
    is_full: AtomicBool,
    /// The last write failed.
    is_failing: AtomicBool,
    is_ending: AtomicBool,
}

/// The record was not taken: the queue is full, or nothing can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit takes no record now")]
pub struct Refused;

impl Sink {
    /// Starts the writer. `queue_max`: records that wait at most.
    pub fn start(queue_max: usize, to: impl Append) -> io::Result<Sink> {
        let (queue, records) = channel();
        let state = Arc::<State>::default();
        let queue_max = queue_max.max(1);
        let of_writer = Arc::clone(&state);
        let writer = thread::Builder::new().name("audit".to_owned());
        let writer = writer.spawn(move || write(&records, &of_writer, queue_max, to))?;
        Ok(Sink {
            queue: Some(queue),
            state,
            queue_max,
            writer: Some(writer),
        })
    }

    /// Takes a record, to be written soon. Never waits.
    //= LI-006
    pub fn take(&self, record: Box<Record>) -> Result<(), Refused> {
        if !self.takes() {
            return Err(Refused);
        }
        if self.state.waiting.fetch_add(1, Ordering::AcqRel) >= self.queue_max {
            self.state.waiting.fetch_sub(1, Ordering::AcqRel);
            self.state.is_full.store(true, Ordering::Release);
            return Err(Refused);
        }
        let queue = self.queue.as_ref().ok_or(Refused)?;
        queue.send(record).map_err(|_| Refused)
    }

    /// Whether it takes records now. Full once, it takes none until half of it is written.
    pub fn takes(&self) -> bool {
        let is_full = self.state.is_full.load(Ordering::Acquire);
        if is_full && self.state.waiting.load(Ordering::Acquire) <= self.queue_max / 2 {
            self.state.is_full.store(false, Ordering::Release);
            return !self.state.is_failing.load(Ordering::Acquire);
        }
        !is_full && !self.state.is_failing.load(Ordering::Acquire)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.state.is_ending.store(true, Ordering::Release);
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            let _ = writer.join();
        }
    }
}

/// Writes until no worker is left. What cannot be written is tried again; at the end once more, and then given up.
fn write(records: &Receiver<Box<Record>>, state: &State, queue_max: usize, mut to: impl Append) {
    let mut batch = Vec::new();
    while let Ok(first) = records.recv() {
        batch.push(first);
        batch.extend(records.try_iter().take(BATCH_MAX.min(queue_max) - 1));
        while let Err(error) = to.append(&batch) {
            let is_first = !state.is_failing.swap(true, Ordering::AcqRel);
            if is_first {
                tracing::error!("the audit cannot be written: {error}; make room, or see who may write there");
            }
            if state.is_ending.load(Ordering::Acquire) {
                return;
            }
            thread::park_timeout(PAUSE);
        }
        if state.is_failing.swap(false, Ordering::AcqRel) {
            tracing::info!("the audit can be written again");
        }
        state.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
        batch.clear();
    }
}
