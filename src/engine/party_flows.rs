//! The connections of a dialog's parties: noted in the token when a message passes, taken when the other party speaks.
//!
//! RFC 5626 section 5.3 without a registration. A party that connected to us is often to be found nowhere else: its Contact
//! names a port at which nobody listens, an address behind a NAT, or a host that does not exist. It gets what belongs to its
//! own dialog on its own connection and nothing more: a connection draws no request to it.

use super::Engine;
use super::reject::Reject;
use crate::locate::Target;
use crate::policy::route::Fork;
use crate::policy::{PeersAre, Policy};
use crate::privacy::{DialogMemory, Party, PartyFlow, Side};
use crate::proxy::targets::{Arrival, ChosenBy, NoTarget, Targets, is_secure, targets};
use crate::sip::headers::list;
use crate::sip::{Draft, Name, Transport};
use crate::trust::{Destination, Hop, Origin, Standing};

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
        let (from, to) = (origin.flow(), hop.destination());
        let receiver = sender.other();
        // The side it leaves by is known now, after location.
        memory.sides[receiver.place()] = Side {
            listener: to.listener,
            transport: to.transport,
        };
        memory.flows = [None, None];
        // The connections of one run are nothing in another.
        if memory.instance != self.keys.instance() {
            return;
        }
        if let Some(connection) = from.connection.filter(|_| is_senders_own(origin, draft)) {
            memory.sides[sender.place()] = Side {
                listener: from.listener,
                transport: from.transport,
            };
            memory.flows[sender.place()] = Some(PartyFlow {
                remote: from.remote,
                connection,
                certified: from.certified,
            });
        }
        memory.flows[receiver.place()] = to.connection.map(|connection| PartyFlow {
            remote: to.remote,
            connection,
            certified: to.certified,
        });
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
        dialog: Option<&(DialogMemory, Party)>,
    ) -> Result<Targets, Reject> {
        let located = || targets(policy, &self.own, draft, arrival).map_err(Reject::from);
        let Some((memory, flow)) = dialog.and_then(|(memory, sender)| Some((memory, flow_to(memory, sender.other())?)))
        else {
            return located();
        };
        let by_name = may_connect(policy, &flow);
        if memory.instance != self.keys.instance() {
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
        })
    }
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
