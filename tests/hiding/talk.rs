//! What the insides of two networks say to each other.

use super::networks::values;
use crate::world::{Sent, respond, routes};

/// The dialog as each inside knows it.
pub struct Talk {
    /// The Route rows of each network's requests, without the nodes of its own inside.
    pub routes: [String; 2],
}

/// Vias of a network's inside, as its last node sends them on.
pub fn vias(network: usize, branch: &str) -> [String; 2] {
    [
        format!("SIP/2.0/UDP 10.{network}.0.9:5060;branch=z9hG4bKs{branch}"),
        format!(
            "SIP/2.0/UDP pcscf{network}.home{network}.example;branch=z9hG4bKp{branch};received=10.{network}.0.20, \
             SIP/2.0/UDP ue{network}.visited.example;branch=z9hG4bKu{branch}"
        ),
    ]
}

/// What the nodes of a network's inside record, the last one first.
pub fn recorded(network: usize) -> String {
    format!("Record-Route: <sip:10.{network}.0.9;lr>, <sip:pcscf{network}.home{network}.example;lr>\r\n")
}

/// The same as the nodes of the inside record it of what comes in.
fn recorded_inwards(network: usize) -> String {
    format!(
        "Record-Route: <sip:pcscf{network}.home{network}.example;lr>\r\nRecord-Route: <sip:10.{network}.0.9;lr>\r\n"
    )
}

/// A request of network 1's Al or of network 2's Bob. `to_tag`: within a dialog.
pub fn request(network: usize, method: &str, number: u32, in_dialog: bool, rows: &str) -> String {
    let other = 3 - network;
    let (from, to) = (party(network), party(other));
    let [top, others] = vias(network, &format!("{method}{number}"));
    let tag = if in_dialog {
        format!(";tag=t{other}")
    } else {
        String::new()
    };
    let target = match in_dialog {
        true => format!("sip:{}@ue{other}.visited.example", name(other)),
        false => format!("sip:{}@home{other}.example", name(other)),
    };
    format!(
        "{method} {target} SIP/2.0\r\nVia: {top}\r\nv: {others}\r\nMax-Forwards: 70\r\nFrom: {from};tag=t{network}\r\n\
         To: {to}{tag}\r\nCall-ID: call\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:{}@ue{network}.visited.example>\r\n{rows}Content-Length: 0\r\n\r\n",
        name(network)
    )
}

fn name(network: usize) -> &'static str {
    ["al", "bob"][network - 1]
}

fn party(network: usize) -> String {
    format!("<sip:{}@home{network}.example>", name(network))
}

/// The answer of a network's inside to what arrived there.
pub fn answer(network: usize, request: &Sent, status: &str, rows: &str) -> String {
    let contact = format!("Contact: <sip:{}@ue{network}.visited.example>\r\n", name(network));
    let text = respond(request, status, &format!("t{network}"), &format!("{contact}{rows}"));
    let recorded = recorded_inwards(network);
    text.replacen("Record-Route: ", &format!("{recorded}Record-Route: "), 1)
}

impl Talk {
    /// `asked`: the request that opened it, as the called network's inside got it; `answered`: its answer, as the caller's did.
    pub fn new(caller: usize, asked: &Sent, answered: &Sent) -> Talk {
        let callee = 3 - caller;
        let mut known = [String::new(), String::new()];
        known[caller - 1] = without_inside(caller, &routes(&answered.rows("Record-Route"), true));
        known[callee - 1] = without_inside(callee, &routes(&asked.rows("Record-Route"), false));
        Talk { routes: known }
    }

    pub fn request(&self, network: usize, method: &str, number: u32, rows: &str) -> String {
        request(
            network,
            method,
            number,
            true,
            &format!("{}{rows}", self.routes[network - 1]),
        )
    }
}

/// The nodes of the inside take their own values off before a request comes to the border.
fn without_inside(network: usize, routes: &str) -> String {
    routes
        .replace(&format!("Route: <sip:10.{network}.0.9;lr>\r\n"), "")
        .replace(&format!("Route: <sip:pcscf{network}.home{network}.example;lr>\r\n"), "")
}

/// Whether an answer came back with the Via rows its request left the inside with.
#[track_caller]
pub fn has_own_vias(answer: &Sent, network: usize, branch: &str) {
    let shown: Vec<String> = values(answer, "Via").into_iter().chain(values(answer, "v")).collect();
    let own: Vec<String> = vias(network, branch)
        .iter()
        .flat_map(|row| row.split(", "))
        .map(str::to_owned)
        .collect();
    assert_eq!(shown, own, "{}", answer.text());
}
