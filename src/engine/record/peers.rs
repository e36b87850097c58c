//! What the sealed audit is told of peers, and how it answers who was behind a temporary ID at a time.
//!
//! IDs are not written down one by one: the secret that they are made with is, once a run, and who stands behind a place.

use data_encoding::BASE64URL_NOPAD;

use super::{PrivacySet, Record, Standing, clipped};
use crate::engine::Now;
use crate::seal::TemporaryIds;
use crate::seal::temporary_id::{BEGINNING, Encoding, Hosts, KEPT_DAYS_MAX, Place, Run, Secret};
use crate::tracker::Bound;

/// What such records have for a method: the secret of a run, a binding, a request that was led by an ID.
pub const KEYS: &[u8] = b"P2P-KEYS";
pub const BOUND: &[u8] = b"P2P-BOUND";
pub const LED: &[u8] = b"P2P-LED";

/// Of one answer, so many sessions are told at most.
const SESSIONS_MAX: usize = 10_000;

impl Record {
    fn of_peers(now: Now, method: &[u8]) -> Record {
        Record {
            unix: now.unix,
            origin: Standing::Trusted,
            hop: Standing::Trusted,
            method: method.to_vec(),
            status: 0,
            call_id_received: Vec::new(),
            call_id_sent: Vec::new(),
            branch_received: Vec::new(),
            branch_sent: Vec::new(),
            from: Vec::new(),
            to: Vec::new(),
            contacts: Vec::new(),
            asserted: Vec::new(),
            privacy: PrivacySet::EMPTY,
            is_required: false,
        }
    }

    /// From here on, IDs are made with these keys. `None`: there is no run, which cannot be.
    //= P2P-149
    pub(in crate::engine) fn of_keys(now: Now, ids: &TemporaryIds) -> Option<Record> {
        let (secret, run) = (ids.secret(), ids.runs().first()?);
        let (moving, _) = secret.reveal();
        let drawn = BASE64URL_NOPAD.encode(&run.drawn);
        Some(Record {
            branch_sent: format!("{} {} {drawn}", secret.day(), run.number).into_bytes(),
            from: BASE64URL_NOPAD.encode(moving).into_bytes(),
            to: ids.hosts().own().as_bytes().to_vec(),
            ..Record::of_peers(now, KEYS)
        })
    }

    pub(in crate::engine) fn of_bound(now: Now, bound: &Bound, is_required: bool) -> Record {
        Record {
            branch_sent: place_text(bound.place, bound.generation).into_bytes(),
            from: clipped(&bound.identity),
            to: bound.drawn.clone().unwrap_or_default().into_bytes(),
            contacts: vec![clipped(&bound.device)],
            is_required,
            ..Record::of_peers(now, BOUND)
        }
    }

    pub(in crate::engine) fn of_led(now: Now, session: &Session, is_required: bool) -> Record {
        Record {
            call_id_received: clipped(&session.call_id),
            branch_sent: clipped(&session.called),
            from: clipped(&session.caller),
            to: clipped(&session.id),
            contacts: vec![clipped(&session.identity)],
            is_required,
            ..Record::of_peers(now, LED)
        }
    }
}

/// A request that was led by an ID.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Session {
    pub unix: u64,
    pub caller: Vec<u8>,
    /// What the caller is called by who gets it. Empty: nothing that is known.
    pub called: Vec<u8>,
    pub id: Vec<u8>,
    /// Who is behind it.
    pub identity: Vec<u8>,
    pub call_id: Vec<u8>,
}

/// Who was behind an ID.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Found {
    pub bound: Option<Since>,
    /// Requests that it led somewhere, up to that time.
    pub sessions: Vec<Session>,
}

/// Somebody on a device, from a time on.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Since {
    pub unix: u64,
    pub identity: Vec<u8>,
    pub device: Vec<u8>,
}

/// Looks for one ID in records, in the order they were written in. All of them are learnt from, and then taken.
pub struct Bindings<'a> {
    id: &'a [u8],
    at: u64,
    /// The run whose secret was learnt last, and the first one of which that secret goes on: who stood somewhere then may stand
    /// there still.
    last: Option<Secret>,
    runs: u32,
    goes_on_from: u32,
    /// What the ID opens to, and from which run on records may be of who it is.
    opened: Option<(Place, u8, u32)>,
    runs_taken: u32,
    found: Found,
}

/// What a record says IDs are made with.
struct Keys {
    secret: Secret,
    run: Run,
    hosts: Hosts,
}

impl<'a> Bindings<'a> {
    /// `at`: seconds of Unix time at which the ID was in use.
    pub fn of(id: &'a [u8], at: u64) -> Bindings<'a> {
        Bindings {
            id,
            at,
            last: None,
            runs: 0,
            goes_on_from: 0,
            opened: None,
            runs_taken: 0,
            found: Found::default(),
        }
    }

    /// Learns from the next record what IDs are made with.
    pub fn learn(&mut self, record: &Record) {
        if record.method != KEYS || record.unix > self.at {
            return;
        }
        self.runs += 1;
        let Some(keys) = Keys::read(record) else { return };
        let goes_on = self.last.take().is_some_and(|mut last| {
            let is_moved = last.move_to(keys.secret.day()).is_ok();
            is_moved && last.day() == keys.secret.day() && last.reveal().0 == keys.secret.reveal().0
        });
        if !goes_on {
            self.goes_on_from = self.runs;
        }
        self.last = Some(keys.secret.clone());
        if let Some((place, generation)) = keys.open(self.id, self.at) {
            self.opened = Some((place, generation, self.goes_on_from));
        }
    }

    /// Takes the next record.
    //= P2P-149
    pub fn take(&mut self, record: &Record) {
        if record.unix > self.at {
            return;
        }
        let other = || record.contacts.first().cloned().unwrap_or_default();
        match &record.method[..] {
            KEYS => self.runs_taken += 1,
            BOUND => {
                let is_at_place = self.opened.is_some_and(|(place, generation, from)| {
                    from <= self.runs_taken && place_text(place, generation).as_bytes() == record.branch_sent
                });
                if is_at_place || record.to == self.id {
                    self.found.bound = Some(Since {
                        unix: record.unix,
                        identity: record.from.clone(),
                        device: other(),
                    });
                }
            }
            LED if record.to == self.id && self.found.sessions.len() < SESSIONS_MAX => {
                self.found.sessions.push(Session {
                    unix: record.unix,
                    caller: record.from.clone(),
                    called: record.branch_sent.clone(),
                    id: record.to.clone(),
                    identity: other(),
                    call_id: record.call_id_received.clone(),
                });
            }
            _ => {}
        }
    }

    pub fn found(self) -> Found {
        self.found
    }
}

impl Keys {
    fn read(record: &Record) -> Option<Keys> {
        let text = std::str::from_utf8(&record.branch_sent).ok()?;
        let mut words = text.split(' ');
        let (day, number) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let drawn = BASE64URL_NOPAD.decode(words.next()?.as_bytes()).ok()?.try_into().ok()?;
        let moving = BASE64URL_NOPAD.decode(&record.from).ok()?.try_into().ok()?;
        Some(Keys {
            secret: Secret::new(day, moving, [0; 32]),
            run: Run { number, drawn },
            hosts: Hosts::new(std::str::from_utf8(&record.to).ok()?, &[]),
        })
    }

    fn open(self, id: &[u8], at: u64) -> Option<(Place, u8)> {
        let today = (at.saturating_sub(BEGINNING) / 86_400) as u32;
        let ids = TemporaryIds::new(self.secret, self.hosts, Encoding::Base64Url, today, KEPT_DAYS_MAX).ok()?;
        let opened = ids.with_runs(vec![self.run]).ok()?.open(id).ok()?;
        Some((opened.place, opened.generation))
    }
}

fn place_text(place: Place, generation: u8) -> String {
    format!("{}.{}.{generation}", place.shard(), place.slot())
}

macro_rules! names_nobody {
    ($($what:ident),+) => {
        $(impl std::fmt::Debug for $what {
            /// Names nobody.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($what)).finish_non_exhaustive()
            }
        })+
    };
}

names_nobody!(Session, Found, Since);
