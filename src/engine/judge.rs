//! One message judged alone: the rules of the engine without its transactions, dialogs and registrations.
//!
//! For `explain`, and for what `replay` finds in a capture. Admit, decide and clear are those of the engine; what only a
//! running node knows (who is registered, which transaction waits, what a token of ours holds) is not looked at, but for what
//! hides the inside of the network, where somebody brings the keys; no route is
//! chosen and no dialog is record-routed. So a message of a served UE leaves without the identity that its registration
//! would assert.

use bytes::Bytes;

use super::event::{Drop, What};
use super::reject::Reject;
use crate::policy::{Policy, StatedBy};
use crate::privacy::call_id::CallId;
use crate::privacy::gate::{Gate, Request, Response};
use crate::privacy::{Action, Decision, Notes, Outgoing, Passes, PrivacySet, Wanted, admit};
use crate::proxy::{breadth, check, forward, roles};
use crate::rule::Rule;
use crate::seal::Keys;
use crate::sip::parse::{Carrier, parse};
use crate::sip::{Draft, Essentials, Message, Method, Name};
use crate::topology::open::open;
use crate::topology::token::{Tokens, Unopenable};
use crate::transaction::ClientBranch;
use crate::trust::{Destination, Flow, Hop, Origin, Own, OwnAddresses, Standing, UntrustedKind};

/// What messages are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    pub policy: &'a Policy,
    pub keys: &'a Keys,
    /// Our addresses; the hop's listener needs one of the hop's transport and family.
    pub own: &'a OwnAddresses,
    /// What this network hid is opened with these. `None`: it stays hidden.
    pub opens: Option<&'a Keys>,
}

/// What was found about one message.
#[derive(Debug, Clone)]
pub struct Judgement {
    pub what: What,
    pub origin: Origin,
    pub hop: Hop,
    /// What the message itself asks for.
    pub said: PrivacySet,
    /// What counts for it: said here, or remembered of its originator.
    pub set: PrivacySet,
    /// What its origin had no right to say.
    pub admitted: Vec<Decision>,
    /// What its hop may not see, or may.
    pub cleared: Vec<Decision>,
    pub outcome: Outcome,
}

/// What becomes of it.
#[derive(Debug, Clone)]
pub enum Outcome {
    Cleared(Outgoing),
    Refused(Reject),
    /// It goes no further, without an answer.
    Dropped(Drop),
}

impl Judge<'_> {
    /// Judges a message as it was received: `from` its sender, `to` the next hop (of a response: the hop back).
    ///
    /// `remembered`: what its originator gave when it entered the dialog; empty outside one.
    pub fn judge(
        &self,
        bytes: Bytes,
        carrier: Carrier,
        from: Flow,
        to: Destination,
        remembered: PrivacySet,
    ) -> Judgement {
        match parse(bytes, carrier, &super::parse_limits(self.policy)) {
            Ok(message) => self.message(message, from, to, remembered),
            Err(refused) => {
                let method = refused.message.as_ref().and_then(Message::method);
                let what = refused.message.as_ref().map_or(What::Unreadable, super::what);
                let outcome = match method {
                    None | Some(Method::Ack) => Outcome::Dropped(Drop::Unanswerable),
                    Some(_) => Outcome::Refused(Reject::Unparsable(refused.error)),
                };
                let origin = Origin::judge(self.policy, from);
                let hop = Hop::judge(self.policy, to);
                Judgement::new(what, origin, hop, outcome)
            }
        }
    }

    /// Judges a message that was read already.
    pub fn message(&self, message: Message, from: Flow, to: Destination, remembered: PrivacySet) -> Judgement {
        let origin = Origin::judge(self.policy, from);
        match message.method() {
            Some(method) => self.request(message, method, origin, to, remembered),
            None => self.response(message, origin, to, remembered),
        }
    }

    fn request(
        &self,
        message: Message,
        method: Method,
        origin: Origin,
        to: Destination,
        remembered: PrivacySet,
    ) -> Judgement {
        let hop = Hop::judge(self.policy, to);
        let nothing = Outcome::Dropped(Drop::Unanswerable);
        let mut judgement = Judgement::new(What::Request(method), origin, hop, nothing);
        let mut notes = Notes::on();
        let outcome = match Essentials::read(&message) {
            Err(fault) => Err(Reject::Faulty {
                fault,
                method_known: method != Method::Other,
            }),
            Ok(essentials) => {
                let draft = Draft::from(message);
                self.forward(&mut judgement, draft, &essentials, remembered, &mut notes)
            }
        };
        judgement.cleared = notes.take();
        judgement.outcome = match outcome {
            Ok(outgoing) => Outcome::Cleared(outgoing),
            Err(_) if method == Method::Ack => Outcome::Dropped(Drop::AckNowhere),
            Err(reject) => Outcome::Refused(reject),
        };
        judgement
    }

    fn forward(
        &self,
        judgement: &mut Judgement,
        mut draft: Draft,
        essentials: &Essentials,
        remembered: PrivacySet,
        notes: &mut Notes,
    ) -> Result<Outgoing, Reject> {
        let origin = judgement.origin;
        let revealed = self.reveal(&origin, &mut draft).map_err(|_| Reject::HiddenToken)?;
        let to = super::event::standing_of(&judgement.hop);
        forward::mark_via(&mut draft, &essentials.via, origin.flow().remote);
        judgement.admitted = revealed;
        judgement.admitted.extend(self.admit(&origin, &mut draft));
        let understands_privacy = !self.policy.privacy.values.value.is_empty();
        check::check(&draft)?;
        check::extensions(&draft, origin.standing(), understands_privacy)?;
        breadth::check(&draft)?;
        let wanted = Wanted::read(self.policy, &draft, origin.peer(), remembered)?;
        (judgement.said, judgement.set) = (wanted.said, wanted.set);
        forward::count_hop(&mut draft);
        let allowed = breadth::allowed(&draft);
        breadth::share(&mut draft, allowed);
        if !roles::plays(self.policy, origin.standing(), to) {
            return Err(Reject::RoleOff);
        }
        let hop = judgement.hop;
        let own = self.own_towards(hop.destination()).ok_or(Reject::Unreachable)?;
        let branch = BRANCH.text();
        let request = Request {
            hop,
            own,
            wanted: &wanted,
            branch: &branch,
            dialog: None,
            call_id: CallId::of(&draft, essentials),
            draft,
            nonce: NONCE,
        };
        let (outgoing, _) = self.gate().request(request, notes)?;
        Ok(outgoing)
    }

    fn response(&self, message: Message, origin: Origin, to: Destination, remembered: PrivacySet) -> Judgement {
        // Who gets the response sent the request.
        let asked = Origin::judge(
            self.policy,
            Flow {
                listener: to.listener,
                transport: to.transport,
                local: origin.flow().local,
                remote: to.remote,
                connection: to.connection,
                certified: to.certified,
            },
        );
        let hop = Hop::back(self.policy, &asked, to);
        let dropped = |what| Judgement::new(what, origin, hop, Outcome::Dropped(Drop::Unanswerable));
        let Ok(essentials) = Essentials::read(&message) else {
            return dropped(super::what(&message));
        };
        let what = What::Response {
            status: message.status(),
            to: essentials.cseq_method,
        };
        let mut judgement = dropped(what);
        let mut draft = Draft::from(message);
        let Ok(revealed) = self.reveal(&origin, &mut draft) else {
            judgement.outcome = Outcome::Dropped(Drop::HiddenToken);
            return judgement;
        };
        judgement.admitted = revealed;
        judgement.admitted.extend(self.admit(&origin, &mut draft));
        // What cannot be read in a response asks for privacy; a response is never refused.
        let wanted = Wanted::read(self.policy, &draft, origin.peer(), remembered).unwrap_or(Wanted {
            set: PrivacySet::ID.union(remembered),
            said: PrivacySet::ID,
            unprovidable: Default::default(),
            leave_header: true,
            anomalies: Default::default(),
            passes: Passes::Everything,
        });
        (judgement.said, judgement.set) = (wanted.said, wanted.set);
        let Some(own) = self.own_towards(hop.destination()) else {
            return judgement;
        };
        let response = Response {
            // A recorded dialog has no Record-Route of ours, so all of it is of others.
            shows_way: wanted.set.has(PrivacySet::HEADER) && draft.has(Name::RecordRoute),
            draft,
            hop,
            own,
            other_own: self
                .own
                .at(origin.flow().listener, origin.flow().transport, origin.flow().local),
            wanted: &wanted,
            nonce: NONCE,
        };
        let mut notes = Notes::on();
        judgement.outcome = Outcome::Cleared(self.gate().response(response, &mut notes));
        judgement.cleared = notes.take();
        judgement
    }

    /// Opens what this network hid, where the keys for it are at hand.
    //= THIG-007
    fn reveal(&self, origin: &Origin, draft: &mut Draft) -> Result<Vec<Decision>, Unopenable> {
        let keys = self.opens.filter(|_| origin.standing() != Standing::Served);
        let Some(tokens) = keys.and_then(|keys| Tokens::of(self.policy, keys)) else {
            return Ok(Vec::new());
        };
        let mut notes = Notes::on();
        let revealed = open(draft, &tokens)?;
        notes.note_set(revealed.fields, Action::Restored, Rule::THIG_007);
        Ok(notes.take())
    }

    fn admit(&self, origin: &Origin, draft: &mut Draft) -> Vec<Decision> {
        let mut notes = Notes::on();
        admit::admit(self.policy, origin, draft, &mut notes);
        // Who asserts would read it as a hint and take it out.
        if origin.standing() == Standing::Served && draft.remove(Name::PPreferredIdentity) > 0 {
            notes.note(
                Name::PPreferredIdentity,
                Action::Removed,
                Rule::PAI_003,
                StatedBy::Default,
            );
        }
        notes.take()
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            policy: self.policy,
            keys: self.keys,
        }
    }

    fn own_towards(&self, destination: &Destination) -> Option<&Own> {
        self.own
            .of(destination.listener, destination.transport, destination.remote.ip())
    }
}

impl Judgement {
    fn new(what: What, origin: Origin, hop: Hop, outcome: Outcome) -> Judgement {
        Judgement {
            what,
            origin,
            hop,
            said: PrivacySet::EMPTY,
            set: PrivacySet::EMPTY,
            admitted: Vec::new(),
            cleared: Vec::new(),
            outcome,
        }
    }

    /// The standing of the hop, in the words used for origins.
    pub fn hop_standing(&self) -> Standing {
        match &self.hop {
            Hop::Trusted(_) => Standing::Trusted,
            Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served => Standing::Served,
            Hop::Untrusted(_) => Standing::Untrusted,
        }
    }
}

/// Nothing judged here is sent, so nothing needs to be unique; the same message gives the same bytes.
const BRANCH: ClientBranch = ClientBranch {
    slot: u32::MAX,
    nonce: 0,
    loop_part: 0,
};
const NONCE: [u8; 12] = [0; 12];
