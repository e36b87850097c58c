//! The TCP streams of a capture, within bounds.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    CaptureCounts,
    dissect::Stamp,
    tcp::{Arrived, Direction, Segment},
};

/// How many streams are followed; the one silent for longest makes room for the next.
pub const STREAMS_MAX: usize = 16 * 1024;
/// What all streams together may hold; those silent for longest make room.
pub const STREAM_BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
pub(super) struct Streams {
    streams: BTreeMap<Addresses, Stream>,
    /// By the turn in which they last had a segment.
    turns: BTreeMap<u64, Addresses>,
    turn: u64,
    bytes: usize,
}

/// Source and destination.
pub(super) type Addresses = (SocketAddr, SocketAddr);

struct Stream {
    turn: u64,
    direction: Direction,
}

impl Streams {
    /// Takes in a segment; gives the messages it completed, each with the addresses of its stream.
    pub fn accept(
        &mut self,
        addresses: Addresses,
        segment: Segment<'_>,
        stamp: Stamp,
        counts: &mut CaptureCounts,
        arrived: &mut Vec<(Addresses, Arrived)>,
    ) {
        self.turn += 1;
        let known = self.streams.remove(&addresses);
        if known.is_none() && !segment.syn && segment.payload.is_empty() {
            return self.expire((addresses.1, addresses.0), stamp, counts, arrived);
        }
        let mut direction = match known {
            Some(Stream { turn, direction }) => {
                self.turns.remove(&turn);
                self.bytes -= direction.bytes();
                direction
            }
            None => {
                counts.streams += 1;
                Direction::new(segment, stamp)
            }
        };
        let mut messages = Vec::new();
        direction.accept(segment, stamp, &mut messages);
        arrived.extend(messages.into_iter().map(|message| (addresses, message)));
        direction.count(counts);
        self.bytes += direction.bytes();
        self.turns.insert(self.turn, addresses);
        let turn = self.turn;
        self.streams.insert(addresses, Stream { turn, direction });

        self.expire((addresses.1, addresses.0), stamp, counts, arrived);
        while self.streams.len() > STREAMS_MAX || (self.bytes > STREAM_BYTES_MAX && self.streams.len() > 1) {
            counts.streams_evicted += 1;
            self.close_oldest(counts, arrived);
        }
    }

    /// The capture is over: gives what is left, the streams silent for longest first.
    pub fn finish(&mut self, counts: &mut CaptureCounts, arrived: &mut Vec<(Addresses, Arrived)>) {
        while !self.streams.is_empty() {
            self.close_oldest(counts, arrived);
        }
    }

    /// The other direction is alive: what it waited for too long is lost.
    fn expire(
        &mut self,
        addresses: Addresses,
        now: Stamp,
        counts: &mut CaptureCounts,
        arrived: &mut Vec<(Addresses, Arrived)>,
    ) {
        let Some(stream) = self.streams.get_mut(&addresses) else {
            return;
        };
        self.bytes -= stream.direction.bytes();
        let mut messages = Vec::new();
        stream.direction.expire(now, &mut messages);
        stream.direction.count(counts);
        self.bytes += stream.direction.bytes();
        arrived.extend(messages.into_iter().map(|message| (addresses, message)));
    }

    fn close_oldest(&mut self, counts: &mut CaptureCounts, arrived: &mut Vec<(Addresses, Arrived)>) {
        let Some((_, addresses)) = self.turns.pop_first() else {
            return;
        };
        let Some(mut stream) = self.streams.remove(&addresses) else {
            return;
        };
        self.bytes -= stream.direction.bytes();
        let mut messages = Vec::new();
        stream.direction.finish(&mut messages);
        stream.direction.count(counts);
        arrived.extend(messages.into_iter().map(|message| (addresses, message)));
    }
}
