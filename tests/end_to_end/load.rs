//! Several telephones that call side by side without a pause, while something else happens to the proxy.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use super::node::PATIENCE;
use super::phone::Phone;
use super::{Dialog, ok};
use crate::world::{Sent, respond};

/// What the callers tell. Dropped, it lets them finish their calls, and then the core.
pub struct Calls<'a> {
    /// A word for each call, of each caller.
    pub ended: Vec<Receiver<()>>,
    pub end: &'a AtomicBool,
    pub callee: SocketAddr,
}

impl Calls<'_> {
    /// Waits for a call of every caller that ends later than now.
    pub fn one_more_of_each(&self) {
        for ended in &self.ended {
            ended.try_iter().for_each(drop);
            ended.recv_timeout(PATIENCE).expect("a caller that still calls");
        }
    }
}

impl Drop for Calls<'_> {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for ended in &self.ended {
            while ended.recv_timeout(PATIENCE).is_ok() {}
        }
        Phone::on_udp().calls(self.callee).send("STOP sip:x SIP/2.0\r\n\r\n");
    }
}

/// Short calls of an old telephone and fresh ones in turn, during a long one; a word after each.
pub fn calls_until(end: &AtomicBool, telephone: impl Fn() -> Phone, name: usize, done: &Sender<()>) {
    let mut old = telephone();
    let long_id = format!("long-{name}");
    let long = Dialog {
        call_id: &long_id,
        privacy: "",
    };
    let up = picked_up(&long, &mut old);
    let mut number = 0;
    while !end.load(Ordering::Relaxed) {
        number += 1;
        let short_id = format!("short-{name}-{number}");
        let short = Dialog {
            call_id: &short_id,
            privacy: "",
        };
        let mut fresh = None;
        let phone = match number % 2 {
            0 => &mut old,
            _ => fresh.insert(telephone()),
        };
        let answer = picked_up(&short, phone);
        hung_up(&short, phone, &answer);
        let _ = done.send(());
    }
    hung_up(&long, &mut old, &up);
}

/// INVITE, 200, ACK. Gives the 200.
fn picked_up(dialog: &Dialog, caller: &mut Phone) -> Sent {
    caller.send(&dialog.invite(caller));
    let answer = answer(dialog, caller, "1 INVITE");
    caller.send(&dialog.later(caller, "ACK", 1, &answer));
    answer
}

/// BYE, 200.
fn hung_up(dialog: &Dialog, caller: &mut Phone, picked_up: &Sent) {
    caller.send(&dialog.later(caller, "BYE", 2, picked_up));
    answer(dialog, caller, "2 BYE");
}

/// The 200 to this request; an answer to another one can only be a repetition.
fn answer(dialog: &Dialog, caller: &mut Phone, request: &str) -> Sent {
    loop {
        let answer = caller.receive();
        if answer.row("Call-ID") == Some(dialog.call_id) && answer.row("CSeq") == Some(request) {
            assert!(answer.start().starts_with("SIP/2.0 200"), "{}", answer.text());
            return answer;
        }
    }
}

/// Picks up every call, which must be as said, and confirms every end, until it is told to stop.
pub fn answers_everything(mut callee: Phone, is_sound: fn(&Sent) -> bool) {
    loop {
        let request = callee.receive();
        match request.start().split(' ').next() {
            Some("INVITE") => {
                assert!(is_sound(&request), "{}", request.text());
                callee.send(&ok(&request, &callee));
            }
            Some("BYE") => callee.send(&respond(&request, "200 OK", "b", "")),
            Some("STOP") => return,
            _ => {}
        }
    }
}
