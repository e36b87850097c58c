//! Counters as Prometheus reads them: a name with its unit, what it counts, and a few words of ours for labels.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric as Series, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use crate::engine::counts::{Counts, Row};

/// What the text is, to who asks.
pub const CONTENT: &str = prometheus::TEXT_FORMAT;

/// What is told by one name.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows only.
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Counter;
    Metric { name, kind, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Gauge;
    Metric { name, kind, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Histogram;
    Metric { name, kind, help }
}

/// Everything that is told, in this order.
//= SEC-010
pub const METRICS: [Metric; 48] = [
    gauge("sipveil_ready", "1 while new requests are taken, 0 while draining."),
    gauge(
        "sipveil_workers",
        "Workers, one a core unless the policy says otherwise.",
    ),
    gauge(
        "sipveil_unanswered",
        "Requests without a final answer; a drain waits until there are none.",
    ),
    gauge(
        "sipveil_transactions",
        "Transactions, those included that only absorb what is sent again.",
    ),
    gauge("sipveil_registrations", "Registrations that this node knows of."),
    gauge(
        "sipveil_dialogs",
        "Dialogs of which something is kept; most need no memory.",
    ),
    gauge(
        "sipveil_start_time_seconds",
        "When this process began to serve, in seconds since 1970.",
    ),
    gauge(
        "sipveil_policy_time_seconds",
        "When the policy in force was taken, in seconds since 1970.",
    ),
    counter("sipveil_requests_total", "Requests received, by method."),
    counter("sipveil_responses_total", "Responses received."),
    counter("sipveil_retransmissions_total", "Messages that came again."),
    counter(
        "sipveil_origin_total",
        "Messages by what their sender is to this node, and why.",
    ),
    counter(
        "sipveil_cleared_total",
        "Messages that left, by what the next hop is to this node.",
    ),
    counter("sipveil_pai_total", "What became of P-Asserted-Identity, and why."),
    counter("sipveil_privacy_total", "Messages that asked for privacy, by value."),
    counter(
        "sipveil_privacy_refusals_total",
        "Requests refused because the privacy they ask for cannot be given.",
    ),
    counter(
        "sipveil_privacy_anomalies_total",
        "Privacy headers that are not as they should be, by kind.",
    ),
    counter(
        "sipveil_left_total",
        "Parts of a message with privacy that may name somebody, and that nobody may edit.",
    ),
    counter(
        "sipveil_token_failures_total",
        "Sealed tokens that did not open, by where they stood.",
    ),
    counter("sipveil_refused_total", "Requests refused, by reason."),
    counter(
        "sipveil_dropped_total",
        "Messages that went no further, without an answer, by reason.",
    ),
    counter(
        "sipveil_spared_total",
        "Requests that a next hop was spared, as it asked for fewer.",
    ),
    counter(
        "sipveil_violations_total",
        "Requests of members of the trust domain that break SIP in a way that defeats trust.",
    ),
    counter(
        "sipveil_alarms_total",
        "Members of the trust domain that did so more often than the policy lets pass.",
    ),
    counter("sipveil_questions_total", "Questions asked of name servers."),
    counter(
        "sipveil_questions_refused_total",
        "Questions about host names that were not asked, as too many were.",
    ),
    counter(
        "sipveil_lookups_failed_total",
        "Names that led nowhere, or not in time.",
    ),
    counter(
        "sipveil_addresses_refused_total",
        "Addresses behind names that names must not lead to.",
    ),
    counter(
        "sipveil_handover_dropped_total",
        "Messages for another worker whose inbox was full.",
    ),
    counter(
        "sipveil_datagrams_dropped_total",
        "Datagrams that waited to be sent and had to make room for newer ones.",
    ),
    counter(
        "sipveil_receive_errors_total",
        "Errors that the kernel told instead of a datagram.",
    ),
    counter(
        "sipveil_connections_refused_total",
        "Connections closed as there were too many.",
    ),
    counter(
        "sipveil_connections_overflowed_total",
        "Connections closed as too much waited to be sent by them.",
    ),
    counter("sipveil_sends_failed_total", "Messages that did not leave."),
    counter(
        "sipveil_audit_refused_total",
        "Records that the sealed audit did not take.",
    ),
    counter("sipveil_mirror_sent_total", "Messages told to the collector of `hep`."),
    counter(
        "sipveil_mirror_dropped_total",
        "Messages not told to the collector of `hep`, as too many waited.",
    ),
    counter(
        "sipveil_mirror_failed_total",
        "Messages not told to the collector of `hep`, as they were too long or nobody was there.",
    ),
    counter(
        "sipveil_p2p_requests_total",
        "Requests of peers to the tracker, by kind and result.",
    ),
    counter("sipveil_p2p_errors_total", "Refusals of the tracker, by word."),
    counter(
        "sipveil_p2p_challenges_total",
        "Proofs of possession asked for, by result.",
    ),
    counter(
        "sipveil_p2p_sessions_total",
        "Requests to a temporary ID, by where they led.",
    ),
    counter(
        "sipveil_p2p_answers_total",
        "Final answers of peers to peers, by class.",
    ),
    counter(
        "sipveil_p2p_ids_used_total",
        "Temporary IDs that were used, by the age of their key in days.",
    ),
    counter(
        "sipveil_p2p_guard_total",
        "What the guard of peers' bodies did, by side.",
    ),
    histogram("sipveil_p2p_proof_seconds", "From asking for a proof to having it."),
    histogram("sipveil_p2p_swarm_peers", "Peers of each content that is announced."),
    gauge("sipveil_p2p_peers", "Peers that announced something."),
];

/// Everything in the text format of Prometheus. `shell`: what the engines do not count.
pub fn text(counts: &Counts, shell: &[(&'static str, f64)]) -> prometheus::Result<String> {
    let rows = counts.rows();
    let now = counts.now.gauges();
    let families = METRICS.iter().filter_map(|metric| {
        let mut series: Vec<Series> = match metric.kind {
            Kind::Histogram => spread(metric.name, &rows).into_iter().collect(),
            Kind::Counter | Kind::Gauge => {
                let counted = rows.iter().filter(|row| row.name == metric.name);
                counted.map(|row| one(metric.kind, labels(row), row.amount())).collect()
            }
        };
        let told = shell.iter().filter(|(name, _)| *name == metric.name);
        series.extend(told.map(|(_, value)| one(metric.kind, Vec::new(), *value)));
        let held = now.iter().filter(|(name, _)| *name == metric.name);
        series.extend(held.map(|(_, value)| one(metric.kind, Vec::new(), *value as f64)));
        (!series.is_empty()).then(|| family(metric, series))
    });
    let families: Vec<MetricFamily> = families.collect();
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(String::from_utf8(text).unwrap_or_default())
}

fn family(metric: &Metric, series: Vec<Series>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family.set_metric(series);
    family
}

fn labels(row: &Row) -> Vec<LabelPair> {
    let written = row.labels.iter().filter(|(key, _)| !key.is_empty());
    let pair = |(key, value): &(&'static str, &'static str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*key).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    written.map(pair).collect()
}

fn one(kind: Kind, labels: Vec<LabelPair>, value: f64) -> Series {
    let mut series = Series::from_label(labels);
    match kind {
        Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(value);
            series.set_counter(counter);
        }
        Kind::Gauge | Kind::Histogram => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            series.set_gauge(gauge);
        }
    }
    series
}

/// The rows of one histogram, put together.
fn spread(name: &str, rows: &[Row]) -> Option<Series> {
    let of = |row: &&Row, end: &str| row.name.strip_prefix(name) == Some(end);
    let found = |end: &str| rows.iter().find(|row| of(row, end));
    let mut histogram = Histogram::default();
    histogram.set_sample_sum(found("_sum")?.amount());
    histogram.set_sample_count(found("_count")?.value);
    // The last one, all of them, is written by the encoder.
    let steps = rows
        .iter()
        .filter(|row| of(row, "_bucket") && row.labels[0].1 != "+Inf");
    let bucket = |row: &Row| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(row.labels[0].1.parse().ok()?);
        bucket.set_cumulative_count(row.value);
        Some(bucket)
    };
    histogram.set_bucket(steps.filter_map(bucket).collect());
    let mut series = Series::default();
    series.set_histogram(histogram);
    Some(series)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What an engine counts is told by a name that is explained, and no name is explained twice.
    //= SEC-010 type=test
    #[test]
    fn each_name_is_told_and_explained() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for row in Counts::default().rows() {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| row.name.strip_suffix(end));
            assert!(names.contains(base.unwrap_or(row.name)), "{}", row.name);
        }
        let shell = [("sipveil_ready", 1.0), ("sipveil_sends_failed_total", 3.0)];
        let text = text(&Counts::default(), &shell).unwrap();
        for line in [
            "# TYPE sipveil_ready gauge",
            "sipveil_ready 1",
            "# TYPE sipveil_sends_failed_total counter",
            "sipveil_sends_failed_total 3",
            "sipveil_requests_total{method=\"INVITE\"} 0",
            "sipveil_p2p_proof_seconds_bucket{le=\"0.01\"} 0",
            "sipveil_p2p_proof_seconds_bucket{le=\"+Inf\"} 0",
            "sipveil_p2p_proof_seconds_sum 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
    }
}
