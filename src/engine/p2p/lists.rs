//! Lists of peers that are kept up: SUBSCRIBE is answered here, NOTIFY is made here.

use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::watchers::{Watcher, Word};
use super::{Asker, MEDIA_TYPE, PEERS_BY_NOTIFY, PEERS_BY_STREAM, Part, expires, foreign_body, refusal, replied};
use crate::engine::originate::About;
use crate::engine::reject::{Reject, Replied};
use crate::engine::{Engine, Now};
use crate::ppsp::request::{Find, What};
use crate::ppsp::{Fault, Request, SwarmId};
use crate::rule::Rule;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::parse::{Carrier, parse};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Essentials, Name, Transport};
use crate::tracker::Path;
use crate::trust::{Destination, Origin, Own};

/// Seconds a list is kept up: least, without a word, most.
const EXPIRES: (u32, u32, u32) = (60, 600, 3600);

impl Engine {
    /// Answers a SUBSCRIBE to the peers of a swarm.
    //= P2P-046
    //= P2P-047
    pub(super) fn subscribe_to_list(
        &mut self,
        now: Now,
        origin: &Origin,
        asker: Asker,
        draft: &Draft,
        essentials: &Essentials,
    ) -> Reject {
        if let Some(reject) = foreign_body(draft) {
            return reject;
        }
        let (least, usual, most) = EXPIRES;
        let seconds = match expires(draft).unwrap_or(usual) {
            0 => 0,
            short if short < least => return too_brief(least),
            seconds => seconds.min(most),
        };
        let begun = match essentials.to_tag() {
            Some(_) => self.watched_again(asker, essentials),
            None => self.watcher(origin, asker, draft, essentials),
        };
        match begun.and_then(|(number, watcher)| self.watch_list(now, number, watcher, seconds)) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    /// A watcher as its first SUBSCRIBE has it.
    fn watcher(
        &mut self,
        origin: &Origin,
        asker: Asker,
        draft: &Draft,
        essentials: &Essentials,
    ) -> Result<(u32, Watcher), Reject> {
        let p2p = self.p2p.as_mut().ok_or(refusal(Fault::Internal))?;
        let swarm = swarm_at(draft.request_uri(), &p2p.domain).ok_or(refusal(Fault::UnknownSwarm))?;
        if p2p.watchers.is_full() {
            return Err(refusal(Fault::Busy));
        }
        let find = match draft.body() {
            [] => asks_for(swarm),
            body => match Request::read(body) {
                // As we write it: what else stood in it is nobody's to keep.
                Ok(request) if matches!(&request.what, What::Find(find) if find.swarm == swarm) => request.to_bytes(),
                _ => return Err(refusal(Fault::BadBody)),
            },
        };
        let contact = draft.first(Name::Contact).and_then(|row| NameAddr::parse(row).ok());
        let (Some(contact), Some(theirs), Some(to)) = (contact, draft.first(Name::From), draft.first(Name::To)) else {
            return Err(refusal(Fault::BadBody));
        };
        let number = p2p.watchers.number();
        let our_tag = format!("{number:08x}{:08x}", self.random.next_u32());
        let from = origin.flow();
        let watcher = Watcher {
            to: Destination {
                listener: from.listener,
                transport: from.transport,
                remote: from.remote,
                connection: from.connection,
                certified: from.certified,
            },
            theirs: theirs.to_vec(),
            ours: [to, b";tag=", our_tag.as_bytes()].concat(),
            target: contact.uri_bytes().to_vec(),
            call_id: essentials.call_id().to_vec(),
            their_tag: essentials.from_tag().to_vec(),
            our_tag,
            cseq: 0,
            until: Duration::ZERO,
            find,
            watch: None,
            asker,
        };
        Ok((number, watcher))
    }

    /// The same watcher, asking within its dialog.
    fn watched_again(&mut self, asker: Asker, essentials: &Essentials) -> Result<(u32, Watcher), Reject> {
        let p2p = self.p2p.as_ref().ok_or(refusal(Fault::Internal))?;
        let found = p2p.watchers.of_dialog(essentials);
        let is_own = |(_, watcher): &(u32, &Watcher)| watcher.asker.identity == asker.identity;
        let (number, before) = found.filter(is_own).ok_or(Reject::NotTold(481))?;
        let watcher = Watcher {
            to: before.to,
            theirs: before.theirs.clone(),
            ours: before.ours.clone(),
            target: before.target.clone(),
            call_id: before.call_id.clone(),
            their_tag: before.their_tag.clone(),
            our_tag: before.our_tag.clone(),
            cseq: before.cseq,
            until: before.until,
            find: before.find.clone(),
            watch: None,
            asker,
        };
        Ok((number, watcher))
    }

    /// Asks the tracker, keeps the watcher, and has the first list ready for it. What is refused leaves what there was.
    //= P2P-055
    fn watch_list(&mut self, now: Now, number: u32, mut watcher: Watcher, seconds: u32) -> Result<Reject, Reject> {
        let own = self.own_towards(&watcher.to).cloned();
        let own = own.ok_or(refusal(Fault::Internal))?;
        let peers_max = match watcher.asker.path {
            Path::Stream => PEERS_BY_STREAM,
            Path::Datagram => PEERS_BY_NOTIFY,
        };
        let moment = self.moment(now);
        let Engine { p2p, random, .. } = self;
        let p2p = p2p.as_mut().ok_or(refusal(Fault::Internal))?;
        let Part::Tracker(tracker) = &mut p2p.part else {
            return Err(refusal(Fault::Internal));
        };
        let member = watcher.asker.member();
        let (reply, watch) = match seconds {
            0 => (tracker.find(moment, member, &watcher.find, peers_max, random), None),
            _ => tracker.watch(moment, member, &watcher.find, (seconds, peers_max), random),
        };
        if reply.status != 200 {
            return Err(replied(reply, Rule::P2P_046));
        }
        watcher.watch = watch;
        watcher.until = now.at + Duration::from_secs(seconds.into());
        let accepted = Replied::bare(200, Rule::P2P_046)
            .with(Name::Expires, seconds.to_string())
            .with(Name::Contact, contact(&own));
        let accepted = Replied {
            to_tag: Some(watcher.our_tag.clone()),
            ..accepted
        };
        if let Some(before) = p2p.watchers.put(number, watcher) {
            tracker.unwatch(before);
        }
        p2p.watchers.say(Word {
            number,
            body: reply.body.unwrap_or_default(),
            ends: seconds == 0,
        });
        Ok(accepted.into())
    }

    /// Tells watchers what there is to tell.
    //= P2P-055
    pub(in crate::engine) fn tell_lists(&mut self, now: Now) {
        let moment = self.moment(now);
        let Engine { p2p, random, .. } = self;
        let Some(p2p) = p2p else { return };
        if p2p.next().is_none_or(|due| due > now.at) {
            return;
        }
        if let Part::Tracker(tracker) = &mut p2p.part {
            while let Some(notice) = tracker.poll_notice(moment, random) {
                p2p.watchers.say_to(notice.watch, notice.body);
            }
        }
        while let Some(word) = self.p2p.as_mut().and_then(|p2p| p2p.watchers.pop(now.at)) {
            let is_sent = self.notify(now, &word);
            if !is_sent || word.ends {
                self.end_list(word.number);
            }
        }
    }

    /// A watcher took a NOTIFY, or did not: then it hears no more.
    pub(in crate::engine) fn notified(&mut self, number: u32, status: u16) {
        if status >= 300 {
            self.end_list(number);
        }
    }

    fn end_list(&mut self, number: u32) {
        let Some(p2p) = &mut self.p2p else { return };
        let watch = p2p.watchers.remove(number).and_then(|watcher| watcher.watch);
        if let (Some(watch), Part::Tracker(tracker)) = (watch, &mut p2p.part) {
            tracker.unwatch(watch);
        }
    }

    fn notify(&mut self, now: Now, word: &Word) -> bool {
        let Some(watcher) = self.p2p.as_mut().and_then(|p2p| p2p.watchers.get_mut(word.number)) else {
            return false;
        };
        watcher.cseq += 1;
        let state = match word.ends {
            true => "terminated;reason=timeout".to_owned(),
            false => format!("active;expires={}", watcher.until.saturating_sub(now.at).as_secs()),
        };
        let (to, target) = (watcher.to, watcher.target.clone());
        let mut text = head(watcher, &state);
        let Ok(to) = self.by_association(now, to, &target) else {
            return false;
        };
        let hop = self.hop_to(now, to);
        let Some(own) = self.own_towards(hop.destination()).cloned() else {
            return false;
        };
        text.extend_from_slice(format!("Contact: {}\r\n", contact(&own)).as_bytes());
        if !word.body.is_empty() {
            text.extend_from_slice(format!("Content-Type: {MEDIA_TYPE}\r\n").as_bytes());
        }
        text.extend_from_slice(format!("Content-Length: {}\r\n\r\n", word.body.len()).as_bytes());
        text.extend_from_slice(&word.body);
        let Ok(message) = parse(text.into(), Carrier::Datagram, &self.limits) else {
            return false;
        };
        self.originate(now, About::List(word.number), Draft::from(message), hop, &own)
    }
}

/// A NOTIFY as far as it is the same by any way. Who it is for reads its own name as it wrote it.
//= P2P-066
fn head(watcher: &Watcher, state: &str) -> Vec<u8> {
    let cseq = watcher.cseq.to_string();
    let parts: [&[u8]; 13] = [
        b"NOTIFY ",
        &watcher.target,
        b" SIP/2.0\r\nMax-Forwards: 70\r\nFrom: ",
        &watcher.ours,
        b"\r\nTo: ",
        &watcher.theirs,
        b"\r\nCall-ID: ",
        &watcher.call_id,
        b"\r\nCSeq: ",
        cseq.as_bytes(),
        b" NOTIFY\r\nEvent: p2p-content\r\nSubscription-State: ",
        state.as_bytes(),
        b"\r\n",
    ];
    parts.concat()
}

/// Where the requests of a watcher go.
fn contact(own: &Own) -> String {
    match own.bound.transport {
        Transport::Udp => format!("<sip:{}>", own.host_port),
        other => format!("<sip:{};transport={}>", own.host_port, other.uri_name()),
    }
}

/// The swarm that an address of its list names.
fn swarm_at(uri: &[u8], domain: &str) -> Option<SwarmId> {
    let uri = Uri::parse(uri).ok()?;
    let is_here = uri.host().eq_ignore_ascii_case(domain.as_bytes());
    let user = uri.user().filter(|_| is_here)?.strip_prefix(b"sw.")?;
    SwarmId::of_text(std::str::from_utf8(user).ok()?)
}

/// What is asked without a body.
fn asks_for(swarm: SwarmId) -> Vec<u8> {
    let request = Request {
        transaction: "0".to_owned(),
        peer_id: None,
        what: What::Find(Find {
            swarm,
            peer_count: None,
        }),
    };
    request.to_bytes()
}

fn too_brief(least: u32) -> Reject {
    Replied::bare(423, Rule::P2P_046)
        .with(Name::MinExpires, least.to_string())
        .into()
}
