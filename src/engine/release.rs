//! A UE is gone, a session is over, or the operator says so: the dialogs in question are ended in the name of both parties.
//!
//! What is sent is what the party would have sent itself: it is decided on, located and cleared like a message that came from
//! there, so that each side sees what it always saw.

use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::calls::{Call, End, Lost, Party, REASON, Stage};
use super::decide::Author;
use super::dialogs::{SESSION_MARGIN, session};
use super::reject::Reject;
use super::transactions::Id;
use super::{Engine, KeyOf, Now};
use crate::pcscf::FlowKey;
use crate::pcscf::security::Removal;
use crate::policy::{Part, PeersAre};
use crate::privacy::Outgoing;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::parse::{Carrier, parse};
use crate::sip::{Draft, Essentials, Message, Method, Name, Transport};
use crate::trust::{Destination, Origin, Own, Standing};

/// What the party that answers knows of a dialog, taken from its answer and from what it was sent.
pub(super) struct Answering {
    end: End,
    /// Where it finds the other one now.
    target: Option<Vec<u8>>,
}

impl Engine {
    /// Whether dialogs are kept so that they can be released.
    pub(super) fn releases(&self) -> bool {
        self.policy.pcscf.dialog_release.value
    }

    /// The name of a dialog here; its parties may stand in either order.
    pub(super) fn call_key(&self, call_id: &[u8], tag: &[u8], other: &[u8]) -> u64 {
        use std::hash::BuildHasher;
        let (tag, other) = (tag.min(other), tag.max(other));
        self.keyed.hash_one((call_id, tag, other))
    }

    fn tag_digest(&self, tag: &[u8]) -> u64 {
        use std::hash::BuildHasher;
        self.keyed.hash_one(tag)
    }

    /// Whether a request belongs to a dialog that was released.
    //= PCSCF-030
    pub(super) fn is_of_released(&self, essentials: &Essentials) -> bool {
        !self.calls.is_idle()
            && essentials.to_tag().is_some_and(|to_tag| {
                let key = self.call_key(essentials.call_id(), essentials.from_tag(), to_tag);
                self.calls.is_released(key)
            })
    }

    // What is noted as messages pass.

    /// A request that is being forwarded.
    pub(super) fn note_request(&mut self, now: Now, id: Id, origin: &Origin, essentials: &Essentials) {
        if !self.releases() {
            return;
        }
        match essentials.to_tag() {
            Some(to_tag) => {
                let key = self.call_key(essentials.call_id(), essentials.from_tag(), to_tag);
                let tag = self.tag_digest(essentials.from_tag());
                self.calls.spoke(key, tag, essentials.cseq);
            }
            None if essentials.cseq_method == Method::Invite => {
                if let Some(owner) = self.served(now, origin) {
                    self.calls.asks(id, owner);
                }
            }
            None => {}
        }
    }

    /// An INVITE leaves for a place where perhaps a UE of ours is.
    pub(super) fn note_called(&mut self, id: Id, method: Method, to: &Destination) {
        let is_ue = || {
            let listener = self.policy.listeners.get(usize::from(to.listener.0));
            listener.is_some_and(|listener| listener.peers.value == PeersAre::Ue)
        };
        if !self.releases() || method != Method::Invite || !is_ue() {
            return;
        }
        let opens = self.transactions.server(id).is_some_and(|server| server.opens);
        if let Some(owner) = self.bindings.owner((&self.home_of(to)).into()).filter(|_| opens) {
            self.calls.asks(id, owner);
        }
    }

    /// Which UE of ours this is.
    fn served(&self, now: Now, origin: &Origin) -> Option<u64> {
        let ue = self.bindings.ue(&self.home(origin.flow()), now.unix);
        ue.filter(|_| origin.standing() == Standing::Served)
            .map(|ue| ue.owner())
    }

    /// What an answer tells of the party that sends it, before anything of it is changed.
    pub(super) fn note_answering(
        &mut self,
        client: Id,
        origin: &Origin,
        answer: &Message,
        method: Method,
    ) -> Option<Box<Answering>> {
        let is_meant = matches!(method, Method::Invite | Method::Update);
        if !self.releases() || !is_meant || !(101..300).contains(&answer.status()) {
            return None;
        }
        let request = self.transactions.client(client)?.request.clone()?;
        let sent = self.reread(&request)?;
        let target = contact(&sent);
        let end = End {
            flow: *origin.flow(),
            call_id: answer.first(Name::CallId)?.to_vec(),
            local: answer.first(Name::To)?.to_vec(),
            remote: answer.first(Name::From)?.to_vec(),
            target: target.clone().unwrap_or_default(),
            routes: self.since_ours(record_route(answer)),
        };
        Some(Box::new(Answering { end, target }))
    }

    /// An answer has been cleared for who asked: the dialog rings, stands, or is where it was with other places in it.
    //= PCSCF-030
    pub(super) fn note_dialog(
        &mut self,
        now: Now,
        id: Id,
        origin: &Origin,
        essentials: &Essentials,
        answering: Answering,
        outgoing: &Outgoing,
    ) {
        let (Some(to_tag), Some(server)) = (essentials.to_tag(), self.transactions.server(id)) else {
            return;
        };
        // Who asked was refused in the meantime: what is answered now opens nothing.
        if server.last.as_ref().is_some_and(|last| last.status() >= 300) {
            return;
        }
        let (asking, opens, method, policy) = (
            server.origin,
            server.opens,
            server.method,
            std::sync::Arc::clone(&server.policy),
        );
        let status = outgoing.status();
        let (from_tag, key) = (
            essentials.from_tag(),
            self.call_key(essentials.call_id(), essentials.from_tag(), to_tag),
        );
        let Some(shown) = self.reread(outgoing) else { return };
        let parties = [
            (from_tag, essentials.cseq, self.served(now, &asking)),
            (to_tag, 0, self.served(now, origin)),
        ];
        let parties = parties.map(|(tag, cseq, owner)| Party {
            tag: self.tag_digest(tag),
            cseq,
            owner,
        });
        let over_at = now.at + policy.privacy.max_dialog_age.value;
        if opens && method == Method::Invite {
            if parties.iter().all(|party| party.owner.is_none()) {
                return;
            }
            if status < 200 {
                return self.calls.rings(id, key, parties, over_at);
            }
            let mut routes = record_route(&shown);
            routes.reverse();
            let asking_end = End {
                flow: *asking.flow(),
                call_id: row(&shown, Name::CallId),
                local: row(&shown, Name::From),
                remote: row(&shown, Name::To),
                target: contact(&shown).unwrap_or_default(),
                routes: self.since_ours(routes),
            };
            let ends = Box::new([asking_end, answering.end]);
            let is_whole = |end: &End| !end.target.is_empty() && !end.routes.is_empty();
            if !ends.iter().all(is_whole) || !self.calls.confirmed(key, parties, ends, over_at) {
                return;
            }
        } else if status >= 200 {
            let [asked, answered] = parties;
            self.calls.moved(key, asked.tag, *asking.flow(), contact(&shown));
            self.calls.moved(key, answered.tag, *origin.flow(), answering.target);
        }
        if status >= 200 {
            let time = session(&Draft::from(shown), method);
            self.calls.session(key, time.map(|time| now.at + time + SESSION_MARGIN));
            self.see_to_call(now, key);
        }
    }

    /// When a dialog is to be looked at again: at the end of its session, or of the registration of one of its UEs.
    fn see_to_call(&mut self, now: Now, key: u64) {
        let Some(call) = self.calls.of(key) else { return };
        let owners = call.parties.iter().filter_map(|party| party.owner);
        let registered = owners.filter_map(|owner| self.bindings.registered_until(owner, None, now.unix));
        let registered = registered.min().map(|until| {
            let left = Duration::from_secs(until.saturating_sub(now.unix));
            now.at + left.max(Duration::from_secs(1))
        });
        let all = [Some(call.over_at), call.session_until, registered];
        if let Some(at) = all.into_iter().flatten().min() {
            self.calls.see_to(key, at);
        }
    }

    // What ends a dialog.

    /// Ends the dialogs whose time has come, and those of UEs that are gone. Last of all that an input causes.
    //= PCSCF-030
    pub(super) fn release_what_is_due(&mut self, now: Now) {
        self.calls.expire(now.at);
        while let Some(Lost { owner, flow }) = self.calls.pop_lost() {
            // It may have registered anew, or over another flow as well.
            if self.bindings.registered_until(owner, flow, now.unix).is_none() {
                self.release_owner(now, owner);
            }
        }
        while let Some(key) = self.calls.pop_due(now.at) {
            let Some(call) = self.calls.of(key) else { continue };
            let is_gone = |owner| self.bindings.registered_until(owner, None, now.unix).is_none();
            if call.over_at <= now.at {
                self.calls.end(key);
            } else if call.session_until.is_some_and(|until| until <= now.at)
                || call.parties.iter().filter_map(|party| party.owner).any(is_gone)
            {
                self.release_call(now, key);
            } else {
                self.see_to_call(now, key);
            }
        }
    }

    /// The operator ends what one of its parties knows by this Call-ID.
    //= PCSCF-030
    pub(super) fn release_called(&mut self, now: Now, call_id: &[u8]) {
        for key in self.calls.of_call_id(call_id) {
            self.release_call(now, key);
        }
        for invite in self.calls.all_asked() {
            let work = self.transactions.server(invite).and_then(|server| server.work.as_ref());
            if work.is_some_and(|work| work.essentials.call_id() == call_id) {
                self.release_invite(now, invite);
            }
        }
    }

    fn release_owner(&mut self, now: Now, owner: u64) {
        for invite in self.calls.asked_of(owner) {
            self.release_invite(now, invite);
        }
        for key in self.calls.of_owner(owner) {
            self.release_call(now, key);
        }
    }

    fn release_call(&mut self, now: Now, key: u64) {
        let Some(Call { parties, stage, .. }) = self.calls.release(key) else {
            return;
        };
        match stage {
            Stage::Early(invite) => self.release_invite(now, invite),
            Stage::Confirmed(ends) => {
                for (party, end) in parties.iter().zip(ends.iter()) {
                    self.send_bye(now, end, party.cseq.saturating_add(1));
                }
            }
        }
    }

    /// An INVITE that is not answered yet: cancelled where it went, refused where it came from.
    //= PCSCF-030
    fn release_invite(&mut self, now: Now, invite: Id) {
        let until = now.at + self.policy.privacy.max_dialog_age.value;
        self.calls.give_up(invite, until);
        let Some(server) = self.transactions.server(invite) else {
            return;
        };
        let received_to = server.kept.as_ref().and_then(|kept| kept.to.clone());
        let Some(work) = server.work.as_mut() else { return };
        let (draft, under_way) = (work.draft.clone(), work.branches.under_way());
        for client in &under_way {
            if let Some(client) = self.transactions.client(*client) {
                client.cancel_reason = Some(REASON);
            }
        }
        self.cancel_branches(now, &under_way);
        self.refuse(now, invite, &draft, received_to.as_deref(), &Reject::GivenUp);
    }

    /// Sends a BYE as this party would. Nobody waits for its answer, and one that cannot be sent stays unsent.
    //= PCSCF-030
    fn send_bye(&mut self, now: Now, end: &End, cseq: u32) {
        if self.transactions.len() >= self.policy.limits.transactions_max as usize {
            return;
        }
        let text = end.bye(cseq, self.random.next_u64());
        let Ok(message) = parse(text.into(), Carrier::Datagram, &self.limits) else {
            return;
        };
        let Ok(mut essentials) = Essentials::read(&message) else {
            return;
        };
        self.open_call_id(&mut essentials);
        let origin = self.origin_of(now, end.flow);
        let mut draft = Draft::from(message);
        let Ok(key) = self.key_of(&origin, &draft, &essentials, KeyOf::Itself) else {
            return;
        };
        draft.remove(Name::Via);
        let id = self.open_server(now, &origin, None, &essentials.via, Method::Bye, key);
        if let Some(server) = self.transactions.server(id) {
            server.is_ours = true;
        }
        match self.decide(now, &origin, draft, essentials, Author::Ourselves) {
            Ok(decided) => {
                let mut notes = self.notes();
                self.set_out(now, id, decided, None, &mut notes);
            }
            Err(refused) => {
                let (draft, _, reject) = *refused;
                self.refuse(now, id, &draft, None, &reject);
            }
        }
    }

    /// The security associations of a UE are gone.
    pub(super) fn lose_set(&mut self, now: Now, of: &Removal) {
        if self.calls.is_idle() {
            return;
        }
        let [to_us, _, to_ue, _] = of.associations;
        let is_it = |own: &&Own| {
            own.bound.address == to_us.to && matches!(self.policy.part(own.bound.listener), Some(Part::Server { .. }))
        };
        let Some(own) = self.own.all().iter().find(is_it) else {
            return;
        };
        let flow = FlowKey::of_datagrams(own.bound.listener, to_ue.to);
        let towards = Destination {
            listener: own.bound.listener,
            transport: Transport::Udp,
            remote: to_ue.to,
            connection: None,
            certified: None,
        };
        // Another set leads there.
        if self.by_association(now, towards, b"").is_ok() {
            return;
        }
        if let Some(owner) = self.bindings.owner(flow) {
            self.calls.lose(Lost {
                owner,
                flow: Some(flow),
            });
        }
    }

    /// A message that we wrote, as its receiver reads it.
    fn reread(&self, outgoing: &Outgoing) -> Option<Message> {
        parse(outgoing.bytes().clone(), Carrier::Datagram, &self.limits).ok()
    }

    /// A route from our own value on. Those before are of nodes that take them off before a message comes here.
    fn since_ours(&self, routes: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let is_ours = |value: &Vec<u8>| {
            let uri = NameAddr::parse(value).ok().map(|value| value.uri());
            matches!(uri, Some(Ok(uri)) if self.own.named(uri.host(), uri.port()).is_some())
        };
        routes.into_iter().skip_while(|value| !is_ours(value)).collect()
    }
}

fn record_route(message: &Message) -> Vec<Vec<u8>> {
    let rows = message.rows(Name::RecordRoute);
    rows.flat_map(|row| list::values(row).map(move |span| span.of(row).to_vec()))
        .collect()
}

fn contact(message: &Message) -> Option<Vec<u8>> {
    let contact = NameAddr::parse(message.first(Name::Contact)?).ok()?;
    Some(contact.uri_bytes().to_vec())
}

fn row(message: &Message, name: Name) -> Vec<u8> {
    message.first(name).map(<[u8]>::to_vec).unwrap_or_default()
}
