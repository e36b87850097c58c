//! IP fragments, put together again.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use etherparse::{IpNumber, defrag::IpDefragBuf};

use super::ip::{Fragment, IpPacket};

/// How many datagrams may be incomplete at once; the oldest is dropped for the next.
pub const FRAGMENTED_DATAGRAMS_MAX: usize = 1024;
/// How many fragments one datagram may come in; 65,535 octets at the least MTU of IPv6 are 53.
pub const FRAGMENTS_PER_DATAGRAM_MAX: usize = 1024;
/// What all incomplete datagrams may hold.
pub const FRAGMENT_BYTES_MAX: usize = 16 << 20;
/// How long the first fragment waits for the last, by the clock of the capture (RFC 8200 section 4.5: 60 s).
pub const FRAGMENT_AGE_MAX: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Fragments {
    datagrams: BTreeMap<Key, Incomplete>,
    /// In order of their first fragments. Those that are complete by now stay until they come up.
    ages: VecDeque<(u64, Key)>,
    bytes: usize,
    begun: u64,
    /// Fragments that never became a datagram.
    pub dropped: u64,
}

type Key = (IpAddr, IpAddr, u32, u8);

struct Incomplete {
    /// Tells this datagram from an earlier one with the same key.
    serial: u64,
    since: Duration,
    fragments: usize,
    buffer: IpDefragBuf,
}

impl Incomplete {
    fn bytes(&self) -> usize {
        self.buffer.data().capacity()
    }
}

impl Fragments {
    /// Takes in one fragment; gives the payload of the datagram when it was the last one missing.
    pub fn add(&mut self, packet: &IpPacket<'_>, fragment: Fragment, now: Duration) -> Option<Vec<u8>> {
        self.expire(now);
        let key = (packet.src, packet.dst, fragment.identification, packet.protocol);
        let mut incomplete = match self.datagrams.remove(&key) {
            Some(incomplete) => {
                self.bytes -= incomplete.bytes();
                incomplete
            }
            None => self.begin(key, packet.protocol, now),
        };
        incomplete.fragments += 1;
        let added = incomplete.buffer.add(fragment.offset, fragment.more, packet.payload);
        if added.is_ok() && incomplete.buffer.is_complete() {
            return Some(incomplete.buffer.take_bufs().0);
        }
        if incomplete.fragments >= FRAGMENTS_PER_DATAGRAM_MAX {
            self.dropped += incomplete.fragments as u64;
            return None;
        }
        if added.is_err() {
            // What contradicts the others, or cannot be right by itself, does not spoil them.
            incomplete.fragments -= 1;
            self.dropped += 1;
        }
        self.bytes += incomplete.bytes();
        self.datagrams.insert(key, incomplete);
        while self.bytes > FRAGMENT_BYTES_MAX || self.datagrams.len() > FRAGMENTED_DATAGRAMS_MAX {
            self.drop_oldest();
        }
        None
    }

    /// The capture is over: nothing will be completed any more.
    pub fn finish(&mut self) {
        while !self.ages.is_empty() {
            self.drop_oldest();
        }
    }

    fn begin(&mut self, key: Key, protocol: u8, now: Duration) -> Incomplete {
        self.begun += 1;
        self.ages.push_back((self.begun, key));
        // Complete ones keep their place in the queue; it must not grow by them.
        if self.ages.len() > 2 * FRAGMENTED_DATAGRAMS_MAX {
            let datagrams = &self.datagrams;
            let begun = self.begun;
            self.ages.retain(|(serial, key)| {
                *serial == begun
                    || datagrams
                        .get(key)
                        .is_some_and(|incomplete| incomplete.serial == *serial)
            });
        }
        Incomplete {
            serial: self.begun,
            since: now,
            fragments: 0,
            buffer: IpDefragBuf::new(IpNumber(protocol), Vec::new(), Vec::new()),
        }
    }

    fn expire(&mut self, now: Duration) {
        while let Some((serial, key)) = self.ages.front() {
            match self.datagrams.get(key) {
                Some(incomplete)
                    if incomplete.serial == *serial && now.saturating_sub(incomplete.since) <= FRAGMENT_AGE_MAX =>
                {
                    return;
                }
                _ => self.drop_oldest(),
            }
        }
    }

    fn drop_oldest(&mut self) {
        let Some((serial, key)) = self.ages.pop_front() else {
            return;
        };
        if self
            .datagrams
            .get(&key)
            .is_some_and(|incomplete| incomplete.serial == serial)
            && let Some(incomplete) = self.datagrams.remove(&key)
        {
            self.bytes -= incomplete.bytes();
            self.dropped += incomplete.fragments as u64;
        }
    }
}
