//! One direction of a TCP connection, put in order.
//!
//! Of octets that come twice the first copy counts. Where segments are missing for too long the stream goes on after
//! them: a gap.

use std::{collections::BTreeMap, mem, time::Duration};

use super::{
    CaptureCounts,
    dissect::Stamp,
    messages::{Framed, Messages},
    start_line::{Start, find_start},
};

/// What may wait in one direction for an earlier segment.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// How many segments may wait.
pub const PENDING_SEGMENTS_MAX: usize = 256;
/// How long a segment waits, by the clock of the capture, before what is missing counts as lost.
pub const PENDING_AGE_MAX: Duration = Duration::from_secs(10);
/// How many segments of a stream joined midway are held back to find the first of them.
pub const MIDWAY_SEGMENTS_MAX: usize = 8;
/// A sequence number farther away than this is of another connection, or of one long unobserved.
pub const SEQUENCE_WINDOW: i64 = 16 << 20;
/// How far behind a SYN may be and still be a late or repeated one of this connection.
const LATE_SYN_WINDOW: i64 = 64 * 1024;
/// What a waiting segment costs beside its payload, rounded up.
const PENDING_OVERHEAD_BYTES: usize = 128;

/// One segment of this direction.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub sequence: u32,
    pub syn: bool,
    /// FIN or RST: nothing comes after it.
    pub last: bool,
    pub payload: &'a [u8],
}

/// A message, and the frame whose arrival completed it.
pub(super) type Arrived = (Stamp, Framed);

pub(super) struct Direction {
    /// The sequence number of the octet wanted next.
    sequence: u32,
    /// The same, counted without wrapping. Negative for what came before the first segment seen.
    position: i64,
    /// Where the connection, or our view of it, began.
    began: i64,
    /// Whether `sequence` is known to be where the stream goes on; not yet for one joined midway.
    lined_up: bool,
    pending: BTreeMap<i64, Pending>,
    pending_bytes: usize,
    /// Of the latest segment taken in.
    stamp: Stamp,
    messages: Messages,
    gaps: u64,
    retransmissions: u64,
}

struct Pending {
    stamp: Stamp,
    payload: Vec<u8>,
}

impl Direction {
    /// A direction whose first segment is about to be taken in.
    pub fn new(first: Segment<'_>, stamp: Stamp) -> Direction {
        Direction {
            sequence: first.sequence.wrapping_add(first.syn.into()),
            position: 0,
            began: 0,
            lined_up: first.syn,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            stamp,
            messages: Messages::default(),
            gaps: 0,
            retransmissions: 0,
        }
    }

    /// Takes in one segment; messages it completes are added to `arrived`.
    pub fn accept(&mut self, segment: Segment<'_>, stamp: Stamp, arrived: &mut Vec<Arrived>) {
        let first_octet = segment.sequence.wrapping_add(segment.syn.into());
        if segment.syn {
            self.synchronise(first_octet, stamp, arrived);
        }
        let mut offset = self.offset_of(first_octet);
        let elsewhere = (offset - self.position).abs() > SEQUENCE_WINDOW;
        if elsewhere && segment.payload.is_empty() {
            return self.expire(stamp, arrived);
        }
        if elsewhere {
            self.restart(first_octet, stamp, arrived);
            offset = self.position;
        }
        if !segment.payload.is_empty() {
            if self.lined_up {
                self.take(offset, segment.payload, stamp, arrived);
            } else {
                self.hold(offset, segment.payload, stamp, arrived);
            }
        }
        self.expire(stamp, arrived);
        if segment.last && (!self.lined_up || self.position >= offset + segment.payload.len() as i64) {
            self.finish(arrived);
        }
    }

    /// Gives up what waited too long for the octets before it.
    pub fn expire(&mut self, now: Stamp, arrived: &mut Vec<Arrived>) {
        while let Some((_, oldest)) = self.pending.first_key_value() {
            let late = now.at.saturating_sub(oldest.stamp.at) > PENDING_AGE_MAX;
            if self.pending_bytes <= PENDING_BYTES_MAX && self.pending.len() <= PENDING_SEGMENTS_MAX && !late {
                return;
            }
            self.skip_to_pending(arrived);
        }
    }

    /// Nothing more comes: gives what there is.
    pub fn finish(&mut self, arrived: &mut Vec<Arrived>) {
        while !self.pending.is_empty() {
            self.skip_to_pending(arrived);
        }
        self.lose(arrived);
    }

    /// How much memory this holds, its place in a table apart.
    pub fn bytes(&self) -> usize {
        self.pending_bytes + self.pending.len() * PENDING_OVERHEAD_BYTES + self.messages.bytes()
    }

    /// Adds what was seen since the last call.
    pub fn count(&mut self, counts: &mut CaptureCounts) {
        counts.gaps += mem::take(&mut self.gaps);
        counts.retransmissions += mem::take(&mut self.retransmissions);
        counts.keep_alives += mem::take(&mut self.messages.keep_alives);
        counts.resyncs += mem::take(&mut self.messages.resyncs);
    }

    fn offset_of(&self, sequence: u32) -> i64 {
        self.position + i64::from(sequence.wrapping_sub(self.sequence).cast_signed())
    }

    /// A SYN: of this connection, or of the next with the same addresses.
    fn synchronise(&mut self, first_octet: u32, stamp: Stamp, arrived: &mut Vec<Arrived>) {
        let offset = self.offset_of(first_octet);
        let repeated = offset == self.began;
        let late = (self.position - LATE_SYN_WINDOW..self.began).contains(&offset);
        if !self.lined_up && (offset - self.position).abs() <= SEQUENCE_WINDOW {
            self.line_up(offset);
            self.drain(arrived);
        } else if !repeated && !late {
            self.restart(first_octet, stamp, arrived);
            self.lined_up = true;
        }
    }

    /// Forgets the connection so far for another one.
    fn restart(&mut self, first_octet: u32, stamp: Stamp, arrived: &mut Vec<Arrived>) {
        self.finish(arrived);
        *self = Direction {
            gaps: self.gaps,
            retransmissions: self.retransmissions,
            messages: mem::take(&mut self.messages),
            ..Direction::new(
                Segment {
                    sequence: first_octet,
                    syn: false,
                    last: false,
                    payload: &[],
                },
                stamp,
            )
        };
        self.messages.restart();
    }

    /// Joined midway: waits for the first segments to sort themselves out, unless a message begins in this one.
    fn hold(&mut self, offset: i64, payload: &[u8], stamp: Stamp, arrived: &mut Vec<Arrived>) {
        self.wait(offset, payload, stamp);
        if let Start::At(_) = find_start(payload) {
            // With what is held directly before: the message may begin there.
            let before = self.pending.range(..offset).rev();
            let from = before.fold(offset, |from, (&at, held)| {
                match at + held.payload.len() as i64 >= from {
                    true => at,
                    false => from,
                }
            });
            self.line_up(from);
        } else if self.pending.len() >= MIDWAY_SEGMENTS_MAX {
            let lowest = self.pending.first_key_value().map_or(offset, |(&lowest, _)| lowest);
            self.line_up(lowest);
        }
        if self.lined_up {
            self.drain(arrived);
        }
    }

    /// The stream is read from here; what is held from before is of no use.
    fn line_up(&mut self, offset: i64) {
        let kept = self.pending.split_off(&offset);
        let before = mem::replace(&mut self.pending, kept);
        self.pending_bytes -= before.values().map(|held| held.payload.len()).sum::<usize>();
        self.sequence = self.sequence.wrapping_add((offset - self.position) as u32);
        self.position = offset;
        self.began = offset;
        self.lined_up = true;
    }

    fn take(&mut self, offset: i64, payload: &[u8], stamp: Stamp, arrived: &mut Vec<Arrived>) {
        if offset > self.position {
            self.wait(offset, payload, stamp);
            return;
        }
        self.append(offset, payload, stamp, arrived);
        self.drain(arrived);
    }

    /// Keeps the longer of two segments that begin at the same octet.
    fn wait(&mut self, offset: i64, payload: &[u8], stamp: Stamp) {
        let known = self.pending.get(&offset).map_or(0, |pending| pending.payload.len());
        if known >= payload.len() {
            self.retransmissions += 1;
            return;
        }
        self.pending_bytes += payload.len() - known;
        let payload = payload.to_vec();
        self.pending.insert(offset, Pending { stamp, payload });
    }

    /// Appends what waited and is next by now.
    fn drain(&mut self, arrived: &mut Vec<Arrived>) {
        while let Some(entry) = self.pending.first_entry()
            && *entry.key() <= self.position
        {
            let (offset, pending) = entry.remove_entry();
            self.pending_bytes -= pending.payload.len();
            self.append(offset, &pending.payload, pending.stamp, arrived);
        }
    }

    /// Appends what is new of octets that begin at or before the one wanted.
    fn append(&mut self, offset: i64, payload: &[u8], stamp: Stamp, arrived: &mut Vec<Arrived>) {
        let known = usize::try_from(self.position - offset).unwrap_or(usize::MAX);
        let Some(new) = payload.get(known..).filter(|new| !new.is_empty()) else {
            self.retransmissions += 1;
            return;
        };
        self.position += new.len() as i64;
        self.sequence = self.sequence.wrapping_add(new.len() as u32);
        if stamp.number > self.stamp.number {
            self.stamp = stamp;
        }
        self.messages.push(new);
        while let Some(framed) = self.messages.next() {
            arrived.push((self.stamp, framed));
        }
    }

    /// Goes on after octets that are missing.
    fn skip_to_pending(&mut self, arrived: &mut Vec<Arrived>) {
        let Some((&offset, _)) = self.pending.first_key_value() else {
            return;
        };
        if self.lined_up {
            self.gaps += 1;
            self.lose(arrived);
            self.sequence = self.sequence.wrapping_add((offset - self.position) as u32);
            self.position = offset;
        } else {
            self.line_up(offset);
        }
        self.drain(arrived);
    }

    fn lose(&mut self, arrived: &mut Vec<Arrived>) {
        if let Some(framed) = self.messages.lose() {
            arrived.push((self.stamp, framed));
        }
    }
}
