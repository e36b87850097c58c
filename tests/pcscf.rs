//! The P-CSCF between a UE it serves and the network: TS 24.229 section 5.2.

mod charging;
mod dialogs;
mod keys;
mod policy;
mod reg_event;
mod register;
mod release;
mod requests;
mod service_route;
mod terminating;
mod tls;

use crate::world::{POLICY, Sent, World, respond};

const CORE: &str = "10.20.0.9:5060";
const UE: &str = "10.30.0.7:5060";

/// A REGISTER of the UE, with more rows.
fn register(number: u32, rows: &str) -> String {
    format!(
        "REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {UE};branch=z9hG4bKr{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=r\r\nTo: <sip:ue@home1.example>\r\nCall-ID: register\r\nCSeq: {number} REGISTER\r\n\
         Contact: <sip:ue@{UE}>;expires=600\r\n{rows}Content-Length: 0\r\n\r\n"
    )
}

/// The one message that leaves when the UE says this.
#[track_caller]
fn from_ue(world: &mut World, text: &str) -> Sent {
    one(world.packet("access", UE, text))
}

/// The one message that leaves when the core answers so.
#[track_caller]
fn from_core(world: &mut World, request: &Sent, status: &str, rows: &str) -> Sent {
    one(world.packet("core", CORE, &respond(request, status, "s", rows)))
}

/// The one message but a 100.
#[track_caller]
fn one(sent: Vec<Sent>) -> Sent {
    let mut sent = sent.into_iter().filter(|sent| !sent.start().starts_with("SIP/2.0 100"));
    match (sent.next(), sent.next()) {
        (Some(one), None) => one,
        other => panic!("{other:#?}"),
    }
}

/// A request of the UE, or of another, with more rows.
fn request(ue: &str, method: &str, rows: &str) -> String {
    format!(
        "{method} sip:bob@home1.example SIP/2.0\r\nVia: SIP/2.0/UDP {ue};branch=z9hG4bK{method}{}\r\nMax-Forwards: 70\r\n\
         From: <sip:ue@home1.example>;tag=f\r\nTo: <sip:bob@home1.example>\r\nCall-ID: call-{ue}\r\nCSeq: 7 {method}\r\n\
         Contact: <sip:ue@{ue}>\r\n{rows}Content-Length: 0\r\n\r\n",
        rows.len()
    )
}

/// The policy of the other tests with lines of `[pcscf]`.
fn policy_with(lines: &str) -> String {
    POLICY.replace("[[peer]]", &format!("[pcscf]\n{lines}\n[[peer]]"))
}

/// Registers the UE; the 200 has these rows more.
fn registered(world: &mut World, rows: &str) -> Sent {
    let forwarded = from_ue(world, &register(1, ""));
    let rows = format!("Contact: <sip:ue@{UE}>;expires=600\r\n{rows}");
    let answer = from_core(world, &forwarded, "200 OK", &rows);
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
    forwarded
}
