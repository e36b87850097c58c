//! Whom the law wants known: strangers that open something without an identity anybody vouches for.

use super::wanted::{PrivacySet, Wanted};
use crate::policy::Policy;
use crate::policy::lawful::Admission;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::is_emergency;
use crate::sip::{Draft, Method, Name};
use crate::trust::Standing;

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("a stranger hides who it is, and nobody vouches for it")]
    Anonymous {
        /// 433 or 403.
        code: u16,
    },
    #[error("nobody vouches for a stranger, and the policy wants an identity")]
    Unidentified,
}

/// Checks a request after its claims were taken out and before it is sent anywhere. What belongs to something that stands
/// already, ends it, registers or calls for help is always admitted.
//= LI-001
//= LI-004
//= LI-005
pub fn check(policy: &Policy, standing: Standing, draft: &Draft, to_tag: bool, wanted: &Wanted) -> Result<(), Unknown> {
    let lawful = &policy.lawful_interception;
    let rejects = |admission: Admission| admission == Admission::Reject;
    let (hidden, unknown) = (
        rejects(lawful.anonymous_without_identity.value),
        rejects(lawful.unidentified.value),
    );
    if !hidden && !unknown {
        return Ok(());
    }
    let exempt = matches!(
        draft.method(),
        None | Some(Method::Ack | Method::Cancel | Method::Register)
    );
    let vouched_for = standing != Standing::Untrusted || draft.has(Name::PAssertedIdentity);
    if to_tag || exempt || vouched_for || is_emergency(draft.request_uri()) {
        return Ok(());
    }
    if hidden && is_anonymous(draft, wanted) {
        return Err(Unknown::Anonymous {
            code: lawful.reject_code.value as u16,
        });
    }
    match unknown {
        true => Err(Unknown::Unidentified),
        false => Ok(()),
    }
}

/// Whether a request hides who sends it: by its From, or by asking for it.
//= LI-002
fn is_anonymous(draft: &Draft, wanted: &Wanted) -> bool {
    const HOST: &[u8] = b"anonymous.invalid";
    if wanted.said.has(PrivacySet::ID.union(PrivacySet::USER)) {
        return true;
    }
    let Some(from) = draft.first(Name::From).and_then(|from| NameAddr::parse(from).ok()) else {
        return false;
    };
    let name = from.display().unwrap_or_default();
    let unquoted = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
    if unquoted.unwrap_or(name).eq_ignore_ascii_case(b"anonymous") {
        return true;
    }
    from.uri().is_ok_and(|uri| {
        let host = uri.host();
        let start = host.len().saturating_sub(HOST.len());
        host[start..].eq_ignore_ascii_case(HOST) && (start == 0 || host[start - 1] == b'.')
    })
}
