//! Facts of the tracker on their way to the store, and back from it. The tracker says what they are; here they are sealed.
//!
//! A peer hears that it is announced, or that its proof failed, when that outlives this run of the process, and not before.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::rand_core::Rng;

use super::posts::LATER;
use super::{P2p, Part, PostId, tracker};
use crate::engine::output::Output;
use crate::engine::reject::Reject;
use crate::engine::storing::{Change, Stored};
use crate::engine::transactions::{Id, SendTo};
use crate::engine::{Engine, Now, SendId};
use crate::pcscf::RecordId;
use crate::policy::Policy;
use crate::policy::store::Store;
use crate::ppsp::Fault;
use crate::privacy::guard;
use crate::seal::Purpose;
use crate::sip::Draft;
use crate::tracker::{Fact, FactId, Recalled, Root};

/// An answer to a request that is no answer of its target: what it is made of.
type Answer = (Draft, Option<Vec<u8>>, Reject);

/// What is on its way to the store, and who waits for it.
#[derive(Default)]
pub(super) struct Keeping {
    under_way: BTreeMap<u32, FactId>,
    last: u32,
    /// For the answer that is being made.
    waits_for: BTreeSet<FactId>,
    /// Never more than there are transactions.
    held: BTreeMap<Id, Held>,
    by_fact: BTreeSet<(FactId, Id)>,
    /// The same of the direct interface. Never more than there are connections.
    posts: BTreeMap<PostId, (guard::Answer, BTreeSet<FactId>)>,
    posts_by_fact: BTreeSet<(FactId, PostId)>,
}

struct Held {
    answer: Answer,
    waits_for: BTreeSet<FactId>,
}

impl Keeping {
    pub fn answer_waits_for(&mut self, facts: Vec<FactId>) {
        self.waits_for = facts.into_iter().collect();
    }

    fn number(&mut self, fact: FactId) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.under_way.insert(self.last, fact);
        self.last
    }

    /// Answers that wait for nothing else now that this is kept; all that waited for it, when it could not be.
    fn ready(&mut self, fact: FactId, is_kept: bool) -> Vec<(Id, Answer)> {
        let [first, last] = [0, u32::MAX].map(|end| Id {
            slot: end,
            generation: end,
        });
        let waiting = self.by_fact.range((fact, first)..=(fact, last));
        let waiting: Vec<Id> = waiting.map(|(_, id)| *id).collect();
        let mut ready = Vec::new();
        for id in waiting {
            self.by_fact.remove(&(fact, id));
            let Some(held) = self.held.get_mut(&id) else { continue };
            held.waits_for.remove(&fact);
            if !is_kept || held.waits_for.is_empty() {
                ready.extend(self.take(id).map(|answer| (id, answer)));
            }
        }
        ready
    }

    /// The same of the direct interface.
    fn posts_ready(&mut self, fact: FactId, is_kept: bool) -> Vec<(PostId, guard::Answer)> {
        let waiting = self.posts_by_fact.range((fact, PostId(0))..=(fact, PostId(u64::MAX)));
        let waiting: Vec<PostId> = waiting.map(|(_, id)| *id).collect();
        let mut ready = Vec::new();
        for id in waiting {
            self.posts_by_fact.remove(&(fact, id));
            let Some((_, waits_for)) = self.posts.get_mut(&id) else {
                continue;
            };
            waits_for.remove(&fact);
            if !is_kept || waits_for.is_empty() {
                ready.extend(self.take_post(id).map(|answer| (id, answer)));
            }
        }
        ready
    }

    fn take_post(&mut self, id: PostId) -> Option<guard::Answer> {
        let (answer, waits_for) = self.posts.remove(&id)?;
        for fact in waits_for {
            self.posts_by_fact.remove(&(fact, id));
        }
        Some(answer)
    }

    fn take(&mut self, id: Id) -> Option<Answer> {
        let held = self.held.remove(&id)?;
        for fact in &held.waits_for {
            self.by_fact.remove(&(*fact, id));
        }
        Some(held.answer)
    }
}

/// What an earlier run kept, as it is read.
#[derive(Default)]
pub struct Recalling {
    pub(super) is_rooted: bool,
    pub(super) pieces: Recalled,
    /// What could not be read, or is of no use any more.
    pub lost: usize,
    seen: usize,
}

impl Recalling {
    /// Peers whose announcements are there again.
    pub fn back(&self) -> usize {
        self.pieces.peers
    }
}

impl Engine {
    /// Takes in a fact that an earlier run kept; called before any message is handled, for the root first, and followed by
    /// [`Engine::recalled`].
    //= P2P-042
    //= P2P-141
    pub fn recall_fact(&mut self, now: Now, recalling: &mut Recalling, stored: &Stored) {
        recalling.seen += 1;
        let is_of_use = match stored.record.0 {
            Root::NAME => {
                recalling.is_rooted = self.recall_root(now, stored).is_some();
                recalling.is_rooted
            }
            // What hangs on a root that nobody can read is of no use.
            _ => recalling.is_rooted && self.recall_other(now, stored),
        };
        if !is_of_use {
            recalling.lost += 1;
            let (id, change) = (SendId(0), Change::RemoveFact(stored.record));
            if recalling.is_rooted {
                self.outputs.push_back(Output::Store { id, change });
            }
        }
    }

    /// All that was kept is taken in. Gives how many peers are expected back.
    pub fn recalled(&mut self, now: Now, recalling: &Recalling) -> usize {
        let tracker = self.p2p.as_mut().and_then(|p2p| p2p.tracker());
        if recalling.seen > 0 && (!recalling.is_rooted || tracker.is_none()) {
            self.forget_facts();
        }
        let moment = self.moment(now);
        let tracker = self.p2p.as_mut().and_then(|p2p| p2p.tracker());
        tracker.map_or(0, |tracker| tracker.recalled(moment))
    }

    /// What was kept is of a tracker that is no more: the next one begins with nothing.
    pub(in crate::engine) fn forget_facts(&mut self) {
        let (id, change) = (SendId(0), Change::ForgetFacts);
        self.outputs.push_back(Output::Store { id, change });
    }

    /// Another tracker takes the place of this one: what was kept goes with it, and nobody waits for it any more.
    pub(in crate::engine) fn replace_tracker(&mut self, now: Now, policy: &Policy) {
        let before = self.p2p.take();
        self.p2p = P2p::of(policy, &self.keys, now, &mut self.random);
        let Some(before) = before else { return };
        // What was counted stays counted.
        before.add_counts(&mut self.counts);
        if policy.store.value != Store::Memory && matches!(before.part, Part::Tracker(_)) {
            self.forget_facts();
        }
        if let Some(p2p) = &mut self.p2p {
            // What the store says of the facts before is not about those to come.
            p2p.keeping.last = before.keeping.last;
        }
        for (id, held) in before.keeping.held {
            let (draft, received_to, _) = held.answer;
            self.refuse(now, id, &draft, received_to.as_deref(), &Reject::Unstored);
        }
        for id in before.keeping.posts.into_keys() {
            let answer = unstored();
            self.outputs.push_back(Output::Answer { id, answer });
        }
    }

    fn opened(&self, stored: &Stored) -> Option<Vec<u8>> {
        let binding = stored.record.0.to_be_bytes();
        let sealed = stored.sealed.clone();
        self.keys.open_bytes(Purpose::Peers, &[&binding], sealed).ok()
    }

    fn recall_root(&mut self, now: Now, stored: &Stored) -> Option<()> {
        let plain = zeroize::Zeroizing::new(self.opened(stored)?);
        let p2p = self.p2p.as_mut()?;
        let lasting = p2p.tracker()?.ids().secret().reveal().1;
        let root = Root::read(&plain, *lasting)?;
        let tracker = tracker(&self.policy, root, p2p.hosts.clone(), now, &mut self.random)?;
        p2p.part = Part::Tracker(Box::new(tracker));
        p2p.contents.clear();
        p2p.know(&self.policy.p2p.contents);
        p2p.sign_with(&self.keys);
        Some(())
    }

    fn recall_other(&mut self, now: Now, stored: &Stored) -> bool {
        let Some(plain) = self.opened(stored) else { return false };
        let moment = self.moment(now);
        let Engine { p2p, random, .. } = self;
        let tracker = p2p.as_mut().and_then(|p2p| p2p.tracker());
        tracker.is_some_and(|tracker| tracker.recall(moment, &plain, stored.expires_at, random))
    }

    /// Asks the shell to keep what changed.
    //= P2P-141
    pub(in crate::engine) fn keep_facts(&mut self, now: Now) {
        let moment = self.moment(now);
        while let Some(p2p) = &mut self.p2p
            && let Part::Tracker(tracker) = &mut p2p.part
            && let Some((id, fact)) = tracker.poll_fact(moment)
        {
            let number = p2p.keeping.number(id);
            match self.sealed_fact(fact) {
                Some(change) => {
                    let id = SendTo::Fact(number).name();
                    self.outputs.push_back(Output::Store { id, change });
                }
                None => self.fact_stored(now, number, false),
            }
        }
    }

    fn sealed_fact(&mut self, fact: Fact) -> Option<Change> {
        let record = RecordId(fact.name);
        let Some(kept) = fact.kept else {
            return Some(Change::RemoveFact(record));
        };
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let binding = fact.name.to_be_bytes();
        let sealed = self.keys.seal_bytes(Purpose::Peers, &[&binding], nonce, &kept.plain)?;
        Some(Change::PutFact(Stored {
            record,
            expires_at: kept.until,
            sealed,
        }))
    }

    /// Holds an answer back that waits for facts to be kept; gives it back when it does not.
    pub(in crate::engine) fn hold_for_facts(&mut self, id: Id, answer: Answer) -> Option<Answer> {
        let Some(p2p) = &mut self.p2p else { return Some(answer) };
        let waits_for = std::mem::take(&mut p2p.keeping.waits_for);
        if waits_for.is_empty() {
            return Some(answer);
        }
        let keeping = &mut p2p.keeping;
        keeping.by_fact.extend(waits_for.iter().map(|fact| (*fact, id)));
        keeping.held.insert(id, Held { answer, waits_for });
        None
    }

    /// A fact is kept, or could not be.
    pub(in crate::engine) fn fact_stored(&mut self, now: Now, number: u32, is_kept: bool) {
        let moment = self.moment(now);
        let Some(P2p {
            part: Part::Tracker(tracker),
            keeping,
            ..
        }) = self.p2p.as_deref_mut()
        else {
            return;
        };
        let Some(fact) = keeping.under_way.remove(&number) else {
            return;
        };
        tracker.kept(moment, fact, is_kept);
        // It may have changed since; then the next word counts.
        if is_kept && !tracker.is_kept(fact) {
            return;
        }
        let posts = keeping.posts_ready(fact, is_kept);
        for (id, (draft, received_to, reject)) in keeping.ready(fact, is_kept) {
            let reject = if is_kept { reject } else { Reject::Unstored };
            self.refuse(now, id, &draft, received_to.as_deref(), &reject);
        }
        for (id, answer) in posts {
            let answer = if is_kept { answer } else { unstored() };
            self.outputs.push_back(Output::Answer { id, answer });
        }
    }

    /// The answer of the direct interface, now or once what it tells is kept.
    //= P2P-141
    pub(super) fn answer_when_kept(&mut self, id: PostId, answer: guard::Answer, waits_for: Vec<FactId>) {
        match &mut self.p2p {
            Some(p2p) if !waits_for.is_empty() => {
                let keeping = &mut p2p.keeping;
                keeping.posts_by_fact.extend(waits_for.iter().map(|fact| (*fact, id)));
                keeping.posts.insert(id, (answer, waits_for.into_iter().collect()));
            }
            _ => self.outputs.push_back(Output::Answer { id, answer }),
        }
    }
}

/// What is announced is not kept, so it is not announced.
fn unstored() -> guard::Answer {
    guard::Answer::refused(Fault::Busy, 503, Some(LATER))
}
