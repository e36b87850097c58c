//! Identities by which their users are not to be known.

use crate::policy::Policy;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{self, Uri};
use crate::sip::{Draft, Name};

/// Whether a REGISTER is for a pseudonym that the policy lists.
//= LI-014
pub fn is_registered(policy: &Policy, draft: &Draft) -> bool {
    let to = draft.first(Name::To).and_then(|to| NameAddr::parse(to).ok());
    let Some(Ok(to)) = to.map(|to| to.uri()) else {
        return false;
    };
    policy.pcscf.pseudonyms.iter().any(|listed| {
        let listed = Uri::parse(listed.value.as_bytes());
        listed.is_ok_and(|listed| uri::equal(&listed, &to))
    })
}
