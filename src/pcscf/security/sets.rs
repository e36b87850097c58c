//! All sets of this node: which exist, which is used, when each ends.
//!
//! Promises that a set is made and kept by a successful authentication alone: what fails or is never answered takes away its
//! own temporary set and nothing else. Time and random numbers come in as values; what is to be installed and removed comes
//! out of [`Sets::poll`], in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::keys::EspKeys;
use super::server_list::{OurEnds, server_list};
use super::set::{Agreed, Between, Change, Install, Removal, Said, Set, SetId, State};
use super::suite::{Ends, Offer, Terms};
use crate::pcscf::keys::CkIk;
use crate::sip::Transport;
use crate::sip::headers::security::Mechanisms;
use crate::trust::ConnectionId;

/// How long a challenge waits for its answer (`reg-await-auth`).
//= AKA-021
pub const TEMPORARY: Duration = Duration::from_secs(4 * 60);
/// How much longer than its registration a set lasts.
pub const BEYOND_REGISTRATION: Duration = Duration::from_secs(30);
/// 64 times T1 of the radio access, where T1 is 2 s: until then every transaction on a set is over.
pub const PENDING_TRANSACTIONS: Duration = Duration::from_secs(128);
/// Sets of one private identity at one address: six associations in each direction.
//= AKA-025
pub const SETS_OF_ONE_MAX: usize = 3;
/// How often a random number is drawn for an SPI that is free.
const DRAWS_MAX: usize = 64;

/// The table of sets, never larger than it was made for.
pub struct Sets {
    /// Boxed: a table has room for more than it holds.
    sets: BTreeMap<SetId, Box<Set>>,
    /// By a digest of each [`Mark`] of theirs: the marks themselves stand in the sets.
    by_mark: BTreeSet<(Digest, SetBytes)>,
    /// Of the digests. Peers choose what they are made of.
    digest_keys: (u64, u64),
    /// By the nanosecond.
    by_end_time: BTreeSet<(u64, SetId)>,
    /// Of our SPIs, those in use.
    spis: BTreeSet<u32>,
    /// Temporary sets of each source.
    pending: BTreeMap<IpAddr, u32>,
    changes: VecDeque<Change>,
    next: u64,
    max: Max,
}

/// Two marks may have the same.
type Digest = u32;
/// A [`SetId`] in bytes, in the same order: beside a digest it takes no room for being aligned.
type SetBytes = [u8; 8];

/// By what a set is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Mark<'a> {
    Impi(&'a [u8]),
    /// A port of the UE, its client's or its server's.
    Port(Between, u16),
    /// An SPI of the UE, with its address: the kernel knows an outbound association by these.
    Spi(IpAddr, u32),
}

fn marks(set: &Set) -> [Mark<'_>; 5] {
    let Ends {
        spi_c,
        spi_s,
        port_c,
        port_s,
    } = set.theirs;
    [
        Mark::Impi(&set.impi),
        Mark::Port(set.between, port_c),
        Mark::Port(set.between, port_s),
        Mark::Spi(set.between.ue, spi_c),
        Mark::Spi(set.between.ue, spi_s),
    ]
}

/// The ceilings of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Max {
    /// Sets; temporary ones may be half of them, so that those who ask leave room for those who are there.
    pub sets: usize,
    /// Temporary sets of one source: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub pending_of_source: u32,
}

/// A UE that is challenged, and asked for protection.
pub struct Asked<'a> {
    pub impi: &'a [u8],
    pub between: Between,
    /// Security-Client, and what was chosen from it.
    pub client: Mechanisms,
    pub offer: Offer,
    /// The set on which it asked.
    pub on: Option<SetId>,
    pub nonce: &'a [u8],
}

/// Our protected ports of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Ports<'a> {
    pub server: u16,
    pub clients: &'a [u16],
}

/// Why no set is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSet {
    #[error("the client port of a UE is bound to another security association already")]
    PortTaken,
    #[error("an SPI of a UE belongs to another security association already")]
    SpiTaken,
    #[error("a private identity has as many security associations as it may have")]
    TooManyOfOne,
    #[error("a source waits for limits.max_pending_auth authentications already")]
    TooManyPending,
    #[error("there are limits.security_sets_max sets of security associations")]
    Full,
    #[error("no protected client port or SPI is free for a UE")]
    NoNumbers,
}

/// A set as others see it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub id: SetId,
    pub state: State,
    pub impi: &'a [u8],
    pub agreed: &'a Agreed,
    pub between: Between,
    pub theirs: Ends,
    pub ours: OurEnds,
    /// What the UE registered over, last.
    pub transport: Transport,
}

impl Sets {
    /// `digest_keys` are drawn at random, and nobody else knows them.
    pub fn new(max: Max, digest_keys: (u64, u64)) -> Sets {
        Sets {
            sets: BTreeMap::new(),
            by_mark: BTreeSet::new(),
            digest_keys,
            by_end_time: BTreeSet::new(),
            spis: BTreeSet::new(),
            pending: BTreeMap::new(),
            changes: VecDeque::new(),
            next: 0,
            max,
        }
    }

    /// What is to be installed and removed, in order, until `None`.
    pub fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When the next set ends.
    pub fn next_end(&self) -> Option<Duration> {
        self.by_end_time.first().map(|(at, _)| Duration::from_nanos(*at))
    }

    /// Removes what has come to its end.
    pub fn expire(&mut self, now: Duration) {
        while let Some(&(at, id)) = self.by_end_time.first()
            && at <= nanoseconds(now)
        {
            self.remove(id);
        }
    }

    /// Removes all of them.
    pub fn clear(&mut self) {
        while let Some(&(_, id)) = self.by_end_time.first() {
            self.remove(id);
        }
    }

    pub fn len(&self) -> usize {
        self.sets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The set of a message from this port of a UE to this port of ours.
    //= PCSCF-025
    pub fn of_message(&self, between: Between, their_port: u16, our_port: u16) -> Option<Seen<'_>> {
        let ports = (their_port, our_port);
        let mut here = self.with(Mark::Port(between, their_port));
        let (id, _) = here.find(|(_, set)| set_ports(set).contains(&ports))?;
        self.seen(id)
    }

    /// The set by which something goes to the UE that listens there, now.
    //= AKA-023
    pub fn towards(&self, between: Between, their_server_port: u16, now: Duration) -> Option<Seen<'_>> {
        let here = self.with(Mark::Port(between, their_server_port));
        let carries = |set: &Set| set.state == State::Established && set.theirs.port_s == their_server_port;
        let (newest, set) = here.filter(|(_, set)| carries(set)).last()?;
        let instead = set.before;
        let lasts = |id: &SetId| {
            let set = self.sets.get(id);
            set.is_some_and(|set| set.ends_at > now + PENDING_TRANSACTIONS)
        };
        self.seen(instead.filter(lasts).unwrap_or(newest))
    }

    pub fn seen(&self, id: SetId) -> Option<Seen<'_>> {
        let set = self.sets.get(&id)?;
        Some(Seen {
            id,
            state: set.state,
            impi: &set.impi,
            agreed: &set.agreed,
            between: set.between,
            theirs: set.theirs,
            ours: set.ours,
            transport: set.transport,
        })
    }

    /// A temporary set for a UE that is being challenged; what its Security-Server says is in [`Agreed`].
    ///
    /// A temporary set that it has already goes: one authentication at a time. One of the same identity at another address
    /// stays, or whoever knows an identity could end the authentications of its owner.
    //= AKA-024
    //= AKA-028
    pub fn challenged(
        &mut self,
        now: Duration,
        asked: Asked<'_>,
        keys: &CkIk,
        ports: Ports<'_>,
        terms: Terms,
        mut random: impl FnMut() -> u32,
    ) -> Result<SetId, NoSet> {
        self.fits(&asked)?;
        if let Some(id) = self.pending_of(asked.impi, asked.between) {
            self.remove(id);
        }
        let theirs = asked.offer.ends;
        let ours = OurEnds {
            spi_c: self.free_spi(&asked, None, &mut random)?,
            spi_s: 0,
            port_c: self.free_port(&asked, ports)?,
            port_s: ports.server,
        };
        let ours = OurEnds {
            spi_s: self.free_spi(&asked, Some(ours.spi_c), &mut random)?,
            ..ours
        };
        let id = SetId(self.next);
        self.next += 1;
        let set = Set {
            state: State::Temporary,
            impi: asked.impi.into(),
            between: asked.between,
            theirs,
            ours,
            suite: asked.offer.suite,
            agreed: Agreed {
                client: Said::list(&asked.client),
                server: Said::list(&server_list(terms, Some(ours))),
                nonce: Said::of(asked.nonce),
            },
            ends_at: now + TEMPORARY,
            before: asked.on,
            transport: Transport::Udp,
            connection: None,
        };
        self.changes.push_back(Change::Install(Install {
            set: id,
            associations: set.associations(),
            suite: set.suite,
            keys: EspKeys::expand(set.suite, keys),
        }));
        self.enter(id, set);
        Ok(id)
    }

    /// The network accepted the UE on its temporary set, for this long.
    //= AKA-020
    //= AKA-021
    pub fn accepted(&mut self, now: Duration, id: SetId, granted: Duration) {
        let Some(set) = self.sets.get(&id).filter(|set| set.state == State::Temporary) else {
            return;
        };
        let (impi, between, before) = (set.impi.clone(), set.between, set.before);
        let carried_on = before.filter(|on| self.sets.contains_key(on));
        let lasted = carried_on.and_then(|on| self.sets.get(&on)).map(|set| set.ends_at);
        self.settle_pending(id);
        if let Some(set) = self.sets.get_mut(&id) {
            set.state = State::Established;
            set.before = carried_on;
        }
        self.end_at(
            id,
            (now + granted + BEYOND_REGISTRATION).max(lasted.unwrap_or_default()),
        );
        for other in self.others(&impi, id) {
            self.replace(now, other, carried_on, between);
        }
    }

    /// What becomes of an older set when a newer one of the same identity is established.
    //= AKA-022
    //= AKA-023
    fn replace(&mut self, now: Duration, id: SetId, carried_on: Option<SetId>, between: Between) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        let is_here = set.between == between;
        match set.state {
            // Another authentication of its own.
            State::Temporary | State::Failed => {}
            State::Established | State::Old if carried_on == Some(id) => {
                set.state = State::Old;
                set.before = None;
            }
            State::Established | State::Old if is_here => self.remove(id),
            State::Established | State::Old if carried_on.is_none() => self.shorten(now, id),
            State::Established | State::Old => {}
        }
    }

    /// A 2xx to a REGISTER on an established set: it lasts at least as long as that grants.
    //= AKA-021
    pub fn refreshed(&mut self, now: Duration, id: SetId, granted: Duration) {
        if let Some(set) = self.sets.get(&id)
            && set.state == State::Established
        {
            let ends_at = set.ends_at.max(now + granted + BEYOND_REGISTRATION);
            self.end_at(id, ends_at);
        }
    }

    /// Something else than its authentication came on an established set: the one before it has had its time.
    //= AKA-023
    pub fn used(&mut self, now: Duration, id: SetId) {
        let Some(set) = self.sets.get_mut(&id).filter(|set| set.state == State::Established) else {
            return;
        };
        if let Some(before) = set.before.take() {
            self.shorten(now, before);
        }
    }

    /// A REGISTER came on a set.
    pub fn registered_over(&mut self, id: SetId, transport: Transport) {
        if let Some(set) = self.sets.get_mut(&id) {
            set.transport = transport;
        }
    }

    /// A message came on this connection of the UE; whether it is another than the one before.
    pub fn is_another_connection(&mut self, id: SetId, connection: ConnectionId) -> bool {
        let set = self.sets.get_mut(&id);
        set.is_some_and(|set| set.connection.replace(connection) != Some(connection))
    }

    /// The UE is registered no more.
    //= PCSCF-011
    pub fn deregistered(&mut self, now: Duration, id: SetId) {
        let Some(set) = self.sets.get(&id) else { return };
        let before = set.before;
        for id in [Some(id), before].into_iter().flatten() {
            self.shorten(now, id);
        }
    }

    /// The authentication of a temporary set came to nothing.
    //= AKA-024
    pub fn failed(&mut self, id: SetId) {
        if self.sets.get(&id).is_some_and(|set| set.state == State::Temporary) {
            self.remove(id);
        }
    }

    /// The same, for a UE that says so unprotected or on another set.
    pub fn failed_of(&mut self, impi: &[u8], between: Between) {
        if let Some(id) = self.pending_of(impi, between) {
            self.remove(id);
        }
    }

    /// The network did not accept the answer that came on a temporary set. The UE hears of it there.
    //= AKA-024
    pub fn refused(&mut self, now: Duration, id: SetId) {
        if self.sets.get(&id).is_some_and(|set| set.state == State::Temporary) {
            self.settle_pending(id);
            if let Some(set) = self.sets.get_mut(&id) {
                set.state = State::Failed;
                set.before = None;
            }
            self.shorten(now, id);
        }
    }

    // Room and numbers.

    //= AKA-025
    fn fits(&self, asked: &Asked<'_>) -> Result<(), NoSet> {
        let Between { ue, .. } = asked.between;
        let gone = self.pending_of(asked.impi, asked.between);
        let goes = |id: &SetId| Some(*id) == gone;
        let client_port = asked.offer.ends.port_c;
        let is_taken = |mark| self.with(mark).any(|(id, _)| !goes(&id));
        if is_taken(Mark::Port(asked.between, client_port)) {
            return Err(NoSet::PortTaken);
        }
        let Ends { spi_c, spi_s, .. } = asked.offer.ends;
        if is_taken(Mark::Spi(ue, spi_c)) || is_taken(Mark::Spi(ue, spi_s)) {
            return Err(NoSet::SpiTaken);
        }
        let of_one = self.with(Mark::Impi(asked.impi)).filter(|(id, _)| !goes(id));
        if of_one.filter(|(_, set)| set.between.ue == ue).count() >= SETS_OF_ONE_MAX {
            return Err(NoSet::TooManyOfOne);
        }
        let freed = u32::from(gone.is_some());
        let of_source = self.pending.get(&source(ue)).copied().unwrap_or(0) - freed;
        if of_source >= self.max.pending_of_source {
            return Err(NoSet::TooManyPending);
        }
        let all_pending: usize = self.pending_count() - freed as usize;
        if self.sets.len() - freed as usize >= self.max.sets || all_pending >= self.max.sets.div_ceil(2) {
            return Err(NoSet::Full);
        }
        Ok(())
    }

    /// One that no inbound association of ours has, and none of the UE.
    //= AKA-004
    fn free_spi(&self, asked: &Asked<'_>, taken: Option<u32>, random: &mut impl FnMut() -> u32) -> Result<u32, NoSet> {
        let theirs = asked.offer.ends;
        let is_theirs = |spi: u32| {
            let mut of_ue = self.with(Mark::Impi(asked.impi));
            of_ue.any(|(_, set)| spi == set.theirs.spi_c || spi == set.theirs.spi_s)
        };
        let is_free = |spi: &u32| {
            *spi > 255
                && taken != Some(*spi)
                && *spi != theirs.spi_c
                && *spi != theirs.spi_s
                && !self.spis.contains(spi)
                && !is_theirs(*spi)
        };
        let mut drawn = std::iter::repeat_with(random).take(DRAWS_MAX);
        drawn.find(is_free).ok_or(NoSet::NoNumbers)
    }

    /// The next of our client ports that no set of this UE's server port has: it changes with each authentication.
    //= AKA-003
    fn free_port(&self, asked: &Asked<'_>, ports: Ports<'_>) -> Result<u16, NoSet> {
        let server_port = asked.offer.ends.port_s;
        let is_free = |port: &&u16| self.of_message(asked.between, server_port, **port).is_none();
        let mut clients = ports.clients.iter();
        clients.find(is_free).copied().ok_or(NoSet::NoNumbers)
    }

    // The tables.

    fn enter(&mut self, id: SetId, set: Set) {
        let Between { ue, .. } = set.between;
        *self.pending.entry(source(ue)).or_default() += 1;
        let marks = marks(&set).map(|mark| (self.digest(mark), id.0.to_be_bytes()));
        self.by_mark.extend(marks);
        self.by_end_time.insert((nanoseconds(set.ends_at), id));
        self.spis.extend([set.ours.spi_c, set.ours.spi_s]);
        self.sets.insert(id, Box::new(set));
    }

    fn remove(&mut self, id: SetId) {
        self.settle_pending(id);
        let Some(set) = self.sets.remove(&id) else { return };
        for mark in marks(&set) {
            self.by_mark.remove(&(self.digest(mark), id.0.to_be_bytes()));
        }
        self.by_end_time.remove(&(nanoseconds(set.ends_at), id));
        self.spis.remove(&set.ours.spi_c);
        self.spis.remove(&set.ours.spi_s);
        self.changes.push_back(Change::Remove(Removal {
            set: id,
            associations: set.associations(),
        }));
    }

    /// It is not pending any more.
    fn settle_pending(&mut self, id: SetId) {
        let Some(set) = self.sets.get(&id).filter(|set| set.state == State::Temporary) else {
            return;
        };
        let place = source(set.between.ue);
        if let Some(count) = self.pending.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(&place);
            }
        }
    }

    fn shorten(&mut self, now: Duration, id: SetId) {
        if let Some(set) = self.sets.get(&id) {
            let ends_at = set.ends_at.min(now + PENDING_TRANSACTIONS);
            self.end_at(id, ends_at);
        }
    }

    fn end_at(&mut self, id: SetId, at: Duration) {
        if let Some(set) = self.sets.get_mut(&id) {
            self.by_end_time.remove(&(nanoseconds(set.ends_at), id));
            set.ends_at = at;
            self.by_end_time.insert((nanoseconds(at), id));
        }
    }

    fn pending_count(&self) -> usize {
        self.pending.values().map(|count| *count as usize).sum()
    }

    /// The sets that bear a mark, oldest first.
    fn with<'a>(&'a self, mark: Mark<'a>) -> impl Iterator<Item = (SetId, &'a Set)> {
        let digest = self.digest(mark);
        let alike = self
            .by_mark
            .range((digest, SetBytes::default())..=(digest, [u8::MAX; 8]));
        let ids = alike.map(|(_, id)| SetId(u64::from_be_bytes(*id)));
        let sets = ids.filter_map(|id| Some((id, self.sets.get(&id)?.as_ref())));
        sets.filter(move |(_, set)| marks(set).contains(&mark))
    }

    fn digest(&self, mark: Mark<'_>) -> Digest {
        let (first, second) = self.digest_keys;
        let mut hasher = SipHasher13::new_with_keys(first, second);
        mark.hash(&mut hasher);
        hasher.finish() as Digest
    }

    fn others(&self, impi: &[u8], id: SetId) -> Vec<SetId> {
        let all = self.with(Mark::Impi(impi)).map(|(id, _)| id);
        all.filter(|other| *other != id).collect()
    }

    fn pending_of(&self, impi: &[u8], between: Between) -> Option<SetId> {
        let is_pending = |set: &Set| set.state == State::Temporary && set.between == between;
        let mut all = self.with(Mark::Impi(impi));
        all.find(|(_, set)| is_pending(set)).map(|(id, _)| id)
    }
}

/// The engine's clock begins with the process.
fn nanoseconds(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
}

/// Where a set's messages come from, and where they come to.
fn set_ports(set: &Set) -> [(u16, u16); 2] {
    [
        (set.theirs.port_c, set.ours.port_s),
        (set.theirs.port_s, set.ours.port_c),
    ]
}

/// Who is counted as one.
fn source(ue: IpAddr) -> IpAddr {
    match ue.to_canonical() {
        IpAddr::V4(ue) => IpAddr::V4(ue),
        IpAddr::V6(ue) => IpAddr::V6((ue.to_bits() >> 64 << 64).into()),
    }
}

impl std::fmt::Debug for Sets {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sets").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
