//! The direct interface of the tracker: the same requests by HTTPS (architecture 3). Who asks is whom its certificate names; what
//! is answered is the guard's.

use std::net::IpAddr;

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::{MEDIA_TYPE, PEERS_BY_STREAM, first_word, network};
use crate::engine::counts::p2p::{Asked, Guarded, Side};
use crate::engine::shed::Weight;
use crate::engine::{Engine, Now, sources};
use crate::policy::p2p::Arch;
use crate::ppsp::request::What;
use crate::ppsp::response::Outcome;
use crate::ppsp::{Fault, Request, Response};
use crate::privacy::guard::Answer;
use crate::sip::Method;
use crate::sip::uri::{Scheme, Uri, is_malformed};
use crate::tracker::reply::status_of;
use crate::tracker::{FactId, Member, Path};

/// Bytes of a request at most.
//= P2P-132
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Seconds after which one is asked to come again who asks too much.
pub(super) const LATER: u32 = 5;

/// A request that came by HTTPS, from who holds the key of a certificate that is believed.
pub struct Post {
    /// The URIs that the certificate names.
    pub names: Vec<String>,
    /// Its SHA-256: one certificate, one device.
    pub certificate: [u8; 32],
    pub remote: IpAddr,
    pub media_type: Vec<u8>,
    pub body: Bytes,
}

/// Names one request, so that its answer finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostId(pub u64);

impl Engine {
    /// Answers a request of the direct interface: the same tracker, limits and guard as by SIP.
    //= P2P-132
    pub(in crate::engine) fn take_post(&mut self, now: Now, id: PostId, post: &Post) {
        let (answer, waits_for) = self.posted(now, post).unwrap_or_else(|fault| {
            let retry_after = (fault == Fault::Busy).then_some(LATER);
            let refused = Answer::refused(fault, http_status(status_of(fault), fault), retry_after);
            (refused, Vec::new())
        });
        let asked = match Request::read(&post.body).map(|request| request.what) {
            Ok(What::Find(_)) => Asked::List,
            _ => Asked::Change,
        };
        let is_done = answer.status() == 200;
        self.counts.p2p.asked(asked, is_done);
        if let Some(Outcome::Failed { fault, .. }) = Response::read(answer.body()).map(|response| response.outcome) {
            self.counts.p2p.error(Some(fault), answer.status());
        }
        // Who is behind what it tells is written down first.
        self.record_bindings(now);
        self.answer_when_kept(id, answer, waits_for);
    }

    /// The answer, and what has to be kept before it is told.
    fn posted(&mut self, now: Now, post: &Post) -> Result<(Answer, Vec<FactId>), Fault> {
        if !self.policy.p2p.has(Arch::Direct) {
            return Err(Fault::Internal);
        }
        //= SEC-009
        let (weight, place) = (Weight::New(Method::Publish), sources::place(&self.keyed, post.remote));
        let is_too_much = self.is_too_much(weight, Some(place));
        if is_too_much || self.sources.take(now.at, place, weight, 0).is_err() {
            return Err(Fault::Busy);
        }
        let identity = self.named_by(post).ok_or(Fault::Auth)?;
        if !first_word(&post.media_type).eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()) {
            return Err(Fault::Media);
        }
        if post.body.len() > BODY_BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        let member = Member {
            identity: &identity,
            device: &post.certificate,
            reach: &[],
            path: Path::Stream,
            network: network(post.remote),
            address: Some(post.remote.to_canonical()),
        };
        let mut nonce = [0; 12];
        self.random.fill_bytes(&mut nonce);
        let moment = self.moment(now);
        let Engine { p2p, random, .. } = self;
        let tracker = p2p.as_mut().and_then(|p2p| p2p.tracker()).ok_or(Fault::Internal)?;
        let reply = tracker.post(moment, member, &post.body, PEERS_BY_STREAM, random);
        let unkept = tracker.unkept(&identity, &post.certificate);
        let body = reply.body.ok_or(Fault::Internal)?;
        let outcome = (reply.status, reply.retry_after);
        let guarded = self.with_terms(now, true, |terms| {
            terms.answer(outcome, &body, &post.certificate, nonce)
        });
        let (answer, leaks) = guarded.ok_or(Fault::Internal)?;
        if leaks.any() {
            self.note_guarded(Side::TrackerInside, Guarded::Redacted);
            tracing::warn!(?leaks, "the tracker named somebody to a peer");
        }
        Ok((answer, unkept))
    }

    /// The permanent identity of who asks, as the network has it: the one SIP URI of a certificate that is of a domain of ours.
    //= P2P-004
    //= P2P-132
    fn named_by(&self, post: &Post) -> Option<Vec<u8>> {
        let domains = &self.policy.domain.admin_domains.value;
        let is_identity = |name: &&String| {
            let is_ours = |host: &[u8]| {
                domains
                    .iter()
                    .any(|domain| domain.as_bytes().eq_ignore_ascii_case(host))
            };
            let read = Uri::parse(name.as_bytes())
                .ok()
                .filter(|_| !is_malformed(name.as_bytes()));
            read.is_some_and(|uri| uri.scheme() == Scheme::Sip && uri.user().is_some() && is_ours(uri.host()))
        };
        let mut identities = post.names.iter().filter(is_identity);
        match (identities.next(), identities.next()) {
            (Some(identity), None) => Some(identity.as_bytes().to_vec()),
            _ => None,
        }
    }
}

/// The status of HTTP where it is another than that of SIP.
fn http_status(status: u16, fault: Fault) -> u16 {
    match fault {
        Fault::Auth => 401,
        Fault::Privacy => 502,
        _ => status,
    }
}

impl std::fmt::Debug for Post {
    /// Shows nothing a peer wrote, and not who it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post")
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
