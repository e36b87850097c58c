//! What a peer announces, keeps up, changes and takes back: PUBLISH (RFC 3903) with bodies of RFC 7846.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use rand_chacha::rand_core::Rng;

use super::buckets::Buckets;
use super::kept::FactId;
use super::pace;
use super::reply::Reply;
use super::settings::Expose;
use super::table::{Slot, State, SwarmIndex};
use super::{Member, Moment, Path, Tracker, draw};
use crate::ppsp::request::{Action, Connect, Mode, StatReport, SwarmAction, What};
use crate::ppsp::response::{self, SwarmResult};
use crate::ppsp::{Fault, Request};
use crate::seal::temporary_id::form::{Weak, check_drawn};
use crate::seal::temporary_id::{Binding, Place, Viewer};

/// How long the answer to a request is kept for who asks it again.
const ANSWER_KEPT: Duration = Duration::from_secs(64);
/// How long a name that a peer drew stays its own after it was last said.
const DRAWN_KEPT: Duration = Duration::from_secs(2 * 3600);

/// A PUBLISH, by its parts.
pub struct Publish<'a> {
    pub member: Member<'a>,
    /// SIP-If-Match.
    pub if_match: Option<&'a [u8]>,
    /// Expires.
    pub expires: Option<u32>,
    pub body: Option<&'a [u8]>,
    /// Whether a body may come back.
    pub accepts: bool,
    /// Peers that fit into an answer.
    pub peers_max: usize,
}

/// What was answered last, and to what.
pub(super) struct Answered {
    transaction: String,
    body_hash: u64,
    reply: Reply,
}

impl Tracker {
    /// Answers a PUBLISH.
    //= P2P-013
    //= P2P-014
    //= P2P-019
    //= P2P-019 type=exception reason=the tracker is in one worker, which takes one request after the other, also those of different peers
    pub fn publish(&mut self, now: Moment, publish: &Publish<'_>, random: &mut impl Rng) -> Reply {
        self.expire(now);
        let member = publish.member;
        let there = self.table.find(member.identity, member.device);
        if let Some(slot) = there {
            self.is_heard(slot);
        }
        let current = match publish.if_match {
            None => None,
            //= P2P-018
            Some(tag) => match there.filter(|slot| tag_text(self.table.peer(*slot).etag).as_bytes() == tag) {
                Some(slot) => Some(slot),
                None => {
                    let request = publish.body.and_then(|body| Request::read(body).ok());
                    let repeated = self.repeated(now, there, publish, request.as_ref());
                    return repeated.unwrap_or_else(|| self.unknown(random));
                }
            },
        };
        let expires = match (self.granted(publish.expires), current) {
            (Ok(expires), _) => expires,
            (Err(min_expires), _) => {
                return Reply {
                    min_expires: Some(min_expires),
                    ..Reply::bare(423)
                };
            }
        };
        match (current, expires, publish.body) {
            //= P2P-017
            (Some(slot), 0, _) => {
                self.remove(now, slot);
                Reply {
                    expires: Some(0),
                    ..Reply::bare(200)
                }
            }
            //= P2P-015
            (Some(slot), expires, None) => self.refreshed(now, slot, expires, publish, random),
            (current, expires, Some(body)) => {
                let request = Request::read(body);
                if let Some(reply) = self.repeated(now, there, publish, request.as_ref().ok()) {
                    return reply;
                }
                match request {
                    Ok(request) => self.changed(now, current, expires, publish, &request, random),
                    Err(fault) => Reply::failed("0", fault, None),
                }
            }
            (None, _, None) => Reply::bare(400),
        }
    }

    /// A tag that is not the last one of this peer, or not of this tracker: it is to announce anew, after a start in its turn.
    //= P2P-027
    fn unknown(&self, random: &mut impl Rng) -> Reply {
        Reply {
            retry_after: pace::wait(self.table.awaited(), self.settings.announces_per_second, random),
            ..Reply::bare(412)
        }
    }

    /// Seconds that an announcement lasts, or the fewest that could be asked for.
    //= P2P-020
    fn granted(&self, asked: Option<u32>) -> Result<u32, u32> {
        let (min, usual, max) = self.settings.expires;
        match asked {
            None => Ok(usual),
            Some(0) => Ok(0),
            Some(asked) if asked < min => Err(min),
            Some(asked) => Ok(asked.min(max)),
        }
    }

    /// The answer to what was asked before, in the same words.
    //= P2P-012
    fn repeated(
        &self,
        now: Moment,
        slot: Option<Slot>,
        publish: &Publish<'_>,
        request: Option<&Request>,
    ) -> Option<Reply> {
        let answered = self.answered.live(&slot?, now.at)?;
        let body = publish.body?;
        if self.table.hash(body) == answered.body_hash {
            return Some(answered.reply.clone());
        }
        let transaction = &request?.transaction;
        (*transaction == answered.transaction).then(|| Reply::failed(transaction, Fault::BadBody, None))
    }

    fn refreshed(
        &mut self,
        now: Moment,
        slot: Slot,
        expires: u32,
        publish: &Publish<'_>,
        random: &mut impl Rng,
    ) -> Reply {
        self.table.prolong(slot, now.seconds() + u64::from(expires));
        self.table.moved(slot, publish.member.reach);
        self.seen(now, slot, &publish.member, None);
        let etag = self.retag(slot, random);
        // One swarm at a time: what is asked again is asked by chance.
        let mut asked = Vec::new();
        let joined: Vec<SwarmIndex> = self.table.joined(slot).collect();
        if !publish.accepts || publish.member.path == Path::Datagram {
            for swarm in joined {
                self.doubt_again(now, slot, swarm, random);
            }
        } else {
            for swarm in joined {
                if let Some(challenge) = self.challenge_again(now, slot, swarm, random) {
                    let id = self.table.swarm(swarm).id;
                    asked.push(SwarmResult {
                        challenge: Some(challenge),
                        ..SwarmResult::done(id)
                    });
                    break;
                }
            }
        }
        Reply {
            etag: Some(etag),
            expires: Some(expires),
            body: (!asked.is_empty()).then(|| Reply::swarms("refresh", asked)),
            ..Reply::bare(200)
        }
    }

    /// A request with a body: all of it is looked at before any of it counts.
    fn changed(
        &mut self,
        now: Moment,
        current: Option<Slot>,
        expires: u32,
        publish: &Publish<'_>,
        request: &Request,
        random: &mut impl Rng,
    ) -> Reply {
        let transaction = request.transaction.clone();
        let done = match &request.what {
            What::Connect(connect) => self.connect(now, current, publish, request, connect, random),
            What::StatReport(report) => self.report(now, current, publish.member, report, random),
            // Lists are asked for by SUBSCRIBE.
            What::Find(_) => Err(Fault::State),
        };
        let (slot, swarms) = match done {
            Ok(done) => done,
            Err(Fault::Rate) => return Reply::failed(&transaction, Fault::Rate, Some(60)),
            Err(Fault::Busy) => {
                let per_second = self.settings.announces_per_second;
                let wait = pace::wait_refused(self.table.awaited(), per_second, random);
                return Reply::failed(&transaction, Fault::Busy, Some(wait));
            }
            Err(fault) => return Reply::failed(&transaction, fault, None),
        };
        let failed = swarms.iter().filter_map(|swarm| swarm.fault);
        failed.for_each(|fault| self.counts.fault(fault));
        // Only what may be asked for a proof again keeps up what stands: a refresh.
        //= P2P-112
        let until = now.seconds() + u64::from(expires);
        let until = current.map_or(until, |slot| until.min(self.table.peer(slot).expires_at));
        let expires = until.saturating_sub(now.seconds()) as u32;
        self.table.prolong(slot, until);
        self.table.moved(slot, publish.member.reach);
        let told = match &request.what {
            What::Connect(connect) => Some(connect.addresses.as_slice()),
            What::StatReport(_) | What::Find(_) => None,
        };
        self.seen(now, slot, &publish.member, told);
        let etag = self.retag(slot, random);
        let reply = Reply {
            etag: Some(etag),
            expires: Some(expires),
            body: publish.accepts.then(|| Reply::swarms(&transaction, swarms)),
            ..Reply::bare(200)
        };
        let answered = Answered {
            transaction,
            body_hash: self.table.hash(publish.body.unwrap_or_default()),
            reply: reply.clone(),
        };
        self.answered.insert(slot, now.at + ANSWER_KEPT, answered);
        reply
    }

    /// Enters and leaves swarms.
    //= P2P-016
    //= P2P-023
    fn connect(
        &mut self,
        now: Moment,
        current: Option<Slot>,
        publish: &Publish<'_>,
        request: &Request,
        connect: &Connect,
        random: &mut impl Rng,
    ) -> Result<(Slot, Vec<SwarmResult>), Fault> {
        let member = publish.member;
        if let Some(drawn) = &request.peer_id {
            check_peer_id(drawn)?;
        }
        let mut steps = Vec::with_capacity(connect.swarms.len());
        for action in &connect.swarms {
            steps.push(self.step(now, current, member, action)?);
        }
        let done = |step: &Step| matches!(step, Step::Join { .. } | Step::Leave(_));
        if !steps.iter().any(done) {
            // Nothing of it can be done: that is a failure, and not a success of failures.
            return Err(steps.iter().find_map(Step::fault).unwrap_or(Fault::BadBody));
        }
        let joins = steps.iter().filter(|step| matches!(step, Step::Join { .. })).count();
        if current.map_or(0, |slot| self.table.joined_count(slot)) + joins > self.settings.swarms_per_peer_max {
            return Err(Fault::Rate);
        }
        // All that can be refused is, before what is there is touched.
        let there = current.or_else(|| self.table.find(member.identity, member.device));
        let mut changes = match there {
            Some(slot) => self.table.peer(slot).changes,
            // Who went and comes again has asked as often.
            //= P2P-026
            None => {
                let who = self.table.hash(member.identity);
                self.left.live(&who, now.at).copied().unwrap_or_default()
            }
        };
        if !changes.takes(now.seconds(), self.settings.changes_per_minute) {
            return Err(Fault::Rate);
        }
        if let Some(drawn) = &request.peer_id {
            self.check_owner(now, there, drawn)?;
        }
        if current.is_none() && !self.pace.takes(now, self.settings.announces_per_second) {
            return Err(Fault::Busy);
        }
        let asked_in = there.map_or_else(Vec::new, |slot| self.asked_in(slot));
        let slot = match current {
            Some(slot) => slot,
            None => self.enter(now, member)?,
        };
        self.table.peer_mut(slot).changes = changes;
        if let Some(drawn) = &request.peer_id {
            self.take_drawn(now, slot, member, drawn);
        }
        let wanted = connect.peer_count.map_or(0, usize::from).min(publish.peers_max);
        let results = connect.swarms.iter().zip(steps).map(|(action, step)| match step {
            Step::Failed(fault) => SwarmResult::failed(action.swarm, fault),
            Step::Leave(swarm) => {
                self.walks_away(now, slot, swarm);
                SwarmResult::done(action.swarm)
            }
            // What stood before it in the same request may have failed.
            Step::Join { swarm, held } => match self.may_announce(now, member.identity, swarm) {
                Ok(()) => self.joined(now, slot, swarm, held, member.path, wanted, random),
                Err(fault) => SwarmResult::failed(action.swarm, fault),
            },
        });
        let results = results.collect();
        for swarm in asked_in {
            if self.table.announcement(slot, swarm).is_none() {
                self.walks_away(now, slot, swarm);
            }
        }
        Ok((slot, results))
    }

    /// A place for who comes anew: what the same device announced before is replaced, where it stands stays.
    //= P2P-025
    fn enter(&mut self, now: Moment, member: Member<'_>) -> Result<Slot, Fault> {
        if let Some(before) = self.table.find(member.identity, member.device) {
            self.clear(before);
            self.table.leave_all(before);
            return Ok(before);
        }
        let entered = self
            .table
            .enter(member.identity, member.device, member.reach, now.day());
        let slot = entered.map_err(|_| Fault::Busy)?;
        self.note(FactId::Place(slot));
        self.note_bound(slot, member, None);
        Ok(slot)
    }

    /// What is to be done of one action, or why it is not. An error is one of the whole request.
    //= P2P-021
    //= P2P-022
    fn step(
        &self,
        now: Moment,
        current: Option<Slot>,
        member: Member<'_>,
        action: &SwarmAction,
    ) -> Result<Step, Fault> {
        let Some(swarm) = self.table.swarm_of(action.swarm) else {
            return Ok(Step::Failed(Fault::UnknownSwarm));
        };
        let there = current.and_then(|slot| self.table.announcement(slot, swarm));
        let pieces = self.table.swarm(swarm).layout.pieces();
        match action.action {
            Action::Leave if there.is_none() => Ok(Step::Failed(Fault::State)),
            Action::Leave => Ok(Step::Leave(swarm)),
            Action::Join => {
                let map = action
                    .map
                    .as_ref()
                    .filter(|map| map.pieces() == pieces)
                    .ok_or(Fault::BadBody)?;
                if action.mode == Mode::Seeder && !map.is_full() {
                    return Err(Fault::BadBody);
                }
                if action.mode == Mode::Seeder && there.is_some_and(|there| there.held.is_full(pieces)) {
                    return Ok(Step::Failed(Fault::State));
                }
                match self.may_announce(now, member.identity, swarm) {
                    Ok(()) => Ok(Step::Join {
                        swarm,
                        held: Buckets::of(map),
                    }),
                    Err(fault) => Ok(Step::Failed(fault)),
                }
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact of its own, taken apart where it is made"
    )]
    fn joined(
        &mut self,
        now: Moment,
        slot: Slot,
        swarm: SwarmIndex,
        held: Buckets,
        path: Path,
        wanted: usize,
        random: &mut impl Rng,
    ) -> SwarmResult {
        if self.takes_back(slot, swarm, held) {
            self.walks_away(now, slot, swarm);
            return SwarmResult::failed(self.table.swarm(swarm).id, Fault::ProofFailed);
        }
        self.table.join(slot, swarm, held);
        self.is_back(slot, swarm);
        self.stays_out(now, slot, swarm);
        let id = self.table.swarm(swarm).id;
        let is_verified = self
            .table
            .announcement(slot, swarm)
            .is_some_and(|one| one.state == State::Verified);
        //= P2P-115
        let challenge = match path {
            Path::Stream if !is_verified => self.challenge_new(now, slot, swarm, random),
            Path::Stream | Path::Datagram => None,
        };
        let state = match (held.is_none(), is_verified) {
            (true, _) => None,
            (false, true) => Some(response::State::Verified),
            (false, false) => Some(response::State::Provisional),
        };
        SwarmResult {
            state,
            challenge,
            assigned: self.assigned(now, slot, swarm).into_iter().collect(),
            peers: match wanted {
                0 => Vec::new(),
                wanted => self.list(now, slot, swarm, wanted, random),
            },
            // Told with a list: who joins many at once would have as many signed.
            ticket: match (wanted, path) {
                (0, _) | (_, Path::Datagram) => None,
                (_, Path::Stream) => self.ticket(now, slot, swarm, random),
            },
            ..SwarmResult::done(id)
        }
    }

    /// What others call this peer in this swarm now, where all of them call it the same.
    //= P2P-045
    pub(super) fn assigned(&self, now: Moment, slot: Slot, swarm: SwarmIndex) -> Option<String> {
        match self.settings.view {
            super::View::Shared => self.called(now, slot, swarm, Viewer::Any),
            super::View::Pairwise => None,
        }
    }

    pub(super) fn shown_as(&self, now: Moment, slot: Slot, swarm: SwarmIndex, viewer: Viewer) -> Option<String> {
        self.ids.mint(&Binding {
            place: Place::of_slot(slot),
            generation: self.table.peer(slot).generation,
            epoch: self.epoch(now),
            swarm: &self.table.swarm(swarm).id.name(),
            viewer,
        })
    }

    /// How it goes, and proofs.
    fn report(
        &mut self,
        now: Moment,
        current: Option<Slot>,
        member: Member<'_>,
        report: &StatReport,
        random: &mut impl Rng,
    ) -> Result<(Slot, Vec<SwarmResult>), Fault> {
        let slot = current
            .filter(|slot| self.table.joined_count(*slot) > 0)
            .ok_or(Fault::State)?;
        let mut results = Vec::new();
        if let Some(proof) = &report.proof {
            let swarm = self.proved(now, slot, proof)?;
            // It claims more than it was asked about.
            let announcement = self.table.announcement(slot, swarm);
            let (state, challenge) = match announcement.map(|one| one.state) {
                Some(State::Provisional) => {
                    let challenge = self.challenge_new(now, slot, swarm, random);
                    (response::State::Provisional, challenge)
                }
                _ => (response::State::Verified, None),
            };
            results.push(SwarmResult {
                state: Some(state),
                challenge,
                assigned: self.assigned(now, slot, swarm).into_iter().collect(),
                ticket: self.ticket(now, slot, swarm, random),
                ..SwarmResult::done(proof.swarm)
            });
        }
        for tamper in &report.tamper {
            self.reported(now, slot, member.network, tamper)?;
            results.push(SwarmResult::done(tamper.swarm));
        }
        for missing in &report.missing {
            self.missed(now, slot, missing)?;
            results.push(SwarmResult::done(missing.swarm));
        }
        report.block.iter().for_each(|id| self.block(now, slot, id));
        for stat in &report.stats {
            let Some(swarm) = self.table.swarm_of(stat.swarm) else {
                results.push(SwarmResult::failed(stat.swarm, Fault::UnknownSwarm));
                continue;
            };
            if self.table.announcement(slot, swarm).is_none() {
                results.push(SwarmResult::failed(stat.swarm, Fault::State));
                continue;
            }
            let pieces = self.table.swarm(swarm).layout.pieces();
            match &stat.map {
                Some(map) if map.pieces() != pieces => return Err(Fault::BadBody),
                Some(map) => {
                    results.push(self.joined(now, slot, swarm, Buckets::of(map), member.path, 0, random));
                }
                None => results.push(SwarmResult::done(stat.swarm)),
            }
        }
        Ok((slot, results))
    }

    /// Whether a name that a peer drew may be its own: it is nobody else's.
    //= P2P-039
    fn check_owner(&self, now: Moment, there: Option<Slot>, drawn: &str) -> Result<(), Fault> {
        let hash = self.table.hash(drawn.as_bytes());
        let is_others = |(owner, generation): &(Slot, u8)| {
            let stands = self.table.at(Place::of_slot(*owner), *generation).is_some();
            stands && Some(*owner) != there
        };
        match self.drawn.live(&hash, now.at).is_some_and(is_others) {
            true => Err(Fault::TidConflict),
            false => Ok(()),
        }
    }

    /// From then on it is.
    //= P2P-029
    fn take_drawn(&mut self, now: Moment, slot: Slot, member: Member<'_>, drawn: &str) {
        self.keep_drawn(now, slot, drawn);
        if self.settings.expose == Expose::Drawn {
            self.note_bound(slot, member, Some(drawn));
        }
    }

    pub(super) fn keep_drawn(&mut self, now: Moment, slot: Slot, drawn: &str) {
        let hash = self.table.hash(drawn.as_bytes());
        let generation = self.table.peer(slot).generation;
        self.drawn.insert(hash, now.at + DRAWN_KEPT, (slot, generation));
        if self.settings.expose == Expose::Drawn {
            self.names.insert(slot, now.at + DRAWN_KEPT, (generation, drawn.into()));
        }
    }

    /// Another tag after each success.
    fn retag(&mut self, slot: Slot, random: &mut impl Rng) -> String {
        self.table.arrived(slot);
        let etag = u64::from_be_bytes(draw(random));
        self.table.peer_mut(slot).etag = etag;
        tag_text(etag)
    }
}

/// One action of a request, looked at.
enum Step {
    Join { swarm: SwarmIndex, held: Buckets },
    Leave(SwarmIndex),
    Failed(Fault),
}

impl Step {
    fn fault(&self) -> Option<Fault> {
        match self {
            Step::Failed(fault) => Some(*fault),
            Step::Join { .. } | Step::Leave(_) => None,
        }
    }
}

pub(super) fn tag_text(etag: u64) -> String {
    BASE64URL_NOPAD.encode(&etag.to_be_bytes())
}

/// What a peer calls itself names nobody.
//= P2P-029
//= P2P-062
fn check_peer_id(drawn: &str) -> Result<(), Fault> {
    let digits = drawn.bytes().filter(u8::is_ascii_digit).count();
    let names = drawn.contains([':', '@', '+']) || (digits >= 10 && digits == drawn.len());
    match check_drawn(drawn.as_bytes()) {
        Ok(()) => Ok(()),
        Err(Weak::Form | Weak::Pattern) if names => Err(Fault::TidIsPermanent),
        Err(Weak::Form | Weak::Pattern) => Err(Fault::BadBody),
    }
}
