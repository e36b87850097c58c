//! A challenge to a UE of ours: the session keys in it are for this node.

use super::branches::Challenge;
use super::reject::Reject;
use super::transactions::Id;
use super::{Engine, Now};
use crate::pcscf::keys::{self, Taken};
use crate::policy::spec_t::UserAuthentication;
use crate::sip::{Draft, Method, Name};
use crate::trust::Standing;

impl Engine {
    /// Takes the keys out of a 401 to the REGISTER of a served UE. `false`: they are not whole, and the UE, which could not be
    /// served with that, has been told so.
    ///
    /// Nothing of them is kept: what would take them from here is the security agreement.
    //= PCSCF-005
    pub(super) fn take_keys(&mut self, now: Now, id: Id, draft: &mut Draft, challenges: &mut Vec<Challenge>) -> bool {
        let Some(server) = self.transactions.server(id) else {
            return true;
        };
        if server.method != Method::Register || server.origin.standing() != Standing::Served {
            return true;
        }
        let asked = server.work.as_ref().and_then(|work| work.asked.as_ref());
        let uses_aka = asked.is_some_and(|asked| asked.authenticated_by() == Some(UserAuthentication::ImsAka));
        let is_whole = match keys::take(draft) {
            Taken::Keys(_) => true,
            Taken::None => !uses_aka,
            Taken::Incomplete => false,
        };
        challenges.retain_mut(|(name, value)| {
            let kept = match name {
                Name::WwwAuthenticate => keys::without(value),
                _ => return true,
            };
            kept.map(|kept| *value = kept).is_some()
        });
        if !is_whole {
            self.refuse_as_received(now, id, &Reject::NoSessionKeys);
        }
        is_whole
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
