//! The server transactions of a phone, and what who is there answers.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::person::Of;
use super::super::wire::{Wire, response, uri};
use super::{Alarm, LONG, Out, Phone, RequestName, ServerKey, T1, T2};

/// What is answered next.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Ring,
    Final(u16),
}

pub struct Server {
    request: Wire,
    from: SocketAddr,
    to_tag: String,
    last: Option<String>,
    status: Option<u16>,
    acked: bool,
    interval: Duration,
}

impl Server {
    fn name(&self) -> RequestName {
        name(&self.request)
    }

    fn is_pending_invite(&self) -> bool {
        self.request.method() == "INVITE" && self.status.is_none()
    }
}

fn name(request: &Wire) -> RequestName {
    (
        request.call_id().to_owned(),
        request.caller_tag().to_owned(),
        request.sequence(),
        request.method().to_owned(),
    )
}

impl Phone {
    /// A request came.
    pub(super) fn asked(&mut self, from: SocketAddr, wire: &Wire, out: &mut Out<'_>) {
        let method = wire.method().to_owned();
        let key = |method: &str| (wire.branch().to_owned(), wire.sent_by().to_owned(), method.to_owned());
        if method == "ACK" {
            return self.acknowledged(&key("INVITE"), wire, out);
        }
        let key_of_this = key(&method);
        if let Some(server) = self.servers.get(&key_of_this) {
            if let Some(last) = &server.last {
                out.sends.push((server.from, last.clone()));
            }
            return;
        }
        let merged = wire.called_tag().is_empty()
            && method != "CANCEL"
            && self.servers.values().any(|server| server.name() == name(wire));
        let to_tag = match wire.called_tag() {
            "" => format!("{:x}", out.dice.roll() >> 40),
            tag => tag.to_owned(),
        };
        let server = Server {
            request: wire.clone(),
            from,
            to_tag,
            last: None,
            status: None,
            acked: false,
            interval: T1,
        };
        self.servers.insert(key_of_this.clone(), server);
        let key = key_of_this;
        match &*method {
            "CANCEL" => self.cancelled(&key, out),
            _ if merged => self.answer(&key, Step::Final(482), out),
            _ if !wire.called_tag().is_empty() => self.asked_within(&key, wire, out),
            _ => self.asked_anew(&key, wire, out),
        }
    }

    fn cancelled(&mut self, key: &ServerKey, out: &mut Out<'_>) {
        let invite = (key.0.clone(), key.1.clone(), "INVITE".to_owned());
        let known = self.servers.contains_key(&invite);
        self.answer(key, Step::Final(if known { 200 } else { 481 }), out);
        self.answer(&invite, Step::Final(487), out);
    }

    /// A request that opens a dialog, or none.
    fn asked_anew(&mut self, key: &ServerKey, wire: &Wire, out: &mut Out<'_>) {
        let method = wire.method();
        if method == "REGISTER" {
            return self.answer(key, Step::Final(200), out);
        }
        if matches!(method, "BYE" | "UPDATE" | "INFO") {
            return self.answer(key, Step::Final(481), out);
        }
        // Nobody is there at all.
        if out.dice.one_in(20) {
            self.answers.insert(name(wire), 0);
            return;
        }
        if method != "INVITE" {
            let status = *out.dice.pick(&[200, 200, 200, 200, 404, 480, 503]);
            let most = if out.dice.one_in(8) { 8_000 } else { 300 };
            let after = out.millis(most);
            return out.remind(after, Alarm::Answer(key.clone(), Step::Final(status)));
        }
        let ring = out.millis(2_000);
        out.remind(ring, Alarm::Answer(key.clone(), Step::Ring));
        if out.dice.one_in(3) {
            let again = ring + out.millis(5_000);
            out.remind(again, Alarm::Answer(key.clone(), Step::Ring));
        }
        let (status, most) = match out.dice.below(20) {
            0..13 => (200, 10_000),
            13 => (200, 60_000),
            // It rings until somebody hangs up.
            14 => return,
            _ => (*out.dice.pick(&[486, 603, 404, 480, 302, 503, 500]), 10_000),
        };
        let after = ring + Duration::from_millis(1) + out.millis(most);
        out.remind(after, Alarm::Answer(key.clone(), Step::Final(status)));
    }

    fn asked_within(&mut self, key: &ServerKey, wire: &Wire, out: &mut Out<'_>) {
        let method = wire.method();
        let busy = self.servers.iter().any(|(other, server)| {
            other != key && server.is_pending_invite() && server.request.call_id() == wire.call_id()
        });
        let subscribed = method == "NOTIFY" && self.clients.values().any(|client| client.name.0 == wire.call_id());
        let Some(dialog) = self.dialogs.get_mut(wire.call_id()).filter(|dialog| !dialog.over) else {
            // The first NOTIFY may overtake the 200.
            let status = if subscribed { 200 } else { 481 };
            return self.answer(key, Step::Final(status), out);
        };
        // Who speaks within the dialog has had our answer, and our wish with it.
        dialog.wish_is_known = true;
        let status = match method {
            _ if wire.sequence() <= dialog.remote_sequence => 500,
            "INVITE" if busy => 500,
            "INVITE" if dialog.inviting => 491,
            "INVITE" if out.dice.one_in(8) => 488,
            _ => 200,
        };
        dialog.remote_sequence = dialog.remote_sequence.max(wire.sequence());
        if method == "BYE" {
            dialog.over = true;
        }
        let after = match (method, status) {
            ("INVITE", 200) => out.millis(1_000),
            ("BYE", _) => Duration::ZERO,
            _ => out.millis(200),
        };
        out.remind(after, Alarm::Answer(key.clone(), Step::Final(status)));
    }

    pub(super) fn answer(&mut self, key: &ServerKey, step: Step, out: &mut Out<'_>) {
        let Some(server) = self.servers.get_mut(key).filter(|server| server.status.is_none()) else {
            return;
        };
        let method = server.request.method().to_owned();
        let first = server.request.called_tag().is_empty();
        let mut rows = match &*method {
            "CANCEL" | "REGISTER" => String::new(),
            _ => self.person.rows(Of::Response, first || out.dice.one_in(2)),
        };
        let status = match step {
            Step::Ring => 180,
            Step::Final(status) => status,
        };
        if matches!(&*method, "INVITE" | "UPDATE" | "SUBSCRIBE" | "NOTIFY") && status < 300 {
            rows += &self.person.contact(&self.address.to_string());
        }
        if method == "REGISTER" {
            rows += &format!(
                "Contact: {};expires=600\r\nP-Associated-URI: <{}>\r\n",
                server.request.first("contact"),
                uri(server.request.first("to"))
            );
        }
        let text = response(&server.request, status, &server.to_tag, &rows);
        out.sends.push((server.from, text.clone()));
        server.last = Some(text);
        if status < 200 {
            return;
        }
        server.status = Some(status);
        let name = server.name();
        self.answers.entry(name).or_insert(status);
        if method == "SUBSCRIBE" && first && status < 300 {
            let (request, to_tag) = (server.request.clone(), server.to_tag.clone());
            self.accepted(&request, &to_tag);
            let after = out.millis(500);
            out.remind(after, Alarm::Talk(request.call_id().to_owned()));
        } else if method == "INVITE" {
            out.remind(T1, Alarm::AnswerAgain(key.clone()));
            out.remind(LONG, Alarm::NoAck(key.clone()));
            let (request, to_tag) = (server.request.clone(), server.to_tag.clone());
            if status < 300 {
                self.accepted(&request, &to_tag);
            }
        }
    }

    /// The final answer to an INVITE goes out until it is acknowledged.
    pub(super) fn answer_again(&mut self, key: &ServerKey, out: &mut Out<'_>) {
        let Some(server) = self.servers.get_mut(key).filter(|server| !server.acked) else {
            return;
        };
        if let Some(last) = &server.last {
            out.sends.push((server.from, last.clone()));
        }
        server.interval = (server.interval * 2).min(T2);
        out.remind(server.interval, Alarm::AnswerAgain(key.clone()));
    }

    pub(super) fn no_ack(&mut self, key: &ServerKey, out: &mut Out<'_>) {
        let Some(server) = self.servers.get_mut(key).filter(|server| !server.acked) else {
            return;
        };
        server.acked = true;
        let call_id = server.request.call_id().to_owned();
        if server.status.is_some_and(|status| status < 300) {
            self.hang_up(&call_id, out);
        }
    }

    /// An ACK: of a failure by its branch, of a 2xx by its dialog.
    fn acknowledged(&mut self, key: &ServerKey, wire: &Wire, out: &mut Out<'_>) {
        let mut invite = name(wire);
        invite.3 = "INVITE".to_owned();
        let of_failure = |server: &Server| server.status.is_some_and(|status| status >= 300);
        let of_success = |server: &Server| server.status.is_some_and(|status| status < 300);
        if let Some(server) = self.servers.get_mut(key).filter(|server| of_failure(server)) {
            server.acked = true;
            return;
        }
        let found = self
            .servers
            .values_mut()
            .find(|server| of_success(server) && server.name() == invite && server.to_tag == wire.called_tag());
        let Some(server) = found.filter(|server| !server.acked) else {
            return;
        };
        server.acked = true;
        let first = server.request.called_tag().is_empty();
        if first {
            if let Some(dialog) = self.dialogs.get_mut(wire.call_id()) {
                dialog.wish_is_known = true;
            }
            let after = Duration::from_millis(300) + out.millis(12_000);
            out.remind(after, Alarm::Talk(wire.call_id().to_owned()));
        }
    }
}
