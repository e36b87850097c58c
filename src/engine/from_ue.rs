//! What a served UE sends: what it must be, and what it gets on its way to the network.

use super::decide::Opened;
use super::reject::Reject;
use super::security::is_protected_otherwise;
use super::{Engine, Now};
use crate::pcscf::security::Protection;
use crate::pcscf::{RegisteredUe, integrity, register, sec_agree, service_route};
use crate::policy::pcscf::{PathUnsupported, ServiceRoute, UnprotectedAction};
use crate::policy::spec_t::UeSecurity;
use crate::policy::{ListenerId, Part, PeersAre, Policy, Profile};
use crate::privacy::{DialogMemory, Party};
use crate::proxy::targets;
use crate::sip::headers::grammar::ip;
use crate::sip::uri::is_emergency;
use crate::sip::{Draft, Essentials, Method, Name};
use crate::trust::{Origin, Standing};

impl Engine {
    /// The UE that a message comes from, if it is registered and protected as the policy wants it.
    //= PCSCF-020
    //= TRUST-004
    //= AKA-030
    pub(super) fn ue_of(&self, now: Now, policy: &Policy, origin: &Origin) -> Option<&RegisteredUe> {
        let by_association = || {
            let is_listed = policy.spec_t.ue_security.value.contains(&UeSecurity::Ipsec3gpp);
            is_listed && matches!(policy.part(origin.flow().listener), Some(Part::Server { .. }))
        };
        let accepted = is_protected_otherwise(policy, origin.flow()) || by_association();
        self.bindings
            .ue(&self.home(origin.flow()), now.unix)
            .filter(|_| accepted)
    }

    /// What the registrar is told of the connection a REGISTER of a UE came on.
    //= PCSCF-004
    //= AKA-030
    pub(super) fn claim_of_tls(&self, now: Now, origin: &Origin, draft: &Draft) -> Option<Protection> {
        let is_meant = self.policy.profile.value == Profile::Ims && origin.flow().transport.is_tls();
        let known = self.bindings.ue(origin.flow(), now.unix);
        is_meant.then(|| integrity::by_tls(draft, known))?
    }

    /// Whether a request is passed over in silence, because its sender is a UE that is not registered.
    //= PCSCF-020
    pub(super) fn ignores(&self, now: Now, origin: &Origin, draft: &Draft) -> bool {
        origin.standing() == Standing::Served
            && self.policy.pcscf.unprotected_action.value == UnprotectedAction::Drop
            && draft.method() != Some(Method::Register)
            && !is_emergency(draft.request_uri())
            && self.ue_of(now, &self.policy, origin).is_none()
    }

    /// Whether a REGISTER of a UE is one that can be forwarded, and takes out what is for this node alone.
    pub(super) fn take_registering_ue(
        &self,
        policy: &Policy,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<(), Reject> {
        //= PCSCF-006
        if !essentials.has_one_via {
            return Err(Reject::RegisterByProxy);
        }
        //= PCSCF-006
        //= PCSCF-006 type=exception reason=a name in the Via of a protected REGISTER is not looked up: the association proves the address, whatever is called so
        let is_protected = matches!(policy.part(origin.flow().listener), Some(Part::Server { .. }));
        let names = ip(essentials.sent_by_host()).map(|ip| ip.to_canonical());
        if is_protected && names.is_some_and(|ip| ip != origin.flow().remote.ip().to_canonical()) {
            return Err(Reject::ForeignVia);
        }
        //= PCSCF-002
        if policy.pcscf.path_unsupported.value == PathUnsupported::Reject421 && !register::supports_path(draft) {
            return Err(Reject::PathUnsupported);
        }
        sec_agree::leave(draft);
        Ok(())
    }

    /// Whether a request of a registered UE is one that can be forwarded; makes its Route the one the network wants. Gives the
    /// listener that leads to the first of it, when it is not the dialog that says.
    pub(super) fn take_registered_ue(
        &self,
        now: Now,
        policy: &Policy,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
        opened: &Opened,
    ) -> Result<Option<ListenerId>, Reject> {
        sec_agree::leave(draft);
        //= PCSCF-015
        let needs_dialog = matches!(
            draft.method(),
            Some(Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify)
        );
        if needs_dialog && essentials.to_tag().is_none() {
            return Err(Reject::OutOfDialog(policy.pcscf.oob_in_dialog_code.value));
        }
        if is_emergency(draft.request_uri()) {
            return Ok(None);
        }
        let Some(ue) = self.ue_of(now, policy, origin) else {
            return Ok(None);
        };
        if let Some((memory, party)) = &opened.dialog {
            return match is_of(policy, memory, *party, ue) {
                true => Ok(None),
                false => Err(Reject::ForeignDialog),
            };
        }
        // It asks this node, and goes nowhere.
        if targets::asks_ourselves(&self.own, draft) {
            return Ok(None);
        }
        // Of every dialog of a UE we are on the way. Without our token nobody knows what its other party asked for.
        if essentials.to_tag().is_some() {
            return Err(Reject::ForeignDialog);
        }
        //= PCSCF-014
        //= PCSCF-007 type=exception reason=without a Service-Route the [[route]]s lead to the registrar's network, as behind a PBX; the Route of the UE does not
        if !service_route::is_followed(draft, ue.service_route()) {
            match policy.pcscf.service_route.value {
                ServiceRoute::Enforce => service_route::enforce(draft, ue.service_route()),
                ServiceRoute::Reject400 => return Err(Reject::ForeignServiceRoute),
            }
        }
        Ok(Some(ue.inwards()).filter(|_| draft.has(Name::Route)))
    }
}

/// Whether a party of a dialog is this UE. One that was not registered when the token was made is known by its side alone.
//= PCSCF-016
//= PCSCF-016 type=exception reason=a UE that registered anew over another flow keeps its dialogs: the token is its private identity's, not its flow's
//= PCSCF-016 type=exception reason=the token is bound to the Call-ID and to one tag; the rest of the route set is not kept, nor compared
fn is_of(policy: &Policy, memory: &DialogMemory, party: Party, ue: &RegisteredUe) -> bool {
    let side = memory.sides[party.place()].listener;
    let is_ue = || {
        let listener = policy.listeners.get(usize::from(side.0));
        listener.is_some_and(|listener| listener.peers.value == PeersAre::Ue)
    };
    match memory.served.owners[party.place()] {
        Some(owner) => owner == ue.owner(),
        None => is_ue(),
    }
}
