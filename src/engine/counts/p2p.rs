//! What is counted of peers that share content.

use std::ops::AddAssign;

use super::{Row, add, each};
use crate::ppsp::Fault;
use crate::tracker::counts::{self, DAYS, Held, Spread};

/// What a peer asks of a tracker here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Announce,
    Refresh,
    Change,
    Withdraw,
    List,
    /// Of an auditor.
    Visit,
}

const ASKED: [&str; 6] = ["announce", "refresh", "change", "withdraw", "list", "visit"];

/// What becomes of a request for a temporary ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Led {
    There,
    /// To a domain that is a partner.
    Partner,
    Nowhere,
    Barred,
    TooOften,
    /// Its peer is there no more.
    Gone,
    /// It is none that may go to a peer.
    Unfit,
}

const LED: [&str; 7] = ["there", "partner", "nowhere", "barred", "too_often", "gone", "unfit"];

/// Whose words the guard looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A tracker of the trust domain, and one outside, to a peer.
    TrackerInside,
    TrackerOutside,
    /// Who gives keys, to a peer.
    Keys,
    /// A peer, to a tracker.
    ToTracker,
    /// A peer, to a peer.
    Peer,
}

const SIDES: [&str; 5] = ["tracker_inside", "tracker_outside", "keys", "to_tracker", "peer"];

/// What the guard does with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    Clean,
    /// Something in it was hidden.
    Redacted,
    /// Something was taken out.
    Removed,
    /// It does not pass.
    Refused,
}

const GUARDED: [&str; 4] = ["clean", "redacted", "removed", "refused"];

const CHALLENGED: [&str; 4] = ["put", "proved", "refuted", "unanswered"];
const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "6xx"];
const DAYS_OLD: [&str; DAYS] = ["0", "1", "2"];

/// Refusals that have no word of the tracker protocol.
const STALE_TAG: usize = Fault::COUNT;
const TOO_BRIEF: usize = Fault::COUNT + 1;
const ERRORS: usize = Fault::COUNT + 2;

/// Everything counted of peers.
//= P2P-147
//= P2P-147 type=exception reason=how long an answer takes is not measured while running: one input is answered at once, and the benches tell what that costs
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct P2pCounts {
    asked: [[u64; 2]; ASKED.len()],
    errors: [u64; ERRORS],
    led: [u64; LED.len()],
    /// Final answers of peers to peers.
    classes: [u64; CLASSES.len()],
    guarded: [[u64; GUARDED.len()]; SIDES.len()],
    pub(in crate::engine) tracker: counts::Counts,
    /// What there is now, and not what there was.
    pub(in crate::engine) held: Held,
}

impl P2pCounts {
    pub(in crate::engine) fn asked(&mut self, what: Asked, is_done: bool) {
        add(&mut self.asked[what as usize], usize::from(!is_done));
    }

    /// A refusal of a request to a tracker, by its word or by its status.
    pub(in crate::engine) fn error(&mut self, fault: Option<Fault>, status: u16) {
        let at = match (fault, status) {
            (Some(fault), _) => fault as usize,
            (None, 412) => STALE_TAG,
            (None, 423) => TOO_BRIEF,
            (None, 415) => Fault::Media as usize,
            (None, _) => Fault::BadBody as usize,
        };
        add(&mut self.errors, at);
    }

    pub(in crate::engine) fn led(&mut self, led: Led) {
        add(&mut self.led, led as usize);
    }

    /// A final answer of a peer to a peer.
    pub(in crate::engine) fn answered(&mut self, status: u16) {
        if let Some(class) = usize::from(status / 100).checked_sub(2) {
            add(&mut self.classes, class);
        }
    }

    pub(in crate::engine) fn guarded(&mut self, side: Side, what: Guarded) {
        add(&mut self.guarded[side as usize], what as usize);
    }

    pub(super) fn rows(&self, rows: &mut Vec<Row>) {
        let pairs = |name, [first, second]: [&'static str; 2]| {
            move |words: [&'static str; 2], value: u64| Row {
                name,
                labels: [(first, words[0]), (second, words[1])],
                value,
            }
        };
        let asked = pairs("sipveil_p2p_requests_total", ["request", "result"]);
        for (word, [done, refused]) in ASKED.iter().zip(self.asked) {
            rows.push(asked([word, "done"], done));
            rows.push(asked([word, "refused"], refused));
        }
        let mut errors = self.errors;
        let of_swarms = errors.iter_mut().zip(self.tracker.faults);
        of_swarms.for_each(|(error, more)| *error += more);
        let words: Vec<&'static str> = Fault::all()
            .map(Fault::word)
            .chain(["STALE_TAG", "TOO_BRIEF"])
            .collect();
        each("sipveil_p2p_errors_total", "error", &words, &errors, rows);
        let challenges = &self.tracker.challenges;
        each("sipveil_p2p_challenges_total", "result", &CHALLENGED, challenges, rows);
        each("sipveil_p2p_sessions_total", "result", &LED, &self.led, rows);
        each("sipveil_p2p_answers_total", "class", &CLASSES, &self.classes, rows);
        let days_old = &self.tracker.days_old;
        each("sipveil_p2p_ids_used_total", "key_days", &DAYS_OLD, days_old, rows);
        let guarded = pairs("sipveil_p2p_guard_total", ["side", "action"]);
        for (side, values) in SIDES.iter().zip(self.guarded) {
            rows.extend(
                GUARDED
                    .iter()
                    .zip(values)
                    .map(|(word, value)| guarded([side, word], value)),
            );
        }
        spread(
            [
                "sipveil_p2p_proof_seconds_bucket",
                "sipveil_p2p_proof_seconds_sum",
                "sipveil_p2p_proof_seconds_count",
            ],
            &["0.01", "0.05", "0.1", "0.5", "1", "3"],
            &self.tracker.proof_ms,
            rows,
        );
        spread(
            [
                "sipveil_p2p_swarm_peers_bucket",
                "sipveil_p2p_swarm_peers_sum",
                "sipveil_p2p_swarm_peers_count",
            ],
            &["0", "1", "10", "100", "1000", "10000", "100000"],
            &self.held.swarm_peers,
            rows,
        );
        rows.push(plain("sipveil_p2p_peers", self.held.peers));
    }
}

/// A histogram as metrics have it: how many were up to each step, their sum, their number.
fn spread<const STEPS: usize>(
    [bucket, sum, count]: [&'static str; 3],
    steps: &[&'static str; STEPS],
    spread: &Spread<STEPS>,
    rows: &mut Vec<Row>,
) {
    let up_to = steps.iter().zip(spread.up_to());
    let all = up_to
        .map(|(step, value)| (*step, value))
        .chain([("+Inf", spread.count())]);
    rows.extend(all.map(|(step, value)| Row {
        name: bucket,
        labels: [("le", step), ("", "")],
        value,
    }));
    rows.push(plain(sum, spread.sum));
    rows.push(plain(count, spread.count()));
}

fn plain(name: &'static str, value: u64) -> Row {
    Row {
        name,
        labels: [("", ""); 2],
        value,
    }
}

impl AddAssign<&P2pCounts> for P2pCounts {
    fn add_assign(&mut self, other: &P2pCounts) {
        let pairs: [(&mut [u64], &[u64]); 5] = [
            (self.asked.as_flattened_mut(), other.asked.as_flattened()),
            (&mut self.errors, &other.errors),
            (&mut self.led, &other.led),
            (&mut self.classes, &other.classes),
            (self.guarded.as_flattened_mut(), other.guarded.as_flattened()),
        ];
        for (own, others) in pairs {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
        self.tracker += &other.tracker;
        self.held += &other.held;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::counts::{Challenged, PROOF_MS, SWARM_PEERS};

    /// What is counted under an index is shown under its own name.
    //= P2P-147 type=test
    #[test]
    fn each_word_stands_in_its_place() {
        let mut counts = P2pCounts::default();
        counts.asked(Asked::List, false);
        counts.led(Led::Unfit);
        counts.guarded(Side::Peer, Guarded::Refused);
        counts.error(None, 423);
        counts.error(Some(Fault::KeyNotAuthorised), 403);
        counts.answered(603);
        counts.answered(100);
        let mut rows = Vec::new();
        counts.rows(&mut rows);
        let moved: Vec<String> = rows.iter().filter(|row| row.value > 0).map(Row::series).collect();
        assert_eq!(
            moved,
            [
                "sipveil_p2p_requests_total{request=\"list\",result=\"refused\"}",
                "sipveil_p2p_errors_total{error=\"KEY_NOT_AUTHORISED\"}",
                "sipveil_p2p_errors_total{error=\"TOO_BRIEF\"}",
                "sipveil_p2p_sessions_total{result=\"unfit\"}",
                "sipveil_p2p_answers_total{class=\"6xx\"}",
                "sipveil_p2p_guard_total{side=\"peer\",action=\"refused\"}",
            ]
        );
        let mut twice = counts.clone();
        twice += &counts;
        let mut rows = Vec::new();
        twice.rows(&mut rows);
        assert!(rows.iter().all(|row| row.value == 0 || row.value == 2));
        assert_eq!(
            (Challenged::Unanswered as usize, PROOF_MS.len(), SWARM_PEERS.len()),
            (3, 6, 7)
        );
        assert_eq!(
            PROOF_MS.map(|step| (step as f64 / 1000.0).to_string()),
            ["0.01", "0.05", "0.1", "0.5", "1", "3"]
        );
    }
}
