//! One worker: its sockets, its connections, its engine, in one loop.

mod associations;
mod auditing;
mod clock;
mod costs;
mod pressure;
mod send;
mod storing;

use std::{
    collections::BTreeMap,
    future::poll_fn,
    hash::{BuildHasher, RandomState},
    io, mem,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout_at,
};

use associations::Associations;
use auditing::Auditing;
use clock::{Alarm, Clock};
use pressure::Pressure;
use storing::Storing;

use super::{Orders, Stop, TASK_EVENTS_MAX, all_quiet, counters::Counters, decides::Decides};
use crate::{
    audit::Sink,
    dns::Dns,
    engine::{
        Bound, Input, LocateId, Now, Output, PostId, SendId,
        counts::Counts,
        rate::{Place, Rate},
    },
    ipsec::Backend,
    locate::Answer,
    net::{
        Cleared,
        aliases::Aliases,
        flows::{Flows, Sources, Way},
        handover::{Event, Handover},
        https::{self, Door, Posted},
        listen::Sockets,
        mirror::Mirror,
        stun,
        tls::Certificates,
        udp::{BATCH, Datagram, Landing, Sender, Socket},
        unreachable::{self, Notices},
    },
    pcscf::{Learned, security::Change},
    policy::Policy,
    ppsp::alto::Alto,
    privacy::guard::Answer as Answered,
    store::{Snapshots, Store},
    trust::Flow,
};

/// Events taken in one round.
const EVENTS_MAX: usize = 64;

/// Rounds without waiting after which the connections get their turn.
const ROUNDS_MAX: u32 = 4;

/// How often a draining worker looks whether the others have finished.
const DRAIN_TICK: Duration = Duration::from_millis(50);

/// For the last words on connections, once all is decided; less when the time to drain ends before.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// After a failed accept (no file descriptor left): before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a worker is given to start with.
pub(super) struct Post<M> {
    pub index: usize,
    pub bound: Vec<Bound>,
    pub orders: watch::Receiver<Orders>,
    pub handed: mpsc::Receiver<Event<M>>,
    pub handover: Arc<Handover<M>>,
    /// Transactions of each worker, as of its last look while draining.
    pub live: Arc<[AtomicU64]>,
    pub counters: Arc<Counters>,
    pub sources: Arc<Sources>,
    pub aliases: Arc<Aliases>,
    pub audit: Option<Arc<Sink>>,
    pub mirror: Option<Arc<Mirror>>,
    pub store: Option<Arc<Store>>,
    pub snapshots: Option<Arc<Snapshots>>,
    /// Of the first worker, which is the only one where a listener has protected ports.
    pub backend: Option<Box<dyn Backend>>,
    pub certificates: Arc<Certificates>,
    /// Of the worker with the tracker.
    pub https: Option<std::net::TcpListener>,
}

/// What reaches the worker besides messages.
enum Word {
    /// There are new orders, or nobody is left to give any.
    Ordered,
    Located {
        id: LocateId,
        answer: Answer,
    },
    /// What ways between peers cost, if anybody knows.
    Costs(Option<Arc<Alto>>),
}

pub(super) struct Worker<D: Decides> {
    index: usize,
    engine: D,
    policy: Arc<Policy>,
    clock: Clock,
    alarm: Alarm,

    sockets: Vec<Socket<D::Message>>,
    landing: Landing,
    sender: Sender,
    datagrams: Vec<Datagram>,
    stun: Rate,
    stun_key: RandomState,

    streams: Vec<Bound>,
    flows: Flows<D::Message>,
    certificates: Arc<Certificates>,

    tasks: mpsc::Receiver<Event<D::Message>>,
    to_tasks: mpsc::Sender<Event<D::Message>>,
    handed: mpsc::Receiver<Event<D::Message>>,
    handover: Arc<Handover<D::Message>>,
    events: Vec<Event<D::Message>>,
    /// The same, of other workers.
    from_workers: Vec<Event<D::Message>>,

    /// Requests of the tracker's direct interface, and who waits for their answers.
    posts: mpsc::Receiver<Posted>,
    posted: Vec<Posted>,
    asking: BTreeMap<PostId, oneshot::Sender<Answered>>,
    last_post: u64,

    words: mpsc::Receiver<Word>,
    to_words: mpsc::Sender<Word>,
    dns: Option<Dns>,
    /// Who asks what ways between peers cost.
    costs: Option<JoinHandle<()>>,

    /// Own sendings that failed, for the engine to hear of.
    failed: Vec<SendId>,
    /// Questions that could not be asked, for the engine to hear of.
    unasked: Vec<LocateId>,
    orders: watch::Receiver<Orders>,
    /// The last keys that were taken over.
    rotation: u64,
    /// The last question what was decided that was answered.
    question: u64,
    pressure: Pressure,
    auditing: Auditing,
    mirror: Option<Arc<Mirror>>,
    storing: Storing,
    associations: Associations,
    rounds: u32,
    stop: Stop,
    drain_until: Duration,
    live: Arc<[AtomicU64]>,
    counters: Arc<Counters>,
}

impl<D: Decides> Worker<D> {
    /// Inside its runtime.
    pub fn new(
        post: Post<D::Message>,
        sockets: Sockets,
        make: &(impl Fn(&Arc<Policy>, &[Bound], Now) -> io::Result<D> + ?Sized),
    ) -> io::Result<Self> {
        let clock = Clock::new();
        let policy = Arc::clone(&post.orders.borrow().policy);
        let engine = make(&policy, &post.bound, clock.now())?;
        let associations = Associations::new(post.backend, &policy, &post.bound).map_err(io::Error::other)?;
        let dns = Dns::of(&policy.dns);
        let (to_tasks, tasks) = mpsc::channel(TASK_EVENTS_MAX);
        let (to_words, words) = mpsc::channel(TASK_EVENTS_MAX);
        for (index, (_, socket)) in sockets.datagrams.iter().enumerate() {
            let (own, handover) = (to_tasks.clone(), Arc::clone(&post.handover));
            tokio::spawn(unreachable::tell(Notices::of(socket)?, index, own, handover));
        }
        let datagrams = sockets.datagrams.into_iter();
        let opened = datagrams.map(|(bound, socket)| Socket::new(bound, socket));
        let opened = opened.collect::<io::Result<Vec<_>>>()?;
        let mut streams = Vec::new();
        for (bind, (bound, listener)) in sockets.streams.into_iter().enumerate() {
            tokio::spawn(accept(bind, TcpListener::from_std(listener)?, to_tasks.clone()));
            streams.push(bound);
        }
        tokio::spawn(forward(post.orders.clone(), to_words.clone()));
        let (to_posts, posts) = mpsc::channel(TASK_EVENTS_MAX);
        if let Some(listener) = post.https {
            let door = Door {
                certificates: Arc::clone(&post.certificates),
                sources: Arc::clone(&post.sources),
                limits: policy.limits.clone(),
                posts: to_posts,
            };
            tokio::spawn(https::serve(TcpListener::from_std(listener)?, door));
        }
        let costs = ask_costs(&policy, dns.as_ref(), &to_words);
        Ok(Worker {
            index: post.index,
            flows: Flows::new(post.index, policy.limits.clone(), post.sources, post.aliases),
            certificates: post.certificates,
            engine,
            alarm: Alarm::new(clock),
            clock,
            sockets: opened,
            landing: Landing::new(),
            sender: Sender::new()?,
            datagrams: Vec::new(),
            stun: Rate::new(policy.limits.options_per_second_max),
            stun_key: RandomState::new(),
            policy,
            streams,
            tasks,
            to_tasks,
            handed: post.handed,
            handover: post.handover,
            events: Vec::new(),
            from_workers: Vec::new(),
            posts,
            posted: Vec::new(),
            asking: BTreeMap::new(),
            last_post: 0,
            words,
            to_words,
            dns,
            costs,
            failed: Vec::new(),
            unasked: Vec::new(),
            orders: post.orders,
            rotation: 0,
            question: 0,
            pressure: Pressure::default(),
            auditing: Auditing::new(post.audit),
            mirror: post.mirror,
            storing: Storing::new(post.store, post.snapshots),
            associations,
            rounds: 0,
            stop: Stop::No,
            drain_until: Duration::MAX,
            live: post.live,
            counters: post.counters,
        })
    }

    /// Wait, feed, drain; until told to stop.
    pub async fn run(mut self) -> Counts {
        loop {
            if self.alarm.wants(self.wake_at()) {
                self.alarm.set(self.wake_at());
            }
            let word = poll_fn(|cx| self.poll_wait(cx)).await;
            // The clock is read once a round: to the engine all of a batch came at once.
            let now = self.clock.now();
            // Orders count for every message that arrived after they were given, whatever waits in the channel.
            if self.orders.has_changed().unwrap_or(false) {
                self.hear(now, Word::Ordered);
            }
            let left_more = self.datagrams.len() >= BATCH
                || self.events.len() >= EVENTS_MAX
                || self.from_workers.len() >= EVENTS_MAX;
            if let Some(percent) = self.pressure.round(now.at, left_more) {
                self.feed(now, Input::Load(percent));
            }
            self.feed_audit(now);
            self.feed_stored(now);
            let handed = mem::take(&mut self.from_workers);
            self.from_workers = self.feed_events(now, handed);
            self.feed_datagrams(now);
            let events = mem::take(&mut self.events);
            self.events = self.feed_events(now, events);
            self.feed_posts(now);
            if let Some(word) = word {
                self.hear(now, word);
            }
            if self.engine.next_deadline().is_some_and(|deadline| deadline <= now.at) {
                self.feed(now, Input::Tick);
            }
            self.settle(now);
            if self.is_over(now) {
                self.take_last_words(now);
                break;
            }
            self.rounds = self.rounds.wrapping_add(1);
            if self.rounds.is_multiple_of(ROUNDS_MAX) {
                tokio::task::yield_now().await;
            }
        }
        self.write_last_snapshot().await;
        self.say_goodbye().await;
        self.engine.counts()
    }

    /// Ready when there is anything to do; what there is stands in `datagrams` and `events`.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Word>> {
        let mut woken = false;
        let mut errors = 0;
        for (index, socket) in self.sockets.iter_mut().enumerate() {
            woken |= socket.poll_room(cx).is_ready();
            let received = socket.poll_receive(cx, index, &mut self.landing, &mut self.datagrams, &mut errors);
            woken |= received.is_ready();
        }
        if errors > 0 {
            self.counters.receive_errors.add(errors);
        }
        // Before the datagrams are fed: what another worker learned counts for all that its peer sends once it was told.
        woken |= self
            .handed
            .poll_recv_many(cx, &mut self.from_workers, EVENTS_MAX)
            .is_ready();
        // While datagrams come, the other channels are looked at now and then; before a wait they always are.
        if !self.datagrams.is_empty() && !self.rounds.is_multiple_of(ROUNDS_MAX) {
            return Poll::Ready(None);
        }
        woken |= self.alarm.poll(cx).is_ready();
        woken |= self.tasks.poll_recv_many(cx, &mut self.events, EVENTS_MAX).is_ready();
        woken |= self.storing.poll(cx).is_ready();
        if let Poll::Ready(posts) = self.posts.poll_recv_many(cx, &mut self.posted, EVENTS_MAX) {
            // None more will come when nobody holds the other end.
            woken |= posts > 0;
        }
        match self.words.poll_recv(cx) {
            Poll::Ready(word) => Poll::Ready(word),
            Poll::Pending if woken => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn feed_datagrams(&mut self, now: Now) {
        let mut datagrams = mem::take(&mut self.datagrams);
        for Datagram { socket, remote, bytes } in datagrams.drain(..) {
            if !is_message(&bytes) {
                self.keep_alive(now, socket, remote, &bytes);
                continue;
            }
            let bound = self.sockets[socket].bound;
            let flow = Flow {
                listener: bound.listener,
                transport: bound.transport,
                local: bound.address,
                remote,
                connection: None,
                certified: None,
            };
            let worker = self.handover.worker_of(&bytes);
            if worker == self.index {
                self.feed(now, Input::Packet { flow, bytes });
            } else if self.hand_over(worker, Event::Packet { flow, bytes }).is_err() {
                self.counters.handover_dropped.add(1);
            }
        }
        self.datagrams = datagrams;
    }

    /// Blank lines want no answer, STUN does; a source that asks too often gets none.
    //= TPT-006
    //= SEC-009
    fn keep_alive(&mut self, now: Now, socket: usize, remote: SocketAddr, bytes: &[u8]) {
        let Some(answer) = stun::answer(bytes, remote) else {
            return;
        };
        if self.stun.allows(now.at, Place::of(self.stun_key.hash_one(remote.ip()))) {
            self.sockets[socket].answer(remote, &answer);
        }
    }

    /// Gives the room of the events back.
    fn feed_events(&mut self, now: Now, mut events: Vec<Event<D::Message>>) -> Vec<Event<D::Message>> {
        if events.is_empty() {
            return events;
        }
        for event in events.drain(..) {
            match event {
                Event::Packet { flow, bytes } => self.feed(now, Input::Packet { flow, bytes }),
                Event::Unframed { flow, bytes, fault } => {
                    self.feed(now, Input::Unframed { flow, bytes, fault });
                    if let Some(connection) = flow.connection {
                        self.flows.finish(connection);
                    }
                }
                Event::Accepted { bind, stream } => self.accepted(bind, stream),
                Event::Closed { connection, unsent } => {
                    self.flows.closed(connection);
                    unsent.into_iter().for_each(|sending| self.fail(sending));
                }
                Event::Send { sending, message } => match message.destination().connection {
                    Some(connection) => self.send_on(Some(connection), sending, message),
                    None => self.send_stream(sending, message),
                },
                Event::Alias { connection, of, by } => self.flows.alias(connection, Way::from(&of), by),
                Event::Close(connection) => self.flows.cut(connection),
                Event::Learned { flow, learned } => self.feed(now, Input::Learned { flow, learned }),
                Event::Failed(id) => self.failed.push(id),
                Event::Unreachable { socket, remote } => {
                    if let Some(socket) = self.sockets.get_mut(socket) {
                        socket.unreachable(remote, &mut self.failed);
                    }
                }
            }
        }
        events
    }

    /// Requests of the direct interface. Each is answered, at once or when what it tells is kept.
    //= P2P-132
    fn feed_posts(&mut self, now: Now) {
        for Posted { post, answer } in mem::take(&mut self.posted) {
            self.last_post += 1;
            let id = PostId(self.last_post);
            self.asking.insert(id, answer);
            self.feed(now, Input::Post { id, post });
        }
    }

    fn hear(&mut self, now: Now, word: Word) {
        match word {
            Word::Located { id, answer } => self.feed(now, Input::Located { id, answer }),
            Word::Costs(costs) => self.feed(now, Input::Costs(costs)),
            Word::Ordered => {
                let nobody_orders = self.orders.has_changed().is_err();
                let mut orders = self.orders.borrow_and_update().clone();
                if nobody_orders {
                    orders.stop = Stop::Now;
                }
                if !Arc::ptr_eq(&self.policy, &orders.policy) {
                    let policy = std::mem::replace(&mut self.policy, Arc::clone(&orders.policy));
                    self.flows.limit(orders.policy.limits.clone());
                    if !orders.policy.dns.asks_like(&policy.dns) {
                        self.dns = Dns::of(&orders.policy.dns);
                    }
                    self.stun.limit(orders.policy.limits.options_per_second_max);
                    if let Some(costs) = self.costs.take() {
                        costs.abort();
                    }
                    self.costs = ask_costs(&orders.policy, self.dns.as_ref(), &self.to_words);
                    self.feed(now, Input::Policy(orders.policy));
                }
                if let Some(keys) = orders.keys.filter(|_| self.rotation != orders.rotation) {
                    self.rotation = orders.rotation;
                    self.feed(now, Input::Keys(keys));
                }
                if self.stop == Stop::No && orders.stop == Stop::Drain {
                    self.drain_until = now.at.saturating_add(self.policy.proxy.drain.value);
                }
                self.stop = self.stop.max(orders.stop);
                if self.question != orders.question
                    && let Some(teller) = orders.tell
                {
                    self.question = orders.question;
                    let _ = teller.try_send(self.engine.counts());
                }
            }
        }
    }

    /// One input, then every output it caused.
    fn feed(&mut self, now: Now, input: Input) {
        if let (Some(mirror), Input::Packet { flow, bytes }) = (&self.mirror, &input)
            && mirror.is_looked_at()
        {
            mirror.came(flow, bytes);
        }
        self.engine.handle(now, input);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Record(record) => self.write_down(record),
                Output::Send { id, .. } if self.auditing.withholds() => self.auditing.withheld(id),
                Output::Send { id, message } => {
                    self.show(&message);
                    self.send(id, message);
                }
                Output::Locate { id, question } => self.locate(id, &question),
                Output::Store { id, change } => self.storing.take(id, change),
                Output::Snapshot(piece) => self.storing.take_piece(piece),
                Output::Learned { flow, learned } => self.share(flow, &learned),
                Output::Security(change) => {
                    if let Change::Remove(removal) = &change {
                        self.cut_off(removal);
                    }
                    self.associations.apply(&change);
                }
                Output::Alias { connection, of, by } => self.alias(connection, of, by),
                Output::Close(connection) => self.close(connection),
                Output::Answer { id, .. } if self.auditing.withholds() => drop(self.asking.remove(&id)),
                Output::Answer { id, answer } => {
                    if let Some(asking) = self.asking.remove(&id) {
                        // Who has gone meanwhile hears nothing.
                        let _ = asking.send(answer);
                    }
                }
            }
        }
        while let Some(set) = self.associations.take_lost() {
            self.engine.handle(now, Input::Uninstalled(set));
        }
    }

    /// Every engine of the process knows who is registered.
    fn share(&self, flow: Flow, learned: &Learned) {
        for worker in (0..self.handover.workers()).filter(|worker| *worker != self.index) {
            let learned = learned.clone();
            if self.hand_over(worker, Event::Learned { flow, learned }).is_err() {
                self.counters.handover_dropped.add(1);
            }
        }
    }

    /// Sends what is queued and tells the engine what failed, until there is nothing to tell.
    fn settle(&mut self, now: Now) {
        loop {
            self.sockets
                .iter_mut()
                .for_each(|socket| socket.flush(&mut self.sender, &mut self.failed));
            let unrecorded = self.auditing.take_withheld();
            if self.failed.is_empty() && self.unasked.is_empty() && unrecorded.is_empty() {
                break;
            }
            if !unrecorded.is_empty() {
                self.feed_audit(now);
            }
            for id in unrecorded {
                self.feed(now, Input::Unrecorded(id));
            }
            for id in mem::take(&mut self.failed) {
                self.counters.sends_failed.add(1);
                if id != SendId(0) {
                    self.feed(now, Input::SendFailed(id));
                }
            }
            for id in mem::take(&mut self.unasked) {
                let answer = Answer::Failed;
                self.feed(now, Input::Located { id, answer });
            }
        }
    }

    /// When to wake without a packet.
    fn wake_at(&self) -> Option<Duration> {
        let deadline = self.engine.next_deadline();
        if self.stop == Stop::No {
            return deadline;
        }
        let look = self.clock.now().at + DRAIN_TICK;
        Some(deadline.map_or(look, |deadline| deadline.min(look)))
    }

    //= ROLE-003
    fn is_over(&self, now: Now) -> bool {
        match self.stop {
            Stop::No => false,
            Stop::Now => true,
            Stop::Drain => {
                let live = self.engine.transactions() as u64;
                self.live[self.index].store(live, Ordering::Relaxed);
                all_quiet(&self.live) && self.sockets.iter().all(Socket::is_idle) || now.at >= self.drain_until
            }
        }
    }

    /// The last answers of other workers: they handed them over before they said that nothing is left to do.
    fn take_last_words(&mut self, now: Now) {
        let mut events = Vec::new();
        while let Ok(event) = self.handed.try_recv() {
            events.push(event);
        }
        self.feed_events(now, events);
        self.settle(now);
    }

    /// What is decided still leaves, if its peer reads.
    async fn say_goodbye(&mut self) {
        if self.stop == Stop::Now {
            return;
        }
        self.flows.finish_all();
        let drained = self.clock.epoch + self.drain_until.min(self.clock.now().at + FLUSH_TIME_MAX);
        while !self.flows.is_empty() {
            match timeout_at(drained, self.tasks.recv()).await {
                Ok(Some(Event::Closed { connection, .. })) => self.flows.closed(connection),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }
}

/// Whether a datagram can be a message: blank lines only keep a binding alive, and 0 or 1 in front is STUN.
//= TPT-006
fn is_message(bytes: &[u8]) -> bool {
    match bytes.first() {
        None | Some(0 | 1) => false,
        Some(b'\r' | b'\n') => bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n')),
        Some(_) => true,
    }
}

fn ask_costs(policy: &Policy, dns: Option<&Dns>, words: &mpsc::Sender<Word>) -> Option<JoinHandle<()>> {
    let table = policy.p2p.alto.clone()?;
    Some(tokio::spawn(costs::tell(table, dns.cloned(), words.clone())))
}

async fn accept<M>(bind: usize, listener: TcpListener, tasks: mpsc::Sender<Event<M>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if tasks.send(Event::Accepted { bind, stream }).await.is_err() {
                    return;
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Tells of every change of the orders, and when nobody is left to give any.
async fn forward(mut orders: watch::Receiver<Orders>, words: mpsc::Sender<Word>) {
    loop {
        let changed = orders.changed().await;
        if words.send(Word::Ordered).await.is_err() || changed.is_err() {
            return;
        }
    }
}
