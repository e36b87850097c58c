//! What an engine decided, counted: plain numbers in arrays, an index and an addition a decision.
//!
//! Every label is one of a few words of ours, so none can name anybody. [`Counts::rows`] gives them as `/metrics` will.

pub mod p2p;

use std::fmt;
use std::ops::AddAssign;

use self::p2p::P2pCounts;
use super::event::{Counters, Drop};
use super::reject::Kind;
use crate::privacy::{Anomalies, Identity, Tally};
use crate::sip::Method;
use crate::trust::assert::Asserted;
use crate::trust::{Reason, Standing};

/// A snapshot of everything one engine counted, or the sum of several.
//= SEC-010
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    pub totals: Counters,
    methods: [u64; METHODS.len()],
    origins: [u64; Reason::ALL.len()],
    hops: [u64; STANDINGS.len()],
    identities: [u64; Identity::ALL.len()],
    asserted: [u64; ASSERTED.len()],
    functions: [u64; FUNCTIONS.len()],
    left: [u64; LEFT.len()],
    anomalies: [u64; Anomalies::NAMES.len()],
    tokens: [u64; TokenOf::ALL.len()],
    refused: [u64; Kind::ALL.len()],
    dropped: [u64; Drop::ALL.len()],
    pub(super) p2p: P2pCounts,
    pub now: InHand,
}

/// What engines have in hand at the moment; it grows and shrinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InHand {
    /// Requests without a final answer.
    pub unanswered: u64,
    /// Server transactions, those included that only absorb what is sent again.
    pub transactions: u64,
    pub registrations: u64,
    pub dialogs: u64,
}

impl InHand {
    /// Each by its name.
    pub fn gauges(self) -> [(&'static str, u64); 4] {
        [
            ("sipveil_unanswered", self.unanswered),
            ("sipveil_transactions", self.transactions),
            ("sipveil_registrations", self.registrations),
            ("sipveil_dialogs", self.dialogs),
        ]
    }
}

impl AddAssign for InHand {
    fn add_assign(&mut self, other: InHand) {
        self.unanswered += other.unanswered;
        self.transactions += other.transactions;
        self.registrations += other.registrations;
        self.dialogs += other.dialogs;
    }
}

/// Methods by their label; their order is that of [`Method`].
const METHODS: [Method; 15] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Register,
    Method::Options,
    Method::Prack,
    Method::Subscribe,
    Method::Notify,
    Method::Publish,
    Method::Info,
    Method::Refer,
    Method::Message,
    Method::Update,
    Method::Other,
];

const STANDINGS: [&str; 3] = ["trusted", "served", "untrusted"];

const ASSERTED: [&str; 3] = ["preferred", "default_identity", "called"];

/// The bits of a privacy set, by their names.
const FUNCTIONS: [&str; 8] = [
    "none", "id", "user", "header", "session", "history", "critical", "unknown",
];

/// What a message with `user` left with, as nobody may edit it, by its bits in a [`Tally`].
const LEFT: [&str; 2] = ["credentials", "body"];

/// Where a token stood that is not one of ours, or not of this dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOf {
    Route,
    RequestUri,
    /// What the inside of the network was hidden in.
    Hidden,
}

impl TokenOf {
    const ALL: [TokenOf; 3] = [TokenOf::Route, TokenOf::RequestUri, TokenOf::Hidden];

    fn as_str(self) -> &'static str {
        match self {
            TokenOf::Route => "route",
            TokenOf::RequestUri => "request_uri",
            TokenOf::Hidden => "hidden",
        }
    }
}

impl Default for Counts {
    /// Written out: the library has no default for so long an array.
    fn default() -> Counts {
        Counts {
            totals: Counters::default(),
            methods: Default::default(),
            origins: Default::default(),
            hops: Default::default(),
            identities: Default::default(),
            asserted: Default::default(),
            functions: Default::default(),
            left: Default::default(),
            anomalies: Default::default(),
            tokens: Default::default(),
            refused: [0; Kind::ALL.len()],
            dropped: Default::default(),
            p2p: P2pCounts::default(),
            now: InHand::default(),
        }
    }
}

impl Counts {
    pub(super) fn method(&mut self, method: Method) {
        add(&mut self.methods, method as usize);
    }

    pub(super) fn origin(&mut self, reason: Reason) {
        add(&mut self.origins, reason as usize);
    }

    pub(super) fn hop(&mut self, standing: Standing) {
        add(&mut self.hops, standing as usize);
    }

    pub(super) fn token(&mut self, of: TokenOf) {
        add(&mut self.tokens, of as usize);
    }

    pub(super) fn refused(&mut self, kind: Kind) {
        add(&mut self.refused, kind as usize);
    }

    pub(super) fn dropped(&mut self, why: Drop) {
        add(&mut self.dropped, why as usize);
    }

    pub(super) fn asserted(&mut self, asserted: Asserted) {
        let at = match asserted {
            Asserted::Preferred => 0,
            Asserted::Default => 1,
            Asserted::Called => 2,
            Asserted::Nothing => return,
        };
        add(&mut self.asserted, at);
    }

    pub(super) fn tally(&mut self, tally: Tally) {
        if !tally.is_empty() {
            tally
                .identities()
                .for_each(|identity| add(&mut self.identities, identity as usize));
            add_bits(&mut self.functions, tally.functions());
            add_bits(&mut self.left, tally.left());
        }
    }

    pub(super) fn anomalies(&mut self, anomalies: Anomalies) {
        add_bits(&mut self.anomalies, anomalies.bits());
    }

    /// Every counter, also those at 0, in an order that stays.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(300);
        self.plain(&mut rows);
        let methods = METHODS.map(Method::label);
        each("sipveil_requests_total", "method", &methods, &self.methods, &mut rows);
        let pairs =
            |name, labels: [&'static str; 2], words: &[[&'static str; 2]], values: &[u64], rows: &mut Vec<Row>| {
                let with = |(words, value): (&[&'static str; 2], &u64)| Row {
                    name,
                    labels: [(labels[0], words[0]), (labels[1], words[1])],
                    value: *value,
                };
                rows.extend(words.iter().zip(values).map(with));
            };
        let origins = Reason::ALL.map(|reason| [reason.class(), reason.as_str()]);
        pairs(
            "sipveil_origin_total",
            ["class", "reason"],
            &origins,
            &self.origins,
            &mut rows,
        );
        each("sipveil_cleared_total", "hop", &STANDINGS, &self.hops, &mut rows);
        let labels = ["action", "reason"];
        let identities = Identity::ALL.map(|identity| <[&str; 2]>::from(identity.labels()));
        pairs("sipveil_pai_total", labels, &identities, &self.identities, &mut rows);
        let asserted = ASSERTED.map(|reason| ["asserted", reason]);
        pairs("sipveil_pai_total", labels, &asserted, &self.asserted, &mut rows);
        each("sipveil_privacy_total", "value", &FUNCTIONS, &self.functions, &mut rows);
        each("sipveil_left_total", "what", &LEFT, &self.left, &mut rows);
        let anomalies = &self.anomalies;
        each(
            "sipveil_privacy_anomalies_total",
            "kind",
            &Anomalies::NAMES,
            anomalies,
            &mut rows,
        );
        let tokens = TokenOf::ALL.map(TokenOf::as_str);
        each(
            "sipveil_token_failures_total",
            "place",
            &tokens,
            &self.tokens,
            &mut rows,
        );
        let refused = Kind::ALL.map(Kind::as_str);
        each("sipveil_refused_total", "reason", &refused, &self.refused, &mut rows);
        let dropped = Drop::ALL.map(Drop::label);
        each("sipveil_dropped_total", "reason", &dropped, &self.dropped, &mut rows);
        self.p2p.rows(&mut rows);
        rows
    }

    fn plain(&self, rows: &mut Vec<Row>) {
        let Counters {
            requests: _,
            responses,
            cleared_trusted: _,
            cleared_untrusted: _,
            refused: _,
            dropped: _,
            retransmissions,
            token_failures: _,
            privacy_refusals,
            spared,
            questions,
            lookups_failed,
            addresses_refused,
            violations,
            alarms,
        } = self.totals;
        let plain = [
            ("sipveil_responses_total", responses),
            ("sipveil_retransmissions_total", retransmissions),
            ("sipveil_privacy_refusals_total", privacy_refusals),
            ("sipveil_spared_total", spared),
            ("sipveil_questions_total", questions),
            ("sipveil_lookups_failed_total", lookups_failed),
            ("sipveil_addresses_refused_total", addresses_refused),
            ("sipveil_violations_total", violations),
            ("sipveil_alarms_total", alarms),
        ];
        rows.extend(plain.map(|(name, value)| Row {
            name,
            labels: [("", ""); 2],
            value,
        }));
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.totals += &other.totals;
        let pairs: [(&mut [u64], &[u64]); 11] = [
            (&mut self.methods, &other.methods),
            (&mut self.origins, &other.origins),
            (&mut self.hops, &other.hops),
            (&mut self.identities, &other.identities),
            (&mut self.asserted, &other.asserted),
            (&mut self.functions, &other.functions),
            (&mut self.left, &other.left),
            (&mut self.anomalies, &other.anomalies),
            (&mut self.tokens, &other.tokens),
            (&mut self.refused, &other.refused),
            (&mut self.dropped, &other.dropped),
        ];
        for (own, others) in pairs {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
        self.p2p += &other.p2p;
        self.now += other.now;
    }
}

/// One counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    /// Key and value; an empty key is none.
    pub labels: [(&'static str, &'static str); 2],
    pub value: u64,
}

impl Row {
    /// What stands behind it: times are counted in milliseconds and told in seconds.
    pub fn amount(&self) -> f64 {
        match self.name.ends_with("_seconds_sum") {
            true => self.value as f64 / 1000.0,
            false => self.value as f64,
        }
    }

    /// What is counted: `name{key="value"}`.
    pub fn series(&self) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .filter(|(key, _)| !key.is_empty())
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        match labels.is_empty() {
            true => self.name.to_owned(),
            false => format!("{}{{{}}}", self.name, labels.join(",")),
        }
    }
}

impl fmt::Display for Counts {
    /// A line for each counter that moved.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.rows().iter().filter(|row| row.value > 0) {
            writeln!(f, "{:<72} {}", row.series(), row.amount())?;
        }
        Ok(())
    }
}

/// Counters of one name, by the words of one label.
fn each(name: &'static str, label: &'static str, words: &[&'static str], values: &[u64], rows: &mut Vec<Row>) {
    let with = |(word, value): (&&'static str, &u64)| Row {
        name,
        labels: [(label, *word), ("", "")],
        value: *value,
    };
    rows.extend(words.iter().zip(values).map(with));
}

fn add(values: &mut [u64], at: usize) {
    if let Some(value) = values.get_mut(at) {
        *value += 1;
    }
}

fn add_bits(values: &mut [u64], bits: u8) {
    let mut left = bits;
    while left != 0 {
        add(values, left.trailing_zeros() as usize);
        left &= left - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted under an index is shown under its own name.
    //= SEC-010 type=test
    #[test]
    fn every_counter_has_its_own_row() {
        for (at, method) in METHODS.into_iter().enumerate() {
            assert_eq!(method as usize, at);
        }
        assert!(
            Reason::ALL
                .iter()
                .enumerate()
                .all(|(at, reason)| *reason as usize == at)
        );
        assert!(
            Identity::ALL
                .iter()
                .enumerate()
                .all(|(at, identity)| *identity as usize == at)
        );
        assert!(Kind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(Drop::ALL.iter().enumerate().all(|(at, why)| *why as usize == at));
        let standings = [Standing::Trusted, Standing::Served, Standing::Untrusted];
        assert!(
            standings
                .iter()
                .enumerate()
                .all(|(at, standing)| *standing as usize == at)
        );
        let mut series: Vec<String> = Counts::default().rows().iter().map(Row::series).collect();
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), all);
    }

    //= SEC-010 type=test
    #[test]
    fn workers_add_up() {
        let mut one = Counts::default();
        one.method(Method::Bye);
        one.dropped(Drop::Full);
        one.totals.responses = 3;
        let mut sum = one.clone();
        sum += &one;
        let shown = sum.to_string();
        let lines: Vec<String> = shown
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "sipveil_responses_total 6",
                "sipveil_requests_total{method=\"BYE\"} 2",
                "sipveil_dropped_total{reason=\"full\"} 2",
            ]
        );
    }
}
