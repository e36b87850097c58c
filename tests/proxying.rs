//! The proxy as its neighbours see it: sections 14 and 15 of the catalogue, message by message, with virtual time.

mod answers;
mod breadth;
mod cancelling;
mod failover;
mod forking;
mod large;
mod load;
mod ourselves;
mod overload;
mod redirecting;
mod routing;
mod storms;

use std::time::Duration;

use crate::world::{POLICY, Sent, World};

const CORE: &str = "10.20.0.9:5060";
const NET: &str = "192.0.2.9:5060";

/// The policy of the other tests, with TCP beside UDP and IPv6 beside IPv4.
fn wide() -> String {
    let core = "\"udp://10.20.0.1:5060\", \"tcp://10.20.0.1:5060\", \"udp://[2001:db8:20::1]:5060\"";
    let net = "\"udp://192.0.2.1:5060\", \"tcp://192.0.2.1:5060\", \"udp://[2001:db8:2::1]:5060\"";
    let text = POLICY
        .replace("\"udp://10.20.0.1:5060\"", core)
        .replace("\"udp://192.0.2.1:5060\"", net);
    let route = |domain: &str, hops: &str| {
        format!("[[route]]\nfrom = \"core\"\ndomain = [\"{domain}\"]\nnext_hop = [{hops}]\nvia = \"net\"\n")
    };
    text + &route("tcp.example", "\"sip:192.0.2.9:5060;transport=tcp\"")
        + &route("six.example", "\"sip:[2001:db8:2::9]:5060\"")
        + &route("two.example", "\"sip:192.0.2.9\", \"sip:192.0.2.10\"")
        + &route(
            "three.example",
            "\"sip:192.0.2.9\", \"sip:192.0.2.10\", \"sip:192.0.2.11\"",
        )
        + &route("named.example", "\"sip:edge.net.example:5070\", \"sip:192.0.2.10\"")
}

/// A request from the core to a domain.
fn request(method: &str, domain: &str, branch: &str, rows: &str) -> String {
    format!(
        "{method} sip:bob@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{branch}\r\n\
         From: \"Al\" <sip:al@home1.example>;tag=7\r\nTo: <sip:bob@{domain}>\r\nCall-ID: call-{branch}\r\n\
         CSeq: 1 {method}\r\n{rows}Content-Length: 0\r\n\r\n"
    )
}

/// The hop-by-hop ACK of a failure, as the party makes it that sent `invite`.
fn ack_of(invite: &str, failure: &Sent) -> String {
    let kept = |row: &&str| {
        ["Via:", "From:", "Call-ID:", "Route:"]
            .iter()
            .any(|name| row.starts_with(name))
    };
    let start = invite.lines().next().unwrap_or_default().replacen("INVITE", "ACK", 1);
    let rows: Vec<&str> = invite.split("\r\n").filter(kept).collect();
    format!(
        "{start}\r\n{}\r\nTo: {}\r\nMax-Forwards: 70\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        rows.join("\r\n"),
        failure.row("To").unwrap_or_default()
    )
}

fn to<'a>(sent: &'a [Sent], address: &str) -> Vec<&'a Sent> {
    sent.iter().filter(|sent| sent.to.to_string() == address).collect()
}

fn starts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(Sent::start).collect()
}

fn after(sent: Vec<(Duration, Sent)>) -> Vec<Sent> {
    sent.into_iter().map(|(_, sent)| sent).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn world() -> World {
    World::new(&wide())
}
