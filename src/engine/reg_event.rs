//! What becomes of a registration in the network: asked for when a UE has registered, told by NOTIFY.
//!
//! Holds nothing: the Contact of the subscription is a sealed token that names the UE's flow, so any engine of this process
//! knows by the NOTIFY itself whom it is about.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::output::Output;
use super::reject::Reject;
use super::transactions::{ClientMachine, ClientTransaction, Id};
use super::{Engine, Now, TIMERS};
use crate::pcscf::register::Told;
use crate::pcscf::{Learned, SealedFlow, path, reg_event};
use crate::privacy::call_id::CallId;
use crate::privacy::gate::{Gate, Request};
use crate::privacy::{Notes, Outgoing, Wanted};
use crate::sip::parse::{Carrier, parse};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Essentials, Name};
use crate::topology::restore;
use crate::transaction::{Client, ClientBranch, Reliability};
use crate::trust::{Destination, Flow, Hop, Origin, Own};

/// Seconds that are asked for: longer than any registration lasts.
const EXPIRES: u64 = 600_000;
/// A subscription that ends within so many seconds is as good as over.
const REFRESH: u64 = 600;

/// Stands for the server transaction of a request that nobody sent us.
const NOBODY: Id = Id {
    slot: u32::MAX,
    generation: 0,
};

impl Engine {
    /// Subscribes to what becomes of a UE that has just registered, where the policy wants that, unless it is told already.
    /// `id`: its REGISTER. `registrar`: who answered that.
    //= PCSCF-012
    //= PCSCF-012 type=exception reason=only where pcscf.reg_event says so: a PBX has no such package
    //= PCSCF-012 type=exception reason=a subscription near its end is made anew with the UE's next REGISTER, which comes long before, and not by a timer
    pub(super) fn subscribe(&mut self, now: Now, id: Id, registrar: &Origin) {
        let Some(server) = self
            .transactions
            .server(id)
            .filter(|server| server.policy.pcscf.reg_event.value)
        else {
            return;
        };
        let (policy, arrived, nonce) = (Arc::clone(&server.policy), *server.origin.flow(), server.nonce);
        let arrived = self.home(&arrived);
        let ue = self.bindings.ue(&arrived, now.unix);
        let ue = ue.filter(|ue| ue.told().until <= now.unix + REFRESH);
        let Some(identity) = ue.and_then(|ue| ue.default_identity()).map(<[u8]>::to_vec) else {
            return;
        };
        let from = registrar.flow();
        let destination = Destination {
            listener: from.listener,
            transport: from.transport,
            remote: from.remote,
            connection: from.connection,
            certified: from.certified,
        };
        let hop = self.hop_to(now, destination);
        let Some(own) = self.own_towards(&destination).filter(|_| hop.is_trusted()).cloned() else {
            return;
        };
        let Some(draft) = self.subscription(&own, &identity, &arrived, nonce) else {
            return;
        };
        let branch = ClientBranch {
            slot: self.transactions.next_client_slot(),
            nonce: self.random.next_u64(),
            loop_part: self.random.next_u64(),
        };
        let request = Request {
            draft,
            hop,
            own: &own,
            wanted: &Wanted::nothing(),
            branch: &branch.text(),
            dialog: None,
            call_id: CallId::Settled,
            nonce,
        };
        let gate = Gate {
            policy: &policy,
            keys: &self.keys,
        };
        if let Ok((outgoing, _)) = gate.request(request, &mut Notes::off()) {
            self.send_subscription(now, branch.nonce, outgoing, &hop);
        }
    }

    fn send_subscription(&mut self, now: Now, nonce: u64, outgoing: Outgoing, hop: &Hop) {
        let reliability = Reliability::from(hop.destination().transport);
        let (machine, actions) = Client::start(reliability, &TIMERS);
        let client = self.transactions.add_client(|client| ClientTransaction {
            generation: client.generation,
            nonce,
            machine: ClientMachine::Other(machine),
            server: NOBODY,
            line: 0,
            kept: None,
            reverse_name: hop.reverse_name().map(Box::new),
            request: Some(outgoing),
            ack: None,
            cancel: None,
            cancel_wanted: false,
            timer_c: Duration::ZERO,
        });
        self.carry_out_client(now, client, actions);
    }

    /// The SUBSCRIBE, but for its Via.
    //= PCSCF-012
    fn subscription(&mut self, own: &Own, identity: &[u8], arrived: &Flow, nonce: [u8; 12]) -> Option<Draft> {
        let mut fresh = [0; 12];
        self.random.fill_bytes(&mut fresh);
        let call_id = data_encoding::HEXLOWER.encode(&fresh);
        // The same as in the Path of the REGISTER.
        let path = path::path_value(own, &path::seal(&self.keys, arrived, nonce)?);
        let token = path::seal_subscription(&self.keys, arrived, fresh)?;
        let tag = self.subscription_tag(&token, call_id.as_bytes());
        let contact = path::path_value(own, &token);
        let mut text = b"SUBSCRIBE ".to_vec();
        for part in [
            identity,
            b" SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:",
            own.host_port.as_bytes(),
            b">;tag=",
            tag.as_bytes(),
            b"\r\nTo: <",
            identity,
            b">\r\nCall-ID: ",
            call_id.as_bytes(),
            b"\r\nCSeq: 1 SUBSCRIBE\r\nContact: ",
            &contact,
            b"\r\nEvent: reg\r\nAccept: application/reginfo+xml\r\nExpires: ",
            EXPIRES.to_string().as_bytes(),
            b"\r\nP-Asserted-Identity: ",
            &path,
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
        let told = Told {
            until: subscribed_until(draft, now),
            ..ue.told()
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
        self.outputs.push_back(Output::Learned {
            flow,
            learned: learned.clone(),
        });
        self.learned(now, &flow, learned);
        if let Some(record) = record {
            self.keep_as_told(now, &flow, record);
        }
        Some(Reject::Told)
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
    let seconds = params.find_map(|param| std::str::from_utf8(param.strip_prefix(b"expires=")?).ok()?.parse().ok());
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
