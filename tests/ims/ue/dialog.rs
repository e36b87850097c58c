//! One side of a dialog: whom it talks to, and by which way.

use std::net::SocketAddr;

use super::unique;
use crate::world::{Sent, contact_uri, routes};

pub struct Dialog {
    pub call_id: String,
    from: String,
    to: String,
    /// Rows.
    route: String,
    target: String,
    number: u32,
    method: String,
}

impl Dialog {
    /// Before anybody answered.
    pub(super) fn begun(from: &str, to: &str, route: &[String]) -> Dialog {
        Dialog {
            call_id: unique("dialog"),
            from: format!("{from};tag={}", unique("caller")),
            to: format!("<{to}>"),
            route: route.iter().map(|one| format!("Route: {one}\r\n")).collect(),
            target: to.to_owned(),
            number: 0,
            method: String::new(),
        }
    }

    /// Of who was asked, and answered under this tag.
    pub(super) fn entered(request: &Sent, tag: &str) -> Dialog {
        let to = request.row("To").unwrap();
        let own = match to.contains(";tag=") {
            true => to.to_owned(),
            false => format!("{to};tag={tag}"),
        };
        Dialog {
            call_id: request.row("Call-ID").unwrap().to_owned(),
            from: own,
            to: request.row("From").unwrap().to_owned(),
            route: routes(&request.rows("Record-Route"), false),
            target: request.row("Contact").map(contact_uri).unwrap_or_default().to_owned(),
            number: 0,
            method: String::new(),
        }
    }

    pub(super) fn number_and_method(&self) -> String {
        format!("{} {}", self.number, self.method)
    }

    /// The first 2xx with a Contact says where the other side is.
    pub(super) fn learns(&mut self, answer: &Sent) {
        let is_first = answer.start().starts_with("SIP/2.0 2") && !self.to.contains(";tag=");
        if let Some(contact) = answer.row("Contact").filter(|_| is_first) {
            self.to = answer.row("To").unwrap().to_owned();
            self.route = routes(&answer.rows("Record-Route"), true);
            self.target = contact_uri(contact).to_owned();
        }
    }

    pub(super) fn request(&mut self, method: &str, at: SocketAddr, contact: &str, rows: &str) -> String {
        if method != "ACK" {
            self.number += 1;
            self.method = method.to_owned();
        }
        let Dialog {
            call_id,
            from,
            to,
            route,
            target,
            number,
            ..
        } = self;
        let branch = unique("z9hG4bK");
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch={branch}\r\nMax-Forwards: 70\r\n{route}\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\nContact: {contact}\r\n\
             {rows}Content-Length: 0\r\n\r\n"
        )
    }
}
