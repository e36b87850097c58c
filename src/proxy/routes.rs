//! The next hops of the policy's routes, read once.

use std::ptr;
use std::sync::Arc;

use crate::locate::Target;
use crate::policy::Policy;
use crate::policy::route::Route;
use crate::sip::uri::Uri;

/// The next hops of every `[[route]]` of one policy.
pub struct Routes {
    policy: Arc<Policy>,
    all: Vec<NextHops>,
}

/// Where a `[[route]]` leads.
#[derive(Clone)]
pub struct NextHops {
    /// In order; those that no SIP can go to are left out.
    pub targets: Vec<Target>,
    /// One of them says `transport=udp` itself: however large a request is, it goes as a datagram.
    //= TPT-004
    pub insists_on_udp: bool,
}

impl Routes {
    pub fn of(policy: Arc<Policy>) -> Routes {
        let all = policy.routes.iter().map(NextHops::of).collect();
        Routes { policy, all }
    }

    /// The next hops of the route at this place of a policy. A request keeps the policy it came under: of another one they are
    /// read anew.
    pub fn next_hops(&self, policy: &Policy, place: usize) -> Option<NextHops> {
        match ptr::eq(policy, Arc::as_ptr(&self.policy)) {
            true => self.all.get(place).cloned(),
            false => policy.routes.get(place).map(NextHops::of),
        }
    }
}

impl NextHops {
    fn of(route: &Route) -> NextHops {
        let mut hops = NextHops {
            targets: Vec::with_capacity(route.next_hop.len()),
            insists_on_udp: false,
        };
        for hop in &route.next_hop {
            let Ok(hop) = Uri::parse(hop.value.as_bytes()) else {
                continue;
            };
            hops.insists_on_udp |= hop.transport().is_some_and(|name| name.eq_ignore_ascii_case(b"udp"));
            hops.targets.extend(Target::of_uri(&hop, route.via.value, None));
        }
        hops
    }
}
