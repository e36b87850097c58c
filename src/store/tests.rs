//! The store without the proxy.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, mpsc};

use tempfile::TempDir;

use super::*;
use crate::engine::storing::{Change, Stored};

const FAR: u64 = u64::MAX / 2;
const ROOM: Room = Room {
    registrations: 3,
    peers: 3,
};

fn put(record: u128, expires_at: u64) -> Change {
    Change::Put(Stored {
        record: RecordId(record),
        expires_at,
        sealed: vec![record as u8; 3],
    })
}

/// Changes one after the other; whether each is made.
fn made(store: &Store, changes: impl IntoIterator<Item = Change>) -> Vec<bool> {
    let one = |change| {
        let (told, heard) = mpsc::channel();
        store.take(change, Box::new(move |is_kept| told.send(is_kept).unwrap()));
        heard.recv().unwrap()
    };
    changes.into_iter().map(one).collect()
}

fn open(path: &Path) -> (Store, Vec<u128>) {
    let (file, kept) = File::open(path).unwrap();
    let records = kept.registrations.iter().map(|stored| stored.record.0).collect();
    (Store::start(file, &kept, 10, ROOM).unwrap(), records)
}

//= PCSCF-033 type=test
#[test]
fn what_was_made_is_there_after_a_restart_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.redb");
    let (store, there) = open(&path);
    assert!(there.is_empty());
    let changes = [
        put(1, FAR),
        put(2, FAR),
        put(1, FAR + 1),
        Change::Remove(RecordId(2)),
        put(3, FAR),
    ];
    assert_eq!(made(&store, changes), [true; 5]);
    assert!(File::open(&path).is_err(), "it is open already");
    drop(store);
    let (file, kept) = File::open(&path).unwrap();
    let kept: Vec<_> = kept
        .registrations
        .into_iter()
        .map(|stored| (stored.record.0, stored.expires_at, stored.sealed))
        .collect();
    assert_eq!(kept, [(1, FAR + 1, vec![1; 3]), (3, FAR, vec![3; 3])]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(file);
}

#[test]
fn what_has_ended_goes_and_at_the_maximum_what_ends_soonest() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.redb");
    let (store, _) = open(&path);
    made(&store, [put(1, 5), put(2, FAR + 2), put(3, FAR + 1), put(4, FAR + 3)]);
    drop(store);
    let (store, there) = open(&path);
    assert_eq!(there, [2, 3, 4]);
    made(&store, [put(5, FAR + 4)]);
    drop(store);
    assert_eq!(open(&path).1, [2, 4, 5]);
}

fn put_fact(record: u128, expires_at: u64) -> Change {
    let Change::Put(stored) = put(record, expires_at) else {
        unreachable!()
    };
    Change::PutFact(stored)
}

fn facts(path: &Path) -> Vec<u128> {
    let mut facts = Vec::new();
    let (file, _) = File::open(path).unwrap();
    file.each_of_peers(|stored| facts.push(stored.record.0)).unwrap();
    facts
}

/// What the tracker keeps stands beside registrations of the same name, and goes by itself or with all of it.
//= P2P-141 type=test
#[test]
fn facts_are_kept_apart_and_only_what_ends_makes_room() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.redb");
    let (store, _) = open(&path);
    let lasting = (1..=6).map(|record| put_fact(record, u64::MAX));
    let ending = (7..=11).map(|record| put_fact(record, FAR + record as u64));
    let all = lasting
        .chain(ending)
        .chain([put(1, FAR), Change::RemoveFact(RecordId(2))]);
    assert_eq!(made(&store, all), [true; 13]);
    drop(store);
    assert_eq!(facts(&path), [1, 3, 4, 5, 6, 9, 10, 11]);
    // What there was counts in the next run.
    let (store, registrations) = open(&path);
    assert_eq!(registrations, [1]);
    made(&store, [put_fact(12, FAR + 1000)]);
    drop(store);
    assert_eq!(facts(&path), [1, 3, 4, 5, 6, 10, 11, 12]);
    let (store, _) = open(&path);
    assert_eq!(made(&store, [Change::ForgetFacts, put_fact(0, u64::MAX)]), [true; 2]);
    drop(store);
    assert_eq!((facts(&path), open(&path).1), (vec![0], vec![1]));
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.redb");
    let text = "this is somebody's letter".repeat(400);
    std::fs::write(&path, &text).unwrap();
    let error = File::open(&path).map(drop).unwrap_err();
    assert!(error.to_string().contains("store.redb does not open"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let nowhere = folder.path().join("none/store.redb");
    assert!(File::open(&nowhere).is_err());
}

/// Writes nothing before it may, and then does as it is told.
struct Slow {
    may: Arc<(Mutex<bool>, Condvar)>,
    works: bool,
}

impl Durable for Slow {
    fn write(&mut self, _: &[Write]) -> Result<(), Failed> {
        let (may, changed) = &*self.may;
        let _may = changed.wait_while(may.lock().unwrap(), |may| !*may).unwrap();
        match self.works {
            true => Ok(()),
            false => Err(Failed("no space".to_owned())),
        }
    }
}

#[test]
fn who_waits_beyond_the_maximum_hears_no_at_once() {
    for works in [true, false] {
        let may = Arc::<(Mutex<bool>, Condvar)>::default();
        let slow = Slow {
            may: Arc::clone(&may),
            works,
        };
        let store = Store::start(slow, &Contents::default(), 2, ROOM).unwrap();
        let (told, heard) = mpsc::channel();
        let take = |number: u128| {
            let told = told.clone();
            store.take(
                put(number, FAR),
                Box::new(move |is_kept| told.send((number, is_kept)).unwrap()),
            );
        };
        // One may be with the writer; two wait; the others do not.
        (1..=9).for_each(take);
        let mut refused: Vec<u128> = heard
            .try_iter()
            .map(|(number, is_kept)| {
                assert!(!is_kept);
                number
            })
            .collect();
        assert!((5..=7).contains(&refused.len()), "{refused:?}");
        *may.0.lock().unwrap() = true;
        may.1.notify_all();
        drop(store);
        let others: Vec<(u128, bool)> = heard.try_iter().collect();
        assert!(others.iter().all(|(_, is_kept)| *is_kept == works));
        refused.extend(others.iter().map(|(number, _)| *number));
        refused.sort_unstable();
        assert_eq!(refused, (1..=9).collect::<Vec<_>>());
    }
}
