//! RFC 3263 as the neighbours see it: what is asked, in which order peers are tried, what is done when one fails.
//!
//! The engine runs in virtual time and hears a name server made of lines (`zone.rs`); what a real one says over sockets is
//! the subject of `src/dns/tests.rs` and `real.rs`.

mod answering;
mod asking;
mod failing;
mod hostile;
mod keeping;
#[allow(dead_code, reason = "shared with the tests of the shell")]
mod name_server;
mod real;
pub mod zone;

use std::time::Duration;

use crate::locating::zone::Zone;
use crate::world::{POLICY, Sent, World};

const CORE: &str = "10.20.0.9:5060";

/// The policy of the other tests, with UDP and TCP over IPv4 and IPv6, and a route that leads to a name: `HOP`.
fn policy(hop: &str, more: &str) -> String {
    let net = "\"udp://192.0.2.1:5060\", \"tcp://192.0.2.1:5060\", \"udp://[2001:db8:2::1]:5060\"";
    let hops = hop
        .split(' ')
        .map(|hop| format!("\"{hop}\""))
        .collect::<Vec<_>>()
        .join(", ");
    POLICY.replace("\"udp://192.0.2.1:5060\"", net)
        + &format!("[[route]]\nfrom = \"core\"\ndomain = [\"far.example\"]\nnext_hop = [{hops}]\nvia = \"net\"\n")
        + more
}

fn world(hop: &str) -> World {
    World::new(&policy(hop, ""))
}

/// A request from the core that takes the route to the name.
fn request(method: &str, branch: &str) -> String {
    request_to("sip:bob@far.example", method, branch)
}

fn request_to(uri: &str, method: &str, branch: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bK{branch}\r\n\
         From: \"Al\" <sip:al@home1.example>;tag=7\r\nTo: <{uri}>\r\nCall-ID: call-{branch}\r\n\
         CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Sends one MESSAGE by the name, and gives where it went, as `udp 192.0.2.9:5060`, or the answer we made.
fn sent_to(zone: &mut Zone, world: &mut World, branch: &str) -> String {
    place(&zone.packet(world, "core", CORE, &request("MESSAGE", branch)))
}

fn place(sent: &[Sent]) -> String {
    match sent {
        [] => "nothing".to_owned(),
        [one] if one.start().starts_with("SIP/2.0") => one.start()[8..].to_owned(),
        [one] => format!("{} {}", one.transport.uri_name(), one.to),
        more => format!("{} messages", more.len()),
    }
}

/// All places a request is sent to, each failing at once.
fn order(zone: &mut Zone, world: &mut World, branch: &str) -> Vec<String> {
    let mut sent = zone.packet(world, "core", CORE, &request("MESSAGE", branch));
    let mut places = Vec::new();
    while let [one] = &sent[..] {
        places.push(place(&sent));
        if one.start().starts_with("SIP/2.0") {
            break;
        }
        let failed = sipveil::engine::Input::SendFailed(one.id);
        sent = zone.input(world, failed);
    }
    places
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
