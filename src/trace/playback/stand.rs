//! Where this node is imagined: between any two addresses, with the trust the policy has in each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::policy::{Listener, ListenerId, PeersAre, Policy, Security, Stated, StatedBy, Word};
use crate::sip::Transport;
use crate::trace::capture::Captured;
use crate::trust::evidence::Secure;
use crate::trust::{Bound, ConnectionId, Destination, Flow, Origin, OwnAddresses};

/// The name this node writes where it was not.
const NAME: &str = "sipveil.invalid:5060";

/// The policy, with listeners for traffic that was not recorded at one of its own.
///
/// Of a message recorded at an address of ours the other end is judged by that listener, and we ourselves are in T. Of all
/// others both ends are judged by the peers of the policy, as if they were reached in the way each peer promised.
pub(super) struct Stand {
    pub policy: Policy,
    pub own: OwnAddresses,
    binds: Vec<Bound>,
    /// A listener for each way of securing, where `[[peer]]` decides.
    between: Vec<ListenerId>,
    ourselves: ListenerId,
}

impl Stand {
    pub fn new(policy: &Policy) -> Stand {
        let mut policy = policy.clone();
        let binds = Bound::as_written(&policy);
        let mut add = |peers, way| {
            policy.listeners.push(imagined(peers, way));
            ListenerId((policy.listeners.len() - 1) as u16)
        };
        let between = Security::ALL.iter().map(|&way| add(PeersAre::Listed, way)).collect();
        let ourselves = add(PeersAre::Trusted, Security::Physical);
        let mut bound = binds.clone();
        for listener in 0..policy.listeners.len() {
            let listener = ListenerId(listener as u16);
            for transport in [Transport::Udp, Transport::Tcp] {
                let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
                bound.extend(any.map(|address| Bound {
                    listener,
                    transport,
                    address: SocketAddr::new(address, 5060),
                }));
            }
        }
        Stand {
            own: OwnAddresses::new(&policy, &bound),
            policy,
            binds,
            between,
            ourselves,
        }
    }

    /// How a recorded message would have come in and gone out.
    pub fn ends(&self, captured: &Captured) -> (Flow, Destination) {
        let transport = captured.transport;
        let (at_source, at_destination) = (
            self.bound_at(captured.src, transport),
            self.bound_at(captured.dst, transport),
        );
        let listener_of = |remote: SocketAddr, here: Option<ListenerId>, there: Option<ListenerId>| match (here, there)
        {
            (Some(_), _) => self.ourselves,
            (None, Some(listener)) => listener,
            (None, None) => self.between(remote, transport),
        };
        let connection = (transport != Transport::Udp).then_some(ConnectionId(0));
        let from = Flow {
            listener: listener_of(captured.src, at_source, at_destination),
            transport,
            local: captured.dst,
            remote: captured.src,
            connection,
            certified: None,
        };
        let to = Destination {
            listener: listener_of(captured.dst, at_destination, at_source),
            transport,
            remote: captured.dst,
            connection,
            certified: None,
        };
        (from, to)
    }

    /// The listener whose way of securing is the one that this peer promised.
    fn between(&self, remote: SocketAddr, transport: Transport) -> ListenerId {
        let flow = |listener| Flow {
            listener,
            transport,
            local: remote,
            remote,
            connection: None,
            certified: None,
        };
        let fits = |listener: &ListenerId| {
            let origin = Origin::judge(&self.policy, flow(*listener));
            !matches!(origin.evidence().secure, Secure::AnotherWay { .. })
        };
        self.between.iter().copied().find(fits).unwrap_or(self.between[0])
    }

    /// Our listener at this address. A connection we opened has a port of its own.
    fn bound_at(&self, address: SocketAddr, transport: Transport) -> Option<ListenerId> {
        let same = |bind: &&Bound| bind.transport == transport && bind.address.ip() == address.ip();
        let exact = self
            .binds
            .iter()
            .find(|bind| same(bind) && bind.address.port() == address.port());
        let opened = || {
            let anywhere = transport == Transport::Udp || address.ip().is_loopback();
            self.binds.iter().filter(|_| !anywhere).find(same)
        };
        exact.or_else(opened).map(|bind| bind.listener)
    }
}

fn imagined(peers: PeersAre, way: Security) -> Listener {
    fn built_in<T>(value: T) -> Stated<T> {
        Stated {
            value,
            by: StatedBy::Default,
        }
    }
    Listener {
        name: built_in("replay".to_owned()),
        bind: Vec::new(),
        peers: built_in(peers),
        secured_by: Some(built_in(way)),
        implicit_member: built_in(false),
        advertise: Some(built_in(NAME.to_owned())),
        thig: built_in(false),
        tls: None,
        protected: None,
    }
}
