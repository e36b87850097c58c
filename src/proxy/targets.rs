//! Where a request goes: RFC 3261 sections 16.4 and 16.5, after our own Route values are gone.

use super::routes::Routes;
use crate::locate::Target;
use crate::policy::proxy::OptionsAnswer;
use crate::policy::route::Fork;
use crate::policy::{Listener, ListenerId, PeersAre, Policy};
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{Uri, is_emergency};
use crate::sip::{Draft, Method, Name, Transport};
use crate::trust::{OwnAddresses, Standing};

/// What is known of the request beside its text.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub listener: ListenerId,
    pub standing: Standing,
    /// The side to leave by, when our own Route values told.
    pub dialog: Option<(ListenerId, Transport)>,
    /// It belongs to a dialog whose token opened.
    pub in_dialog: bool,
    /// Its Route is the one that the network gave its sender; the listener that leads there.
    pub by_network: Option<ListenerId>,
    /// Its Route leads on by a value that this network gave out itself, hidden from who brings it.
    pub given_out: bool,
}

/// The next hops of a request, in order, and who chose them.
#[derive(Clone, PartialEq, Eq)]
pub struct Targets {
    pub list: Vec<Target>,
    pub by: ChosenBy,
    /// How those after the first are used.
    pub fork: Fork,
    /// However large the request is, it goes as a datagram.
    pub insists_on_udp: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// A `[[route]]` of the policy, by its place.
    Policy(usize),
    /// The message's own Route or Request-URI.
    Message,
}

/// Why there is no next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    #[error("a stranger asks for a place this node does not serve")]
    NotARelay,
    #[error("no [[route]] leads to this user of our own domain")]
    NotFound,
    #[error("a call for help, and no [[route]] with `emergency = true` takes it")]
    NoHelp,
    #[error("the place to go has no usable address")]
    Unusable,
    /// An OPTIONS for this node itself: nothing is forwarded, and it says what it can.
    #[error("an OPTIONS for this node itself")]
    Ourselves,
    /// The same from a stranger, where the policy has no answer for one.
    #[error("an OPTIONS of a stranger for this node itself, which [proxy] options_from_strangers leaves unanswered")]
    NobodyHere,
    /// The Request-URI is `sips`, and no next hop is reached by TLS.
    #[error("the request asks for TLS on every hop, and no next hop has it")]
    NoSecureWay,
}

/// Chooses the next hops: the Route left, else the dialog's remote target, else the first `[[route]]` that matches, else
/// the Request-URI itself, which only a node of T may use so.
//= PROXY-010
//= PROXY-011
pub fn targets(
    policy: &Policy,
    own: &OwnAddresses,
    routes: &Routes,
    draft: &Draft,
    arrival: Arrival,
) -> Result<Targets, NoTarget> {
    if asks_ourselves(own, draft) {
        return Err(answer_to_asking(policy, arrival.standing));
    }
    let mut targets = chosen(policy, own, routes, draft, arrival)?;
    if !is_secure(draft) {
        return Ok(targets);
    }
    //= PROXY-017
    targets.list = targets.list.into_iter().filter_map(Target::secured).collect();
    match targets.list.is_empty() {
        true => Err(NoTarget::NoSecureWay),
        false => Ok(targets),
    }
}

/// Whether a request is an OPTIONS that names this node and no user, with no further Route.
pub fn asks_ourselves(own: &OwnAddresses, draft: &Draft) -> bool {
    draft.method() == Some(Method::Options)
        && !draft.has(Name::Route)
        && draft
            .read_request_uri()
            .is_ok_and(|uri| uri.user().is_none() && own.named(uri.host(), uri.port()).is_some())
}

//= PROXY-030
fn answer_to_asking(policy: &Policy, standing: Standing) -> NoTarget {
    match (standing, policy.proxy.options_from_strangers.value) {
        (Standing::Untrusted, OptionsAnswer::Refuse) => NoTarget::NotARelay,
        (Standing::Untrusted, OptionsAnswer::Drop) => NoTarget::NobodyHere,
        (Standing::Trusted | Standing::Served | Standing::Untrusted, _) => NoTarget::Ourselves,
    }
}

/// Whether the Request-URI asks for TLS on every hop.
pub fn is_secure(draft: &Draft) -> bool {
    match draft.request_uri() {
        [_, _, _, _, b':', ..] => draft.request_uri()[..4].eq_ignore_ascii_case(b"sips"),
        _ => false,
    }
}

fn chosen(
    policy: &Policy,
    own: &OwnAddresses,
    routes: &Routes,
    draft: &Draft,
    arrival: Arrival,
) -> Result<Targets, NoTarget> {
    if let Some(route) = draft.first(Name::Route) {
        let route = NameAddr::parse_first(route).map_err(|_| NoTarget::Unusable)?.0;
        let uri = route.uri().map_err(|_| NoTarget::Unusable)?;
        let is_theirs = arrival.in_dialog || arrival.standing == Standing::Trusted || arrival.by_network.is_some();
        //= THIG-009
        if is_theirs || arrival.given_out || leads_inside(policy, &uri) {
            return by_message(policy, &uri, arrival);
        }
        return Err(NoTarget::NotARelay);
    }
    let uri = || draft.read_request_uri().map_err(|_| NoTarget::Unusable);
    if arrival.in_dialog {
        return by_message(policy, &uri()?, arrival);
    }
    // Read only where a route asks for its host, or none matches.
    let leads_to = |domain: &str| uri().is_ok_and(|uri| is_host(&uri, domain));
    let is_emergency = is_emergency(draft.request_uri());
    if let Some((place, route)) = policy.routes.iter().enumerate().find(|(_, route)| {
        route.from.value == arrival.listener
            && route.emergency.value == is_emergency
            && (route.method.is_empty()
                || route
                    .method
                    .iter()
                    .any(|method| method.value.as_bytes() == draft.method_name()))
            && (route.domain.is_empty() || route.domain.iter().any(|domain| leads_to(&domain.value)))
    }) {
        let hops = routes.next_hops(policy, place).ok_or(NoTarget::Unusable)?;
        return match hops.targets.is_empty() {
            true => Err(NoTarget::Unusable),
            false => Ok(Targets {
                list: hops.targets,
                by: ChosenBy::Policy(place),
                fork: route.fork.value,
                insists_on_udp: hops.insists_on_udp,
            }),
        };
    }
    //= ROLE-005
    if is_emergency {
        return Err(NoTarget::NoHelp);
    }
    let uri = uri()?;
    let is_ours = own.is_host(uri.host()) || own.named(uri.host(), uri.port()).is_some();
    if is_ours
        || policy
            .domain
            .admin_domains
            .value
            .iter()
            .any(|domain| is_host(&uri, domain))
    {
        return Err(NoTarget::NotFound);
    }
    if arrival.standing != Standing::Trusted {
        return Err(NoTarget::NotARelay);
    }
    by_message(policy, &uri, arrival)
}

fn is_host(uri: &Uri<'_>, host: &str) -> bool {
    uri.host().eq_ignore_ascii_case(host.as_bytes())
}

/// Whether a Route a stranger brought leads to a domain of ours or to a member of T.
//= LOC-002
fn leads_inside(policy: &Policy, uri: &Uri<'_>) -> bool {
    if let Some(maddr) = uri.maddr() {
        // It goes there and nowhere else, whatever the host says.
        let place = [b"sip:", maddr].concat();
        return Uri::parse(&place).is_ok_and(|uri| uri.maddr().is_none() && is_inside(policy, &uri));
    }
    is_inside(policy, uri)
}

fn is_inside(policy: &Policy, uri: &Uri<'_>) -> bool {
    let domain = policy
        .domain
        .admin_domains
        .value
        .iter()
        .any(|domain| is_host(uri, domain));
    let address = uri.host_ip();
    domain
        || policy
            .peers
            .iter()
            .filter(|peer| peer.secured_by.is_some())
            .any(|peer| {
                peer.names.iter().any(|name| is_host(uri, &name.value))
                    || address.is_some_and(|address| peer.prefixes.iter().any(|prefix| prefix.value.contains(&address)))
            })
}

/// The target a URI of the message names. It leaves by the dialog's other side, or by the listener that leads outwards.
fn by_message(policy: &Policy, uri: &Uri<'_>, arrival: Arrival) -> Result<Targets, NoTarget> {
    let (listener, transport) = match (arrival.by_network, arrival.dialog) {
        (Some(listener), _) => (listener, None),
        (None, Some((listener, transport))) => (listener, Some(transport)),
        (None, None) => (outwards(policy, arrival.listener), None),
    };
    let target = Target::of_uri(uri, listener, transport).ok_or(NoTarget::Unusable)?;
    Ok(Targets {
        list: vec![target],
        by: ChosenBy::Message,
        fork: Fork::Failover,
        insists_on_udp: false,
    })
}

/// The listener by which a request leaves that came from T and names its own way: the first that faces strangers.
fn outwards(policy: &Policy, arrival: ListenerId) -> ListenerId {
    let faces = |id: usize| policy.listeners.get(id).map(|listener: &Listener| listener.peers.value);
    if faces(arrival.0 as usize) != Some(PeersAre::Trusted) {
        return arrival;
    }
    let found =
        (0..policy.listeners.len()).find(|id| matches!(faces(*id), Some(PeersAre::Listed | PeersAre::Untrusted)));
    found.map_or(arrival, |id| ListenerId(id as u16))
}

impl std::fmt::Debug for Targets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Targets")
            .field("count", &self.list.len())
            .field("by", &self.by)
            .finish()
    }
}
