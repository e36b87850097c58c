//! The writer: changes of all workers, many at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Contents, Durable, Ends, Room, Shelf, Value, Write};
use crate::engine::storing::{Change, Stored};

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
    /// Starts the writer. `there`: what `to` holds already.
    pub fn start(to: impl Durable, there: &Contents, queue_max: usize, room: Room) -> io::Result<Store> {
        let mut ends = Shelves::of(room);
        for stored in &there.registrations {
            ends.registrations.put(stored.record, stored.expires_at);
        }
        for (record, expires_at) in &there.peers_that_end {
            ends.peers.put(*record, *expires_at);
        }
        let (queue, changes) = channel();
        let waiting = Arc::<AtomicUsize>::default();
        let of_writer = Arc::clone(&waiting);
        let writer = thread::Builder::new().name("store".to_owned());
        let writer = writer.spawn(move || write(&changes, &of_writer, to, ends))?;
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

fn write(changes: &Receiver<(Change, Done)>, waiting: &AtomicUsize, mut to: impl Durable, mut ends: Shelves) {
    let mut is_failing = false;
    while let Ok(first) = changes.recv() {
        let mut batch = vec![first];
        batch.extend(changes.try_iter().take(BATCH_MAX - 1));
        waiting.fetch_sub(batch.len(), Ordering::AcqRel);
        let (changes, done): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|(change, done)| (written(change, &mut ends), done))
            .unzip();
        let swept = ends.sweep();
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

fn written(change: Change, ends: &mut Shelves) -> Write {
    let shelf = match change {
        Change::Put(_) | Change::Remove(_) => Shelf::Registrations,
        Change::PutFact(_) | Change::RemoveFact(_) | Change::ForgetFacts => Shelf::Peers,
    };
    let of_shelf = ends.of_shelf(shelf);
    match change {
        Change::Put(stored) | Change::PutFact(stored) => {
            let Stored {
                record,
                expires_at,
                sealed,
            } = stored;
            of_shelf.put(record, expires_at);
            Write::Put(shelf, record, Value { expires_at, sealed })
        }
        Change::Remove(record) | Change::RemoveFact(record) => {
            of_shelf.remove(record);
            Write::Remove(shelf, record)
        }
        Change::ForgetFacts => {
            *of_shelf = Ends::default();
            Write::Clear(shelf)
        }
    }
}

/// When what ends.
struct Shelves {
    registrations: Ends,
    peers: Ends,
    room: Room,
}

impl Shelves {
    fn of(room: Room) -> Shelves {
        Shelves {
            registrations: Ends::default(),
            peers: Ends::default(),
            room,
        }
    }

    fn of_shelf(&mut self, shelf: Shelf) -> &mut Ends {
        match shelf {
            Shelf::Registrations => &mut self.registrations,
            Shelf::Peers => &mut self.peers,
        }
    }

    /// A few that have ended, and as many as there are too many.
    fn sweep(&mut self) -> Vec<Write> {
        let now_unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_unix = now_unix.map_or(0, |since| since.as_secs());
        let room = self.room;
        let mut swept = Vec::new();
        for (shelf, max) in [(Shelf::Registrations, room.registrations), (Shelf::Peers, room.peers)] {
            let of_shelf = self.of_shelf(shelf);
            let over = std::iter::from_fn(|| of_shelf.pop(now_unix, max)).take(SWEEP_MAX + BATCH_MAX);
            swept.extend(over.map(|record| Write::Remove(shelf, record)));
        }
        swept
    }
}
