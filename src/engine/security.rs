//! Security associations of UEs: which one a message belongs to, what a REGISTER may do, and what its answer changes.
//!
//! Costs nothing where no listener has protected ports.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::output::{Output, ShownBy};
use super::reject::Reject;
use super::transactions::{Id, Keyed};
use super::{Engine, Now};
use crate::pcscf::keys::CkIk;
use crate::pcscf::pseudonym;
use crate::pcscf::security::{
    self, Asked, Between, Change, Max, Ports, Proof, Refusal, Registering, Seen, SetId, Sets, State, Terms, server_list,
};
use crate::policy::protected::Entry;
use crate::policy::spec_t::UeSecurity;
use crate::policy::{ListenerId, Part, Policy, Security as Secured};
use crate::sip::uri::Uri;
use crate::sip::{Draft, Method, Name, Transport};
use crate::trust::{Destination, Flow, Origin, Standing};

/// The sets of one engine.
//= AKA-002
pub(super) struct Security {
    sets: Sets,
}

/// A REGISTER of a UE that is or is to be protected, until its answer.
pub struct Authentication {
    pub registering: Registering,
    between: Between,
    /// The set it came on, and what that was then.
    on: Option<(SetId, State)>,
}

/// A refusal of [`security`], with the list that it shows; `None`: it shows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub why: Refusal,
    pub server: Option<String>,
}

impl Security {
    /// `None`: no listener has protected ports.
    pub fn of(policy: &Policy, keyed: &Keyed) -> Option<Box<Security>> {
        let max = Max {
            sets: policy.limits.security_sets_max as usize,
            pending_of_source: policy.limits.max_pending_auth,
        };
        let is_any = policy.listeners.iter().any(|listener| listener.protected.is_some());
        is_any.then(|| {
            let sets = Sets::new(max, keyed.keys());
            Box::new(Security { sets })
        })
    }

    /// The set of what came in by a protected port.
    fn of_flow(&self, policy: &Policy, flow: &Flow) -> Option<Seen<'_>> {
        match policy.part(flow.listener)? {
            Part::Entry(_) => None,
            Part::Server { .. } | Part::Client { .. } => {
                let between = between(policy, flow);
                self.sets.of_message(between, flow.remote.port(), flow.local.port())
            }
        }
    }

    /// The UE of a flow, as it is known whatever it sends by: its protected server port. Stays the same from one authentication
    /// to the next, and is written as for datagrams.
    fn home(&self, policy: &Policy, flow: &Flow) -> Option<Flow> {
        let set = self.of_flow(policy, flow)?;
        Some(Flow {
            listener: policy.protects(flow.listener)?.server,
            transport: Transport::Udp,
            local: flow.local,
            remote: SocketAddr::new(flow.remote.ip(), set.theirs.port_s),
            connection: None,
            certified: None,
        })
    }

    /// Where a response goes that answers a datagram: from our client port to the UE's server port, whatever Via says.
    //= PCSCF-024
    fn back(&self, policy: &Policy, flow: &Flow) -> Option<Destination> {
        if flow.connection.is_some() {
            return None;
        }
        let set = self.of_flow(policy, flow)?;
        Some(Destination {
            listener: client_of(policy.protects(flow.listener)?, set.ours.port_c)?,
            transport: Transport::Udp,
            remote: SocketAddr::new(flow.remote.ip(), set.theirs.port_s),
            connection: None,
            certified: None,
        })
    }
}

impl Engine {
    /// The flow a UE is known by.
    pub(super) fn home(&self, flow: &Flow) -> Flow {
        let home = self
            .security
            .as_ref()
            .and_then(|security| security.home(&self.policy, flow));
        home.unwrap_or(*flow)
    }

    /// The flow a UE is known by that something goes to.
    pub(super) fn home_of(&self, destination: &Destination) -> Flow {
        Flow::from(&match self.policy.part(destination.listener) {
            Some(Part::Client { .. }) => Destination {
                listener: self.shown_listener(destination.listener),
                transport: Transport::Udp,
                ..*destination
            },
            _ => *destination,
        })
    }

    /// Whether a message may come in by this port: at a protected one its set must exist, and be established unless it is a
    /// REGISTER. A connection that belongs to no set is closed.
    //= PCSCF-025
    pub(super) fn enters(&mut self, now: Now, flow: &Flow, bytes: &[u8]) -> bool {
        let Some(security) = &mut self.security else {
            return true;
        };
        if matches!(self.policy.part(flow.listener), None | Some(Part::Entry(_))) {
            return true;
        }
        let Some(set) = security.of_flow(&self.policy, flow) else {
            self.outputs.extend(flow.connection.map(Output::Close));
            return false;
        };
        let (id, state) = (set.id, set.state);
        if bytes.starts_with(b"REGISTER ") {
            security.sets.registered_over(id, flow.transport);
        } else if matches!(state, State::Established | State::Old) {
            security.sets.used(now.at, id);
        } else {
            return false;
        }
        self.take_connection(id, flow);
        true
    }

    /// The connection that a UE opened carries our requests towards it, too, as long as it lives.
    //= PCSCF-024
    fn take_connection(&mut self, id: SetId, flow: &Flow) {
        let (Some(connection), Some(security), Some(Part::Server { entry })) =
            (flow.connection, &mut self.security, self.policy.part(flow.listener))
        else {
            return;
        };
        if !security.sets.is_another_connection(id, connection) {
            return;
        }
        let to_ue = security.sets.seen(id).and_then(|set| {
            let entry = self.policy.protects(*entry)?;
            Some(Destination {
                listener: client_of(entry, set.ours.port_c)?,
                transport: flow.transport,
                remote: SocketAddr::new(flow.remote.ip(), set.theirs.port_s),
                connection: None,
                certified: None,
            })
        });
        self.outputs.extend(to_ue.map(|of| Output::Alias {
            connection,
            of,
            by: ShownBy::Association,
        }));
    }

    /// The source of a request as its Via is to show it.
    //= PCSCF-024
    pub(super) fn shown_source(&self, flow: &Flow) -> SocketAddr {
        self.back_by_association(flow).map_or(flow.remote, |back| back.remote)
    }

    pub(super) fn back_by_association(&self, flow: &Flow) -> Option<Destination> {
        self.security.as_ref()?.back(&self.policy, flow)
    }

    /// The socket and the place by which something goes to a protected UE, and the transport: the one that the URI names, else
    /// the one it registered over. What is to go over TCP, for its size, does.
    //= PCSCF-022
    //= PCSCF-024
    //= AKA-023
    pub(super) fn by_association(&self, now: Now, destination: Destination, uri: &[u8]) -> Result<Destination, Reject> {
        let Some(security) = &self.security else {
            return Ok(destination);
        };
        let Some(Part::Server { entry } | Part::Client { entry }) = self.policy.part(destination.listener) else {
            return Ok(destination);
        };
        if destination.connection.is_some() {
            return Ok(destination);
        }
        let protects = self.policy.protects(*entry).ok_or(Reject::FlowGone)?;
        let ours = self
            .own
            .all()
            .iter()
            .filter(|own| own.bound.listener == protects.server);
        let mut sets = ours.filter_map(|own| {
            let between = Between {
                listener: *entry,
                ue: destination.remote.ip().to_canonical(),
                us: own.bound.address.ip().to_canonical(),
            };
            security.sets.towards(between, destination.remote.port(), now.at)
        });
        let set = sets.next().ok_or(Reject::FlowGone)?;
        let listener = client_of(protects, set.ours.port_c).ok_or(Reject::FlowGone)?;
        let transport = match destination.transport {
            Transport::Udp => named_transport(uri).unwrap_or(set.transport),
            other => other,
        };
        Ok(Destination {
            listener,
            transport,
            ..destination
        })
    }

    /// Where the answer to a protected request goes whose set, or whose connection, has ended: by the set in its place. `port` is
    /// the server port of its UE, should the set be gone. `None`: there is no way to it any more.
    //= AKA-023
    pub(super) fn back_anew(&self, now: Now, flow: &Flow, port: u16) -> Option<Destination> {
        let known = self.security.as_ref()?.home(&self.policy, flow);
        let destination = Destination {
            listener: flow.listener,
            transport: flow.transport,
            remote: SocketAddr::new(flow.remote.ip(), known.map_or(port, |home| home.remote.port())),
            connection: None,
            certified: None,
        };
        let found = self.by_association(now, destination, b"").ok()?;
        Some(Destination {
            transport: flow.transport,
            ..found
        })
    }

    /// Whether the set still stands that something came by.
    pub(super) fn has_set(&self, flow: &Flow) -> bool {
        let security = self.security.as_ref();
        security.is_some_and(|security| security.of_flow(&self.policy, flow).is_some())
    }

    /// Whether something goes to a UE that is protected.
    pub(super) fn is_protected(&self, destination: &Destination) -> bool {
        let part = self.policy.part(destination.listener);
        matches!(part, Some(Part::Server { .. } | Part::Client { .. }))
    }

    /// The listener whose address stands in what leaves by this one.
    //= PCSCF-024
    pub(super) fn shown_listener(&self, listener: ListenerId) -> ListenerId {
        match self.policy.part(listener) {
            Some(Part::Client { .. }) => self.policy.protects(listener).map_or(listener, |entry| entry.server),
            _ => listener,
        }
    }

    /// What a request of a UE says of its protection, held against what was agreed.
    //= AKA-010
    //= AKA-014
    //= AKA-016
    pub(super) fn agree(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &Draft,
        method: Method,
    ) -> Result<Option<Box<Authentication>>, Reject> {
        let flow = origin.flow();
        let policy = std::sync::Arc::clone(&self.policy);
        let (Some(security), Some(entry)) = (&mut self.security, policy.protects(flow.listener)) else {
            return Ok(None);
        };
        if origin.standing() != Standing::Served {
            return Ok(None);
        }
        let terms = Terms::of(&entry.protected);
        let always = entry.protected.require_verify_always;
        let between = between(&policy, flow);
        let seen = security.of_flow(&policy, flow);
        let on = seen.map(|seen| (seen.id, seen.state));
        let read = match (&seen, method) {
            (Some(seen), Method::Register) => security::register::protected(draft, seen, terms, always).map(Some),
            (Some(seen), _) => security::register::later(draft, seen, always).map(|()| None),
            (None, Method::Register) => match security::register::unprotected(draft, terms) {
                Err(Refusal::NoAgreement) if is_protected_otherwise(&policy, flow) => Ok(None),
                read => read.map(Some),
            },
            (None, _) => Ok(None),
        };
        let registering = read.map_err(|why| {
            //= AKA-013
            if why == Refusal::NothingInCommon && entry.protected.unacceptable_code == 403 {
                return refused(why, None);
            }
            // What was agreed, where it was repeated otherwise.
            let ours = seen.filter(|_| why == Refusal::Changed).map(|seen| seen.ours);
            refused(why, Some(server_list(terms, ours).to_bytes()))
        });
        match (&registering, on) {
            // Nothing of what was agreed holds any more. The answer still goes where the request came from.
            (Err(_), Some((id, State::Temporary))) => security.sets.refused(now.at, id),
            (Ok(Some(registering)), Some((id, State::Temporary))) if registering.proof == Proof::Failure => {
                security.sets.refused(now.at, id);
            }
            //= AKA-024
            (Ok(Some(registering)), _) if registering.proof == Proof::Failure => {
                security.sets.failed_of(&registering.impi, between);
            }
            (Ok(Some(_)), Some((id, State::Established))) => security.sets.used(now.at, id),
            _ => {}
        }
        self.put_out_changes(now);
        let registering = registering?;
        Ok(registering.map(|registering| {
            Box::new(Authentication {
                registering,
                between,
                on,
            })
        }))
    }

    /// Whether a REGISTER for a pseudonym may come in as it does: it may name beside it who is behind.
    //= LI-014
    pub(super) fn take_pseudonym(&self, origin: &Origin, draft: &Draft, method: Method) -> Result<(), Reject> {
        let (policy, flow) = (&self.policy, origin.flow());
        let registers = method == Method::Register && origin.standing() == Standing::Served;
        if !policy.pcscf.require_protected_pseudonyms.value || !registers || !pseudonym::is_registered(policy, draft) {
            return Ok(());
        }
        let is_protected = match policy.part(flow.listener) {
            Some(Part::Server { .. } | Part::Client { .. }) => true,
            Some(Part::Entry(_)) | None => flow.transport.is_tls() || is_physical(policy, flow),
        };
        if is_protected {
            return Ok(());
        }
        match policy.protects(flow.listener).map(|entry| Terms::of(&entry.protected)) {
            None => Err(refused(Refusal::NoAgreement, None)),
            Some(terms) => match security::register::unprotected(draft, terms) {
                Ok(_) => Ok(()),
                Err(why) => Err(refused(why, Some(server_list(terms, None).to_bytes()))),
            },
        }
    }

    /// What the answer of the network to a REGISTER means for the sets.
    //= AKA-020
    pub(super) fn authenticated(&mut self, now: Now, id: Id, origin: &Origin, status: u16) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let flow = *server.origin.flow();
        let authentication = server.work.as_ref().and_then(|work| work.authentication.as_ref());
        let on = authentication.and_then(|authentication| authentication.on);
        let (Some((set, state)), Some(security)) = (on, &mut self.security) else {
            return;
        };
        match (status, state) {
            (200..=299, _) if origin.is_trusted() => self.granted(now, set, state, &flow),
            (300.., State::Temporary) => security.sets.refused(now.at, set),
            _ => {}
        }
        self.put_out_changes(now);
    }

    /// The network challenges a UE: the associations are made, and the UE is told of our half of them. `keys`: those of the
    /// challenge, if a node of T brought some.
    //= AKA-011
    //= AKA-013
    //= AKA-024
    pub(super) fn challenge(
        &mut self,
        now: Now,
        id: Id,
        keys: Option<&CkIk>,
        response: &mut Draft,
    ) -> Result<(), Reject> {
        let policy = std::sync::Arc::clone(&self.policy);
        let Some(server) = self.transactions.server(id) else {
            return Ok(());
        };
        let entry = policy.protects(server.origin.flow().listener);
        let authentication = server.work.as_mut().and_then(|work| work.authentication.take());
        let (Some(authentication), Some(entry), Some(security)) = (authentication, entry, &mut self.security) else {
            return Ok(());
        };
        let Authentication {
            registering,
            between,
            on,
        } = *authentication;
        if let Some((set, State::Temporary | State::Failed)) = on {
            security.sets.refused(now.at, set);
            return Err(refused(Refusal::ChallengedTwice, None));
        }
        let keys = keys.ok_or(Reject::NoSessionKeys)?;
        let Some((client, offer)) = registering.offer else {
            return Err(refused(Refusal::NothingToAgree, None));
        };
        let ports = Ports {
            server: entry.protected.server_port,
            clients: &entry.protected.client_ports,
        };
        let asked = Asked {
            impi: &registering.impi,
            between,
            client,
            offer,
            on: on.map(|(id, _)| id),
            nonce: &security::register::nonce_of(response),
        };
        let random = &mut self.random;
        let draw = || random.next_u32();
        let made = security
            .sets
            .challenged(now.at, asked, keys, ports, Terms::of(&entry.protected), draw);
        if let Some(set) = made.ok().and_then(|id| security.sets.seen(id)) {
            let list = server_list(Terms::of(&entry.protected), Some(set.ours));
            response.append(Name::SecurityServer, &[&list.to_bytes()]);
        }
        self.put_out_changes(now);
        made.map(|_| ()).map_err(|why| refused(Refusal::NoSet(why), None))
    }

    /// The network accepted a REGISTER that came on a set.
    //= AKA-021
    fn granted(&mut self, now: Now, set: SetId, state: State, flow: &Flow) {
        let home = self.home(flow);
        let ue = self.bindings.ue(&home, now.unix);
        let granted = ue.map(|ue| Duration::from_secs(ue.expires_at().saturating_sub(now.unix)));
        let Some(security) = &mut self.security else { return };
        let seconds = granted.unwrap_or_default();
        match state {
            State::Temporary => security.sets.accepted(now.at, set, seconds),
            State::Established | State::Old => security.sets.refreshed(now.at, set, seconds),
            State::Failed => {}
        }
        //= PCSCF-011
        if granted.is_none() {
            security.sets.deregistered(now.at, set);
        }
    }

    /// The kernel refused a set: its UE, which is being told of it, finds nobody there and begins anew.
    pub(super) fn uninstalled(&mut self, now: Now, set: SetId) {
        if let Some(security) = &mut self.security {
            security.sets.failed(set);
            self.put_out_changes(now);
        }
    }

    /// Removes the sets whose time has come.
    #[inline(never)]
    pub(super) fn expire_sets(&mut self, now: Now) {
        if let Some(security) = &mut self.security {
            security.sets.expire(now.at);
            self.put_out_changes(now);
        }
    }

    pub(super) fn next_set_end(&self) -> Option<Duration> {
        self.security.as_ref()?.sets.next_end()
    }

    /// Under another policy the sets stay as long as the ports do.
    pub(super) fn adopt_ports(&mut self, now: Now, policy: &Policy) {
        let parts = |policy: &Policy| -> Vec<Option<Part>> {
            let all = policy.listeners.iter();
            all.map(|listener| listener.protected.clone()).collect()
        };
        if parts(policy) == parts(&self.policy) && self.security.is_some() {
            return;
        }
        if let Some(security) = &mut self.security {
            security.sets.clear();
        }
        self.put_out_changes(now);
        self.security = Security::of(policy, &self.keyed);
    }

    /// Asks the shell to install and remove; before whatever is sent next.
    fn put_out_changes(&mut self, now: Now) {
        while let Some(change) = self.security.as_mut().and_then(|security| security.sets.poll()) {
            if let Change::Remove(removal) = &change {
                self.lose_set(now, removal);
            }
            self.outputs.push_back(Output::Security(change));
        }
    }
}

fn refused(why: Refusal, server: Option<Vec<u8>>) -> Reject {
    Reject::Agreement(Box::new(Refused {
        why,
        // Words and numbers of our own.
        server: server.and_then(|list| String::from_utf8(list).ok()),
    }))
}

fn between(policy: &Policy, flow: &Flow) -> Between {
    let plain = |address: SocketAddr| -> IpAddr { address.ip().to_canonical() };
    Between {
        listener: policy.entry_of(flow.listener),
        ue: plain(flow.remote),
        us: plain(flow.local),
    }
}

/// The transport that a URI asks for itself, of those that are protected.
fn named_transport(uri: &[u8]) -> Option<Transport> {
    let uri = Uri::parse(uri).ok()?;
    let named = Transport::from_name(uri.transport()?)?;
    matches!(named, Transport::Udp | Transport::Tcp).then_some(named)
}

fn client_of(entry: &Entry, port: u16) -> Option<ListenerId> {
    let place = entry.protected.client_ports.iter().position(|client| *client == port)?;
    entry.clients.get(place).copied()
}

/// Whether SPEC(T) item 3 lets a UE in that comes this way and has no association.
//= TRUST-004
pub(super) fn is_protected_otherwise(policy: &Policy, flow: &Flow) -> bool {
    policy.spec_t.ue_security.value.iter().any(|security| match security {
        UeSecurity::Physical => is_physical(policy, flow),
        UeSecurity::None => policy.spec_t.i_accept_unprotected_access.value,
        UeSecurity::Tls => flow.transport.is_tls(),
        UeSecurity::Ipsec3gpp => false,
    })
}

/// Whether nobody but its UEs is on the network behind this listener.
fn is_physical(policy: &Policy, flow: &Flow) -> bool {
    let listener = policy.listeners.get(usize::from(flow.listener.0));
    let secured_by = listener.and_then(|listener| listener.secured_by);
    secured_by.is_some_and(|by| by.value == Secured::Physical)
}
