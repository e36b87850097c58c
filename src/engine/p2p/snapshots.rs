//! Announcements, written down every few minutes and at the end, and taken in again at the start.

use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::{P2p, Part, Recalling};
use crate::engine::output::Output;
use crate::engine::storing::Piece;
use crate::engine::{Engine, Now};
use crate::seal::Purpose;
use crate::tracker::Snapshot;

/// From one snapshot to the next.
//= P2P-142
const EVERY: Duration = Duration::from_secs(300);
/// From one piece to the next, so that all else goes on.
const PACE: Duration = Duration::from_millis(5);

/// When the next snapshot is due, or what is written of the one under way.
#[derive(Default)]
pub(super) struct Snapshots {
    /// When a piece is to be made. `None`: not before the shell has said what became of the last one.
    next_at: Option<Duration>,
    under_way: Option<UnderWay>,
    /// Nothing comes after this one, which is not paced.
    is_closing: bool,
}

struct UnderWay {
    name: u64,
    pieces: u32,
    snapshot: Snapshot,
    is_whole: bool,
}

impl Snapshots {
    pub fn begin(now: Now) -> Snapshots {
        Snapshots {
            next_at: Some(now.at + EVERY),
            ..Snapshots::default()
        }
    }

    pub fn next(&self) -> Option<Duration> {
        self.next_at
    }
}

impl Engine {
    /// The process is about to end: what stands is written down from the beginning, without a pause.
    //= P2P-142
    pub(in crate::engine) fn close_snapshots(&mut self, now: Now) {
        let Some(p2p) = &mut self.p2p else { return };
        if p2p.snapshots.next_at.is_some() || p2p.snapshots.under_way.is_some() {
            p2p.snapshots = Snapshots {
                next_at: Some(now.at),
                under_way: None,
                is_closing: true,
            };
        }
    }

    /// Asks the shell to write the next piece, when its time has come.
    pub(in crate::engine) fn write_snapshot(&mut self, now: Now) {
        let moment = self.moment(now);
        let Engine { p2p, random, keys, .. } = self;
        let Some(P2p {
            part: Part::Tracker(tracker),
            snapshots,
            ..
        }) = p2p.as_deref_mut()
        else {
            return;
        };
        if snapshots.next_at.is_none_or(|next_at| now.at < next_at) {
            return;
        }
        snapshots.next_at = None;
        let under_way = snapshots.under_way.get_or_insert_with(|| UnderWay {
            name: random.next_u64(),
            pieces: 0,
            snapshot: Snapshot::default(),
            is_whole: false,
        });
        let plain = tracker.piece(moment, &mut under_way.snapshot);
        under_way.is_whole = plain.is_none();
        let mut piece = Piece {
            of: under_way.name,
            number: under_way.pieces,
            is_last: under_way.is_whole,
            sealed: Vec::new(),
        };
        let mut nonce = [0; 12];
        random.fill_bytes(&mut nonce);
        let plain = zeroize::Zeroizing::new(plain.unwrap_or_default());
        let sealed = keys.seal_bytes(Purpose::Peers, &[&piece.name()], nonce, &plain);
        let Some(sealed) = sealed else {
            return self.snapshot_written(now, false);
        };
        piece.sealed = sealed;
        under_way.pieces += 1;
        self.outputs.push_back(Output::Snapshot(piece));
    }

    /// A piece is written, or could not be: then the next snapshot begins anew.
    pub(in crate::engine) fn snapshot_written(&mut self, now: Now, is_kept: bool) {
        let Some(p2p) = &mut self.p2p else { return };
        let snapshots = &mut p2p.snapshots;
        let Some(under_way) = &snapshots.under_way else { return };
        let is_over = under_way.is_whole || !is_kept;
        if is_over {
            snapshots.under_way = None;
        }
        snapshots.next_at = match (is_over, snapshots.is_closing) {
            (false, true) => Some(now.at),
            (false, false) => Some(now.at + PACE),
            (true, true) => None,
            (true, false) => Some(now.at + EVERY),
        };
    }

    /// Takes in a piece of the last snapshot, in their order, once the facts are taken in. `false`: it cannot be read.
    //= P2P-142
    pub fn recall_piece(&mut self, now: Now, recalling: &mut Recalling, piece: &Piece) -> bool {
        let opened = self
            .keys
            .open_bytes(Purpose::Peers, &[&piece.name()], piece.sealed.clone());
        let Ok(plain) = opened.map(zeroize::Zeroizing::new) else {
            return false;
        };
        let moment = self.moment(now);
        let tracker = self.p2p.as_mut().and_then(|p2p| p2p.tracker());
        let Some(tracker) = tracker.filter(|_| recalling.is_rooted) else {
            return false;
        };
        piece.is_last || tracker.recall_piece(moment, &mut recalling.pieces, &plain).is_some()
    }
}
