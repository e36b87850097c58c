//! `alias` in the Via of a peer: its connection may carry our requests towards it, too. RFC 5923.

use super::Engine;
use super::output::{Output, ShownBy};
use crate::policy::{Listener, Policy};
use crate::sip::headers::via::Via;
use crate::sip::{Draft, Name, Transport};
use crate::trust::{Destination, Flow, Origin};

/// RFC 5923 takes the port of TLS where the sent-by names none.
const PORT: u16 = 5061;

impl Engine {
    /// Tells the shell that this connection is as good as one we would open to the place its Via names.
    ///
    /// Only where a certificate proved a configured name, by the same authorities that we believe when we call out, and only for
    /// the address the peer really has. What is sent there is for that very name, and judged as if we had connected.
    //= TPT-007
    //= TPT-007 type=exception reason=of several names a certificate proves, the one that the policy lists first counts
    pub(super) fn take_alias(&mut self, origin: &Origin, draft: &Draft) {
        let flow = origin.flow();
        let (Some(connection), Some(_), Transport::Tls) = (flow.connection, flow.certified, flow.transport) else {
            return;
        };
        if !believes_alike(&self.policy, flow) {
            return;
        }
        let via = draft.first(Name::Via).and_then(|via| Via::parse(via).ok());
        let Some((via, _)) = via.filter(|(via, _)| via.alias()) else {
            return;
        };
        let mut remote = flow.remote;
        remote.set_port(via.port().unwrap_or(PORT));
        let of = Destination {
            listener: flow.listener,
            transport: flow.transport,
            remote,
            connection: None,
            certified: flow.certified,
        };
        let by = ShownBy::Certificate;
        self.outputs.push_back(Output::Alias { connection, of, by });
    }
}

/// Whether who comes in and who is called must be vouched for by the same.
fn believes_alike(policy: &Policy, flow: &Flow) -> bool {
    let listener: Option<&Listener> = policy.listeners.get(usize::from(flow.listener.0));
    listener.and_then(|listener| listener.tls.as_ref()).is_some_and(|tls| {
        let (inwards, outwards) = (tls.client_ca.as_ref(), tls.ca.as_ref());
        inwards.is_some_and(|inwards| outwards.is_some_and(|outwards| inwards.value == outwards.value))
    })
}
