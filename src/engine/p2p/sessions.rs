//! Sessions between peers: a temporary ID leads to the one device behind it, and neither party learns who the other is.

use super::guarded::other_type;
use super::{Part, asserted, is_media_type, refusal};
use crate::engine::counts::p2p as counts;
use crate::engine::decide::Opened;
use crate::engine::record::Session;
use crate::engine::reject::{Reject, Replied};
use crate::engine::{Engine, Now};
use crate::pcscf::{SealedFlow, path};
use crate::policy::p2p::Arch;
use crate::ppsp::Fault;
use crate::privacy::Party;
use crate::privacy::guard::headers::ask_for_privacy;
use crate::privacy::guard::sdp::Described;
use crate::rule::Rule;
use crate::seal::temporary_id::BEGINNING;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{Uri, is_malformed};
use crate::sip::{Draft, Essentials, Method, Name};
use crate::tracker::NotLed;
use crate::trust::{Destination, Origin, Standing};

/// A MESSAGE to a temporary ID is smaller than this.
//= P2P-079
const MESSAGE_BYTES_MAX: usize = 1300;

/// A request from one peer to another.
#[derive(Default)]
pub(in crate::engine) struct Between {
    /// What its sender is called by who gets it. Empty: nothing that is known.
    pub called: Vec<u8>,
    /// Where who gets it is, when no dialog leads there.
    pub flow: Option<Destination>,
    /// The media it describes.
    pub offer: Option<Box<Described>>,
    /// The temporary ID that led there.
    pub id: Vec<u8>,
}

impl Between {
    pub fn has_keys(&self) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.has_keys())
    }
}

/// Whom the host of a Request-URI makes it for.
enum Led {
    Nobody,
    /// A temporary ID of this node, or what looks like one.
    Here,
    /// One of a domain that is a partner.
    Partner,
}

impl Engine {
    /// What a request is between two peers; `None`: it is between others. Its Request-URI, Privacy and body are then as they may
    /// go on. `is_guarded`: its body is a list's or a key's, and has been looked at.
    ///
    /// A dialog that began between peers stays one, whatever the policy says by then.
    //= P2P-069
    //= P2P-074
    pub(in crate::engine) fn between_peers(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
        opened: &Opened,
        is_guarded: bool,
    ) -> Result<Option<Between>, Reject> {
        let mut between = match &opened.dialog {
            Some((memory, party)) => match (&memory.called, party) {
                (None, _) => return Ok(None),
                (Some(called), Party::Creator) => Between {
                    called: called.clone(),
                    ..Between::default()
                },
                //= P2P-073
                (Some(_), Party::Other) => Between {
                    called: self.own_temporary_id(draft).unwrap_or_default(),
                    ..Between::default()
                },
            },
            None if self.p2p.is_none() || essentials.to_tag().is_some() => return Ok(None),
            None => match self.led_by(draft) {
                Led::Nobody => return Ok(None),
                Led::Here => {
                    let uri = draft.request_uri().to_vec();
                    let between = self.lead(now, origin, draft, essentials);
                    let led = between.as_ref().err().map_or(counts::Led::There, led_by);
                    self.note_led(led, &uri);
                    between?
                }
                //= P2P-137
                Led::Partner => {
                    self.note_led(counts::Led::Partner, draft.request_uri());
                    Between::default()
                }
            },
        };
        ask_for_privacy(draft);
        if !is_guarded {
            between.offer = self.guard_session(origin, draft, essentials)?.map(Box::new);
        }
        Ok(Some(between))
    }

    fn led_by(&self, draft: &Draft) -> Led {
        let (Some(p2p), Ok(uri)) = (&self.p2p, draft.read_request_uri()) else {
            return Led::Nobody;
        };
        let host = uri.host().strip_suffix(b".").unwrap_or(uri.host());
        if host.eq_ignore_ascii_case(p2p.hosts.own().as_bytes()) {
            return Led::Here;
        }
        match p2p.hosts.read(draft.request_uri()) {
            Some(_) => Led::Partner,
            None => Led::Nobody,
        }
    }

    /// Makes a request for a temporary ID one for the device behind it.
    //= P2P-069
    //= P2P-070
    //= P2P-071
    //= P2P-077
    //= P2P-079
    fn lead(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<Between, Reject> {
        match draft.method() {
            Some(Method::Invite | Method::Options) => {}
            Some(Method::Message) if draft.body().len() >= MESSAGE_BYTES_MAX => {
                return Err(Replied::bare(413, Rule::P2P_056).into());
            }
            Some(Method::Message) if is_media_type(draft) => {}
            Some(Method::Message) => return Err(other_type()),
            _ => return Err(Reject::NoPeer),
        }
        //= P2P-131
        if !self.policy.p2p.has(Arch::Core) {
            return Err(Reject::NoPeer);
        }
        let uri = draft.request_uri().to_vec();
        let session = |caller: Vec<u8>, called: &[u8], identity: &[u8]| Session {
            unix: now.unix,
            caller,
            called: called.to_vec(),
            id: uri.clone(),
            identity: identity.to_vec(),
            call_id: essentials.call_id().to_vec(),
        };
        if let Some(identity) = self.hidden_here(now, origin, &uri) {
            let caller = asserted(draft).unwrap_or_default();
            self.record_session(now, &session(caller, b"", &identity));
            draft.set_request_uri(&identity);
            return Ok(Between::default());
        }
        let asker = self.asker(now, origin, draft).ok_or_else(|| not_asserted(origin))?;
        let moment = self.moment(now);
        let tracker = self.p2p.as_mut().and_then(|p2p| p2p.tracker());
        let tracker = tracker.ok_or(Reject::NoPeer)?;
        let target = tracker.resolve(moment, asker.member(), &uri).map_err(not_led)?;
        let (called, reach) = (target.caller.into_bytes(), target.reach.to_vec());
        let identity = target.identity.to_vec();
        self.record_session(now, &session(asker.identity, &called, &identity));
        if reach.is_empty() {
            // A node of the network said that it is there, and knows the way.
            draft.set_request_uri(&identity);
            return Ok(Between {
                called,
                ..Between::default()
            });
        }
        let flow = path::open(&self.keys, &reach).ok();
        let Some((destination, contact)) = flow.and_then(|flow| self.device_at(now, &flow)) else {
            return Err(self.peer_is_away(now, &uri));
        };
        draft.set_request_uri(&contact);
        // The network of the caller is not on the way.
        draft.remove(Name::Route);
        Ok(Between {
            called,
            flow: Some(destination),
            offer: None,
            id: uri,
        })
    }

    /// The identity that this node hid in an ID when another tracker named it, for the peer it was hidden for.
    //= P2P-059
    //= P2P-077
    fn hidden_here(&self, now: Now, origin: &Origin, uri: &[u8]) -> Option<Vec<u8>> {
        let p2p = self.p2p.as_ref()?;
        let Part::Guard(ids) = &p2p.part else { return None };
        let arrived = self.home(origin.flow());
        let asker = self.bindings.ue(&arrived, now.unix)?.owner();
        let (identity, epoch) = ids.open_identity(uri, &asker.to_be_bytes()).ok()?;
        let table = &self.policy.p2p;
        let length = table.epoch.value.as_secs().max(1);
        let ends_at = BEGINNING + (u64::from(epoch) + 1) * length + table.grace.value.as_secs();
        let is_uri = Uri::parse(&identity).is_ok() && !is_malformed(&identity);
        (is_uri && self.moment(now).unix < ends_at).then_some(identity)
    }

    /// Nobody was reached behind this ID: it stands in no list for a while. Who was led there knows that there is somebody, so
    /// that needs no hiding.
    //= P2P-071
    pub(in crate::engine) fn peer_is_away(&mut self, now: Now, id: &[u8]) -> Reject {
        let moment = self.moment(now);
        if let Some(tracker) = self.p2p.as_mut().and_then(|p2p| p2p.tracker()) {
            tracker.unreachable(moment, id);
        }
        Replied::bare(480, Rule::P2P_037).into()
    }

    fn device_at(&self, now: Now, flow: &SealedFlow) -> Option<(Destination, Vec<u8>)> {
        let instance = self.keys.instance();
        let (destination, key) = (flow.destination(instance)?, flow.key(instance)?);
        let ue = self.bindings.ue_of(key, now.unix)?;
        Some((destination, ue.contacts().next()?.to_vec()))
    }

    /// The temporary ID that the sender of a request calls itself by, if it does.
    fn own_temporary_id(&self, draft: &Draft) -> Option<Vec<u8>> {
        let from = NameAddr::parse(draft.first(Name::From)?).ok()?;
        let uri = from.uri_bytes();
        self.p2p.as_ref()?.hosts.read(uri).map(|_| uri.to_vec())
    }
}

/// Within the trust domain everybody is asserted, or hears so. A stranger hears what all do whom an ID is of no use to.
//= P2P-150
//= P2P-150 type=exception reason=there is no option: who is not asserted asks neither the tracker nor for a peer, whatever the policy says
fn not_asserted(origin: &Origin) -> Reject {
    match origin.standing() {
        Standing::Trusted => refusal(Fault::Auth),
        Standing::Served | Standing::Untrusted => Reject::NoPeer,
    }
}

/// What a refusal to lead somewhere is counted as.
fn led_by(reject: &Reject) -> counts::Led {
    match reject {
        Reject::NoPeer => counts::Led::Nowhere,
        Reject::Replied(replied) if replied.status == 480 => counts::Led::Gone,
        Reject::Replied(replied) if replied.status == 403 => counts::Led::Barred,
        Reject::Replied(replied) if replied.status == 503 => counts::Led::TooOften,
        _ => counts::Led::Unfit,
    }
}

fn not_led(why: NotLed) -> Reject {
    match why {
        NotLed::Unusable => Reject::NoPeer,
        NotLed::Barred => Replied::bare(403, Rule::P2P_037).into(),
        NotLed::TooOften { retry_after } => Replied::bare(503, Rule::P2P_037)
            .with(Name::RetryAfter, retry_after.to_string())
            .into(),
    }
}
