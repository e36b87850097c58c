//! Announcements as they stand, written down now and then in pieces, so that a restart need not begin without any.
//!
//! Pieces are made one by one while all goes on: a row is true of its peer at its own moment. What became of a place since is a
//! fact, and facts are kept at once (`kept.rs`): a row of a place that was given up, renamed or shut out since counts for
//! nothing. What was taken back of a single content since comes back until its time is over.

use super::buckets::Buckets;
use super::kept::Bytes;
use super::settings::Expose;
use super::table::{Slot, State, SwarmIndex};
use super::{Moment, Tracker};
use crate::ppsp::SwarmId;

/// Places that are looked at for one piece, and contents that are named in one.
const PLACES_EACH: usize = 2048;
const CONTENTS_EACH: usize = 8192;
const VERSION: u8 = 1;

/// A snapshot that is being made: how far it is.
#[derive(Debug, Default)]
pub struct Snapshot {
    contents_told: SwarmIndex,
    /// Contents there were when they had all been told.
    contents: Option<SwarmIndex>,
    place: Slot,
}

/// One that is being read: what its contents are called here.
#[derive(Debug, Default)]
pub struct Recalled {
    contents: Vec<Option<SwarmIndex>>,
    /// Peers that are back.
    pub peers: usize,
}

impl Tracker {
    /// The next piece of a snapshot. `None`: it is whole. Names people's devices: for a place where it is sealed.
    //= P2P-142
    pub fn piece(&self, now: Moment, snapshot: &mut Snapshot) -> Option<Vec<u8>> {
        match snapshot.contents {
            None => Some(self.piece_of_contents(snapshot)),
            Some(contents) => self.piece_of_places(now, snapshot, contents),
        }
    }

    fn piece_of_contents(&self, snapshot: &mut Snapshot) -> Vec<u8> {
        let mut piece = vec![VERSION, 0];
        let ids = self.table.swarm_ids(snapshot.contents_told).take(CONTENTS_EACH);
        for id in ids {
            piece.extend_from_slice(id.root());
            snapshot.contents_told += 1;
        }
        if self.table.swarm_ids(snapshot.contents_told).next().is_none() {
            snapshot.contents = Some(snapshot.contents_told);
        }
        piece
    }

    fn piece_of_places(&self, now: Moment, snapshot: &mut Snapshot, contents: SwarmIndex) -> Option<Vec<u8>> {
        if snapshot.place as usize >= self.table.places() {
            return None;
        }
        let mut piece = vec![VERSION, 1];
        for _ in 0..PLACES_EACH {
            self.row(now, snapshot.place, contents, &mut piece);
            snapshot.place += 1;
        }
        Some(piece)
    }

    fn row(&self, now: Moment, slot: Slot, contents: SwarmIndex, out: &mut Vec<u8>) {
        let Some(peer) = self.table.seated(slot).filter(|peer| peer.expires_at > now.seconds()) else {
            return;
        };
        let joined = || self.table.joined(slot).filter(|swarm| *swarm < contents);
        let name = self.names.live(&slot, now.at);
        let name = name.filter(|(generation, _)| *generation == peer.generation);
        let name = name.map_or("", |(_, name)| name);
        out.extend_from_slice(&slot.to_be_bytes());
        out.push(peer.generation);
        out.extend_from_slice(&peer.since.to_be_bytes());
        out.extend_from_slice(&peer.etag.to_be_bytes());
        out.extend_from_slice(&peer.expires_at.to_be_bytes());
        for text in [&peer.reach, name.as_bytes()] {
            out.extend_from_slice(&(text.len() as u32).to_be_bytes());
            out.extend_from_slice(text);
        }
        out.extend_from_slice(&(joined().count() as u32).to_be_bytes());
        for swarm in joined() {
            let Some(announcement) = self.table.announcement(slot, swarm) else {
                continue;
            };
            out.extend_from_slice(&swarm.to_be_bytes());
            out.extend_from_slice(&announcement.held.0.to_be_bytes());
            out.push((announcement.state == State::Verified).into());
        }
    }

    /// Takes in a piece of a snapshot that an earlier run made, in their order; called when all facts are recalled, and before
    /// [`Tracker::recalled`]. `None`: it is of another version, or not whole.
    //= P2P-142
    pub fn recall_piece(&mut self, now: Moment, recalled: &mut Recalled, piece: &[u8]) -> Option<()> {
        let [version, kind] = *piece.first_chunk()?;
        let mut bytes = Bytes(piece.get(2..)?);
        match (version, kind) {
            (VERSION, 0) => {
                while !bytes.is_empty() {
                    let swarm = self.table.swarm_of(SwarmId::of_root(bytes.array()?));
                    recalled.contents.push(swarm);
                }
                Some(())
            }
            (VERSION, 1) => {
                while !bytes.is_empty() {
                    self.recall_row(now, recalled, &mut bytes)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn recall_row(&mut self, now: Moment, recalled: &mut Recalled, bytes: &mut Bytes<'_>) -> Option<()> {
        let (slot, [generation], since) = (bytes.u32()?, bytes.array()?, bytes.u32()?);
        let (etag, expires_at) = (bytes.u64()?, bytes.u64()?);
        let (reach, name) = (bytes.text()?, bytes.text()?);
        let joined = bytes.u32()?;
        let peer = self.table.seated(slot);
        let is_theirs = peer.is_some_and(|peer| (peer.generation, peer.since) == (generation, since));
        let is_live = is_theirs && expires_at > now.seconds();
        for _ in 0..joined {
            let (swarm, held, [is_verified]) = (bytes.u32()?, bytes.u64()?, bytes.array()?);
            let swarm = recalled.contents.get(swarm as usize).copied().flatten();
            if let Some(swarm) = swarm.filter(|_| is_live) {
                self.recall_announcement(now, slot, swarm, Buckets(held), is_verified == 1);
            }
        }
        if !is_live {
            return Some(());
        }
        self.table.moved(slot, reach);
        self.table.peer_mut(slot).etag = etag;
        self.table.prolong(slot, expires_at);
        let name = std::str::from_utf8(name).ok()?;
        if self.settings.expose == Expose::Drawn && !name.is_empty() {
            self.keep_drawn(now, slot, name);
        }
        recalled.peers += 1;
        Some(())
    }

    fn recall_announcement(&mut self, now: Moment, slot: Slot, swarm: SwarmIndex, held: Buckets, is_verified: bool) {
        let identity = self.table.peer(slot).identity.clone();
        if self.may_announce(now, &identity, swarm).is_err() {
            return;
        }
        self.table.join(slot, swarm, held);
        if let Some(announcement) = self.table.announcement_mut(slot, swarm).filter(|_| is_verified) {
            announcement.state = State::Verified;
        }
        self.stays_out(now, slot, swarm);
    }
}
