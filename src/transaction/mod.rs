//! The transactions of RFC 3261 section 17, as corrected by RFC 4320 and RFC 6026.
//!
//! Four machines that decide when something is sent again, passed on or over: [`InviteClient`], [`InviteServer`],
//! [`Client`] and [`Server`] (the last two for every other method). `on(self, Event, &TimerSettings) -> (Self, Actions)` is
//! all they do. They are a few bytes each, allocate nothing, and deliberately know no message, no clock, no peer and no
//! other transaction: the engine stores the bytes, runs the timers and carries out the [`Actions`]. Timer C belongs to
//! the proxy.
//!
//! No action cancels a timer. A machine never enters a state twice and ignores a timer its state does not know, so a
//! timer that outlived its state does nothing; one that outlived its transaction is stopped by the generation it carries.

pub mod branch;
pub mod client;
pub mod invite_client;
pub mod invite_server;
pub mod key;
pub mod server;
pub mod timers;

use std::time::Duration;

pub use branch::ClientBranch;
pub use client::Client;
pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use key::{KeyError, MAGIC_COOKIE, RequestParts, Rfc2543Parts, ServerKey};
pub use server::Server;
pub use timers::{Reliability, Timer, TimerSettings};

/// One thing a machine wants done. The order of the variants is the order in which they are to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Client: put the stored request on the wire, the same bytes each time.
    SendRequest,
    /// INVITE client: send the ACK of the failure just received; the same bytes when it was received again.
    SendAck,
    /// Server: make a 100, keep it as the last response and send it.
    SendTrying,
    /// Server: keep the response of this event as the last one and send it.
    SendResponse,
    /// Server: send the last response again, the same bytes.
    ResendResponse,
    /// Client: hand the response of this event to the proxy.
    PassResponse,
    /// INVITE server: hand the ACK of this event, which is one of a 2xx, to the proxy.
    PassAck,
    /// Tell the proxy that the peer did not answer (client) or did not acknowledge (INVITE server).
    PassTimeout,
    /// Tell the proxy that a message did not reach the peer.
    PassTransportError,
    /// Forget the transaction. Comes once.
    Terminated,
}

/// What a machine wants done after one event: any [`Action`] once, and up to two timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actions {
    /// A bit per variant of [`Action`], by its number.
    asked: u16,
    timers: [Option<(Timer, Duration)>; 2],
}

impl Actions {
    /// Nothing to do: the event was absorbed.
    pub const NONE: Actions = Actions {
        asked: 0,
        timers: [None; 2],
    };

    const IN_ORDER: [Action; 10] = [
        Action::SendRequest,
        Action::SendAck,
        Action::SendTrying,
        Action::SendResponse,
        Action::ResendResponse,
        Action::PassResponse,
        Action::PassAck,
        Action::PassTimeout,
        Action::PassTransportError,
        Action::Terminated,
    ];

    pub fn contains(self, action: Action) -> bool {
        self.asked & (1 << action as u16) != 0
    }

    /// What to do, in order.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Self::IN_ORDER.into_iter().filter(move |&action| self.contains(action))
    }

    /// Timers to start, each with the time from this event until it fires.
    pub fn timers(self) -> impl Iterator<Item = (Timer, Duration)> {
        self.timers.into_iter().flatten()
    }

    fn of(action: Action) -> Actions {
        Actions::NONE.and(action)
    }

    fn and(mut self, action: Action) -> Actions {
        self.asked |= 1 << action as u16;
        self
    }

    /// Adds a timer; a machine starts two at most in one event.
    fn start(mut self, timer: Timer, after: Duration) -> Actions {
        debug_assert!(self.timers[1].is_none());
        let place = usize::from(self.timers[0].is_some());
        self.timers[place] = Some((timer, after));
        self
    }
}

/// All that a machine needs to know of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseClass {
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// 300 to 699.
    Failure,
}

impl ResponseClass {
    /// `None` outside 100 to 699.
    pub fn from_status(status: u16) -> Option<ResponseClass> {
        match status {
            100..=199 => Some(ResponseClass::Provisional),
            200..=299 => Some(ResponseClass::Success),
            300..=699 => Some(ResponseClass::Failure),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
