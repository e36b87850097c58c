//! Decide: what the originator wants, which dialog it is, where it goes. Our own Route values and tokens are opened here.

use std::sync::Arc;

use super::branches::Branches;
use super::counts::TokenOf;
use super::dialogs::{self, OfDialog};
use super::reject::Reject;
use super::remembered::NOT_KNOWN;
use super::transactions::{Kept, OfPeers, Work};
use super::{Engine, Now};
use crate::locate::Target;
use crate::pcscf::charging::Icid;
use crate::pcscf::{Asked, SealedFlow, authentication, path, session};
use crate::policy::privacy::DialogStore;
use crate::policy::route::Fork;
use crate::policy::{PeersAre, Policy};
use crate::privacy::{DialogMemory, Party, PrivacySet, Side, Wanted, lawful, on_behalf};
use crate::proxy::targets::{Arrival, ChosenBy, NoTarget, Targets};
use crate::proxy::{breadth, check, forward};
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::via::Via;
use crate::sip::scan::find;
use crate::sip::uri::{Uri, is_emergency, is_malformed};
use crate::sip::{Draft, Essentials, Method, Name};
use crate::topology::{call_id, restore};
use crate::transaction::ClientBranch;
use crate::trust::{Destination, Origin, Standing, assert};

/// A refusal with what its answer is made of: the draft, and the To as received when the draft shows another.
pub(super) type Refused = (Draft, Option<Vec<u8>>, Reject);

/// Who wrote a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Who it came from.
    Peer,
    /// This node, in the name of who it would have come from: what a peer must not do was never asked.
    Ourselves,
}

/// A request that is forwarded.
pub(super) struct Decided {
    pub work: Box<Work>,
    /// What its responses get back.
    pub kept: Option<Box<Kept>>,
    /// What the party that answers is remembered to want.
    pub responder: PrivacySet,
    pub dialog: Option<Box<OfDialog>>,
    /// It is one between peers.
    pub peers: Option<Box<OfPeers>>,
}

/// What becomes of a request.
pub(super) struct Plan {
    pub wanted: Wanted,
    /// To be remembered, when it is to be record-routed.
    pub dialog: Option<(Box<DialogMemory>, Party)>,
    /// Its Call-ID on the other side of its dialog, when that is not the one it came with.
    pub call_id: Option<Vec<u8>>,
    pub targets: Targets,
    /// What the party that answers gave when it entered the dialog.
    pub responder: PrivacySet,
    /// What it has to do with the dialog store.
    pub stored: Option<Box<OfDialog>>,
    /// It is one between peers.
    pub peers: Option<Box<OfPeers>>,
    /// What its charging is known by, when it belongs to a dialog of which this is known.
    pub icid: Option<Icid>,
    /// Nothing of meaning for an ACK.
    pub loop_part: u64,
    /// Over how many branches it may spread.
    pub breadth: u32,
}

/// What was found in our own Route values.
pub(super) struct Opened {
    pub dialog: Option<(Box<DialogMemory>, Party)>,
    /// The flow of a UE that a node of T sends to by our Path.
    pub flow: Option<Destination>,
    /// Our address in the last own Route value taken off, without a token: the side it leaves by.
    side: Option<Side>,
}

impl Engine {
    /// What becomes of a request.
    pub(super) fn decide(
        &mut self,
        now: Now,
        origin: &Origin,
        mut draft: Draft,
        essentials: Essentials,
        author: Author,
    ) -> Result<Decided, Box<Refused>> {
        let mut kept = Kept::default();
        match self.plan(now, origin, &mut draft, &essentials, &mut kept, author) {
            Ok(Plan {
                wanted,
                dialog,
                call_id,
                targets,
                responder,
                stored,
                peers,
                icid,
                loop_part,
                breadth,
            }) => {
                let branches = match Branches::of(targets.list, targets.fork, breadth) {
                    Ok(branches) => branches,
                    Err(unfit) => {
                        if let Some(vias) = &kept.vias {
                            restore::vias(&mut draft, vias);
                        }
                        return Err(Box::new((draft, kept.to, unfit.into())));
                    }
                };
                let has_kept = kept.to.is_some() || kept.vias.is_some();
                let registers = draft.method() == Some(Method::Register);
                let asked = (registers && origin.standing() == Standing::Served)
                    .then(|| Asked::of(&draft, origin.flow().certified.is_some()));
                let by_tls = asked.as_ref().and_then(|_| self.claim_of_tls(now, origin, &draft));
                let work = Box::new(Work {
                    asked,
                    by_tls,
                    authentication: None,
                    draft,
                    essentials,
                    wanted,
                    dialog,
                    call_id,
                    chosen_by: targets.by,
                    insists_on_udp: targets.insists_on_udp,
                    icid,
                    loop_part,
                    branches,
                    waits_for_store: false,
                    held_for_store: None,
                    cancelled: None,
                });
                Ok(Decided {
                    work,
                    kept: has_kept.then(|| Box::new(kept)),
                    responder,
                    dialog: stored,
                    peers,
                })
            }
            Err(reject) => {
                if let Some(vias) = &kept.vias {
                    restore::vias(&mut draft, vias);
                }
                Err(Box::new((draft, kept.to, reject)))
            }
        }
    }

    pub(super) fn plan(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
        kept: &mut Kept,
        author: Author,
    ) -> Result<Plan, Reject> {
        let policy = Arc::clone(&self.policy);
        if author == Author::Peer && self.is_of_released(essentials) {
            return Err(Reject::Released);
        }
        let revealed = self.open_hidden(origin, draft, kept)?;
        check::check(draft)?;
        // The ACK of a 2xx gets a branch of its own each time: it is compared, but not written.
        let may_be_back = match essentials.has_one_via {
            true => essentials.branch().and_then(ClientBranch::parse).is_some(),
            false => draft.rows(Name::Via).any(ClientBranch::stands_in),
        };
        let loop_part = match may_be_back || draft.method() != Some(Method::Ack) {
            true => self.loop_part(draft, essentials, origin),
            false => 0,
        };
        if may_be_back && self.came_back(draft, loop_part) {
            return Err(Reject::Loop);
        }
        let understands_privacy = !policy.privacy.values.value.is_empty();
        check::extensions(draft, origin.standing(), understands_privacy)?;
        breadth::check(draft)?;
        let opened = self.open_routes(now, origin, draft, essentials)?;
        if draft.method() == Some(Method::Notify)
            && opened.dialog.is_none()
            && let Some(answer) = self.told(now, origin, draft, essentials)
        {
            return Err(answer);
        }
        let mut by_network = None;
        if origin.standing() == Standing::Served && author == Author::Peer {
            self.assert(now, &policy, origin, draft)?;
        }
        //= P2P-008
        let is_emergency = is_emergency(draft.request_uri());
        if author == Author::Peer
            && !is_emergency
            && let Some(answer) = self.for_tracker(now, origin, draft, essentials)
        {
            return Err(answer);
        }
        let is_list = !is_emergency && self.guard_notify(now, origin, draft, other_owner(opened.dialog.as_ref()))?;
        if origin.standing() == Standing::Served && author == Author::Peer {
            by_network = match draft.method() {
                Some(Method::Register) => {
                    self.take_registering_ue(&policy, origin, draft, essentials)?;
                    None
                }
                _ => self.take_registered_ue(now, &policy, origin, draft, essentials, &opened)?,
            };
        }
        let to_tracker = !is_emergency && self.guard_request(origin, draft)?;
        let between = match is_emergency {
            true => None,
            false => self.between_peers(now, origin, draft, essentials, &opened, is_list || to_tracker)?,
        };
        //= PCSCF-030
        if let Some(shortest) = policy.pcscf.min_se.value {
            session::take(draft, shortest).map_err(Reject::ShortSession)?;
        }
        let (sender, responder) = self.remembered_sets(&policy, opened.dialog.as_ref(), essentials);
        let sender = match author {
            // Nobody says here what its party would, and what it said before was not kept.
            Author::Ourselves if !policy.privacy.dialog_sticky.value => NOT_KNOWN,
            Author::Ourselves | Author::Peer => sender,
        };
        let mut wanted = match is_emergency {
            true => Wanted::nothing(),
            false => Wanted::read(&policy, draft, origin.peer(), sender)?,
        };
        let responder = match &between {
            Some(between) => {
                wanted = Wanted::between_peers(between.called.clone());
                wanted.set
            }
            None => responder,
        };
        if is_list && between.is_none() {
            wanted = wanted.of_tracker();
        }
        if origin.standing() == Standing::Served {
            // Behind the reading: it is no word of the UE, which could take back what it asked for before.
            on_behalf::write(&policy, origin.peer(), draft);
        }
        self.counts.anomalies(wanted.anomalies);
        let stored = self.of_store(&policy, opened.dialog.as_ref(), sender, &wanted, essentials);
        lawful::check(
            &policy,
            origin.standing(),
            draft,
            essentials.to_tag().is_some(),
            &wanted,
        )?;
        let is_at_home = self.restore(draft, opened.dialog.as_ref(), kept)?;
        let call_id = self.other_call_id(draft, essentials, opened.dialog.as_ref(), is_at_home)?;
        let arrival = Arrival {
            listener: policy.entry_of(origin.flow().listener),
            standing: origin.standing(),
            dialog: leaves_by(&opened),
            in_dialog: opened.dialog.is_some(),
            by_network,
            given_out: revealed.gave_out(|| first_route(draft)),
        };
        let flow = opened.flow.or(between.as_ref().and_then(|between| between.flow));
        let targets = match flow {
            Some(flow) => Targets {
                list: vec![Target::of_flow(&flow)],
                by: ChosenBy::Message,
                fork: Fork::Failover,
                insists_on_udp: false,
            },
            None => self.towards(&policy, draft, arrival, opened.dialog.as_ref())?,
        };
        if let Some(between) = &between
            && between.has_keys()
            && !targets.list.iter().all(|target| self.may_carry_keys_by(target))
        {
            return Err(Reject::Media);
        }
        let begins = opened.dialog.is_none();
        let mut called = between.as_ref().map(|between| between.called.clone());
        if to_tracker && let Some(blind) = self.blind(now, origin, draft, &targets, kept)? {
            called = Some(Vec::new());
            wanted = blind;
        }
        let icid = opened.dialog.as_ref().and_then(|(memory, _)| memory.served.icid);
        let mut dialog = self.dialog(now, origin, draft, opened.dialog, wanted.said, &targets);
        if let Some((memory, _)) = dialog.as_mut().filter(|_| begins) {
            memory.called = called;
        }
        let peers = between.map(|between| {
            Box::new(OfPeers {
                offer: between.offer,
                id: between.id,
                to: draft.first(Name::To).unwrap_or_default().to_vec(),
            })
        });
        forward::count_hop(draft);
        let breadth = breadth::allowed(draft);
        breadth::share(draft, breadth);
        forward::strict_next_hop(draft);
        Ok(Plan {
            wanted,
            dialog,
            call_id,
            targets,
            responder,
            stored,
            peers,
            icid,
            loop_part,
            breadth,
        })
    }

    /// The second part of a branch of ours: the same when a request comes back unchanged.
    //= PROXY-004
    pub(super) fn loop_part(&self, draft: &Draft, essentials: &Essentials, origin: &Origin) -> u64 {
        use std::hash::Hasher;
        let mut hasher = siphasher::sip::SipHasher13::new_with_keys(self.keys.instance(), 0);
        // In one piece: each write has its price. The lengths keep apart what stands side by side.
        let mut text = Vec::with_capacity(512);
        let cseq_and_standing = u64::from(essentials.cseq) << 8 | origin.standing() as u64;
        text.extend_from_slice(&cseq_and_standing.to_le_bytes());
        let parts = [draft.request_uri(), essentials.call_id(), essentials.from_tag()];
        for part in parts.into_iter().chain(draft.rows(Name::Route)) {
            text.extend_from_slice(&(part.len() as u32).to_le_bytes());
            text.extend_from_slice(part);
        }
        hasher.write(&text);
        hasher.finish()
    }

    fn came_back(&self, draft: &Draft, loop_part: u64) -> bool {
        draft.rows(Name::Via).any(|row| {
            // Only rows that could hold a branch of ours are read.
            ClientBranch::stands_in(row)
                && list::values(row).any(|span| {
                    let Ok((via, _)) = Via::parse(span.of(row)) else {
                        return false;
                    };
                    let branch = via.branch().and_then(ClientBranch::parse);
                    branch.is_some_and(|branch| branch.loop_part == loop_part)
                        && self.own.named(via.host(), via.port()).is_some()
                })
        })
    }

    /// Takes our own values off the Route and opens the token in them.
    //= PROXY-007
    //= PROXY-008
    //= PRIV-141
    fn open_routes(
        &mut self,
        now: Now,
        origin: &Origin,
        draft: &mut Draft,
        essentials: &Essentials,
    ) -> Result<Opened, Reject> {
        self.undo_strict_router(draft);
        let mut opened = Opened {
            dialog: None,
            flow: None,
            side: None,
        };
        for _ in 0..2 {
            let Some(own) = self.own_route(draft) else { break };
            if let Some(token) = own.token {
                // The token of another time through here stays: it is for then.
                if opened.dialog.is_some() {
                    break;
                }
                match self.open_token(now, essentials, token) {
                    Ok(dialog) => opened.dialog = Some(dialog),
                    Err(Reject::ForeignToken) => {
                        let Ok(flow) = path::open(&self.keys, token) else {
                            self.counters.token_failures += 1;
                            self.counts.token(TokenOf::Route);
                            return Err(Reject::ForeignToken);
                        };
                        opened.flow = Some(self.path_of(now, origin, &flow)?);
                    }
                    Err(reject) => return Err(reject),
                }
            }
            opened.side = Some(own.side);
            forward::pop_first(draft, Name::Route);
        }
        Ok(opened)
    }

    /// A Request-URI that is a Record-Route of ours: a strict router put the real one at the end of the Route.
    fn undo_strict_router(&self, draft: &mut Draft) {
        // Told by its length first: it is rare, and a Request-URI is read often enough.
        if draft.request_uri().len() < restore::SEALED_BYTES_MIN || !draft.has(Name::Route) {
            return;
        }
        let Ok(uri) = Uri::parse(draft.request_uri()) else {
            return;
        };
        let is_ours = self.own.named(uri.host(), uri.port()).is_some();
        if !is_ours || !uri.lr() {
            return;
        }
        let Some((row, value)) = draft.rows_at(Name::Route).last() else {
            return;
        };
        let value = value.to_vec();
        let Some(last) = list::values(&value).last() else {
            return;
        };
        let Ok(target) = NameAddr::parse(last.of(&value)) else {
            return;
        };
        let route_back = draft.request_uri().to_vec();
        draft.set_request_uri(target.uri_bytes());
        if last.start() == 0 {
            draft.remove_row(row);
        } else {
            draft.set(
                row,
                &[value[..last.start()]
                    .trim_ascii_end()
                    .strip_suffix(b",")
                    .unwrap_or_default()],
            );
        }
        // As if the router had been loose, so that the value is taken off like any other.
        draft.insert_top(Name::Route, &[b"<", &route_back, b">"]);
    }

    fn own_route<'a>(&self, draft: &'a Draft) -> Option<OwnRoute<'a>> {
        let row = draft.first(Name::Route)?;
        if let Some(written) = self.own_route_as_written(row) {
            return Some(written);
        }
        let (route, _) = NameAddr::parse_first(row).ok()?;
        let uri = route.uri().ok()?;
        let own = self.own.named(uri.host(), uri.port())?;
        let transport = uri
            .transport()
            .and_then(crate::sip::Transport::from_name)
            .unwrap_or(crate::sip::Transport::Udp);
        let token = uri.user().filter(|user| restore::looks_sealed(user));
        Some(OwnRoute {
            side: Side {
                listener: own.bound.listener,
                transport,
            },
            token,
        })
    }

    /// A row that is nothing but a value of ours as we write it for UDP, which most are: told without reading all of a URI.
    fn own_route_as_written<'a>(&self, row: &'a [u8]) -> Option<OwnRoute<'a>> {
        let value = row.strip_prefix(b"<sip:")?.strip_suffix(b";lr>")?;
        let token_end = find(b'@', value)?;
        let own = self.own.written(&value[token_end + 1..])?;
        let token = Some(&value[..token_end]).filter(|token| restore::looks_sealed(token))?;
        Some(OwnRoute {
            side: Side {
                listener: own.bound.listener,
                transport: crate::sip::Transport::Udp,
            },
            token: Some(token),
        })
    }

    /// The flow behind a Path of ours, which only a node of T may use.
    //= TRUST-042
    //= PCSCF-022
    //= PCSCF-033
    fn path_of(&self, now: Now, origin: &Origin, flow: &SealedFlow) -> Result<Destination, Reject> {
        if !origin.is_trusted() {
            return Err(Reject::ForeignPath);
        }
        let instance = self.keys.instance();
        let (Some(destination), Some(key)) = (flow.destination(instance), flow.key(instance)) else {
            return Err(Reject::FlowGone);
        };
        let listener = self.policy.listeners.get(usize::from(flow.listener.0));
        let serves_ues = listener.is_some_and(|listener| listener.peers.value == PeersAre::Ue);
        match self.bindings.ue_of(key, now.unix) {
            Some(_) => Ok(destination),
            // A node sent the REGISTER, which knows itself who is registered.
            None if !serves_ues => Ok(destination),
            // Another run of the process knew who is there.
            None if flow.instance != instance => Err(Reject::FlowGone),
            None => Err(Reject::RegistrationOver),
        }
    }

    /// Puts in who a served UE is; nothing it says itself counts.
    //= PAI-001
    //= PAI-006
    //= PRIV-025
    //= PCSCF-020
    fn assert(&mut self, now: Now, policy: &Policy, origin: &Origin, draft: &mut Draft) -> Result<(), Reject> {
        if draft.method() == Some(Method::Register) {
            draft.remove(Name::PPreferredIdentity);
            return Ok(());
        }
        let Some(ue) = self.ue_of(now, policy, origin) else {
            //= ROLE-005
            // Who calls for help may do so unknown, and goes where the policy says, not where it says itself.
            if is_emergency(draft.request_uri()) {
                draft.remove_names(Name::PPreferredIdentity.bit() | Name::Route.bit());
                return Ok(());
            }
            return Err(Reject::Unregistered);
        };
        if !authentication::is_listed(ue.authenticated_by(), &policy.spec_t.user_authentication.value) {
            return Err(Reject::UnlistedAuthentication);
        }
        let asserted = assert::assert(draft, ue.identities(), assert::Terms::default());
        self.counts.asserted(asserted.map_err(|_| Reject::NoIdentity)?);
        Ok(())
    }

    fn open_token(
        &self,
        now: Now,
        essentials: &Essentials,
        token: &[u8],
    ) -> Result<(Box<DialogMemory>, Party), Reject> {
        let to_tag = essentials.to_tag().unwrap_or_default();
        let opened = DialogMemory::open(&self.keys, essentials.call_id(), essentials.from_tag(), to_tag, token);
        let (memory, party) = opened.map_err(|_| Reject::ForeignToken)?;
        let mut memory = Box::new(memory);
        //= PRIV-143
        let age = now.unix.saturating_sub(u64::from(memory.created));
        if age > self.policy.privacy.max_dialog_age.value.as_secs() {
            return Err(Reject::StaleToken);
        }
        // What was kept is for the messages of the other party; the hidden one goes on without.
        if !self.dialogs.fill(&mut memory) && party == Party::Other {
            return Err(Reject::StaleToken);
        }
        Ok((memory, party))
    }

    /// What the sender and the party that will answer gave when they entered this dialog.
    //= PRIV-020
    //= PRIV-130
    fn remembered_sets(
        &self,
        policy: &Policy,
        dialog: Option<&(Box<DialogMemory>, Party)>,
        essentials: &Essentials,
    ) -> (PrivacySet, PrivacySet) {
        let (Some((memory, party)), true) = (dialog, policy.privacy.dialog_sticky.value) else {
            return (PrivacySet::EMPTY, PrivacySet::EMPTY);
        };
        let other_tag = match party {
            Party::Creator => essentials.to_tag().unwrap_or_default(),
            Party::Other => essentials.from_tag(),
        };
        let other = memory.other.unwrap_or_else(|| {
            // No answering party yet, no memory of it.
            if other_tag.is_empty() {
                return PrivacySet::EMPTY;
            }
            self.remembered
                .of(essentials.call_id(), other_tag, memory, self.keys.instance())
        });
        let mut creator = memory.creator;
        let mut other = other;
        //= PRIV-131
        if policy.privacy.dialog_memory.value == DialogStore::Store {
            let creator_tag = match party {
                Party::Creator => essentials.from_tag(),
                Party::Other => essentials.to_tag().unwrap_or_default(),
            };
            let instance = self.keys.instance();
            let later = |tag| self.remembered.of(essentials.call_id(), tag, memory, instance);
            creator = creator.union(later(creator_tag));
            if !other_tag.is_empty() {
                other = other.union(later(other_tag));
            }
        }
        match party {
            Party::Creator => (creator, other),
            Party::Other => (other, creator),
        }
    }

    /// What a request has to do with the store: what it asks for beyond what is remembered goes in there at once.
    fn of_store(
        &mut self,
        policy: &Policy,
        dialog: Option<&(Box<DialogMemory>, Party)>,
        sender: PrivacySet,
        wanted: &Wanted,
        essentials: &Essentials,
    ) -> Option<Box<OfDialog>> {
        if policy.privacy.dialog_memory.value != DialogStore::Store {
            return None;
        }
        let Some((memory, _)) = dialog else {
            return Some(Box::default());
        };
        let created = u64::from(memory.created);
        if let Some(wider) = dialogs::widened(wanted.said, sender).filter(|_| policy.privacy.dialog_sticky.value) {
            let (call_id, tag) = (essentials.call_id(), essentials.from_tag());
            self.remembered.widen(call_id, tag, wider, created);
        }
        let (tag, other) = (essentials.from_tag(), essentials.to_tag().unwrap_or_default());
        let call = self.releases().then(|| self.call_key(essentials.call_id(), tag, other));
        Some(Box::new(OfDialog {
            stands: true,
            created,
            call,
            handles: memory.stored.into_iter().collect(),
        }))
    }

    /// The Call-ID a request of a dialog leaves with, when the parties of it know two: the token towards the one, the
    /// original towards the one who made it, and only where that one is known to be.
    //= PRIV-087
    //= PRIV-133
    fn other_call_id(
        &self,
        draft: &Draft,
        essentials: &Essentials,
        dialog: Option<&(Box<DialogMemory>, Party)>,
        is_at_home: bool,
    ) -> Result<Option<Vec<u8>>, Reject> {
        let Some((memory, party)) = dialog else { return Ok(None) };
        let Some(generation) = memory.call_id else {
            return Ok(None);
        };
        let shown = match party {
            Party::Creator => call_id::hide(&self.keys, generation, essentials.call_id()).ok_or(Reject::StaleToken)?,
            Party::Other if is_at_home => essentials.call_id().to_vec(),
            Party::Other => return Ok(None),
        };
        Ok(Some(shown).filter(|shown| draft.first(Name::CallId) != Some(shown)))
    }

    /// Towards the hidden party everything looks as it made it: To, Route, Request-URI. Tells whether the request is on its
    /// way to that party.
    //= PRIV-133
    fn restore(
        &mut self,
        draft: &mut Draft,
        dialog: Option<&(Box<DialogMemory>, Party)>,
        kept: &mut Kept,
    ) -> Result<bool, Reject> {
        if let Some((memory, Party::Other)) = dialog
            && let Some(record_route) = &memory.record_route
        {
            draft.insert_top(Name::Route, &[record_route]);
        }
        self.restore_target(draft)?;
        // The other party writes Request-URI and Route: unless they lead to the hidden party, the name stays hidden.
        let Some((memory, Party::Other)) = dialog else {
            return Ok(false);
        };
        let hides = memory.from.is_some() || memory.call_id.is_some();
        if !hides || memory.home != home(draft.request_uri(), draft.rows(Name::Route)) {
            return Ok(false);
        }
        if let (Some(from), Some((row, value))) = (&memory.from, draft.first_at(Name::To)) {
            kept.to = Some(value.to_vec());
            draft.set(row, &[from]);
        }
        Ok(true)
    }

    /// A Request-URI that is a Contact of ours becomes the one behind it.
    //= PRIV-083
    fn restore_target(&mut self, draft: &mut Draft) -> Result<(), Reject> {
        if draft.request_uri().len() < restore::SEALED_BYTES_MIN {
            return Ok(());
        }
        let Ok(uri) = Uri::parse(draft.request_uri()) else {
            return Ok(());
        };
        let Some(token) = uri.user().filter(|user| restore::looks_sealed(user)) else {
            return Ok(());
        };
        if self.own.named(uri.host(), uri.port()).is_none() {
            return Ok(());
        }
        match restore::contact(&self.keys, token) {
            Ok(target) if !is_malformed(&target) => {
                draft.set_request_uri(&target);
                Ok(())
            }
            // What its party wrote was no URI, and hidden all the same: it leads nowhere.
            Ok(_) => Err(Reject::NoTarget(NoTarget::Unusable)),
            Err(_) => {
                self.counters.token_failures += 1;
                self.counts.token(TokenOf::RequestUri);
                Err(Reject::ForeignToken)
            }
        }
    }

    /// What is to be remembered of the dialog this request opens or belongs to; `None`: it is not record-routed. For an ACK,
    /// which never is: the dialog whose token it brought.
    //= PROXY-013
    //= PRIV-136
    //= PRIV-139
    fn dialog(
        &self,
        now: Now,
        origin: &Origin,
        draft: &Draft,
        opened: Option<(Box<DialogMemory>, Party)>,
        said: PrivacySet,
        targets: &Targets,
    ) -> Option<(Box<DialogMemory>, Party)> {
        let forms = matches!(
            draft.method(),
            Some(Method::Invite | Method::Subscribe | Method::Refer | Method::Other)
        );
        let follows = matches!(draft.method(), Some(Method::Notify | Method::Ack)) && opened.is_some();
        if !forms && !follows {
            return None;
        }
        if opened.is_some() {
            return opened;
        }
        let target = targets.list.first()?;
        let arrived = Side {
            listener: origin.flow().listener,
            transport: origin.flow().transport,
        };
        let memory = Box::new(DialogMemory {
            creator: said,
            other: None,
            created: now.unix as u32,
            instance: self.keys.instance(),
            flows: [None, None],
            call_id: None,
            sides: [
                arrived,
                Side {
                    listener: target.listener,
                    transport: target.likely_transport(),
                },
            ],
            home: creators_home(draft),
            from: None,
            record_route: None,
            stored: None,
            served: Default::default(),
            called: None,
        });
        Some((memory, Party::Creator))
    }
}

/// Whom a request within a dialog is for, where that is a UE.
fn other_owner(dialog: Option<&(Box<DialogMemory>, Party)>) -> Option<u64> {
    let (memory, party) = dialog?;
    memory.served.owners[party.other().place()]
}

/// The Route value that leads on.
fn first_route(draft: &Draft) -> Option<&[u8]> {
    let row = draft.first(Name::Route)?;
    list::values(row).next().map(|span| span.of(row))
}

struct OwnRoute<'a> {
    side: Side,
    token: Option<&'a [u8]>,
}

/// Digest of a remote target and of the route set in front of it. It travels sealed, so nobody can aim at it.
fn home<'a>(target: &[u8], rows: impl Iterator<Item = &'a [u8]>) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0, 0);
    target.hash(&mut hasher);
    for row in rows {
        for span in list::values(row) {
            NameAddr::parse(span.of(row))
                .ok()
                .map(|route| route.uri_bytes())
                .hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Where the party that opens a dialog with this request will be found.
fn creators_home(draft: &Draft) -> u64 {
    let contact = draft
        .first(Name::Contact)
        .and_then(|contact| NameAddr::parse(contact).ok());
    home(
        contact.map_or(b"", |contact| contact.uri_bytes()),
        draft.rows(Name::RecordRoute),
    )
}

/// The side a request of a dialog leaves by: the other party's, as the token says.
fn leaves_by(opened: &Opened) -> Option<(crate::policy::ListenerId, crate::sip::Transport)> {
    let side = match &opened.dialog {
        Some((memory, Party::Creator)) => Some(memory.sides[1]),
        Some((memory, Party::Other)) => Some(memory.sides[0]),
        None => opened.side,
    };
    side.map(|side| (side.listener, side.transport))
}
