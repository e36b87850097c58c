//! The home subscriber server: who may be where, with which key, and who is gone.

mod cx;
mod door;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::subscriber::Subscriber;
use crate::interop::phone_process::PATIENCE;

/// Dropped, it ends.
pub struct Hss {
    /// Where the CSCFs reach it. The address is its Diameter identity too, for nothing here resolves names.
    pub at: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    book: Mutex<Book>,
    changed: Condvar,
}

/// Everything it knows.
struct Book {
    own: IpAddr,
    /// Who serves whom is not known yet.
    scscf: String,
    accounts: Vec<Account>,
    /// Diameter identities of the CSCFs, and where they are spoken to.
    peers: BTreeMap<String, TcpStream>,
    /// Commands that were carried out, in order, with the private identity they were about.
    done: Vec<(Command, String)>,
    /// Of requests of its own.
    last_number: u32,
    /// Whom each of those was about.
    terminated: Vec<String>,
    is_over: bool,
}

struct Account {
    subscriber: Subscriber,
    /// Of the next challenge.
    sqn: u64,
    serving: Option<String>,
    forges_next: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// May this user register, and where: UAR.
    Authorized,
    /// Authentication vectors: MAR.
    Challenged,
    /// The same after the card said it lost count.
    Resynchronised,
    /// Who serves this user from now on: SAR.
    Assigned,
    /// Who serves this user: LIR.
    Located,
    /// The S-CSCF said yes to RTR.
    Deregistered,
}

impl Hss {
    pub fn opens(own: IpAddr, scscf: &str, subscribers: impl Iterator<Item = Subscriber>) -> Hss {
        let accounts = subscribers.map(|subscriber| Account {
            subscriber,
            sqn: 0x100,
            serving: None,
            forges_next: false,
        });
        let book = Book {
            own,
            scscf: scscf.to_owned(),
            accounts: accounts.collect(),
            peers: BTreeMap::new(),
            done: Vec::new(),
            last_number: 0,
            terminated: Vec::new(),
            is_over: false,
        };
        let shared = Arc::new(Shared {
            book: Mutex::new(book),
            changed: Condvar::new(),
        });
        Hss {
            at: door::open(own, &shared),
            shared,
        }
    }

    /// Waits until so many CSCFs have said who they are.
    pub fn waits_for_peers(&self, count: usize) {
        self.waits_until("a CSCF is missing", |book| book.peers.len() >= count);
    }

    /// The next challenge to this user comes from somebody who does not know the key.
    pub fn forges_next(&self, subscriber: Subscriber) {
        self.shared.book().account(subscriber).forges_next = true;
    }

    /// It has lost count of its challenges to this user.
    pub fn loses_count(&self, subscriber: Subscriber) {
        self.shared.book().account(subscriber).sqn = 0;
    }

    /// The network ends the registration (RTR), and the S-CSCF has agreed when this returns.
    pub fn deregisters(&self, subscriber: Subscriber) {
        let so_many = self.count(subscriber, Command::Deregistered);
        self.shared.book().sends_rtr(subscriber);
        let identity = subscriber.private_identity();
        self.waits_until("the S-CSCF does not agree", |book| {
            book.count(&identity, Command::Deregistered) > so_many
        });
    }

    /// How often this was done for this user.
    pub fn count(&self, subscriber: Subscriber, command: Command) -> usize {
        self.shared.book().count(&subscriber.private_identity(), command)
    }

    /// How often this was done for anybody.
    pub fn count_all(&self, command: Command) -> usize {
        self.shared.book().done.iter().filter(|done| done.0 == command).count()
    }

    fn waits_until(&self, missing: &str, is_so: impl Fn(&Book) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut book = self.shared.book();
        while !is_so(&book) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{missing}; done: {:?}", book.done);
            book = self.shared.changed.wait_timeout(book, left).unwrap().0;
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn account(&mut self, subscriber: Subscriber) -> &mut Account {
        let mut accounts = self.accounts.iter_mut();
        accounts.find(|account| account.subscriber == subscriber).unwrap()
    }

    fn count(&self, private_identity: &str, command: Command) -> usize {
        let done = self.done.iter();
        done.filter(|(own, whom)| (*own, whom.as_str()) == (command, private_identity))
            .count()
    }
}

impl Drop for Hss {
    fn drop(&mut self) {
        let mut book = self.shared.book();
        book.is_over = true;
        for peer in book.peers.values() {
            let _ = peer.shutdown(std::net::Shutdown::Both);
        }
        drop(book);
        // Wakes who accepts.
        let _ = TcpStream::connect(self.at);
    }
}
