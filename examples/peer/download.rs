//! How a content is fetched from one peer: what is asked next, what is asked again, and what is taken for true.
//!
//! No socket and no clock: what came and the time come in, what is to be said comes out. As many runs are on their way as the way
//! carries: one more for each window that came whole, half as many when something is lost.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::tree::{self, Hash, Shape};
use sipveil::ppsp::{ChunkMap, SwarmId};

use super::frame::{Ask, Frame};
use super::run::{self, RunHashes};

/// Runs on their way, at first and at most: 17 packets each.
const WINDOW_FIRST: f64 = 2.0;
const WINDOW_MAX: f64 = 32.0;
/// Until something is asked again: least, at first, most.
const AGAIN_MIN: Duration = Duration::from_millis(30);
const AGAIN_FIRST: Duration = Duration::from_millis(200);
const AGAIN_MAX: Duration = Duration::from_secs(2);
/// Questions without an answer, after which nobody is there.
const TRIES_MAX: u32 = 8;

pub struct Download {
    root: SwarmId,
    layout: Layout,
    map: Option<ChunkMap>,
    /// Runs that nobody was asked for yet, and those that this peer does not have.
    waiting: VecDeque<u32>,
    lacking: Vec<u32>,
    asked: BTreeMap<u32, Asked>,
    map_asked: Option<(Duration, u32)>,
    window: f64,
    /// How long an answer takes, smoothed.
    usual: Option<Duration>,
    state: State,
}

struct Asked {
    missing: u16,
    hashes: Option<Vec<Hash>>,
    at: Duration,
    again: Duration,
    /// Whether all of it was asked for once alone.
    is_first: bool,
    /// Questions since something came.
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Going,
    Lost,
    Bad(BadLeaf),
}

/// A leaf, or a hash of one, that is not the content's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLeaf {
    pub leaf: u32,
    pub seen: Hash,
}

/// What came of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    Nothing,
    /// The content's own: the only bytes that may be used.
    Leaf {
        leaf: u32,
        bytes: Vec<u8>,
    },
    Ticket(String),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All that this peer has is there.
    Done,
    /// No answer any more.
    Lost,
    Bad(BadLeaf),
}

impl Download {
    /// `runs`: what is still missing.
    pub fn new(root: SwarmId, layout: Layout, runs: impl IntoIterator<Item = u32>) -> Download {
        Download {
            root,
            layout,
            map: None,
            waiting: runs.into_iter().collect(),
            lacking: Vec::new(),
            asked: BTreeMap::new(),
            map_asked: None,
            window: WINDOW_FIRST,
            usual: None,
            state: State::Going,
        }
    }

    fn shape(&self) -> Shape {
        self.layout.shape()
    }

    /// What is still missing, in order.
    pub fn left(&self) -> Vec<u32> {
        let mut left: Vec<u32> = self.waiting.iter().chain(&self.lacking).copied().collect();
        left.extend(self.asked.keys());
        left.sort_unstable();
        left
    }

    /// `None`: it goes on.
    pub fn ended(&self) -> Option<Ended> {
        match self.state {
            State::Lost => Some(Ended::Lost),
            State::Bad(bad) => Some(Ended::Bad(bad)),
            State::Going => (self.waiting.is_empty() && self.asked.is_empty()).then_some(Ended::Done),
        }
    }

    /// When [`Download::poll`] is wanted, whatever comes.
    pub fn next_deadline(&self) -> Option<Duration> {
        let runs = self.asked.values().map(|asked| asked.at + asked.again);
        let map = self.map_asked.map(|(at, _)| at + AGAIN_FIRST);
        runs.chain(map).min()
    }

    /// The next thing to say, until `None`.
    pub fn poll(&mut self, now: Duration) -> Option<Frame> {
        if self.ended().is_some() {
            return None;
        }
        if self.map.is_none() {
            return self.ask_map(now);
        }
        if let Some(frame) = self.ask_again(now) {
            return Some(frame);
        }
        while (self.asked.len() as f64) < self.window && self.state == State::Going {
            let run = self.waiting.pop_front()?;
            if !self.is_held(run) {
                self.lacking.push(run);
                continue;
            }
            let leaves = run::leaves_of(self.shape(), run).len();
            let asked = Asked {
                missing: (u32::MAX >> (32 - leaves)) as u16,
                hashes: None,
                at: now,
                again: self.patience(),
                is_first: true,
                tries: 1,
            };
            let frame = asked.frame(run);
            self.asked.insert(run, asked);
            return Some(frame);
        }
        None
    }

    fn ask_map(&mut self, now: Duration) -> Option<Frame> {
        let tries = match self.map_asked {
            Some((at, _)) if at + AGAIN_FIRST > now => return None,
            Some((_, TRIES_MAX)) => {
                self.state = State::Lost;
                return None;
            }
            Some((_, tries)) => tries + 1,
            None => 1,
        };
        self.map_asked = Some((now, tries));
        Some(Frame::AskMap)
    }

    fn ask_again(&mut self, now: Duration) -> Option<Frame> {
        let is_due = |asked: &Asked| asked.at + asked.again <= now;
        let (run, asked) = self.asked.iter_mut().find(|(_, asked)| is_due(asked))?;
        if asked.tries == TRIES_MAX {
            self.state = State::Lost;
            return None;
        }
        // Once a loss, not for each run of it: those that were asked again have their own time.
        if asked.is_first {
            self.window = (self.window / 2.0).max(1.0);
        }
        asked.is_first = false;
        asked.tries += 1;
        asked.at = now;
        asked.again = (asked.again * 2).min(AGAIN_MAX);
        Some(asked.frame(*run))
    }

    fn patience(&self) -> Duration {
        self.usual
            .map_or(AGAIN_FIRST, |usual| (usual * 4).clamp(AGAIN_MIN, AGAIN_MAX))
    }

    fn is_held(&self, run: u32) -> bool {
        let piece = run::leaves_of(self.shape(), run).start / self.layout.piece_leaves();
        let ranges = self.map.as_ref().map_or(&[][..], |map| map.ranges());
        ranges.iter().any(|(first, last)| (*first..=*last).contains(&piece))
    }

    /// Takes what came. A leaf that is not the content's ends it: nothing more of this peer is taken.
    //= P2P-121
    pub fn take(&mut self, now: Duration, frame: Frame) -> Taken {
        if self.ended().is_some() {
            return Taken::Nothing;
        }
        match frame {
            Frame::Map(map) if self.map.is_none() && map.pieces() == self.layout.pieces() => {
                self.map = Some(map);
                self.map_asked = None;
                Taken::Nothing
            }
            Frame::Ticket(ticket) => Taken::Ticket(ticket),
            Frame::Hashes(hashes) => self.take_hashes(hashes),
            Frame::Leaf { leaf, bytes } => self.take_leaf(now, leaf, bytes),
            Frame::Map(_) | Frame::AskMap | Frame::Ask(_) | Frame::Hello { .. } => Taken::Nothing,
        }
    }

    fn take_hashes(&mut self, hashes: RunHashes) -> Taken {
        let (root, shape) = (self.root, self.shape());
        let Some(asked) = self.asked.get_mut(&hashes.run).filter(|asked| asked.hashes.is_none()) else {
            return Taken::Nothing;
        };
        match hashes.lead_to(&root, shape) {
            true => {
                asked.hashes = Some(hashes.leaves);
                asked.tries = 0;
            }
            false => {
                let leaf = run::leaves_of(shape, hashes.run).start;
                let seen = hashes.leaves.first().copied().unwrap_or(tree::MISSING);
                self.state = State::Bad(BadLeaf { leaf, seen });
            }
        }
        Taken::Nothing
    }

    fn take_leaf(&mut self, now: Duration, leaf: u32, bytes: Vec<u8>) -> Taken {
        let (run, place) = (leaf / run::RUN_LEAVES, leaf % run::RUN_LEAVES);
        let Some(asked) = self.asked.get_mut(&run).filter(|asked| asked.missing & 1 << place != 0) else {
            return Taken::Nothing;
        };
        // What cannot be looked at yet is not kept: it is asked for again.
        let Some(expected) = asked.hashes.as_ref().and_then(|hashes| hashes.get(place as usize)) else {
            return Taken::Nothing;
        };
        let seen = tree::leaf_hash(&bytes);
        if seen != *expected {
            self.state = State::Bad(BadLeaf { leaf, seen });
            return Taken::Nothing;
        }
        asked.missing &= !(1 << place);
        asked.tries = 0;
        if asked.missing == 0 {
            // What was asked twice tells nothing of how long an answer takes.
            let took = asked.is_first.then(|| now.saturating_sub(asked.at));
            self.asked.remove(&run);
            if let Some(took) = took {
                self.usual = Some(self.usual.map_or(took, |usual| (usual * 7 + took) / 8));
                self.window = (self.window + 1.0 / self.window).min(WINDOW_MAX);
            }
        }
        Taken::Leaf { leaf, bytes }
    }
}

impl Asked {
    fn frame(&self, run: u32) -> Frame {
        Frame::Ask(Ask {
            run,
            wanted: self.missing,
            hashes: self.hashes.is_none(),
        })
    }
}
