//! Dialogs whose memory does not fit into a token: with `dialog_memory = "store"` it is kept here, and the token holds a handle.
//!
//! Nobody but this engine knows what it keeps: another run of the process, or another node, cannot carry on such a dialog for
//! the party that was not hidden.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::back::forms_dialog;
use super::transactions::{Id, Keyed};
use super::{Engine, Now};
use crate::pcscf::session::interval;
use crate::policy::Policy;
use crate::policy::privacy::DialogStore;
use crate::privacy::gate::Store;
use crate::privacy::{DialogMemory, PrivacySet};
use crate::sip::{Draft, Essentials, Method};
use crate::trust::Standing;

/// What is added to a session's time, so that a refresh under way is not too late.
pub const SESSION_MARGIN: Duration = Duration::from_secs(32);

/// From, and the Record-Route values of one dialog, bytes. What is larger is as without the store.
pub const TEXTS_BYTES_MAX: usize = 8 * 1024;

/// What a token would have held.
struct Texts {
    from: Option<Vec<u8>>,
    record_route: Option<Vec<u8>>,
    /// Until when it is kept, seconds since 1970.
    until: u64,
}

/// The store, by handle.
pub struct Dialogs {
    kept: HashMap<u64, Texts, Keyed>,
    /// Who goes next.
    ends: BTreeSet<(u64, u64)>,
    max: usize,
}

impl Dialogs {
    pub fn new(keyed: Keyed, max: usize) -> Dialogs {
        Dialogs {
            kept: HashMap::with_hasher(keyed),
            ends: BTreeSet::new(),
            max,
        }
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether another one can be kept. None that stands has to go for it, and strangers fill half of it at most: they could
    /// open dialogs with each other and end none.
    //= PRIV-143
    //= SEC-009
    pub fn has_room(&self, opened_by: Standing) -> bool {
        let room = match opened_by {
            Standing::Untrusted => self.max / 2,
            Standing::Trusted | Standing::Served => self.max,
        };
        self.kept.len() < room
    }

    /// Takes over what the token of this memory does not hold.
    //= PRIV-143
    pub fn put(&mut self, handle: u64, memory: DialogMemory, until: u64) {
        let DialogMemory { from, record_route, .. } = memory;
        let texts = Texts {
            from,
            record_route,
            until,
        };
        if let Some(before) = self.kept.insert(handle, texts) {
            self.ends.remove(&(before.until, handle));
        }
        self.ends.insert((until, handle));
    }

    /// Puts into a memory that was opened what its token does not hold. `false`: nobody knows it any more.
    pub fn fill(&self, memory: &mut DialogMemory) -> bool {
        let Some(handle) = memory.stored else { return true };
        let Some(texts) = self.kept.get(&handle) else {
            return false;
        };
        memory.from.clone_from(&texts.from);
        memory.record_route.clone_from(&texts.record_route);
        true
    }

    pub fn keep_until(&mut self, handle: u64, until: u64) {
        if let Some(texts) = self.kept.get_mut(&handle) {
            self.ends.remove(&(texts.until, handle));
            texts.until = until;
            self.ends.insert((until, handle));
        }
    }

    pub fn end(&mut self, handle: u64) {
        if let Some(texts) = self.kept.remove(&handle) {
            self.ends.remove(&(texts.until, handle));
        }
    }

    /// Lets go of what is kept until before `unix`.
    pub fn expire(&mut self, unix: u64) {
        while let Some((until, handle)) = self.ends.first().copied()
            && until < unix
        {
            self.end(handle);
        }
    }
}

/// What a request with a transaction has to do with the store.
#[derive(Debug, Default)]
pub struct OfDialog {
    /// It came within a dialog; else it may open one on each of its branches.
    pub stands: bool,
    /// When that was opened, seconds since 1970.
    pub created: u64,
    pub handles: Vec<u64>,
    /// Its name among the dialogs that can be released.
    pub call: Option<u64>,
}

impl OfDialog {
    /// Whether a final answer to this request leaves nothing to be remembered.
    //= PRIV-143
    pub fn ends_with(&self, method: Method, status: u16) -> bool {
        match self.stands {
            // A BYE that is challenged or turned back comes again, and must find its way.
            true => status == 481 || status == 408 || method == Method::Bye && (200..300).contains(&status),
            false => status >= 300,
        }
    }
}

impl Engine {
    /// A free place in the store, when the policy has one.
    //= PRIV-143 type=exception reason=a request too long for a datagram goes by TCP (TPT-004) before its token is made shorter
    pub(super) fn place(&self, policy: &Policy, opened_by: Standing, handle: u64) -> Option<Store> {
        let is_on = policy.privacy.dialog_memory.value == DialogStore::Store;
        (is_on && self.dialogs.has_room(opened_by)).then_some(Store {
            handle,
            texts_bytes_max: TEXTS_BYTES_MAX,
        })
    }

    /// Keeps what the token of a request that leaves now is too short for.
    pub(super) fn store(&mut self, id: Id, handle: u64, memory: Box<DialogMemory>) {
        let until = u64::from(memory.created) + self.policy.privacy.max_dialog_age.value.as_secs();
        if let Some(dialog) = self.transactions.server(id).and_then(|server| server.dialog.as_mut()) {
            dialog.created = u64::from(memory.created);
            dialog.handles.push(handle);
            self.dialogs.put(handle, *memory, until);
        }
    }

    /// What a response changes of what is kept: a wider wish of who answers, and the time of a session.
    //= PRIV-131
    //= PRIV-143
    pub(super) fn note_answer(&mut self, now: Now, id: Id, draft: &Draft, essentials: &Essentials, wish: Wish) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let Some(dialog) = &server.dialog else { return };
        let (policy, method) = (Arc::clone(&server.policy), server.method);
        let age_max = policy.privacy.max_dialog_age.value;
        if let Some(time) = session(draft, method) {
            let until = Duration::from_secs(now.unix) + time + SESSION_MARGIN;
            let until = until.min(Duration::from_secs(dialog.created) + age_max).as_secs();
            dialog
                .handles
                .iter()
                .for_each(|handle| self.dialogs.keep_until(*handle, until));
        }
        let enters = forms_dialog(method) && draft.status() < 300;
        let created = if dialog.stands { dialog.created } else { now.unix };
        let Some(to_tag) = essentials.to_tag().filter(|_| dialog.stands || enters) else {
            return;
        };
        let wider = widened(wish.said, wish.remembered).filter(|_| policy.privacy.dialog_sticky.value);
        if let Some(wider) = wider {
            self.remembered.widen(essentials.call_id(), to_tag, wider, created);
        }
    }

    /// A final answer goes to who asked: perhaps nothing is to be remembered any more.
    //= PRIV-143
    pub(super) fn settle_dialog(&mut self, id: Id, status: u16) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let method = server.method;
        if let Some(dialog) = server.dialog.take_if(|dialog| dialog.ends_with(method, status)) {
            dialog.handles.iter().for_each(|handle| self.dialogs.end(*handle));
            if let Some(call) = dialog.call {
                self.calls.end(call);
            }
        }
    }
}

/// What who answers asks for here, and is remembered for.
pub(super) struct Wish {
    pub said: PrivacySet,
    pub remembered: PrivacySet,
}

/// The time a response gives a session, if it does.
//= PRIV-143
pub fn session(draft: &Draft, method: Method) -> Option<Duration> {
    let refreshes = matches!(method, Method::Invite | Method::Update) && (200..300).contains(&draft.status());
    interval(draft).filter(|_| refreshes)
}

/// What a party asks for beyond what it is remembered for.
//= PRIV-131
pub fn widened(said: PrivacySet, remembered: PrivacySet) -> Option<PrivacySet> {
    let asks = said.without(PrivacySet::NONE).without(PrivacySet::CRITICAL);
    let wider = remembered.union(asks);
    (wider != remembered).then(|| wider.without(PrivacySet::NONE))
}
