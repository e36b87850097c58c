//! What becomes of a registration in the network: asked for when a UE has registered, told by NOTIFY.
//!
//! The Contact of the subscription is a sealed token that names the UE's flow, so any engine of this process knows by the
//! NOTIFY itself whom it is about. The one that subscribed sees to it that the subscription does not end before its UE goes.

use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::originate::About;
use super::output::Output;
use super::reject::Reject;
use super::subscriptions::{REMOTE_BYTES_MAX, Remote, Said};
use super::transactions::Id;
use super::{Engine, Now};
use crate::pcscf::register::Told;
use crate::pcscf::{FlowKey, Learned, SealedFlow, path, reg_event};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::parse::{Carrier, parse};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Essentials, Message, Name};
use crate::topology::restore;
use crate::trust::{Destination, Flow, Origin, Own};

/// Seconds that are asked for: longer than any registration lasts.
const EXPIRES: u64 = 600_000;

impl Engine {
    /// Subscribes to what becomes of a UE that has just registered, where the policy wants that, unless it is told already.
    /// `id`: its REGISTER. `registrar`: who answered that.
    //= PCSCF-012
    //= PCSCF-012 type=exception reason=only where pcscf.reg_event says so: a PBX has no such package
    pub(super) fn subscribe(&mut self, now: Now, id: Id, registrar: &Origin) {
        let Some(server) = self
            .transactions
            .server(id)
            .filter(|server| server.policy.pcscf.reg_event.value)
        else {
            return;
        };
        let (arrived, nonce) = (*server.origin.flow(), server.nonce);
        let arrived = self.home(&arrived);
        let ue = self.bindings.ue(&arrived, now.unix);
        let is_told = ue.is_none_or(|ue| now.unix < ue.told().until);
        if !is_told && !self.subscriptions.is_live((&arrived).into(), now.at) {
            let from = registrar.flow();
            let registrar = Destination {
                listener: from.listener,
                transport: from.transport,
                remote: from.remote,
                connection: from.connection,
                certified: from.certified,
            };
            let own = self.own_towards(&registrar);
            // The same as in the REGISTER.
            let path = own.and_then(|own| Some(path::path_value(own, &path::seal(&self.keys, &arrived, nonce)?)));
            if let Some(path) = path {
                self.begin_subscription(now, &arrived, registrar, path);
            }
        }
    }

    /// The first SUBSCRIBE about the UE of this Path. What an earlier subscription told of its documents counts for nothing in
    /// this one.
    fn begin_subscription(&mut self, now: Now, arrived: &Flow, registrar: Destination, path: Vec<u8>) {
        let Some(own) = self.own_towards(&registrar).cloned() else {
            return;
        };
        let Some(ue) = self.bindings.ue(arrived, now.unix).cloned() else {
            return;
        };
        let mut fresh = [0; 12];
        self.random.fill_bytes(&mut fresh);
        let call_id = data_encoding::HEXLOWER.encode(&fresh);
        let token = path::seal_subscription(&self.keys, arrived, fresh);
        let (Some(identity), Some(token)) = (ue.default_identity().map(<[u8]>::to_vec), token) else {
            return;
        };
        let said = Said {
            identity,
            tag: self.subscription_tag(&token, call_id.as_bytes()),
            call_id,
            contact: path::path_value(&own, &token),
            path,
            cseq: 1,
        };
        if ue.told() != Told::default() {
            self.tell_all(now, arrived, Learned::Registered(ue.with_told(Told::default())));
        }
        let number = self.subscriptions.begin(*arrived, registrar, said.clone());
        self.send_subscribe(now, number, registrar, &own, &said, None);
    }

    /// Sees to the subscriptions whose time has come: asks for more, or anew where the network keeps none.
    //= PCSCF-012
    pub(super) fn renew_subscriptions(&mut self, now: Now) {
        while let Some(key) = self.subscriptions.pop_due(now.at) {
            let is_wanted = self.policy.pcscf.reg_event.value && self.bindings.ue_of(key, now.unix).is_some();
            let Some(subscription) = self.subscriptions.of(key).filter(|_| is_wanted) else {
                self.subscriptions.end(key);
                continue;
            };
            let (number, arrived, registrar) = (subscription.number, subscription.arrived, subscription.registrar);
            let lasts = subscription.until.is_some_and(|until| now.at < until);
            let Some(remote) = subscription.remote.clone().filter(|_| lasts) else {
                let path = subscription.said.path.clone();
                self.begin_subscription(now, &arrived, registrar, path);
                continue;
            };
            subscription.said.cseq += 1;
            let said = subscription.said.clone();
            let Some(own) = self.own_towards(&registrar).cloned() else {
                continue;
            };
            self.send_subscribe(now, number, registrar, &own, &said, Some(&remote));
        }
    }

    /// What the network answers to a SUBSCRIBE of ours.
    //= PCSCF-012
    pub(super) fn subscribed(&mut self, now: Now, number: u32, origin: &Origin, answer: &Message) {
        let Some(subscription) = self.subscriptions.numbered(number) else {
            return;
        };
        let (arrived, registrar) = (subscription.arrived, subscription.registrar);
        let key = FlowKey::from(&arrived);
        match answer.status() {
            100..=199 => {}
            200..=299 if origin.is_trusted() => {
                subscription.remote = subscription.remote.take().or_else(|| remote(answer));
                let stated = answer.first(Name::Expires).and_then(seconds);
                let until = now.at + Duration::from_secs(stated.unwrap_or(EXPIRES).min(EXPIRES));
                // What a NOTIFY said in the meantime is no older.
                if until <= now.at {
                    self.subscriptions.over(key, now.at);
                } else if subscription.until.is_none_or(|known| now.at < known) {
                    self.subscriptions.lasts(key, now.at, until);
                }
            }
            481 if subscription.remote.is_some() => {
                let path = subscription.said.path.clone();
                self.begin_subscription(now, &arrived, registrar, path);
            }
            _ => self.asked_in_vain(now, number),
        }
    }

    /// A SUBSCRIBE of ours was refused, or nobody answered: what there is lasts until its end. A first one leaves nothing, and
    /// the next REGISTER of its UE begins anew.
    pub(super) fn asked_in_vain(&mut self, now: Now, number: u32) {
        let Some(subscription) = self.subscriptions.numbered(number) else {
            return;
        };
        let key = FlowKey::from(&subscription.arrived);
        match subscription.until {
            Some(_) => self.subscriptions.wait_for_its_end(key, now.at),
            None => {
                self.subscriptions.end(key);
            }
        }
    }

    /// What a NOTIFY, here or at another engine, said of the subscription to a flow.
    pub(super) fn note_told(&mut self, now: Now, flow: &Flow) {
        let key = FlowKey::from(flow);
        if self.subscriptions.of(key).is_none() {
            return;
        }
        let Some(ue) = self.bindings.ue_of(key, now.unix) else {
            self.subscriptions.end(key);
            return;
        };
        let left = ue.told().until.saturating_sub(now.unix);
        if left > 0 {
            self.subscriptions
                .lasts(key, now.at, now.at + Duration::from_secs(left));
        }
    }

    /// Sends a SUBSCRIBE of this subscription; 0: one that is not kept.
    fn send_subscribe(
        &mut self,
        now: Now,
        number: u32,
        registrar: Destination,
        own: &Own,
        said: &Said,
        remote: Option<&Remote>,
    ) {
        let hop = self.hop_to(now, registrar);
        let Some(draft) = self.subscription(own, said, remote).filter(|_| hop.is_trusted()) else {
            return self.asked_in_vain(now, number);
        };
        if !self.originate(now, About::Subscription(number), draft, hop, own) {
            self.asked_in_vain(now, number);
        }
    }

    /// The SUBSCRIBE, but for its Via.
    //= PCSCF-012
    fn subscription(&self, own: &Own, said: &Said, remote: Option<&Remote>) -> Option<Draft> {
        let first = [b"<", &said.identity[..], b">"].concat();
        let (target, to) = match remote {
            Some(remote) => (&remote.target, &remote.to),
            None => (&said.identity, &first),
        };
        let mut text = b"SUBSCRIBE ".to_vec();
        text.extend_from_slice(target);
        text.extend_from_slice(b" SIP/2.0\r\nMax-Forwards: 70\r\n");
        for route in remote.into_iter().flat_map(|remote| &remote.routes) {
            [b"Route: ", &route[..], b"\r\n"]
                .iter()
                .for_each(|part| text.extend_from_slice(part));
        }
        for part in [
            b"From: <sip:",
            own.host_port.as_bytes(),
            b">;tag=",
            said.tag.as_bytes(),
            b"\r\nTo: ",
            to,
            b"\r\nCall-ID: ",
            said.call_id.as_bytes(),
            b"\r\nCSeq: ",
            said.cseq.to_string().as_bytes(),
            b" SUBSCRIBE\r\nContact: ",
            &said.contact,
            b"\r\nEvent: reg\r\nAccept: application/reginfo+xml\r\nExpires: ",
            EXPIRES.to_string().as_bytes(),
            b"\r\nP-Asserted-Identity: ",
            &said.path,
            b"\r\nContent-Length: 0\r\n\r\n",
        ] {
            text.extend_from_slice(part);
        }
        let parsed = parse(text.into(), Carrier::Datagram, &self.limits).ok()?;
        Some(Draft::from(parsed))
    }

    /// What a NOTIFY for us is answered; `None`: it is for somebody else.
    //= PCSCF-013
    pub(super) fn told(&mut self, now: Now, origin: &Origin, draft: &Draft, essentials: &Essentials) -> Option<Reject> {
        let (token, flow) = self.subscription_in(draft)?;
        if !origin.is_trusted() {
            return Some(Reject::ForeignToken);
        }
        let tag = self.subscription_tag(&token, essentials.call_id());
        let key = flow.key(self.keys.instance());
        let ue = key.and_then(|key| self.bindings.ue_of(key, now.unix));
        let matches =
            essentials.to_tag() == Some(tag.as_bytes()) && flow.instance == self.keys.instance() && is_reg(draft);
        let Some(ue) = ue.filter(|_| matches) else {
            return Some(Reject::NotTold(481));
        };
        // One that is over leaves nothing: the next begins to count its documents anew.
        let told = match subscribed_until(draft, now) {
            0 => Told::default(),
            until => Told { until, ..ue.told() },
        };
        let record = ue.record();
        let ue = ue.clone().with_told(told);
        let learned = match draft.body() {
            [] => Learned::Registered(ue),
            _ if !is_reginfo(draft) => return Some(Reject::NotTold(415)),
            body => match reg_event::read(body) {
                Err(_) => return Some(Reject::NotTold(400)),
                Ok(info) => match ue.after(&info, now.unix) {
                    Learned::Nothing => Learned::Registered(ue),
                    learned => learned,
                },
            },
        };
        let flow = self.flow_of(&flow)?;
        let learned = match (learned, told.until) {
            (Learned::Registered(ue), 0) => Learned::Registered(ue.with_told(told)),
            (learned, _) => learned,
        };
        self.tell_all(now, &flow, learned);
        //= PCSCF-013
        if told.until == 0 {
            self.subscriptions.over((&flow).into(), now.at);
        }
        if let Some(record) = record {
            self.keep_as_told(now, &flow, record);
        }
        Some(Reject::Told)
    }

    /// Enters what was learned of a flow, here and in the other engines.
    fn tell_all(&mut self, now: Now, flow: &Flow, learned: Learned) {
        self.outputs.push_back(Output::Learned {
            flow: *flow,
            learned: learned.clone(),
        });
        self.learned(now, flow, learned);
    }

    /// The token of a subscription of ours that a request is for.
    fn subscription_in(&self, draft: &Draft) -> Option<(Vec<u8>, SealedFlow)> {
        if draft.request_uri().len() < restore::SEALED_BYTES_MIN {
            return None;
        }
        let uri = Uri::parse(draft.request_uri()).ok()?;
        let token = uri.user().filter(|user| restore::looks_sealed(user))?;
        self.own.named(uri.host(), uri.port())?;
        let flow = path::open_subscription(&self.keys, token).ok()?;
        Some((token.to_vec(), flow))
    }

    /// Our tag of a subscription, which follows from its Contact and Call-ID: what matches both is of this subscription.
    fn subscription_tag(&self, token: &[u8], call_id: &[u8]) -> String {
        use std::hash::{Hash, Hasher};
        let mut hasher = siphasher::sip::SipHasher13::new_with_keys(self.keys.instance(), 1);
        (token, call_id).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// The flow that a token names, as its messages come in.
    fn flow_of(&self, sealed: &SealedFlow) -> Option<Flow> {
        let own = self.own.of(sealed.listener, sealed.transport, sealed.remote.ip())?;
        Some(Flow {
            listener: sealed.listener,
            transport: sealed.transport,
            local: own.bound.address,
            remote: sealed.remote,
            connection: sealed.connection,
            certified: None,
        })
    }
}

/// The network's end of a subscription, as it answers the first SUBSCRIBE.
fn remote(answer: &Message) -> Option<Remote> {
    let contact = NameAddr::parse(answer.first(Name::Contact)?).ok()?;
    let values = answer
        .rows(Name::RecordRoute)
        .flat_map(|row| list::values(row).map(move |span| span.of(row).to_vec()));
    let mut routes: Vec<Vec<u8>> = values.collect();
    routes.reverse();
    let remote = Remote {
        to: answer.first(Name::To)?.to_vec(),
        target: contact.uri_bytes().to_vec(),
        routes,
    };
    let bytes = remote.to.len() + remote.target.len() + remote.routes.iter().map(Vec::len).sum::<usize>();
    (bytes <= REMOTE_BYTES_MAX).then_some(remote)
}

fn seconds(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

fn is_reg(draft: &Draft) -> bool {
    let event = draft.first(Name::Event).map(first_word);
    event.is_some_and(|event| event.eq_ignore_ascii_case(b"reg"))
}

fn is_reginfo(draft: &Draft) -> bool {
    let is_encoded = row(draft, b"Content-Encoding").or_else(|| row(draft, b"e")).is_some();
    let kind = draft.first(Name::ContentType).map(first_word);
    !is_encoded && kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/reginfo+xml"))
}

/// Until when the network goes on telling, seconds since 1970.
fn subscribed_until(draft: &Draft, now: Now) -> u64 {
    let state = row(draft, b"Subscription-State").unwrap_or(b"active");
    if first_word(state).eq_ignore_ascii_case(b"terminated") {
        return 0;
    }
    let mut params = state.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    let seconds = params.find_map(|param| seconds(param.strip_prefix(b"expires=")?));
    now.unix.saturating_add(seconds.unwrap_or(EXPIRES).min(EXPIRES))
}

/// What stands before parameters.
fn first_word(value: &[u8]) -> &[u8] {
    value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

/// A row of a name that no rule is keyed on.
fn row<'a>(draft: &'a Draft, name: &[u8]) -> Option<&'a [u8]> {
    let mut rows = draft.all_rows();
    rows.find(|(other, _, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, _, value)| value)
}
