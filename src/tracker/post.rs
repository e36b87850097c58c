//! The same requests without SIP around them (RFC 7846 over HTTPS): which peer a body is of, who asks says alone.

use rand_chacha::rand_core::Rng;

use super::publish::{Publish, tag_text};
use super::reply::Reply;
use super::{Member, Moment, Tracker};
use crate::ppsp::request::{StatReport, What};
use crate::ppsp::{Fault, Request};

impl Tracker {
    /// Answers a request that comes by itself. There is no entity tag: each counts on top of what the peer announced before. A
    /// report of nothing keeps that up.
    //= P2P-132
    pub fn post(
        &mut self,
        now: Moment,
        member: Member<'_>,
        body: &[u8],
        peers_max: usize,
        random: &mut impl Rng,
    ) -> Reply {
        self.expire(now);
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(fault) => return Reply::failed("0", fault, None),
        };
        let there = self.table.find(member.identity, member.device);
        let is_report = match &request.what {
            What::Find(_) => return self.find(now, member, body, peers_max, random),
            What::StatReport(_) if there.is_none() => {
                return Reply::failed(&request.transaction, Fault::State, None);
            }
            What::StatReport(report) => *report == StatReport::default(),
            What::Connect(_) => false,
        };
        let tag = there.map(|slot| tag_text(self.table.peer(slot).etag));
        let publish = Publish {
            member,
            if_match: tag.as_deref().map(str::as_bytes),
            expires: None,
            body: Some(body).filter(|_| !is_report),
            accepts: true,
            peers_max,
        };
        let reply = self.publish(now, &publish, random);
        match reply.status {
            // A refresh has its own words for what it asks, and none where it asks nothing.
            200 if is_report => Reply {
                body: Some(Reply::swarms(
                    &request.transaction,
                    Reply::of_swarms(reply.body.as_deref()),
                )),
                ..reply
            },
            _ => reply,
        }
    }
}
