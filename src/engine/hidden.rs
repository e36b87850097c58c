//! What neighbours bring back of this network's inside: opened before anything is decided, and counted where it does not open.

use super::Engine;
use super::counts::TokenOf;
use super::reject::Reject;
use super::transactions::Kept;
use crate::policy::PeerId;
use crate::sip::parse::{Carrier, parse};
use crate::sip::{Draft, Message, Name};
use crate::topology::open::{Revealed, open};
use crate::topology::token::{Tokens, names_somebody};
use crate::trust::{Origin, Standing};

impl Engine {
    /// How many messages of a peer held a token of ours that did not open; `None`: of all who are not listed.
    //= THIG-008
    pub fn unopened(&self, peer: Option<PeerId>) -> u64 {
        self.unopened.count(peer)
    }

    /// Opens in a request what this network hid, before anything is read from it. What its sender wrote as Via is kept for the
    /// answers: they show it that and nothing else.
    //= THIG-007
    //= THIG-008
    //= THIG-011
    pub(super) fn open_hidden(
        &mut self,
        origin: &Origin,
        draft: &mut Draft,
        kept: &mut Kept,
    ) -> Result<Revealed, Reject> {
        let Some(tokens) = self.tokens(origin) else {
            return Ok(Revealed::default());
        };
        kept.vias = Some(draft.rows(Name::Via).map(<[u8]>::to_vec).collect());
        open(draft, &tokens).map_err(|_| {
            self.note_unopened(origin);
            Reject::HiddenToken
        })
    }

    /// The same of a response. `None`: it goes no further.
    //= THIG-007
    //= THIG-008
    pub(super) fn open_hidden_in_response(&mut self, origin: &Origin, message: Message) -> Option<Message> {
        let Some(tokens) = self.tokens(origin) else {
            return Some(message);
        };
        if !message.all_rows().any(|(_, _, value)| names_somebody(value)) {
            return Some(message);
        }
        let mut draft = Draft::from(message.clone());
        match open(&mut draft, &tokens) {
            Ok(revealed) if revealed.fields == 0 => Some(message),
            // What stands in the place of tokens is shorter than they were, so it is within every limit they were in.
            Ok(_) => parse(draft.to_bytes(), Carrier::Datagram, &self.limits).ok(),
            Err(_) => {
                self.note_unopened(origin);
                None
            }
        }
    }

    /// What opens tokens that this origin may bring. A UE never got one, and gets none opened for somebody else.
    //= THIG-001
    //= THIG-005
    fn tokens(&self, origin: &Origin) -> Option<Tokens<'_>> {
        match origin.standing() {
            Standing::Served => None,
            Standing::Trusted | Standing::Untrusted => Tokens::of(&self.policy, &self.keys),
        }
    }

    fn note_unopened(&mut self, origin: &Origin) {
        self.counters.token_failures += 1;
        self.counts.token(TokenOf::Hidden);
        if let Some(count) = self.unopened.add(origin.peer()) {
            tracing::warn!(
                peer = self.name_of(origin),
                count,
                "messages with a hidden value that does not open: another network's key, an old key, or somebody tries"
            );
        }
    }
    /// What the policy calls the peer that something came from.
    pub(super) fn name_of(&self, origin: &Origin) -> Option<&str> {
        let peer = self.policy.peers.get(usize::from(origin.peer()?.0))?;
        Some(&peer.name.value)
    }
}
