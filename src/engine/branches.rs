//! The response context of a request: its branches, and the best of the failures they came to. RFC 3261 section 16.7.

use smallvec::SmallVec;

use super::event::{Drop, What};
use super::transactions::{Failure, Id, Kept, Work};
use super::{Engine, Now};
use crate::locate::Target;
use crate::policy::Policy;
use crate::policy::route::Fork;
use crate::privacy::{Notes, admit};
use crate::proxy::breadth;
use crate::proxy::check::Unfit;
use crate::proxy::redirect;
use crate::proxy::responses::Rank;
use crate::proxy::targets::{self, Arrival};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Essentials, Method, Name};
use crate::transaction::ResponseClass;
use crate::trust::{Destination, Origin, OwnAddresses};

/// Targets tried one after another. The lines of a fork stand side by side.
pub struct Line {
    pub targets: Vec<Target>,
    /// The Request-URI there, when a redirection gave another.
    uri: Option<Vec<u8>>,
    pub state: State,
    /// Lines of a lower one are over before it begins: those of a redirection, by preference.
    rank: u16,
    /// How many lines of its rank may run at once.
    width: usize,
    /// Over how many branches the request may spread behind it.
    pub breadth: u32,
    /// The next target to locate.
    pub next_target: usize,
    /// Addresses of the current target not tried yet, last first.
    pub addresses: SmallVec<[Destination; 1]>,
    /// Where the branch under way was sent.
    pub trying: Option<Destination>,
    /// Peers that failed of late, left for the end.
    pub later: Vec<Destination>,
    /// The end has come: they are tried, too.
    pub tries_all: bool,
    /// Where it goes as a datagram, however large, when TCP does not reach it there.
    pub large: Option<Destination>,
    /// What the last failed attempt came to.
    pub failure: Failure,
    /// The branch under way.
    pub client: Option<Id>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// For an older line to end: there is not breadth for both.
    Waits,
    Runs,
    Over,
}

/// A failure that is not the answer yet: another branch may bring a better one.
pub struct Held {
    draft: Draft,
    origin: Origin,
    essentials: Essentials,
    /// What its branch gets back.
    kept: Option<Box<Kept>>,
}

impl Held {
    fn rank(&self) -> Rank {
        Rank::of(self.draft.status())
    }

    fn is_challenge(&self) -> bool {
        is_challenge(self.draft.status())
    }
}

/// A WWW-Authenticate or Proxy-Authenticate of a branch, with what its origin may say.
pub type Challenge = (Name, Vec<u8>);

/// The branches of a request and what they came to.
pub struct Branches {
    pub lines: Vec<Line>,
    pub fork: Fork,
    /// A 6xx came: nothing new is begun.
    closed: bool,
    /// The best answer so far.
    held: Option<Box<Held>>,
    /// Those of all 401 and 407 but the best one.
    challenges: Vec<Challenge>,
    /// What the best line without an answer came to.
    failure: Failure,
}

impl Branches {
    /// The lines of a set of targets, within the breadth of the request.
    //= PROXY-005
    pub fn of(targets: Vec<Target>, fork: Fork, breadth: u32) -> Result<Branches, Unfit> {
        let count = match fork {
            Fork::Failover | Fork::Serial => 1,
            Fork::Parallel | Fork::ParallelOnly => targets.len().max(1),
        };
        let width = count.min(breadth as usize).max(1);
        if fork == Fork::ParallelOnly && width < count {
            return Err(Unfit::NoBreadth);
        }
        let mut branches = Branches {
            lines: Vec::with_capacity(count),
            fork,
            closed: false,
            held: None,
            challenges: Vec::new(),
            failure: Failure::Nothing,
        };
        match count {
            1 => branches.lines.push(Line::of(targets, breadth, 0, 1)),
            _ => branches.side_by_side(
                targets.into_iter().map(|target| (vec![target], None)).collect(),
                breadth,
                0,
            ),
        }
        Ok(branches)
    }

    /// Adds lines of one rank, which share the breadth of the request.
    fn side_by_side(&mut self, lines: Vec<(Vec<Target>, Option<Vec<u8>>)>, breadth: u32, rank: u16) {
        let width = lines.len().min(breadth as usize).max(1);
        // One that begins when another ended takes over what that one had: the least share is not more than that.
        let (share, rest) = (breadth / width as u32, breadth as usize % width);
        for (at, (targets, uri)) in lines.into_iter().enumerate() {
            let breadth = share + u32::from(at < rest);
            self.lines.push(Line {
                uri,
                ..Line::of(targets, breadth, rank, width)
            });
        }
    }

    pub fn line(&mut self, line: usize) -> Option<&mut Line> {
        self.lines.get_mut(line)
    }

    /// What differs between the copies of a fork.
    pub fn shape(&self, line: usize, draft: &mut Draft) {
        if self.lines.len() > 1
            && let Some(line) = self.lines.get(line)
        {
            breadth::share(draft, line.breadth);
            if let Some(uri) = &line.uri {
                draft.set_request_uri(uri);
            }
        }
    }

    /// The client transactions under way.
    pub fn under_way(&self) -> SmallVec<[Id; 1]> {
        self.lines.iter().filter_map(|line| line.client).collect()
    }

    /// Whether a failure of this line is the answer: nothing else came or can still come.
    fn is_the_answer(&self, line: usize, status: u16) -> bool {
        let others_over = || {
            let mut others = self.lines.iter().enumerate().filter(|(at, _)| *at != line);
            others.all(|(_, line)| line.state == State::Over)
        };
        self.held.is_none()
            && self.failure == Failure::Nothing
            && (status >= 600 || !self.goes_on(line))
            && others_over()
    }

    /// Whether a line has another target after an answer of this one.
    fn goes_on(&self, line: usize) -> bool {
        self.fork == Fork::Serial
            && !self.closed
            && self
                .lines
                .get(line)
                .is_some_and(|line| line.next_target < line.targets.len())
    }

    /// Takes what a target without an answer came to.
    pub fn settle(&mut self, failure: Failure, method: Method) {
        if rank(&failure, method) < rank(&self.failure, method) {
            self.failure = failure;
        }
    }

    /// The next line to begin, if there is room for one.
    fn begin_next(&mut self) -> Option<usize> {
        let unfinished = self.lines.iter().filter(|line| line.state != State::Over);
        let rank = unfinished.map(|line| line.rank).min()?;
        let running = self.lines.iter().filter(|line| line.state == State::Runs).count();
        let waits = |line: &Line| line.state == State::Waits && line.rank == rank && running < line.width;
        let next = self.lines.iter().position(waits)?;
        self.lines.get_mut(next)?.state = State::Runs;
        Some(next)
    }

    fn is_over(&self) -> bool {
        self.lines.iter().all(|line| line.state == State::Over)
    }
}

impl Line {
    /// Who is there on its connection, but does not answer or want this, is not tried elsewhere: a second copy would reach the
    /// same.
    pub fn stay_on_connection(&mut self) {
        if self.trying.is_some_and(|tried| tried.connection.is_some()) {
            self.next_target = self.targets.len();
        }
    }

    fn of(targets: Vec<Target>, breadth: u32, rank: u16, width: usize) -> Line {
        Line {
            targets,
            uri: None,
            state: State::Waits,
            rank,
            width,
            breadth,
            next_target: 0,
            addresses: SmallVec::new(),
            trying: None,
            later: Vec::new(),
            tries_all: false,
            large: None,
            failure: Failure::Nothing,
            client: None,
        }
    }
}

impl Work {
    /// Whether no new branch may begin.
    pub fn is_closed(&self) -> bool {
        self.cancelled.is_some() || self.branches.closed
    }
}

impl Engine {
    /// Begins the lines for which there is room; when all are over, the best of what they came to is the answer.
    //= PROXY-005
    pub(super) fn go_on(&mut self, now: Now, id: Id, notes: &mut Notes) {
        while let Some(work) = self.transactions.server(id).and_then(|server| server.work.as_mut()) {
            if work.is_closed() {
                let waiting = work.branches.lines.iter_mut();
                waiting
                    .filter(|line| line.state == State::Waits)
                    .for_each(|line| line.state = State::Over);
            }
            if let Some(line) = work.branches.begin_next() {
                self.try_next(now, id, line, notes);
                continue;
            }
            if work.branches.is_over() {
                self.conclude(now, id, notes);
            }
            return;
        }
    }

    /// A line has no target left, or is not to try it.
    pub(super) fn line_over(&mut self, now: Now, id: Id, line: usize, notes: &mut Notes) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let method = server.method;
        let Some(work) = server.work.as_mut() else { return };
        let Some(over) = work.branches.line(line) else { return };
        over.state = State::Over;
        over.client = None;
        let failure = std::mem::replace(&mut over.failure, Failure::Nothing);
        work.branches.settle(failure, method);
        self.go_on(now, id, notes);
    }

    /// A failure that a branch was answered with: gives it back when it is the answer, else keeps it and goes on.
    ///
    /// `None`: it is held, or no longer wanted.
    //= PROXY-020
    //= PROXY-022
    pub(super) fn hold(
        &mut self,
        now: Now,
        client: Id,
        id: Id,
        origin: &Origin,
        mut draft: Draft,
        essentials: &Essentials,
    ) -> Option<Draft> {
        let what = What::Response {
            status: draft.status(),
            to: essentials.cseq_method,
        };
        let status = draft.status();
        let (line, kept) = self
            .transactions
            .client(client)
            .map(|client| (client.line, client.kept.take()))?;
        let server = self.transactions.server(id)?;
        let method = server.method;
        let answered = server
            .work
            .as_mut()
            .map(|work| &mut work.branches)
            .filter(|branches| branches.lines.get(line).is_some_and(|line| line.client == Some(client)));
        if answered.is_none() {
            self.drop(what, Drop::Stray);
            return None;
        }
        let leaves_contacts = !redirect::redirects(status) || self.follow(id, origin, &mut draft);
        let work = self.transactions.server(id).and_then(|server| server.work.as_mut());
        let branches = work.map(|work| &mut work.branches)?;
        if branches.is_the_answer(line, status) {
            if let Some(client) = self.transactions.client(client) {
                client.kept = kept;
            }
            return Some(draft);
        }
        if let Some(line) = branches.line(line) {
            line.client = None;
            line.failure = Failure::Nothing;
            line.addresses.clear();
            line.later.clear();
        }
        branches.closed |= status >= 600;
        let goes_on = branches.goes_on(line);
        let others = branches.under_way();
        let held = Held {
            draft,
            origin: *origin,
            essentials: essentials.clone(),
            kept,
        };
        if leaves_contacts {
            self.take_failure(id, held);
        }
        self.drop(what, Drop::Held);
        let mut notes = self.notes();
        if status >= 600 {
            self.cancel_branches(now, &others);
            if method != Method::Invite {
                // Nothing else can be called back, and who asked does not wait for ever.
                self.conclude(now, id, &mut notes);
                return None;
            }
        }
        match goes_on {
            true => self.try_next(now, id, line, &mut notes),
            false => self.line_over(now, id, line, &mut notes),
        }
        None
    }

    /// Adds the places that a redirection names to where the request goes, and takes them out of the response. Gives whether
    /// there is something left in it to tell who asked.
    ///
    /// Only a node of T is followed: a stranger could name any place inside. Each place is a target like any other, chosen,
    /// judged and cleared anew from what was received.
    //= PROXY-025
    //= PRIV-043
    fn follow(&mut self, id: Id, origin: &Origin, response: &mut Draft) -> bool {
        let Some(server) = self.transactions.server(id) else {
            return true;
        };
        let policy = std::sync::Arc::clone(&server.policy);
        let (method, arrived) = (server.method, server.policy.entry_of(server.origin.flow().listener));
        if !policy.proxy.recurse.value || !origin.is_trusted() || method == Method::Register {
            return true;
        }
        let Some(mut work) = server.work.take() else {
            return true;
        };
        let is_ours = !work.is_closed()
            && work.essentials.to_tag().is_none()
            && !work.draft.has(Name::Route)
            && is_responsible(&policy, &self.own, work.draft.request_uri());
        let mut left = true;
        if is_ours {
            let arrival = Arrival {
                listener: arrived,
                standing: origin.standing(),
                dialog: None,
                in_dialog: false,
                by_network: None,
                given_out: false,
            };
            let mut tried = Vec::new();
            let mut lines = Vec::new();
            let redirected = work.branches.lines.iter().filter(|line| line.uri.is_some()).count();
            let room = (policy.limits.redirects_max as usize).saturating_sub(redirected);
            for place in redirect::places(response, targets::is_secure(&work.draft)) {
                let known = |line: &Line| line.uri.as_ref() == Some(&place.uri);
                let again = work.draft.request_uri() == place.uri
                    || work.branches.lines.iter().any(known)
                    || tried.iter().any(|tried: &redirect::Place| tried.uri == place.uri);
                let mut there = work.draft.clone();
                there.set_request_uri(&place.uri);
                if lines.len() == room {
                    break;
                }
                if !again && let Ok(found) = targets::targets(&policy, &self.own, &self.routes, &there, arrival) {
                    lines.push((place.q, (found.list, Some(place.uri.clone()))));
                    tried.push(place);
                }
            }
            let breadth = breadth::allowed(&work.draft);
            let highest = work.branches.lines.iter().map(|line| line.rank).max();
            let mut rank = highest.unwrap_or_default();
            while let Some((q, _)) = lines.first() {
                let same = lines.iter().take_while(|(other, _)| other == q).count();
                rank = rank.saturating_add(1);
                let group = lines.drain(..same).map(|(_, line)| line).collect();
                work.branches.side_by_side(group, breadth, rank);
            }
            left = tried.is_empty() || redirect::take_out(response, &tried);
        }
        self.put_back(id, work);
        left
    }

    /// Keeps the better of two failures, and of the other one what tells how to ask again.
    //= PROXY-023
    fn take_failure(&mut self, id: Id, new: Held) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let policy = std::sync::Arc::clone(&server.policy);
        let Some(work) = server.work.as_mut() else { return };
        let branches = &mut work.branches;
        let worse = match &branches.held {
            Some(held) if held.rank() <= new.rank() => Some(Box::new(new)),
            _ => branches.held.replace(Box::new(new)),
        };
        let Some(worse) = worse.filter(|worse| worse.is_challenge()) else {
            return;
        };
        let mut draft = worse.draft;
        admit::admit(&policy, &worse.origin, &mut draft, &mut Notes::off());
        for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
            let room = (policy.limits.challenges_max as usize).saturating_sub(branches.challenges.len());
            let rows = draft.rows(name).take(room).map(|value| (name, value.to_vec()));
            branches.challenges.extend(rows);
        }
    }

    /// All branches are over: the best of what they came to is the answer.
    //= PROXY-022
    pub(super) fn conclude(&mut self, now: Now, id: Id, notes: &mut Notes) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let method = server.method;
        let Some(mut work) = server.work.take() else { return };
        let failure = rank(&work.branches.failure, method);
        match work.branches.held.take().filter(|held| held.rank() <= failure) {
            None => {
                let failure = std::mem::replace(&mut work.branches.failure, Failure::Nothing);
                self.give_up(now, id, work, failure);
            }
            Some(held) => {
                let challenges = std::mem::take(&mut work.branches.challenges);
                self.put_back(id, work);
                self.pass_held(now, id, *held, challenges, notes);
            }
        }
    }

    fn pass_held(&mut self, now: Now, id: Id, held: Held, mut challenges: Vec<Challenge>, notes: &mut Notes) {
        if !held.is_challenge() {
            challenges.clear();
        }
        let Held {
            mut draft,
            origin,
            essentials,
            kept,
        } = held;
        let what = What::Response {
            status: draft.status(),
            to: essentials.cseq_method,
        };
        if draft.status() == 401 && !self.take_keys(now, id, &origin, &mut draft, &mut challenges) {
            return self.drop(what, Drop::HopByHop);
        }
        let kept = kept.as_deref();
        match self.clear_response(now, id, &origin, draft, &essentials, kept, &challenges, notes) {
            Some((outgoing, hop)) => {
                self.note_cleared(what, &origin, &hop, notes);
                self.server_response(now, id, ResponseClass::Failure, outgoing);
            }
            None => self.drop(what, Drop::Stray),
        }
    }
}

/// Whether the Request-URI is in a domain of ours: only then is it for us to say where its user is.
fn is_responsible(policy: &Policy, own: &OwnAddresses, uri: &[u8]) -> bool {
    Uri::parse(uri).is_ok_and(|uri| {
        let mut domains = policy.domain.admin_domains.value.iter();
        own.is_host(uri.host()) || domains.any(|domain| uri.host().eq_ignore_ascii_case(domain.as_bytes()))
    })
}

//= PROXY-023
fn is_challenge(status: u16) -> bool {
    matches!(status, 401 | 407)
}

/// A local failure among the answers: as the answer it would become. A request that is no INVITE and was not answered in
/// time gets none.
//= TXN-008
//= PRIV-066
fn rank(failure: &Failure, method: Method) -> Rank {
    match failure {
        Failure::Nothing => Rank::NONE,
        Failure::NoAnswer if method == Method::Invite => Rank::of(408),
        Failure::NoAnswer => Rank::SILENCE,
        Failure::Unreachable | Failure::Overloaded => Rank::of(503),
        Failure::Refused(reject) => Rank::of(reject.look().status),
    }
}
