//! The dialogs of a phone, and what is said in them.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::person::Of;
use super::super::wire::{Wire, uri};
use super::{Alarm, Head, Out, Outcome, Phone, RequestName, usage_rows};

/// What a dialog is for, and what one says in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Call,
    /// This phone wants to be told.
    Subscriber,
    /// This phone tells.
    Notifier,
}

impl Usage {
    fn talk(self) -> &'static [&'static str] {
        match self {
            Usage::Call => &["INVITE", "INVITE", "UPDATE", "INFO", "MESSAGE", "OPTIONS"],
            Usage::Subscriber => &["SUBSCRIBE"],
            Usage::Notifier => &["NOTIFY"],
        }
    }

    fn end(self) -> &'static str {
        match self {
            Usage::Call => "BYE",
            Usage::Subscriber => "SUBSCRIBE",
            Usage::Notifier => "NOTIFY",
        }
    }
}

pub struct Dialog {
    usage: Usage,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    sequence: u32,
    pub remote_sequence: u32,
    /// A re-INVITE of its own waits for an answer.
    pub inviting: bool,
    pub over: bool,
    /// Its wish for privacy passed every node on the way, so it need not be repeated.
    pub wish_is_known: bool,
    /// Things still to be said.
    talk: usize,
    hangs_up: bool,
}

/// Longest talk, in requests of one side.
const TALK: usize = 4;

impl Phone {
    /// A 2xx to an INVITE of ours: gives the ACK and where it goes.
    pub(super) fn established(
        &mut self,
        wire: &Wire,
        name: &RequestName,
        regret: bool,
        out: &mut Out<'_>,
    ) -> Option<(SocketAddr, String)> {
        self.entered(wire, name, regret, Usage::Call, out);
        self.write_within(&name.0, "ACK", name.2, out)
    }

    /// A 2xx to a request of ours that opens a dialog, or refreshes one.
    pub(super) fn entered(&mut self, wire: &Wire, name: &RequestName, regret: bool, usage: Usage, out: &mut Out<'_>) {
        let (call_id, _, sequence, _) = name;
        if let Some(dialog) = self.dialogs.get_mut(call_id) {
            uri(wire.first("contact")).clone_into(&mut dialog.target);
            return;
        }
        let mut routes = wire.values("record-route");
        routes.reverse();
        let dialog = Dialog {
            usage,
            local: wire.first("from").to_owned(),
            remote: wire.first("to").to_owned(),
            target: uri(wire.first("contact")).to_owned(),
            routes,
            sequence: *sequence,
            remote_sequence: 0,
            inviting: false,
            over: false,
            wish_is_known: true,
            talk: if regret { 0 } else { out.dice.below(TALK) },
            hangs_up: true,
        };
        self.dialogs.insert(call_id.clone(), dialog);
        let most = if regret { 1 } else { 15_000 };
        let after = Duration::from_millis(300) + out.millis(most);
        out.remind(after, Alarm::Talk(call_id.clone()));
    }

    /// A 2xx of ours to a request that opens a dialog, or refreshes one.
    pub(super) fn accepted(&mut self, request: &Wire, to_tag: &str) {
        let call_id = request.call_id().to_owned();
        if let Some(dialog) = self.dialogs.get_mut(&call_id) {
            dialog.target = uri(request.first("contact")).to_owned();
            return;
        }
        let usage = match request.method() {
            "SUBSCRIBE" => Usage::Notifier,
            _ => Usage::Call,
        };
        let dialog = Dialog {
            usage,
            local: format!("{};tag={to_tag}", request.first("to")),
            remote: request.first("from").to_owned(),
            target: uri(request.first("contact")).to_owned(),
            routes: request.values("record-route"),
            sequence: 0,
            remote_sequence: request.sequence(),
            inviting: false,
            over: false,
            wish_is_known: false,
            talk: usize::from(to_tag.len().is_multiple_of(2)) + 1,
            hangs_up: request.sequence().is_multiple_of(3),
        };
        self.dialogs.insert(call_id, dialog);
    }

    /// Says the next thing, or hangs up.
    pub(super) fn talk(&mut self, call_id: &str, out: &mut Out<'_>) {
        let Some(dialog) = self.dialogs.get_mut(call_id).filter(|dialog| !dialog.over) else {
            return;
        };
        if dialog.inviting {
            return out.remind(Duration::from_millis(700), Alarm::Talk(call_id.to_owned()));
        }
        if dialog.talk == 0 {
            if dialog.hangs_up {
                self.hang_up(call_id, out);
            }
            return;
        }
        dialog.talk -= 1;
        let method = *out.dice.pick(dialog.usage.talk());
        dialog.inviting = method == "INVITE";
        self.say(call_id, method, out);
        let after = Duration::from_millis(500) + out.millis(15_000);
        out.remind(after, Alarm::Talk(call_id.to_owned()));
    }

    pub(super) fn hang_up(&mut self, call_id: &str, out: &mut Out<'_>) {
        let Some(dialog) = self.dialogs.get_mut(call_id).filter(|dialog| !dialog.over) else {
            return;
        };
        dialog.over = true;
        let method = dialog.usage.end();
        self.say(call_id, method, out);
    }

    /// How a request of ours within a dialog ended.
    pub(super) fn ended(&mut self, name: &RequestName, outcome: Outcome) {
        let (call_id, _, _, method) = name;
        let Some(dialog) = self.dialogs.get_mut(call_id) else {
            return;
        };
        if method == "INVITE" {
            dialog.inviting = false;
        }
        if matches!(outcome, Outcome::TimedOut | Outcome::Answered(408 | 481)) && method != "CANCEL" {
            dialog.over = true;
        }
    }

    fn say(&mut self, call_id: &str, method: &str, out: &mut Out<'_>) {
        let Some(dialog) = self.dialogs.get_mut(call_id) else {
            return;
        };
        dialog.sequence += 1;
        let parts = Parts::of(dialog);
        let with_wish = !dialog.wish_is_known || out.dice.one_in(2);
        let rows = self.person.rows(Of::Request, with_wish) + usage_rows(method);
        let Some(to) = parts.next_hop() else { return };
        self.send_request(&parts.head(method, call_id, &rows), to, out);
    }

    fn write_within(
        &mut self,
        call_id: &str,
        method: &str,
        sequence: u32,
        out: &mut Out<'_>,
    ) -> Option<(SocketAddr, String)> {
        let parts = Parts::of(self.dialogs.get(call_id)?);
        let rows = self.person.rows(Of::Request, out.dice.one_in(2));
        let mut head = parts.head(method, call_id, &rows);
        head.sequence = sequence;
        let to = parts.next_hop()?;
        Some((to, self.write(&head, false).1))
    }
}

/// What a dialog gives to each of its requests.
struct Parts {
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    sequence: u32,
}

impl Parts {
    fn of(dialog: &Dialog) -> Parts {
        Parts {
            local: dialog.local.clone(),
            remote: dialog.remote.clone(),
            target: dialog.target.clone(),
            routes: dialog.routes.clone(),
            sequence: dialog.sequence,
        }
    }

    fn head<'a>(&'a self, method: &'a str, call_id: &'a str, rows: &'a str) -> Head<'a> {
        Head {
            method,
            target: &self.target,
            routes: &self.routes,
            from: &self.local,
            to: &self.remote,
            call_id,
            sequence: self.sequence,
            rows,
        }
    }

    /// The first of the route set, or the target.
    fn next_hop(&self) -> Option<SocketAddr> {
        let uri = self.routes.first().map_or(&*self.target, |route| uri(route));
        let place = uri
            .rsplit_once('@')
            .map_or_else(|| uri.trim_start_matches("sip:"), |(_, place)| place);
        let host_port = place.split(';').next()?;
        host_port.parse().or_else(|_| format!("{host_port}:5060").parse()).ok()
    }
}
