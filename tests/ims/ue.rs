//! A telephone with a card in it.

mod dialog;
mod registering;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

pub use self::dialog::Dialog;
use super::network::Network;
use super::places;
use super::subscriber::Subscriber;
use super::usim::Usim;
use crate::end_to_end::phone::Phone;
use crate::world::{Sent, respond};

pub struct Ue {
    pub subscriber: Subscriber,
    phone: Phone,
    proxy: SocketAddr,
    usim: Usim,
    /// What came before it was waited for.
    waiting: Vec<Sent>,
    /// Of its registrations.
    call_id: String,
    last_number: u32,
    /// What the network taught at the last registration.
    pub service_route: Vec<String>,
    pub associated: Vec<String>,
}

/// What a caller wants the called one to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Shown,
    /// `Privacy: id`, and a From that names nobody.
    Hidden,
}

impl Ue {
    pub fn new(subscriber: Subscriber, network: &Network) -> Ue {
        Ue {
            subscriber,
            phone: Phone::on_udp_at(places::of_ue()).calls(network.access),
            proxy: network.access,
            usim: Usim::new(),
            waiting: Vec::new(),
            call_id: unique("register"),
            last_number: 0,
            service_route: Vec::new(),
            associated: Vec::new(),
        }
    }

    /// The same, registered.
    pub fn registered(subscriber: Subscriber, network: &Network) -> Ue {
        let mut ue = Ue::new(subscriber, network);
        ue.registers();
        ue
    }

    /// Sends what begins something, by the way the network gave.
    pub fn begins(&mut self, method: &str, to: &str, wish: Wish, rows: &str) -> Dialog {
        let own = self.subscriber.sip_identity();
        let (from, privacy) = match wish {
            Wish::Shown => (format!("<{own}>"), ""),
            Wish::Hidden => (
                "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
                "Privacy: id\r\n",
            ),
        };
        let mut dialog = Dialog::begun(&from, to, &self.route());
        let rows = format!("P-Preferred-Identity: <{own}>\r\n{privacy}{rows}");
        self.sends_in(&mut dialog, method, &rows);
        dialog
    }

    /// The same, and the last answer to it.
    pub fn asks(&mut self, method: &str, to: &str, wish: Wish, rows: &str) -> (Dialog, Sent) {
        let mut dialog = self.begins(method, to, wish, rows);
        let answer = self.is_answered(&mut dialog);
        (dialog, answer)
    }

    /// The next request of a dialog.
    pub fn sends_in(&mut self, dialog: &mut Dialog, method: &str, rows: &str) {
        let request = dialog.request(method, self.phone.address, &self.contact(), rows);
        self.phone.send(&request);
    }

    /// The last answer to the last request of a dialog, which learns from it where the other side is.
    pub fn is_answered(&mut self, dialog: &mut Dialog) -> Sent {
        let (call_id, number) = (dialog.call_id.clone(), dialog.number_and_method());
        let answer = self.takes(|message| {
            message.start().starts_with("SIP/2.0 ")
                && !message.start().starts_with("SIP/2.0 1")
                && message.row("Call-ID") == Some(&call_id)
                && message.row("CSeq") == Some(&number)
        });
        dialog.learns(&answer);
        answer
    }

    /// The next request of this method.
    pub fn is_asked(&mut self, method: &str) -> Sent {
        let start = format!("{method} sip:");
        self.takes(|message| message.start().starts_with(&start))
    }

    /// Answers, and is in a dialog with who asked, when that is what the answer means.
    pub fn answers(&mut self, request: &Sent, status: &str, rows: &str) -> Dialog {
        let tag = unique("called");
        let rows = format!("Contact: {}\r\n{rows}", self.contact());
        self.phone.send(&respond(request, status, &tag, &rows));
        Dialog::entered(request, &tag)
    }

    /// Names nobody.
    fn contact(&self) -> String {
        format!("<sip:line@{}>", self.phone.address)
    }

    /// Through the P-CSCF, then as the network said.
    fn route(&self) -> Vec<String> {
        let first = format!("<sip:{};lr>", self.proxy);
        std::iter::once(first)
            .chain(self.service_route.iter().cloned())
            .collect()
    }

    fn takes(&mut self, is_it: impl Fn(&Sent) -> bool) -> Sent {
        if let Some(at) = self.waiting.iter().position(&is_it) {
            return self.waiting.remove(at);
        }
        loop {
            let message = self.phone.receive();
            if is_it(&message) {
                return message;
            }
            self.waiting.push(message);
        }
    }
}

/// A word nobody else in this run uses.
fn unique(prefix: &str) -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}", LAST.fetch_add(1, Ordering::Relaxed))
}
