//! Who is registered where: one registration a flow, in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::register::{Learned, RecordId, RegisteredUe};
use crate::policy::ListenerId;
use crate::sip::Transport;
use crate::trust::{ConnectionId, Destination, Flow};

/// What tells one UE's messages from another's.
///
/// A connection names one flow of this process for ever; a datagram is known by where it came from and by our listener.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey(Key);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// A [`ConnectionId`].
    Connection([u8; 8]),
    /// A socket address without a flow label, which may change from packet to packet. The scope of a link-local address tells
    /// two UEs apart.
    Datagrams {
        listener: ListenerId,
        transport: u8,
        ip: IpAddr,
        port: u16,
        scope: u32,
    },
}

/// Registrations by flow, never more than the maximum it was made with.
///
/// At the maximum, what has expired goes; then the registration that would expire soonest, the new one included: it was
/// the nearest to its end, and its UE, refused, registers again.
pub struct Bindings {
    /// Boxed: a table has room for more than it holds.
    by_flow: BTreeMap<FlowKey, Box<RegisteredUe>>,
    /// The same, in the order in which they expire.
    by_expiry: BTreeSet<(u64, FlowKey)>,
    /// The Service-Routes that were given last: few nodes serve all.
    service_routes: VecDeque<Arc<[u8]>>,
    /// The same, by whose they are, where that is asked for.
    by_owner: Option<BTreeSet<(u64, FlowKey)>>,
    max: usize,
}

/// Service-Routes that are compared with a new one.
const SERVICE_ROUTES_MAX: usize = 16;

/// What a change did to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a live registration that was displaced is worth a warning"]
pub enum Room {
    Enough,
    /// The table was full: a live registration, perhaps this one, had to go, and with it what is kept of it.
    Displaced(Option<RecordId>),
}

impl Bindings {
    pub fn new(max: u32) -> Bindings {
        Bindings {
            by_flow: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            service_routes: VecDeque::with_capacity(SERVICE_ROUTES_MAX),
            by_owner: None,
            max: max as usize,
        }
    }

    /// Enters what the answer to a REGISTER of this flow taught. Times are seconds since 1970.
    //= PCSCF-007
    //= PCSCF-011
    pub fn learn(&mut self, flow: &Flow, learned: Learned, now_unix: u64) -> Room {
        match learned {
            Learned::Registered(ue) => return self.insert(flow, ue, now_unix),
            Learned::Gone(gone) => {
                if let Some(ue) = self.by_flow.get_mut(&flow.into())
                    && !ue.keeps_after(&gone)
                {
                    self.remove(flow);
                }
            }
            Learned::Nothing => {}
        }
        Room::Enough
    }

    /// Enters a registration; an earlier one of the same flow is replaced as a whole.
    //= PCSCF-007
    pub fn insert(&mut self, flow: &Flow, ue: RegisteredUe, now_unix: u64) -> Room {
        self.insert_at(flow.into(), ue, now_unix)
    }

    /// The same by key, for what was kept from an earlier run.
    pub fn insert_at(&mut self, key: FlowKey, mut ue: RegisteredUe, now_unix: u64) -> Room {
        if let Some(before) = self.take(key) {
            ue.goes_on_from(&before);
        }
        self.share_service_route(&mut ue);
        self.by_expiry.insert((ue.expires_at(), key));
        if let Some(by_owner) = &mut self.by_owner {
            by_owner.insert((ue.owner(), key));
        }
        self.by_flow.insert(key, Box::new(ue));
        if self.by_flow.len() <= self.max {
            return Room::Enough;
        }
        self.expire(now_unix);
        if self.by_flow.len() <= self.max {
            return Room::Enough;
        }
        let soonest = self.by_expiry.first().copied();
        let gone = soonest.and_then(|(_, soonest)| self.take(soonest));
        Room::Displaced(gone.and_then(|gone| gone.record()))
    }

    /// The UE registered over this flow, if its registration lasts beyond now.
    //= PAI-001
    pub fn ue(&self, flow: &Flow, now_unix: u64) -> Option<&RegisteredUe> {
        self.ue_of(flow.into(), now_unix)
    }

    /// The same by key, for a flow read from a Path token.
    //= PCSCF-022
    pub fn ue_of(&self, key: FlowKey, now_unix: u64) -> Option<&RegisteredUe> {
        let ue = self.by_flow.get(&key).map(Box::as_ref);
        ue.filter(|ue| now_unix < ue.expires_at())
    }

    /// Under which name the registration of a flow is kept, whether it has expired or not.
    pub fn record(&self, flow: &Flow) -> Option<RecordId> {
        self.by_flow.get(&flow.into()).and_then(|ue| ue.record())
    }

    /// Who is behind a flow, as long as that is known.
    //= PCSCF-016
    pub fn owner(&self, key: FlowKey) -> Option<u64> {
        self.by_flow.get(&key).map(|ue| ue.owner())
    }

    /// From now on [`Bindings::registered_until`] knows.
    pub fn tell_owners(&mut self) {
        let all = || self.by_flow.iter().map(|(key, ue)| (ue.owner(), *key));
        if self.by_owner.is_none() {
            self.by_owner = Some(all().collect());
        }
    }

    /// Until when a UE is registered over any flow but this one, seconds since 1970; `None`: it is not.
    //= PCSCF-030
    pub fn registered_until(&self, owner: u64, but_for: Option<FlowKey>, now_unix: u64) -> Option<u64> {
        let from = self.by_owner.as_ref()?.range((owner, FlowKey::LEAST)..);
        let flows = from.take_while(|(other, _)| *other == owner).map(|(_, key)| *key);
        let flows = flows.filter(|key| Some(*key) != but_for);
        flows
            .filter_map(|key| Some(self.ue_of(key, now_unix)?.expires_at()))
            .max()
    }

    /// Takes a flow's registration out: it ended, or its connection closed.
    pub fn remove(&mut self, flow: &Flow) -> Option<Box<RegisteredUe>> {
        self.take(flow.into())
    }

    /// Takes out the registration of a connection that closed.
    pub fn closed(&mut self, connection: ConnectionId) -> Option<Box<RegisteredUe>> {
        self.take(FlowKey::of_connection(connection))
    }

    /// Takes out what has expired; gives how many.
    pub fn expire(&mut self, now_unix: u64) -> usize {
        let before = self.by_flow.len();
        while let Some(&(expires_at, key)) = self.by_expiry.first()
            && expires_at <= now_unix
        {
            self.take(key);
        }
        before - self.by_flow.len()
    }

    pub fn len(&self) -> usize {
        self.by_flow.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_flow.is_empty()
    }

    fn share_service_route(&mut self, ue: &mut RegisteredUe) {
        if ue.shares_service_route(self.service_routes.make_contiguous()) {
            return;
        }
        if self.service_routes.len() == SERVICE_ROUTES_MAX {
            self.service_routes.pop_front();
        }
        self.service_routes.push_back(ue.shared_service_route());
    }

    fn take(&mut self, key: FlowKey) -> Option<Box<RegisteredUe>> {
        let ue = self.by_flow.remove(&key)?;
        self.by_expiry.remove(&(ue.expires_at(), key));
        if let Some(by_owner) = &mut self.by_owner {
            by_owner.remove(&(ue.owner(), key));
        }
        Some(ue)
    }
}

impl std::fmt::Debug for Bindings {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bindings")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl FlowKey {
    /// None comes before it.
    const LEAST: FlowKey = FlowKey(Key::Connection([0; 8]));

    /// Who sends datagrams from there.
    pub fn of_datagrams(listener: ListenerId, remote: SocketAddr) -> FlowKey {
        FlowKey::new(listener, Transport::Udp, remote, None)
    }

    fn of_connection(connection: ConnectionId) -> FlowKey {
        FlowKey(Key::Connection(connection.0.to_be_bytes()))
    }

    pub(super) fn new(
        listener: ListenerId,
        transport: Transport,
        remote: SocketAddr,
        connection: Option<ConnectionId>,
    ) -> FlowKey {
        FlowKey(match connection {
            Some(connection) => return FlowKey::of_connection(connection),
            None => Key::Datagrams {
                listener,
                transport: transport as u8,
                ip: remote.ip(),
                port: remote.port(),
                scope: match remote {
                    SocketAddr::V4(_) => 0,
                    SocketAddr::V6(remote) => remote.scope_id(),
                },
            },
        })
    }
}

impl From<&Flow> for FlowKey {
    fn from(flow: &Flow) -> FlowKey {
        FlowKey::new(flow.listener, flow.transport, flow.remote, flow.connection)
    }
}

impl From<&Destination> for FlowKey {
    fn from(to: &Destination) -> FlowKey {
        FlowKey::new(to.listener, to.transport, to.remote, to.connection)
    }
}

impl std::fmt::Debug for FlowKey {
    /// Names no address: the peer is a UE.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlowKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;
    use crate::pcscf::register::tests::{gone, ue};

    const HOME: &str = "sip:alice@192.0.2.7";

    fn datagrams(port: u16) -> Flow {
        Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: SocketAddr::new([192, 0, 2, 7].into(), port),
            connection: None,
            certified: None,
        }
    }

    fn connection(id: u64) -> Flow {
        Flow {
            transport: Transport::Tcp,
            connection: Some(ConnectionId(id)),
            certified: None,
            ..datagrams(40000)
        }
    }

    fn registered(bindings: &mut Bindings, flow: &Flow, expires_at: u64) -> Room {
        bindings.learn(flow, Learned::Registered(ue(HOME, expires_at)), 0)
    }

    //= PAI-001 type=test
    #[test]
    fn a_ue_is_known_by_its_flow_alone() {
        let mut bindings = Bindings::new(10);
        for flow in [datagrams(5062), connection(1)] {
            assert_eq!(registered(&mut bindings, &flow, 100), Room::Enough);
        }
        assert!(bindings.ue(&datagrams(5062), 0).is_some() && bindings.ue(&connection(1), 0).is_some());
        assert!(bindings.ue(&datagrams(5063), 0).is_none() && bindings.ue(&connection(2), 0).is_none());
        let elsewhere = Flow {
            listener: ListenerId(1),
            ..datagrams(5062)
        };
        assert!(bindings.ue(&elsewhere, 0).is_none());
        let local = Flow {
            local: "127.0.0.2:5060".parse().unwrap(),
            ..datagrams(5062)
        };
        assert!(bindings.ue(&local, 0).is_some());
    }

    #[test]
    fn a_scope_tells_two_ues_apart_and_a_flow_label_does_not() {
        let at = |label, scope| Flow {
            remote: SocketAddrV6::new("fe80::7".parse().unwrap(), 5062, label, scope).into(),
            ..datagrams(0)
        };
        let mut bindings = Bindings::new(10);
        assert_eq!(registered(&mut bindings, &at(1, 4), 100), Room::Enough);
        assert!(bindings.ue(&at(2, 4), 0).is_some());
        assert!(bindings.ue(&at(1, 5), 0).is_none());
    }

    //= PCSCF-007 type=test
    #[test]
    fn a_registration_ends_with_its_time_and_a_newer_one_replaces_it() {
        let mut bindings = Bindings::new(10);
        let flow = datagrams(5062);
        for expires_at in [100, 200] {
            assert_eq!(registered(&mut bindings, &flow, expires_at), Room::Enough);
        }
        assert_eq!((bindings.len(), bindings.by_expiry.len()), (1, 1));
        assert!(bindings.ue(&flow, 199).is_some() && bindings.ue(&flow, 200).is_none());
        assert_eq!((bindings.expire(199), bindings.expire(200), bindings.len()), (0, 1, 0));
        assert!(bindings.by_expiry.is_empty());
    }

    //= PCSCF-011 type=test
    #[test]
    fn a_registration_ends_with_its_last_contact() {
        let mut bindings = Bindings::new(10);
        let flow = datagrams(5062);
        assert_eq!(registered(&mut bindings, &flow, 100), Room::Enough);
        let mut forget = |contacts: Option<&[&str]>| {
            assert_eq!(bindings.learn(&flow, gone(contacts), 0), Room::Enough);
            assert_eq!(bindings.by_flow.len(), bindings.by_expiry.len());
            bindings.ue(&flow, 0).is_some()
        };
        assert!(forget(Some(&["sip:alice@192.0.2.99"])));
        assert!(!forget(Some(&["sip:%61lice@192.0.2.7"])));
        assert_eq!(registered(&mut bindings, &flow, 100), Room::Enough);
        assert_eq!(bindings.learn(&flow, gone(None), 0), Room::Enough);
        assert!(bindings.is_empty());
        assert_eq!(bindings.learn(&flow, gone(None), 0), Room::Enough);
        assert_eq!(registered(&mut bindings, &flow, 100), Room::Enough);
        assert_eq!(bindings.learn(&flow, Learned::Nothing, 0), Room::Enough);
        assert!(bindings.remove(&flow).is_some() && bindings.by_expiry.is_empty());
    }

    #[test]
    fn a_closed_connection_takes_its_registration_with_it() {
        let mut bindings = Bindings::new(10);
        for id in [1, 2] {
            assert_eq!(registered(&mut bindings, &connection(id), 100), Room::Enough);
        }
        assert!(bindings.closed(ConnectionId(1)).is_some() && bindings.closed(ConnectionId(1)).is_none());
        assert!(bindings.ue(&connection(1), 0).is_none() && bindings.ue(&connection(2), 0).is_some());
    }

    #[test]
    fn at_the_maximum_the_expired_go_and_then_the_one_nearest_to_its_end() {
        let mut bindings = Bindings::new(2);
        for (port, expires_at) in [(1, 50), (2, 20)] {
            assert_eq!(registered(&mut bindings, &datagrams(port), expires_at), Room::Enough);
        }
        let room = bindings.insert(&datagrams(3), ue(HOME, 90), 20);
        assert_eq!((room, bindings.len()), (Room::Enough, 2));
        let room = bindings.insert(&datagrams(4), ue(HOME, 80), 20);
        assert_eq!(
            (room, bindings.len(), bindings.by_expiry.len()),
            (Room::Displaced(None), 2, 2)
        );
        let known = |bindings: &Bindings| [1, 2, 3, 4].map(|port| bindings.ue(&datagrams(port), 20).is_some());
        assert_eq!(known(&bindings), [false, false, true, true]);
        let room = bindings.insert(&datagrams(1), ue(HOME, 70), 20);
        assert_eq!(
            (room, known(&bindings)),
            (Room::Displaced(None), [false, false, true, true])
        );
        let room = bindings.insert(&datagrams(4), ue(HOME, 85), 20);
        assert_eq!((room, known(&bindings)), (Room::Enough, [false, false, true, true]));
        let mut none = Bindings::new(0);
        assert_eq!(
            (registered(&mut none, &datagrams(1), 9), none.len()),
            (Room::Displaced(None), 0)
        );
    }

    //= PCSCF-030 type=test
    #[test]
    fn a_ue_is_registered_as_long_as_one_of_its_flows_says_so() {
        let mut bindings = Bindings::new(2);
        let owner = ue(HOME, 0).owner();
        for (port, expires_at) in [(1, 50), (2, 90)] {
            assert_eq!(registered(&mut bindings, &datagrams(port), expires_at), Room::Enough);
        }
        assert_eq!(bindings.registered_until(owner, None, 0), None, "nobody asked");
        bindings.tell_owners();
        let but_for = |port| Some(FlowKey::from(&datagrams(port)));
        for (but_for, now, until) in [
            (None, 0, Some(90)),
            (but_for(2), 0, Some(50)),
            (but_for(2), 50, None),
            (None, 90, None),
        ] {
            assert_eq!(bindings.registered_until(owner, but_for, now), until);
        }
        assert_eq!(bindings.registered_until(owner + 1, None, 0), None);
        let room = bindings.insert(&datagrams(3), ue(HOME, 95), 0);
        let kept = bindings.by_owner.as_ref().map(BTreeSet::len);
        assert_eq!((room, kept), (Room::Displaced(None), Some(2)));
    }

    #[test]
    fn registrations_with_the_same_service_route_hold_one_between_them() {
        let mut bindings = Bindings::new(1_000);
        for port in 1..=100 {
            let ue = ue(HOME, 100).with_service_route(b"<sip:orig@scscf1.home1.example;lr>");
            assert_eq!(bindings.insert(&datagrams(port), ue, 0), Room::Enough);
        }
        let of = |bindings: &Bindings, port| bindings.ue(&datagrams(port), 0).unwrap().service_route().as_ptr();
        assert!((2..=100).all(|port| of(&bindings, port) == of(&bindings, 1)));
        for port in 200..300 {
            let ue = ue(HOME, 100).with_service_route(format!("<sip:{port};lr>").as_bytes());
            assert_eq!(bindings.insert(&datagrams(port), ue, 0), Room::Enough);
        }
        assert_eq!(bindings.service_routes.len(), SERVICE_ROUTES_MAX);
        let known = bindings.ue(&datagrams(250), 0).unwrap();
        assert_eq!(known.service_route(), b"<sip:250;lr>");
    }

    #[test]
    fn what_is_printed_names_no_address() {
        let mut bindings = Bindings::new(2);
        assert_eq!(registered(&mut bindings, &datagrams(1), 9), Room::Enough);
        let shown = format!("{bindings:?} {:?}", FlowKey::from(&datagrams(1)));
        assert!(!shown.contains("192") && !shown.contains("alice"), "{shown}");
    }
}
