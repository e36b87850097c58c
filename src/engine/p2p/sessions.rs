//! Sessions between peers: a temporary ID leads to the one device behind it, and neither party learns who the other is.

use std::hash::BuildHasher as _;

use smallvec::SmallVec;

use super::{KEY_PACKAGE, MEDIA_TYPE, PACKAGE, Part, is_media_type, is_of_package, moment, relays};
use crate::engine::decide::Opened;
use crate::engine::reject::{Reject, Replied};
use crate::engine::{Engine, Now};
use crate::pcscf::{SealedFlow, path};
use crate::policy::p2p::Media;
use crate::privacy::Party;
use crate::privacy::guard::sdp::{self, Described, Terms};
use crate::proxy::targets::NoTarget;
use crate::rule::Rule;
use crate::seal::temporary_id::BEGINNING;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{Uri, is_malformed};
use crate::sip::{Draft, Essentials, Method, Name};
use crate::tracker::NotLed;
use crate::trust::{Destination, Origin};

/// A MESSAGE to a temporary ID is smaller than this.
//= P2P-079
const MESSAGE_BYTES_MAX: usize = 1300;

/// A request from one peer to another.
pub(in crate::engine) struct Between {
    /// What its sender is called by who gets it. Empty: nothing that is known.
    pub called: Vec<u8>,
    /// Where who gets it is, when no dialog leads there.
    pub flow: Option<Destination>,
    /// The media it describes.
    pub offer: Option<Box<Described>>,
}

impl Engine {
    /// What a request is between two peers; `None`: it is between others. Its Request-URI, Privacy and body are then as they may
    /// go on.
    //= P2P-069
    //= P2P-074
    pub(in crate::engine) fn between_peers(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
        opened: &Opened,
    ) -> Result<Option<Between>, Reject> {
        let Some(p2p) = &self.p2p else { return Ok(None) };
        let mut between = match &opened.dialog {
            Some((memory, party)) => {
                let Some(called) = memory.called.clone() else {
                    return Ok(None);
                };
                let called = match party {
                    Party::Creator => called,
                    //= P2P-073
                    Party::Other => own_temporary_id(&p2p.hosts, draft).unwrap_or_default(),
                };
                Between {
                    called,
                    flow: None,
                    offer: None,
                }
            }
            None => {
                let is_meant = essentials.to_tag().is_none() && p2p.hosts.names(draft.request_uri());
                match is_meant {
                    false => return Ok(None),
                    true => self.lead(now, origin, draft)?,
                }
            }
        };
        draft.remove(Name::Privacy);
        draft.append(Name::Privacy, &[b"id;user;header;history;critical"]);
        if is_of_package(draft, PACKAGE) || is_of_package(draft, KEY_PACKAGE) {
            // The guard of lists and keys looks at it.
            return Ok(Some(between));
        }
        between.offer = self.guard_media(origin, draft, essentials)?.map(Box::new);
        Ok(Some(between))
    }

    /// Makes a request for a temporary ID one for the device behind it.
    //= P2P-069
    //= P2P-070
    //= P2P-071
    //= P2P-077
    //= P2P-079
    fn lead(&mut self, now: Now, origin: &Origin, draft: &mut Draft) -> Result<Between, Reject> {
        match draft.method() {
            Some(Method::Invite | Method::Options) => {}
            Some(Method::Message) if draft.body().len() >= MESSAGE_BYTES_MAX => return Err(too_large()),
            Some(Method::Message) if is_media_type(draft) => {}
            Some(Method::Message) => return Err(other_type()),
            _ => return Err(Reject::NoPeer),
        }
        let asker = self.asker(now, origin, draft).ok_or(Reject::NoPeer)?;
        let uri = draft.request_uri().to_vec();
        if let Some(identity) = self.hidden_here(now, origin, &uri) {
            draft.set_request_uri(&identity);
            return Ok(Between {
                called: Vec::new(),
                flow: None,
                offer: None,
            });
        }
        let tracker = self.p2p.as_mut().and_then(|p2p| p2p.tracker());
        let found = tracker.ok_or(Reject::NoPeer)?;
        let target = found.resolve(moment(now), asker.member(), &uri).map_err(not_led)?;
        let (called, reach) = (target.caller.into_bytes(), target.reach.to_vec());
        let identity = target.identity.to_vec();
        if reach.is_empty() {
            // A node of the network said that it is there, and knows the way.
            draft.set_request_uri(&identity);
            return Ok(Between {
                called,
                flow: None,
                offer: None,
            });
        }
        let gone = Reject::NoTarget(NoTarget::Unusable);
        let flow = path::open(&self.keys, &reach).map_err(|_| gone.clone())?;
        let (destination, contact) = self.device_at(now, &flow).ok_or(gone)?;
        draft.set_request_uri(&contact);
        // The network of the caller is not on the way.
        draft.remove(Name::Route);
        Ok(Between {
            called,
            flow: Some(destination),
            offer: None,
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
        (is_uri && now.unix < ends_at).then_some(identity)
    }

    fn device_at(&self, now: Now, flow: &SealedFlow) -> Option<(Destination, Vec<u8>)> {
        let instance = self.keys.instance();
        let (destination, key) = (flow.destination(instance)?, flow.key(instance)?);
        let ue = self.bindings.ue_of(key, now.unix)?;
        Some((destination, ue.contacts().next()?.to_vec()))
    }

    /// What a message between peers says of media, as it may go on; it replaces the body.
    //= P2P-081
    //= P2P-084
    //= P2P-088
    pub(in crate::engine) fn guard_media(
        &self,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<Option<Described>, Reject> {
        if draft.body().is_empty() || is_media_type(draft) && draft.method() == Some(Method::Message) {
            return Ok(None);
        }
        if !is_sdp(draft) {
            return Err(other_type());
        }
        let table = &self.policy.p2p;
        let relays = relays(table);
        let terms = Terms {
            media: match table.media.value {
                Media::Direct => sdp::Media::Direct,
                Media::Relay => sdp::Media::Relay(&relays),
            },
            takes_dtls: true,
            session: self.keyed.hash_one(essentials.call_id()) as u32,
        };
        let described = Described::read(draft.body(), &terms).map_err(|_| Reject::Media)?;
        let may_carry_keys = table.clear_keys.value || origin.flow().transport.is_tls();
        if described.has_keys() && !may_carry_keys {
            return Err(Reject::Media);
        }
        draft.set_body(described.sdp.clone());
        Ok(Some(described))
    }
}

/// The temporary ID that the sender of a request calls itself by, if it does.
fn own_temporary_id(hosts: &crate::seal::temporary_id::Hosts, draft: &Draft) -> Option<Vec<u8>> {
    let from = NameAddr::parse(draft.first(Name::From)?).ok()?;
    let uri = from.uri_bytes();
    hosts.read(uri).map(|_| uri.to_vec())
}

fn is_sdp(draft: &Draft) -> bool {
    let kind = draft.first(Name::ContentType).map(super::first_word);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/sdp"))
}

fn not_led(why: NotLed) -> Reject {
    match why {
        NotLed::Unusable => Reject::NoPeer,
        NotLed::Barred => refused(403, SmallVec::new()),
        NotLed::TooOften { retry_after } => {
            let mut rows = SmallVec::new();
            rows.push((Name::RetryAfter, retry_after.to_string()));
            refused(503, rows)
        }
    }
}

fn other_type() -> Reject {
    let mut rows = SmallVec::new();
    rows.push((Name::Accept, format!("application/sdp, {MEDIA_TYPE}")));
    refused(415, rows)
}

fn too_large() -> Reject {
    refused(413, SmallVec::new())
}

fn refused(status: u16, rows: SmallVec<[(Name, String); 2]>) -> Reject {
    Reject::Replied(Box::new(Replied {
        status,
        rows,
        body: Vec::new(),
        to_tag: None,
        rule: Rule::P2P_056,
    }))
}
