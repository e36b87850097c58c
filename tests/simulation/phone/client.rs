//! The client transactions of a phone: RFC 3261 section 17.1, over UDP.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::wire::{Wire, tag};
use super::dialog::Usage;
use super::{Alarm, ClientKey, Head, LONG, Out, Phone, RequestName, T1, T2};

/// How long a caller lets it ring.
const PATIENCE: Duration = Duration::from_secs(240);

/// What became of a request in the eyes of who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered(u16),
    /// It gave up by itself.
    TimedOut,
}

pub struct Client {
    pub name: RequestName,
    pub begun: Duration,
    /// When and how it ended.
    pub outcome: Option<(Duration, Outcome)>,
    pub cancelled: bool,
    pub in_dialog: bool,
    text: String,
    to: SocketAddr,
    interval: Duration,
    provisional: bool,
    cancel_sent: bool,
    /// The To tag of its final answer, and the ACK of that.
    acked: Option<(String, SocketAddr, String)>,
}

impl Phone {
    /// Sends a request in a transaction of its own.
    pub(super) fn send_request(&mut self, head: &Head<'_>, to: SocketAddr, out: &mut Out<'_>) -> ClientKey {
        let rport = out.dice.one_in(2);
        let (branch, text) = self.write(head, rport);
        let key = (branch, head.method.to_owned());
        let name = (
            head.call_id.to_owned(),
            tag(head.from).to_owned(),
            head.sequence,
            head.method.to_owned(),
        );
        let in_dialog = !tag(head.to).is_empty();
        self.start(key.clone(), name, text, to, in_dialog, out);
        if head.method == "INVITE" {
            out.remind(PATIENCE, Alarm::Impatient(key.clone()));
        }
        key
    }

    fn start(
        &mut self,
        key: ClientKey,
        name: RequestName,
        text: String,
        to: SocketAddr,
        in_dialog: bool,
        out: &mut Out<'_>,
    ) {
        out.sends.push((to, text.clone()));
        out.remind(T1, Alarm::Resend(key.clone()));
        out.remind(LONG, Alarm::Timeout(key.clone()));
        let client = Client {
            name,
            begun: out.now,
            outcome: None,
            cancelled: false,
            in_dialog,
            text,
            to,
            interval: T1,
            provisional: false,
            cancel_sent: false,
            acked: None,
        };
        self.clients.insert(key, client);
    }

    pub(super) fn resend(&mut self, key: &ClientKey, out: &mut Out<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let invite = key.1 == "INVITE";
        if client.outcome.is_some() || (invite && client.provisional) {
            return;
        }
        client.interval = match (invite, client.provisional) {
            (true, _) => client.interval * 2,
            (false, false) => (client.interval * 2).min(T2),
            (false, true) => T2,
        };
        out.sends.push((client.to, client.text.clone()));
        out.remind(client.interval, Alarm::Resend(key.clone()));
    }

    pub(super) fn timeout(&mut self, key: &ClientKey, out: &mut Out<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.outcome.is_none() && !(key.1 == "INVITE" && client.provisional) {
            client.outcome = Some((out.now, Outcome::TimedOut));
            let name = client.name.clone();
            self.ended(&name, Outcome::TimedOut);
        }
    }

    /// The caller hangs up before there was an answer.
    pub(super) fn impatient(&mut self, key: &ClientKey, out: &mut Out<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.outcome.is_some() {
            return;
        }
        client.cancelled = true;
        if client.provisional {
            self.cancel(key, out);
        }
    }

    fn cancel(&mut self, key: &ClientKey, out: &mut Out<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.cancel_sent {
            return;
        }
        client.cancel_sent = true;
        let (invite, to) = (client.text.clone(), client.to);
        let mut name = client.name.clone();
        name.3 = "CANCEL".to_owned();
        out.remind(LONG, Alarm::GiveUp(key.clone()));
        let text = hop_by_hop("CANCEL", &invite, None);
        self.start((key.0.clone(), "CANCEL".to_owned()), name, text, to, false, out);
    }

    pub(super) fn give_up(&mut self, key: &ClientKey, out: &mut Out<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.outcome.is_none() {
            client.outcome = Some((out.now, Outcome::TimedOut));
            let name = client.name.clone();
            self.ended(&name, Outcome::TimedOut);
        }
    }

    /// A response came.
    pub(super) fn answered(&mut self, wire: &Wire, status: u16, out: &mut Out<'_>) {
        let key = (wire.branch().to_owned(), wire.method().to_owned());
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        if status < 200 {
            client.provisional = true;
            if client.cancelled && client.outcome.is_none() {
                self.cancel(&key, out);
            }
            return;
        }
        let invite = key.1 == "INVITE";
        let Some((_, before)) = client.outcome else {
            client.outcome = Some((out.now, Outcome::Answered(status)));
            let (name, to, text) = (client.name.clone(), client.to, client.text.clone());
            let regret = client.cancelled;
            self.ended(&name, Outcome::Answered(status));
            if key.1 == "SUBSCRIBE" && status < 300 {
                self.entered(wire, &name, false, Usage::Subscriber, out);
            } else if invite && status < 300 {
                let ack = self.established(wire, &name, regret, out);
                self.acked(&key, wire, ack, out);
            } else if invite {
                let ack = hop_by_hop("ACK", &text, Some(wire.first("to")));
                self.acked(&key, wire, Some((to, ack)), out);
            }
            return;
        };
        let same = client.acked.as_ref().is_some_and(|(tag, ..)| tag == wire.called_tag());
        match before {
            Outcome::Answered(first) if first == status => {}
            // Two branches may both be answered with 2xx: not here, where no node forks.
            Outcome::Answered(first) => out
                .second_answers
                .push(format!("{}: {} had {first} and then {status}", self.name, key.1)),
            // A call that was given up and answered all the same is not taken: its end is the missing ACK.
            Outcome::TimedOut => return,
        }
        if let Some((_, to, ack)) = &client.acked
            && same
        {
            out.sends.push((*to, ack.clone()));
        }
    }

    fn acked(&mut self, key: &ClientKey, wire: &Wire, ack: Option<(SocketAddr, String)>, out: &mut Out<'_>) {
        let (Some((to, text)), Some(client)) = (ack, self.clients.get_mut(key)) else {
            return;
        };
        out.sends.push((to, text.clone()));
        client.acked = Some((wire.called_tag().to_owned(), to, text));
    }
}

/// The CANCEL of an INVITE, or the ACK of its failure with the To of that: the same branch, the same way.
fn hop_by_hop(method: &str, invite: &str, to: Option<&str>) -> String {
    let mut out = String::new();
    for line in invite.split("\r\n") {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            _ if out.is_empty() => out += &line.replacen("INVITE", method, 1),
            "To" => out += &to.map_or(line.to_owned(), |to| format!("To: {to}")),
            "CSeq" => out += &line.replace("INVITE", method),
            "Via" | "From" | "Call-ID" | "Route" | "Max-Forwards" => out += line,
            _ => continue,
        }
        out += "\r\n";
    }
    out + "Content-Length: 0\r\n\r\n"
}
