//! A challenge to a UE of ours: the session keys in it are for this node.

use super::branches::Challenge;
use super::reject::Reject;
use super::transactions::Id;
use super::{Engine, Now};
use crate::pcscf::keys::{self, Taken};
use crate::policy::spec_t::UserAuthentication;
use crate::sip::{Draft, Method, Name};
use crate::trust::{Origin, Standing};

impl Engine {
    /// Takes the keys out of a 401 to the REGISTER of a served UE; security associations are made of them, where the UE is to
    /// have some. `false`: it could not be served with that, and has been told so.
    //= PCSCF-005
    pub(super) fn take_keys(
        &mut self,
        now: Now,
        id: Id,
        origin: &Origin,
        draft: &mut Draft,
        challenges: &mut Vec<Challenge>,
    ) -> bool {
        let Some(server) = self.transactions.server(id) else {
            return true;
        };
        if server.method != Method::Register || server.origin.standing() != Standing::Served {
            return true;
        }
        let asked = server.work.as_ref().and_then(|work| work.asked.as_ref());
        let uses_aka = asked.is_some_and(|asked| asked.authenticated_by() == Some(UserAuthentication::ImsAka));
        let (keys, is_whole) = match keys::take(draft) {
            Taken::Keys(keys) => (Some(keys), true),
            Taken::None => (None, !uses_aka),
            Taken::Incomplete => (None, false),
        };
        challenges.retain_mut(|(name, value)| {
            let kept = match name {
                Name::WwwAuthenticate => keys::without(value),
                _ => return true,
            };
            kept.map(|kept| *value = kept).is_some()
        });
        let keys = keys.as_ref().filter(|_| origin.is_trusted());
        let goes_on = match is_whole {
            true if self.security.is_some() => self.challenge(now, id, keys, draft),
            true => Ok(()),
            false => Err(Reject::NoSessionKeys),
        };
        if let Err(reject) = &goes_on {
            self.refuse_as_received(now, id, reject);
        }
        goes_on.is_ok()
    }

    /// Answers a request that was sent on already.
    pub(super) fn refuse_as_received(&mut self, now: Now, id: Id, reject: &Reject) {
        let Some(server) = self.transactions.server(id) else {
            return;
        };
        let received_to = server.kept.as_ref().and_then(|kept| kept.to.clone());
        let Some(draft) = server.work.as_ref().map(|work| work.draft.clone()) else {
            return;
        };
        self.refuse(now, id, &draft, received_to.as_deref(), reject);
    }
}
