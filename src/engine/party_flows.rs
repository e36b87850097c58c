//! The connections of a dialog's parties: noted in the token when a message passes, taken when the other party speaks.
//!
//! RFC 5626 section 5.3 without a registration. A party that connected to us is often to be found nowhere else: its Contact
//! names a port at which nobody listens, an address behind a NAT, or a host that does not exist. It gets what belongs to its
//! own dialog on its own connection and nothing more: a connection draws no request to it. One that sends datagrams says `ob`
//! when it wants the same.

use super::Engine;
use super::reject::Reject;
use crate::locate::Target;
use crate::pcscf::FlowKey;
use crate::policy::route::Fork;
use crate::policy::{PeersAre, Policy};
use crate::privacy::{DialogMemory, Party, PartyFlow, Side};
use crate::proxy::targets::{Arrival, ChosenBy, NoTarget, Targets, is_secure, targets};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::scan::places;
use crate::sip::uri::Uri;
use crate::sip::{Draft, Name, Transport};
use crate::trust::{Destination, Flow, Hop, Origin, Standing, UntrustedKind};

impl Engine {
    /// Notes in the memory of a dialog where both its parties are, as this request shows it.
    //= SEC-004
    pub(super) fn note_sides(
        &self,
        memory: &mut DialogMemory,
        sender: Party,
        origin: &Origin,
        draft: &Draft,
        hop: &Hop,
    ) {
        let (from, to) = (self.home(origin.flow()), hop.destination());
        let receiver = sender.other();
        // The side it leaves by is known now, after location.
        memory.sides[receiver.place()] = Side {
            listener: to.listener,
            transport: to.transport,
        };
        // The connections of one run are nothing in another.
        let is_ours = memory.instance == self.keys.instance();
        let counts = |flow: &PartyFlow| is_ours || flow.connection.is_none();
        memory.flows[receiver.place()] = flow_of_receiver(draft, hop).filter(counts);
        memory.flows[sender.place()] = flow_of_sender(&from, origin, draft).filter(counts);
        self.note_owners(memory, sender, origin, hop);
        if memory.flows[sender.place()].is_some() {
            memory.sides[sender.place()] = Side {
                listener: from.listener,
                transport: from.transport,
            };
        }
    }

    /// Notes which UEs of ours the parties of a dialog are.
    //= PCSCF-016
    fn note_owners(&self, memory: &mut DialogMemory, sender: Party, origin: &Origin, hop: &Hop) {
        let owner = |flow: FlowKey| self.bindings.owner(flow);
        if origin.standing() == Standing::Served {
            memory.served.owners[sender.place()] = owner((&self.home(origin.flow())).into());
        }
        if matches!(hop, Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served) {
            memory.served.owners[sender.other().place()] = owner((&self.home_of(hop.destination())).into());
        }
    }

    /// Where a request goes that is on its way to a party of a dialog, or begins one: by the connection of that party, if one is
    /// known, else where the message says.
    ///
    /// A connection that is gone is made anew where that is possible; who cannot be connected to is then not to be reached.
    //= TPT-010
    //= PCSCF-022
    pub(super) fn towards(
        &self,
        policy: &Policy,
        draft: &Draft,
        arrival: Arrival,
        dialog: Option<&(Box<DialogMemory>, Party)>,
    ) -> Result<Targets, Reject> {
        let located = || targets(policy, &self.own, &self.routes, draft, arrival).map_err(Reject::from);
        let Some((memory, flow)) = dialog.and_then(|(memory, sender)| Some((memory, flow_to(memory, sender.other())?)))
        else {
            return located();
        };
        let by_name = may_connect(policy, &flow);
        if flow.connection.is_none() {
            // Where the party has come to want otherwise, its newest Contact counts.
            if draft.has(Name::Route) || !is_outbound(draft.request_uri()) {
                return located();
            }
        } else if memory.instance != self.keys.instance() {
            return if by_name { located() } else { Err(Reject::FlowGone) };
        }
        let mut target = Some(Target::of_flow(&flow));
        //= PROXY-017
        if is_secure(draft) {
            target = target.and_then(Target::secured);
        }
        let mut list = Vec::from_iter(target);
        if by_name {
            // Nothing is looked up before the connection has failed.
            list.extend(located().map(|located| located.list).unwrap_or_default());
        }
        if list.is_empty() {
            return Err(Reject::NoTarget(NoTarget::NoSecureWay));
        }
        Ok(Targets {
            list,
            by: ChosenBy::Message,
            fork: Fork::Failover,
            insists_on_udp: false,
        })
    }
}

/// `from` is the way the sender is known by: connections of a protected UE come and go with its security associations.
fn flow_of_sender(from: &Flow, origin: &Origin, draft: &Draft) -> Option<PartyFlow> {
    let is_wanted = from.connection.is_some() || contact_is_outbound(draft);
    (is_wanted && is_senders_own(origin, draft)).then_some(PartyFlow {
        remote: from.remote,
        connection: from.connection,
        certified: from.certified,
    })
}

/// A connection that the request takes; for a UE that wants it so, the way of datagrams by which it is reached now.
fn flow_of_receiver(draft: &Draft, hop: &Hop) -> Option<PartyFlow> {
    let to = hop.destination();
    let is_ue = matches!(hop, Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served);
    let by_datagrams =
        || is_ue && to.transport == Transport::Udp && !draft.has(Name::Route) && is_outbound(draft.request_uri());
    (to.connection.is_some() || by_datagrams()).then_some(PartyFlow {
        remote: to.remote,
        connection: to.connection,
        certified: to.certified,
    })
}

fn contact_is_outbound(draft: &Draft) -> bool {
    let contact = draft.first(Name::Contact).filter(|contact| may_be_outbound(contact));
    let contact = contact.and_then(|contact| NameAddr::parse(contact).ok());
    contact.is_some_and(|contact| is_outbound(contact.uri_bytes()))
}

/// Whether who wrote this URI wants to be reached by the way its own messages come: `ob` of RFC 5626.
fn is_outbound(uri: &[u8]) -> bool {
    may_be_outbound(uri) && Uri::parse(uri).is_ok_and(|uri| uri.param(b"ob").is_some())
}

/// Asked of every dialog, so by a look before a reading. As everybody writes it.
fn may_be_outbound(text: &[u8]) -> bool {
    places(b';', text).any(|at| text[at..].starts_with(b";ob"))
}

fn flow_to(memory: &DialogMemory, party: Party) -> Option<Destination> {
    let flow = memory.flows[party.place()]?;
    Some(flow.destination(memory.sides[party.place()]))
}

/// Whether the connection a request came on is the sender's own: a UE's always is. Of others, if no proxy was before us. Where
/// one was, its Record-Route says how to come back, or it wants nothing of what follows.
fn is_senders_own(origin: &Origin, draft: &Draft) -> bool {
    let vias = draft.rows(Name::Via).flat_map(list::values).take(2).count();
    origin.standing() == Standing::Served || vias == 1 && !draft.has(Name::RecordRoute)
}

/// A UE is known by its flow alone, and a WebSocket is only ever opened by the other side.
fn may_connect(policy: &Policy, flow: &Destination) -> bool {
    let listener = policy.listeners.get(usize::from(flow.listener.0));
    let is_ue = listener.is_some_and(|listener| listener.peers.value == PeersAre::Ue);
    !is_ue && matches!(flow.transport, Transport::Tcp | Transport::Tls)
}
