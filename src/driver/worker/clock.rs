//! When it is, and when to wake.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::engine::Now;

/// The two clocks of a worker.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub epoch: Instant,
}

impl Clock {
    pub fn new() -> Self {
        Clock { epoch: Instant::now() }
    }

    pub fn now(&self) -> Now {
        Now {
            at: self.epoch.elapsed(),
            unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        }
    }
}

/// One timer of the runtime, moved only when it would ring too late: ringing early costs one empty round.
pub(super) struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
    set: Option<Duration>,
}

impl Alarm {
    pub fn new(clock: Clock) -> Self {
        Alarm {
            clock,
            sleep: Box::pin(sleep_until(clock.epoch)),
            set: None,
        }
    }

    pub fn wants(&self, at: Option<Duration>) -> bool {
        match (at, self.set) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(at), Some(set)) => at < set,
        }
    }

    pub fn set(&mut self, at: Option<Duration>) {
        // Beyond what the clock can tell is never.
        if let Some((at, instant)) = at.and_then(|at| Some((at, self.clock.epoch.checked_add(at)?))) {
            self.sleep.as_mut().reset(instant);
            self.set = Some(at);
        }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.set.is_none() {
            return Poll::Pending;
        }
        let rung = self.sleep.as_mut().poll(cx);
        if rung.is_ready() {
            self.set = None;
        }
        rung
    }
}
