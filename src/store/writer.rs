//! The writer: changes of all workers, many at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Durable, Ends, Value};
use crate::engine::storing::{Change, Stored};
use crate::pcscf::RecordId;

/// Changes written at once.
const BATCH_MAX: usize = 256;
/// Records that have ended and go with a batch.
const SWEEP_MAX: usize = 64;

/// Hears once whether a change is made for good.
pub type Done = Box<dyn FnOnce(bool) + Send>;

/// Takes changes. Dropping it writes what it took.
pub struct Store {
    queue: Option<Sender<(Change, Done)>>,
    waiting: Arc<AtomicUsize>,
    queue_max: usize,
    writer: Option<JoinHandle<()>>,
}

impl Store {
    /// Starts the writer. `there`: what `to` holds already; `records_max`: beyond that the one that ends soonest goes.
    pub fn start(to: impl Durable, there: &[Stored], queue_max: usize, records_max: usize) -> io::Result<Store> {
        let mut ends = Ends::default();
        there
            .iter()
            .for_each(|stored| ends.put(stored.record, stored.expires_at));
        let (queue, changes) = channel();
        let waiting = Arc::<AtomicUsize>::default();
        let of_writer = Arc::clone(&waiting);
        let writer = thread::Builder::new().name("store".to_owned());
        let writer = writer.spawn(move || write(&changes, &of_writer, to, ends, records_max))?;
        Ok(Store {
            queue: Some(queue),
            waiting,
            queue_max: queue_max.max(1),
            writer: Some(writer),
        })
    }

    /// Takes a change, to be made soon. Never waits: `done` hears no at once when too many wait.
    pub fn take(&self, change: Change, done: Done) {
        let Some(queue) = &self.queue else { return done(false) };
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= self.queue_max {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return done(false);
        }
        if let Err(refused) = queue.send((change, done)) {
            (refused.0.1)(false);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(
    changes: &Receiver<(Change, Done)>,
    waiting: &AtomicUsize,
    mut to: impl Durable,
    mut ends: Ends,
    records_max: usize,
) {
    let mut is_failing = false;
    while let Ok(first) = changes.recv() {
        let mut batch = vec![first];
        batch.extend(changes.try_iter().take(BATCH_MAX - 1));
        waiting.fetch_sub(batch.len(), Ordering::AcqRel);
        let (changes, done): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|(change, done)| (written(change, &mut ends), done))
            .unzip();
        let swept = sweep(&mut ends, records_max);
        let result = to.write(&[changes, swept].concat());
        if let Err(error) = &result
            && !is_failing
        {
            tracing::error!("the store cannot be written: {error}; nobody can register until it can");
        }
        is_failing = result.is_err();
        done.into_iter().for_each(|done| done(!is_failing));
    }
}

fn written(change: Change, ends: &mut Ends) -> (RecordId, Option<Value>) {
    match change {
        Change::Put(Stored {
            record,
            expires_at,
            sealed,
        }) => {
            ends.put(record, expires_at);
            (record, Some(Value { expires_at, sealed }))
        }
        Change::Remove(record) => {
            ends.remove(record);
            (record, None)
        }
    }
}

/// A few that have ended, and as many as there are too many.
fn sweep(ends: &mut Ends, records_max: usize) -> Vec<(RecordId, Option<Value>)> {
    let now_unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_unix = now_unix.map_or(0, |since| since.as_secs());
    let mut swept = Vec::new();
    while let Some(record) = ends.pop(now_unix, records_max) {
        swept.push((record, None));
        if swept.len() >= SWEEP_MAX + BATCH_MAX {
            break;
        }
    }
    swept
}
