//! The door out: nothing reaches a socket but what is cleared here, for exactly one hop.
//!
//! A request or response for a hop outside T goes hide → scrub → clear; for a hop in T it is cleared as it is. Last of all,
//! what names the inside of the network becomes tokens, where the policy hides it from that hop. What this node says itself (answers, CANCEL, the ACK of a failure) leaves by the same door and shows only what its receiver said or got.

use bytes::Bytes;
use smallvec::SmallVec;

use super::call_id::{self, CallId};
use super::decision::{Action, Identity, Notes};
use super::memory::{DialogMemory, Party};
use super::scrub::{Scrubbed, Terms};
use super::wanted::{PrivacySet, Unprovidable, Wanted};
use crate::policy::privacy::{CallIds, Provided, Unprovidable as WithoutCritical};
use crate::policy::spec_t::UnknownToken;
use crate::policy::{Overload, PeerId, Policy, StatedBy};
use crate::rule::Rule;
use crate::seal::Keys;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::parse::{Carrier, ParseLimits, parse};
use crate::sip::scan::find;
use crate::sip::{Draft, Method, Name, Transport};
use crate::topology::call_id::HIDDEN_BYTES_MAX;
use crate::topology::tokenize::Changes;
use crate::topology::{Border, Concealed, Contacts, Hidden, Hiding, Tokenized, quoted};
use crate::trust::{Destination, Hop, Own, TrustedHop, UntrustedHop, UntrustedKind};

/// The bytes of a message, cleared for one hop. Made only in this file.
#[derive(Clone)]
pub struct Cleared<H> {
    hop: H,
    bytes: Bytes,
}

/// A message cleared for exactly one hop: the only thing a socket takes.
#[derive(Clone)]
pub enum Outgoing {
    Trusted(Cleared<TrustedHop>),
    Untrusted(Cleared<UntrustedHop>),
}

impl Outgoing {
    /// What to put on the wire.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Outgoing::Trusted(cleared) => &cleared.bytes,
            Outgoing::Untrusted(cleared) => &cleared.bytes,
        }
    }

    /// Where to; bytes cleared for one hop cannot go to another.
    pub fn destination(&self) -> &Destination {
        match self {
            Outgoing::Trusted(cleared) => cleared.hop.destination(),
            Outgoing::Untrusted(cleared) => cleared.hop.destination(),
        }
    }

    /// Of a response. 0: of a request.
    pub fn status(&self) -> u16 {
        let digits = self
            .bytes()
            .strip_prefix(b"SIP/2.0 ")
            .and_then(|rest| rest.first_chunk::<3>());
        let value = |digits: &[u8; 3]| digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        digits
            .filter(|digits| digits.iter().all(u8::is_ascii_digit))
            .map_or(0, value)
    }

    /// The Call-ID its receiver sees.
    pub fn call_id(&self) -> Option<Vec<u8>> {
        let sent = parse(self.bytes().clone(), Carrier::Datagram, &OWN_LIMITS).ok()?;
        sent.first(Name::CallId).map(<[u8]>::to_vec)
    }

    /// The same bytes by another connection to the same machine: as nothing else about it differs, neither does what is known of
    /// it. The protected ports of a listener are one way to its UEs. `None`: it is another one, or stands elsewhere.
    pub fn by_another_connection(&self, policy: &Policy, hop: Hop) -> Option<Outgoing> {
        let way = |to: &Destination| (policy.entry_of(to.listener), to.transport, to.remote.ip());
        let is_same = way(self.destination()) == way(hop.destination());
        match (self, hop) {
            (Outgoing::Trusted(cleared), Hop::Trusted(hop)) if is_same && cleared.hop.peer() == hop.peer() => {
                let bytes = cleared.bytes.clone();
                Some(Outgoing::Trusted(Cleared { hop, bytes }))
            }
            (Outgoing::Untrusted(cleared), Hop::Untrusted(hop)) if is_same && cleared.hop.kind() == hop.kind() => {
                let bytes = cleared.bytes.clone();
                Some(Outgoing::Untrusted(Cleared { hop, bytes }))
            }
            _ => None,
        }
    }

    /// The ACK of a failure response to this INVITE: copied from what was sent, with the response's To.
    //= PRIV-134
    pub fn ack_of_failure(&self, to: &[u8]) -> Option<Outgoing> {
        self.derived("ACK", Some(to), None)
    }

    /// The CANCEL of this INVITE: copied from what was sent. `reason` is the value of a Reason that came with the request; it
    /// may name things, so outside T it is not passed on.
    //= PRIV-134
    pub fn cancel(&self, reason: Option<&[u8]>) -> Option<Outgoing> {
        let reason = reason.filter(|_| matches!(self, Outgoing::Trusted(_)));
        self.derived("CANCEL", None, reason)
    }

    fn derived(&self, method: &str, to: Option<&[u8]>, reason: Option<&[u8]>) -> Option<Outgoing> {
        let sent = parse(self.bytes().clone(), Carrier::Datagram, &OWN_LIMITS).ok()?;
        let mut out = Vec::with_capacity(512);
        for part in [method.as_bytes(), b" ", sent.request_uri(), b" SIP/2.0\r\n"] {
            out.extend_from_slice(part);
        }
        row(&mut out, Name::Via, sent.first(Name::Via)?);
        row(&mut out, Name::MaxForwards, b"70");
        sent.rows(Name::Route)
            .for_each(|route| row(&mut out, Name::Route, route));
        row(&mut out, Name::From, sent.first(Name::From)?);
        row(&mut out, Name::To, to.or(sent.first(Name::To))?);
        row(&mut out, Name::CallId, sent.first(Name::CallId)?);
        let number = sent.first(Name::CSeq)?.split(|byte| !byte.is_ascii_digit()).next()?;
        row(&mut out, Name::CSeq, &[number, b" ", method.as_bytes()].concat());
        if let Some(reason) = reason {
            row(&mut out, Name::Reason, reason);
        }
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Some(self.with_bytes(out))
    }

    fn with_bytes(&self, bytes: Vec<u8>) -> Outgoing {
        let bytes = Bytes::from(bytes);
        match self {
            Outgoing::Trusted(cleared) => Outgoing::Trusted(Cleared {
                hop: cleared.hop,
                bytes,
            }),
            Outgoing::Untrusted(cleared) => Outgoing::Untrusted(Cleared {
                hop: cleared.hop,
                bytes,
            }),
        }
    }
}

/// What this node wrote itself is within any limit it reads by.
const OWN_LIMITS: ParseLimits = ParseLimits {
    start_line_bytes_max: usize::MAX,
    header_bytes_max: usize::MAX,
    header_block_bytes_max: usize::MAX,
    header_rows_max: usize::MAX,
    body_bytes_max: usize::MAX,
};

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Outgoing::Trusted(_) => "Trusted",
            Outgoing::Untrusted(_) => "Untrusted",
        };
        f.debug_tuple(kind).field(self.destination()).finish()
    }
}

/// Why a request is not cleared for a hop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Privacy was asked for that is not to be had here, and the originator or the policy says: then not at all.
    #[error("privacy was asked for that cannot be provided, and forwarding without it is refused")]
    NotProvided(Vec<Unprovidable>),
    /// A Contact cannot be hidden.
    #[error("a Contact is too long to be hidden")]
    TooLong,
    /// A Via or a Route of the inside cannot be hidden from this hop.
    #[error("a Via or a Route of the inside cannot be hidden: too long, or too many")]
    CannotHide,
    /// This node has no address of that transport and family to leave by.
    #[error("no listener has an address of the next hop's transport and family")]
    NoAddress,
}

/// What the gate works with.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    pub policy: &'a Policy,
    pub keys: &'a Keys,
}

/// A request about to leave for one hop.
#[derive(Debug)]
pub struct Request<'a, 'd> {
    pub draft: Draft,
    pub hop: Hop,
    /// Our address on that leg.
    pub own: &'a Own,
    pub wanted: &'a Wanted,
    /// Branch of our Via.
    pub branch: &'a [u8],
    /// `Some`: record-route it, and remember this.
    pub dialog: Option<&'a mut Dialog<'d>>,
    pub call_id: CallId,
    pub nonce: [u8; 12],
}

/// A free place for what a token is too short for.
#[derive(Debug, Clone, Copy)]
pub struct Store {
    pub handle: u64,
    pub texts_bytes_max: usize,
}

/// The dialog a request opens or belongs to. After [`Gate::request`] its memory is as it was sealed.
#[derive(Debug)]
pub struct Dialog<'a> {
    pub memory: Box<DialogMemory>,
    /// Where this process may keep what is too long for a token.
    pub store: Option<Store>,
    /// Who sends this request.
    pub party: Party,
    pub call_id: &'a [u8],
    pub creator_tag: &'a [u8],
    /// Our address on the leg it came by, when it differs from the one it leaves by.
    pub other_own: Option<&'a Own>,
}

/// A response about to go back.
#[derive(Debug)]
pub struct Response<'a> {
    /// Without our Via, with what was taken out of the request put back.
    pub draft: Draft,
    pub hop: Hop,
    /// Our address on that leg.
    pub own: &'a Own,
    /// Our address on the leg it came by.
    pub other_own: Option<&'a Own>,
    /// The wish of the responder.
    pub wanted: &'a Wanted,
    /// It names the nodes behind us, and `header` asks that nobody does.
    pub shows_way: bool,
    pub nonce: [u8; 12],
}

impl Gate<'_> {
    /// Clears a request for its hop.
    //= PRIV-021
    //= PRIV-026
    //= PRIV-105
    pub fn request(&self, request: Request<'_, '_>, notes: &mut Notes) -> Result<(Outgoing, Concealed), Refusal> {
        let Request {
            mut draft,
            hop,
            own,
            wanted,
            branch,
            mut dialog,
            call_id,
            nonce,
        } = request;
        match hop {
            Hop::Trusted(hop) => {
                quoted_call_ids(&mut draft, self.keys, notes);
                self.before_rfc_5876(&mut draft, hop, wanted, notes);
                // Whatever is to be hidden at the last hop is there until then: charging needs it.
                //= P2P-083
                note_kept(&draft, notes);
                self.route_back(&mut draft, own, dialog, nonce);
                via(
                    &mut draft,
                    own,
                    branch,
                    via_param(hop.destination(), false),
                    self.asks_load(hop.peer()),
                );
                let draft = self.tokenized(&mut draft, Hop::Trusted(hop), own, nonce, notes)?;
                let bytes = leaving(&draft, hop.destination());
                Ok((Outgoing::Trusted(Cleared { hop, bytes }), Concealed::default()))
            }
            Hop::Untrusted(hop) => {
                let mut plan = self.plan(&draft, hop, wanted, call_id);
                self.measure(&mut plan, &draft, wanted, dialog.as_deref_mut());
                self.refuse(&plan, &draft, wanted)?;
                let contacts = contacts(&draft, notes);
                let hidden = Hidden::new(draft, plan.hiding, own, self.keys, nonce).map_err(|_| Refusal::TooLong);
                let (hidden, concealed) = hidden?;
                note_hiding(&concealed, notes);
                let terms = Terms {
                    policy: self.policy,
                    kind: hop.kind(),
                    rewrites_from: plan.rewrites_from,
                    lacking: &plan.lacking,
                };
                let mut draft = Scrubbed::new(hidden, wanted, terms, notes).into_draft();
                note_contact(&contacts, &draft, notes);
                self.route_back(&mut draft, own, dialog, nonce);
                via(
                    &mut draft,
                    own,
                    branch,
                    via_param(hop.destination(), true),
                    self.asks_load(hop.peer()),
                );
                let draft = self.tokenized(&mut draft, Hop::Untrusted(hop), own, nonce, notes)?;
                let bytes = leaving(&draft, hop.destination());
                Ok((Outgoing::Untrusted(Cleared { hop, bytes }), concealed))
            }
        }
    }

    /// Clears a response for the hop back. It is never refused: what can be removed is removed.
    //= PRIV-024
    //= PRIV-064
    pub fn response(&self, response: Response<'_>, notes: &mut Notes) -> Outgoing {
        let Response {
            mut draft,
            hop,
            own,
            other_own,
            wanted,
            shows_way,
            nonce,
        } = response;
        let border = Border {
            policy: self.policy,
            keys: self.keys,
            hop,
            own,
            other_own,
            fresh: nonce,
        };
        match hop {
            Hop::Trusted(hop) => {
                note_kept(&draft, notes);
                let (draft, changes) = Tokenized::response(&mut draft, &border);
                note_tokens(changes, notes);
                Outgoing::Trusted(Cleared {
                    bytes: leaving(&draft, hop.destination()),
                    hop,
                })
            }
            Hop::Untrusted(hop) => {
                let mut plan = self.plan(&draft, hop, wanted, CallId::Settled);
                //= PRIV-085 type=exception reason=the Record-Route of a responder's side is shown: a token would have to hold it; `header` then stays as asked for and not given
                if shows_way {
                    plan.lack(Unprovidable::Header);
                }
                let contact = plan.hiding.contact;
                let hiding = Hiding {
                    contact,
                    ..Hiding::default()
                };
                let contacts = contacts(&draft, notes);
                let hidden = match Hidden::new(draft.clone(), hiding, own, self.keys, nonce) {
                    Ok((hidden, _)) => hidden,
                    Err(_) => Hidden::without_contact(draft),
                };
                let terms = Terms {
                    policy: self.policy,
                    kind: hop.kind(),
                    rewrites_from: false,
                    lacking: &plan.lacking,
                };
                let mut draft = Scrubbed::new(hidden, wanted, terms, notes).into_draft();
                note_contact(&contacts, &draft, notes);
                let (draft, changes) = Tokenized::response(&mut draft, &border);
                note_tokens(changes, notes);
                Outgoing::Untrusted(Cleared {
                    bytes: leaving(&draft, hop.destination()),
                    hop,
                })
            }
        }
    }

    /// An answer of our own: it shows the hop back nothing but what came from there.
    ///
    /// Copies Via, From, To (with `to_tag` when it has none), Call-ID and CSeq of the request as received.
    //= MSG-016
    //= PROXY-026
    pub fn answer(&self, request: &Draft, hop: Hop, answer: &Answer<'_>) -> Outgoing {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(b"SIP/2.0 ");
        // Three digits, without the machinery of formatting: a 100 answers every INVITE.
        let digit = |unit: u16| b'0' + (answer.status / unit % 10) as u8;
        out.extend_from_slice(&[digit(100), digit(10), digit(1)]);
        out.push(b' ');
        out.extend_from_slice(answer.reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        request
            .rows(Name::Via)
            .for_each(|value| row(&mut out, Name::Via, value));
        request
            .rows(Name::From)
            .take(1)
            .for_each(|value| row(&mut out, Name::From, value));
        if let Some(to) = answer.received_to.or_else(|| request.first(Name::To)) {
            let tagged = || NameAddr::tag_of(to).is_ok_and(|tag| tag.is_some());
            match answer.to_tag.filter(|_| !tagged()) {
                Some(tag) => row(&mut out, Name::To, &[to, b";tag=", tag].concat()),
                None => row(&mut out, Name::To, to),
            }
        }
        request
            .rows(Name::CallId)
            .take(1)
            .for_each(|value| row(&mut out, Name::CallId, value));
        request
            .rows(Name::CSeq)
            .take(1)
            .for_each(|value| row(&mut out, Name::CSeq, value));
        answer
            .rows
            .iter()
            .for_each(|(name, value)| row(&mut out, *name, value.as_bytes()));
        match answer.body {
            [] => out.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
            body => {
                row(&mut out, Name::ContentLength, body.len().to_string().as_bytes());
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(body);
            }
        }
        let bytes = Bytes::from(out);
        match hop {
            Hop::Trusted(hop) => Outgoing::Trusted(Cleared { hop, bytes }),
            Hop::Untrusted(hop) => Outgoing::Untrusted(Cleared { hop, bytes }),
        }
    }

    /// A request that shows its hop no more of the network's inside than it may see.
    //= THIG-001
    fn tokenized<'d>(
        &self,
        draft: &'d mut Draft,
        hop: Hop,
        own: &Own,
        nonce: [u8; 12],
        notes: &mut Notes,
    ) -> Result<Tokenized<'d>, Refusal> {
        let border = Border {
            policy: self.policy,
            keys: self.keys,
            hop,
            own,
            other_own: None,
            fresh: nonce,
        };
        let (draft, changes) = Tokenized::request(draft, &border).map_err(|_| Refusal::CannotHide)?;
        note_tokens(changes, notes);
        Ok(draft)
    }

    /// What is to be hidden on this leg, and which functions are not to be had.
    //= PRIV-062
    //= PRIV-087
    fn plan(&self, draft: &Draft, hop: UntrustedHop, wanted: &Wanted, call_id: CallId) -> Plan {
        let mut plan = Plan {
            hiding: Hiding::default(),
            lacking: wanted.unprovidable.clone(),
            rewrites_from: true,
        };
        //= PRIV-140
        let peer = hop.peer().and_then(|peer| self.policy.peers.get(peer.0 as usize));
        plan.rewrites_from = peer.is_none_or(|peer| peer.anonymise_from_for_legacy.value);
        let privacy = &self.policy.privacy;
        let provides = |value: Provided| privacy.values.value.contains(&value);
        let registers = draft.exchange() == Some(Method::Register);
        let by_user = !registers && wanted.set.has(PrivacySet::USER) && provides(Provided::User);
        //= PRIV-033
        let by_header = !registers && wanted.set.has(PrivacySet::HEADER) && provides(Provided::Header);
        if !by_user && !by_header {
            return plan;
        }
        let by_user_to_ue = by_user && hop.kind() == UntrustedKind::Served && privacy.hide_routing_to_ue.value;
        let routing = draft.is_request() && (by_header || by_user_to_ue);
        plan.hiding = Hiding {
            via: routing,
            record_route: routing,
            contact: match privacy.scrub_contact_user_on_user.value {
                _ if by_header => Contacts::All,
                true => Contacts::Naming,
                false => Contacts::None,
            },
            call_id: by_user && call_id == CallId::New && self.maps(draft, wanted),
        };
        if !by_user {
            return plan;
        }
        if !plan.rewrites_from || (draft.is_request() && !plan.hiding.call_id && call_id::tells(draft)) {
            plan.lack(Unprovidable::User);
        }
        plan
    }

    /// Whether a new Call-ID is hidden here: one too long for that is left, and counts as not hidden.
    //= P2P-076
    fn maps(&self, draft: &Draft, wanted: &Wanted) -> bool {
        let by_policy = self.policy.privacy.call_id.value == CallIds::Map;
        (by_policy || wanted.is_of_peer())
            && draft
                .first(Name::CallId)
                .is_some_and(|call_id| call_id.len() <= HIDDEN_BYTES_MAX)
    }

    /// Fills in what the dialog must remember, and gives up hiding routes when that exceeds a token.
    //= PRIV-143
    fn measure(&self, plan: &mut Plan, draft: &Draft, wanted: &Wanted, dialog: Option<&mut Dialog<'_>>) {
        let Some(dialog) = dialog else { return };
        if dialog.party != Party::Creator {
            return;
        }
        if plan.hiding.call_id {
            dialog.memory.call_id = Some(self.keys.newest());
        }
        let by_id = wanted.set.has(PrivacySet::ID) && self.policy.privacy.id_anonymises_from.value;
        if (wanted.set.has(PrivacySet::USER) || by_id) && plan.rewrites_from && dialog.memory.from.is_none() {
            dialog.memory.from = draft.first(Name::From).map(<[u8]>::to_vec);
        }
        if plan.hiding.record_route && draft.has(Name::RecordRoute) {
            dialog.memory.record_route = Some(crate::topology::hide::record_route(draft));
        }
        let max = self.policy.privacy.token_max_bytes.value;
        let fits = |memory: &DialogMemory| memory.token_bytes() <= max as usize;
        if fits(&dialog.memory) {
            return;
        }
        if let Some(store) = dialog.store
            && dialog.memory.texts_bytes() <= store.texts_bytes_max
        {
            dialog.memory.stored = Some(store.handle);
            if fits(&dialog.memory) {
                return;
            }
            dialog.memory.stored = None;
        }
        if dialog.memory.record_route.take().is_some() {
            plan.hiding.record_route = false;
            for (value, lacking) in [
                (PrivacySet::USER, Unprovidable::User),
                (PrivacySet::HEADER, Unprovidable::Header),
            ] {
                if wanted.set.has(value) {
                    plan.lack(lacking);
                }
            }
        }
        if !fits(&dialog.memory) {
            // From is hidden all the same; it cannot be put back into what the other party sends later.
            dialog.memory.from = None;
            plan.lack(Unprovidable::User);
        }
    }

    /// Whether a request must not take this leg.
    //= PRIV-060
    //= PRIV-061
    //= PRIV-063
    //= PRIV-065
    fn refuse(&self, plan: &Plan, draft: &Draft, wanted: &Wanted) -> Result<(), Refusal> {
        let releases = matches!(
            draft.method(),
            Some(Method::Ack | Method::Cancel | Method::Bye | Method::Prack | Method::Register)
        );
        if plan.lacking.is_empty() || releases {
            return Ok(());
        }
        // Disabled values too; `session` alone is known and never provided.
        let mut unprovidable = wanted.unprovidable.iter();
        let unknown = unprovidable.any(|lacking| *lacking != Unprovidable::Session);
        let handling = &self.policy.spec_t.id_handling;
        let refused = wanted.set.has(PrivacySet::CRITICAL)
            || self.policy.privacy.unprovidable_without_critical.value == WithoutCritical::Reject500
            || (unknown && handling.unknown_token.value == UnknownToken::Reject500);
        if refused {
            Err(Refusal::NotProvided(plan.lacking.to_vec()))
        } else {
            Ok(())
        }
    }

    /// Towards a node that predates RFC 5876, asserted identity stays out of methods it does not expect there.
    //= PAI-014
    //= TRUST-008
    fn before_rfc_5876(&self, draft: &mut Draft, hop: TrustedHop, wanted: &Wanted, notes: &mut Notes) {
        let peer = hop.peer().and_then(|peer| self.policy.peers.get(peer.0 as usize));
        let of_domain = &self.policy.spec_t.compliance_asserted_identity;
        let (knows, by) = match peer {
            Some(peer) => (peer.rfc5876.value, peer.rfc5876.by),
            None => (of_domain.value.iter().any(|rfc| rfc == "rfc5876"), of_domain.by),
        };
        if knows {
            return;
        }
        let expects = matches!(
            draft.method(),
            Some(Method::Invite | Method::Bye | Method::Options | Method::Subscribe | Method::Notify | Method::Refer)
        );
        if !expects && wanted.set.has(PrivacySet::ID) && draft.remove(Name::PAssertedIdentity) > 0 {
            notes.identity(Identity::RemovedBefore5876);
            notes.note(Name::PAssertedIdentity, Action::Removed, Rule::PAI_014, by);
        }
    }

    /// What our Via says to a peer that is to tell its load.
    fn asks_load(&self, peer: Option<PeerId>) -> &'static [u8] {
        let peer = peer.and_then(|peer| self.policy.peers.get(usize::from(peer.0)));
        match peer.map(|peer| peer.overload_control.value) {
            Some(Overload::Loss) => ASKS_LOAD,
            Some(Overload::Off) | None => b"",
        }
    }

    /// Adds our Record-Route: one value, or one for each side when they differ; the token stands in the top one.
    //= PROXY-013
    //= PRIV-136
    //= PCSCF-021
    //= PCSCF-021 type=exception reason=one token holds the flows of both sides, and stands in one of the two values
    //= PCSCF-021 type=exception reason=without a registrar that knows RFC 5626 there is no `ob` to be copied
    fn route_back(&self, draft: &mut Draft, own: &Own, dialog: Option<&mut Dialog<'_>>, nonce: [u8; 12]) {
        let Some(dialog) = dialog else { return };
        let max = self.policy.privacy.token_max_bytes.value;
        let token = dialog
            .memory
            .seal(self.keys, dialog.call_id, dialog.creator_tag, nonce, max)
            .or_else(|| {
                let short = DialogMemory {
                    from: None,
                    record_route: None,
                    ..(*dialog.memory).clone()
                };
                short.seal(self.keys, dialog.call_id, dialog.creator_tag, nonce, u32::MAX)
            });
        let token = token.unwrap_or_default();
        if let Some(other) = dialog.other_own {
            let transport = transport_param(other);
            draft.insert_top(
                Name::RecordRoute,
                &[b"<sip:", other.host_port.as_bytes(), transport, b";lr>"],
            );
        }
        let transport = transport_param(own);
        draft.insert_top(
            Name::RecordRoute,
            &[b"<sip:", &token, b"@", own.host_port.as_bytes(), transport, b";lr>"],
        );
    }
}

/// An answer this node gives itself.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    pub status: u16,
    pub reason: &'a str,
    /// Our tag, for an answer that needs one.
    pub to_tag: Option<&'a [u8]>,
    /// The To of the request as received, when the draft shows another.
    pub received_to: Option<&'a [u8]>,
    pub rows: SmallVec<[(Name, String); 2]>,
    /// Its type is one of the rows.
    pub body: &'a [u8],
}

struct Plan {
    hiding: Hiding,
    lacking: SmallVec<[Unprovidable; 2]>,
    rewrites_from: bool,
}

impl Plan {
    fn lack(&mut self, value: Unprovidable) {
        if !self.lacking.contains(&value) {
            self.lacking.push(value);
        }
    }
}

fn transport_param(own: &Own) -> &'static [u8] {
    match own.bound.transport {
        Transport::Udp => b"",
        Transport::Tcp => b";transport=tcp",
        Transport::Tls => b";transport=tls",
        Transport::Ws => b";transport=ws",
        Transport::Wss => b";transport=wss",
    }
}

/// What our Via asks for. Where we connect with TLS, both ends show who they are: the other one may come back by it.
//= TPT-002
//= TPT-007
fn via_param(destination: &Destination, asks_rport: bool) -> &'static [u8] {
    match destination.transport {
        Transport::Udp if asks_rport => b";rport",
        Transport::Tls if destination.connection.is_none() => b";alias",
        _ => b"",
    }
}

/// Overload control by RFC 7339, with the one algorithm that everybody has.
const ASKS_LOAD: &[u8] = b";oc;oc-algo=\"loss\"";

/// Our Via, on top.
fn via(draft: &mut Draft, own: &Own, branch: &[u8], param: &[u8], asks_load: &[u8]) {
    draft.insert_top(Name::Via, &[own.via.as_bytes(), branch, param, asks_load]);
}

fn note_kept(draft: &Draft, notes: &mut Notes) {
    if draft.has(Name::PAssertedIdentity) {
        notes.identity(Identity::KeptInside);
    }
}

/// Towards T, a token that a field quotes as a Call-ID becomes the one that its dialog has there. Outside T nobody gets it
/// back: whoever sent the token would read there what it stands for.
//= PRIV-088
fn quoted_call_ids(draft: &mut Draft, keys: &Keys, notes: &mut Notes) {
    for name in quoted::restore(draft, keys) {
        notes.note(name, Action::Restored, Rule::PRIV_088, StatedBy::Default);
    }
}

fn note_hiding(concealed: &Concealed, notes: &mut Notes) {
    if !notes.is_on() {
        return;
    }
    if !concealed.vias.is_empty() {
        notes.note(Name::Via, Action::Hidden, Rule::PRIV_084, StatedBy::Default);
    }
    if concealed.call_id.is_some() {
        notes.note(Name::CallId, Action::Hidden, Rule::PRIV_087, StatedBy::Default);
    }
    if concealed.record_route.is_some() {
        notes.note(Name::RecordRoute, Action::Hidden, Rule::PRIV_085, StatedBy::Default);
    }
}

/// The Contact rows as they are before hiding, when somebody wants to know what became of them.
fn contacts(draft: &Draft, notes: &Notes) -> Vec<Vec<u8>> {
    if !notes.is_on() {
        return Vec::new();
    }
    draft.rows(Name::Contact).map(<[u8]>::to_vec).collect()
}

/// A Contact that names nobody is left alone, and nothing is noted.
fn note_contact(before: &[Vec<u8>], after: &Draft, notes: &mut Notes) {
    if notes.is_on() && !before.iter().eq(after.rows(Name::Contact)) {
        notes.note(Name::Contact, Action::Hidden, Rule::PRIV_082, StatedBy::Default);
    }
}

fn note_tokens(changes: Changes, notes: &mut Notes) {
    if changes != Changes::default() {
        notes.note_set(changes.hidden, Action::Hidden, Rule::THIG_002);
        notes.note_set(changes.removed, Action::Removed, Rule::THIG_012);
        notes.note_set(changes.rewritten, Action::Rewritten, Rule::THIG_012);
    }
}

/// The bytes of a draft as its carrier needs them.
fn leaving(draft: &Tokenized<'_>, destination: &Destination) -> Bytes {
    let draft = draft.draft();
    if destination.transport.is_reliable() {
        draft.to_stream_bytes()
    } else {
        draft.to_datagram_bytes()
    }
}

/// Writes a row. A fold in a value that came with a bare LF gets its CR.
fn row(out: &mut Vec<u8>, name: Name, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    let mut rest = value;
    while let Some(at) = find(b'\n', rest) {
        out.extend_from_slice(rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]));
        out.extend_from_slice(b"\r\n");
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\r\n");
}
