//! What the operator's doors show of a running proxy.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex, mpsc, watch};

use super::{Counters, Orders, Running, Stop};
use crate::admin::{Inside, State};
use crate::engine::counts::Counts;
use crate::net::mirror::{Mirror, MirrorCounts};
use crate::policy::Policy;

/// How long a worker is given to tell what it decided.
pub const TELL_TIME_MAX: Duration = Duration::from_secs(1);

/// One asks at a time: workers tell whoever asked last.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Arc<Mutex<()>>);

impl Asked {
    /// What so many workers decided so far.
    pub async fn ask(&self, orders: &watch::Sender<Orders>, workers: usize) -> Counts {
        let _alone = self.0.lock().await;
        let (teller, mut told) = mpsc::channel(workers.max(1));
        orders.send_modify(|orders| {
            orders.question += 1;
            orders.tell = Some(teller);
        });
        let mut sum = Counts::default();
        let until = tokio::time::Instant::now() + TELL_TIME_MAX;
        for _ in 0..workers {
            match tokio::time::timeout_at(until, told.recv()).await {
                Ok(Some(counts)) => sum += &counts,
                Ok(None) | Err(_) => break,
            }
        }
        orders.send_modify(|orders| orders.tell = None);
        sum
    }
}

/// Keeps nothing running: when the proxy is gone there is nothing to see.
pub(super) struct View {
    orders: Weak<watch::Sender<Orders>>,
    asked: Asked,
    counters: Arc<Counters>,
    mirrored: Option<Arc<MirrorCounts>>,
    workers: usize,
    began_at: SystemTime,
}

impl View {
    pub fn of(running: &Running) -> View {
        View {
            orders: Arc::downgrade(&running.orders),
            asked: running.asked.clone(),
            counters: Arc::clone(&running.counters),
            mirrored: running.mirror.as_deref().map(Mirror::counts),
            workers: running.threads.len(),
            began_at: running.began_at,
        }
    }
}

impl Inside for View {
    fn state(&self) -> State {
        // Workers hold what they are told by until they end.
        match self.orders.upgrade().filter(|orders| orders.receiver_count() > 0) {
            None => State::Ended,
            Some(orders) if orders.borrow().stop == Stop::No => State::Ready,
            Some(_) => State::Draining,
        }
    }

    async fn counts(&self) -> Counts {
        match self.orders.upgrade() {
            Some(orders) => self.asked.ask(&orders, self.workers).await,
            None => Counts::default(),
        }
    }

    fn policy(&self) -> Option<(Arc<Policy>, SystemTime)> {
        let orders = self.orders.upgrade()?;
        let orders = orders.borrow();
        Some((Arc::clone(&orders.policy), orders.policy_at))
    }

    fn shell(&self) -> Vec<(&'static str, f64)> {
        let Counters {
            handover_dropped,
            datagrams_dropped,
            receive_errors,
            connections_refused,
            connections_overflowed,
            sends_failed,
            audit_refused,
            questions_refused,
        } = &*self.counters;
        let counted = [
            ("sipveil_handover_dropped_total", handover_dropped),
            ("sipveil_datagrams_dropped_total", datagrams_dropped),
            ("sipveil_receive_errors_total", receive_errors),
            ("sipveil_connections_refused_total", connections_refused),
            ("sipveil_connections_overflowed_total", connections_overflowed),
            ("sipveil_sends_failed_total", sends_failed),
            ("sipveil_audit_refused_total", audit_refused),
            ("sipveil_questions_refused_total", questions_refused),
        ];
        let mut told: Vec<_> = counted.map(|(name, count)| (name, count.value() as f64)).into();
        if let Some(mirrored) = &self.mirrored {
            let MirrorCounts { sent, dropped, failed } = &**mirrored;
            for (name, count) in [
                ("sipveil_mirror_sent_total", sent),
                ("sipveil_mirror_dropped_total", dropped),
                ("sipveil_mirror_failed_total", failed),
            ] {
                told.push((name, count.load(Ordering::Relaxed) as f64));
            }
        }
        told.push(("sipveil_ready", f64::from(u8::from(self.state() == State::Ready))));
        told.push(("sipveil_workers", self.workers as f64));
        told.push(("sipveil_start_time_seconds", unix(self.began_at)));
        if let Some(orders) = self.orders.upgrade() {
            told.push(("sipveil_policy_time_seconds", unix(orders.borrow().policy_at)));
        }
        told
    }
}

fn unix(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
