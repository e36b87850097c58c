//! How a UE that registers shows who it is, as far as that can be seen from here: SPEC(T) item 1.

use crate::policy::spec_t::UserAuthentication;
use crate::sip::headers::credentials;
use crate::sip::{Draft, Name};

/// What a REGISTER that a registrar of T accepted was sent with. `None`: nothing that is seen here, so the registrar's word
/// alone counts.
///
/// The algorithm is the UE's word; the registrar has computed the response by it, or would not have accepted it.
//= TRUST-002
//= TRUST-002 type=exception reason=a registration that a registrar of T accepts without credentials counts as authenticated by it: what it went by is not seen here
pub fn of_register(draft: &Draft, proved_by_certificate: bool) -> Option<UserAuthentication> {
    let digest = draft.rows(Name::Authorization).find_map(credentials::digest);
    match digest {
        Some(params) => {
            let algorithm = params.find(b"algorithm").unwrap_or_default();
            let is_aka = algorithm
                .get(..4)
                .is_some_and(|head| head.eq_ignore_ascii_case(b"AKAv"));
            Some(match is_aka {
                true => UserAuthentication::ImsAka,
                false => UserAuthentication::SipDigest,
            })
        }
        None => proved_by_certificate.then_some(UserAuthentication::TlsClientCert),
    }
}

/// Whether the policy lets identities be asserted for who registered so.
//= TRUST-002
pub fn is_listed(by: Option<UserAuthentication>, listed: &[UserAuthentication]) -> bool {
    by.is_none_or(|by| listed.contains(&by) || listed.contains(&UserAuthentication::None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::draft;

    //= TRUST-002 type=test
    #[test]
    fn the_scheme_and_its_algorithm_tell() {
        for (row, by) in [
            (
                "Digest username=\"a\", algorithm=AKAv1-MD5, nonce=\"\"",
                Some(UserAuthentication::ImsAka),
            ),
            (
                "digest algorithm=\"akav2-SHA-256\",username=a",
                Some(UserAuthentication::ImsAka),
            ),
            (
                "Digest username=\"algorithm=AKAv1-MD5\"",
                Some(UserAuthentication::SipDigest),
            ),
            (
                "Digest username=\"a\", Algorithm = SHA-256",
                Some(UserAuthentication::SipDigest),
            ),
            ("Basic YWJj", None),
        ] {
            let draft = draft(&format!("REGISTER sip:h SIP/2.0\r\nAuthorization: {row}\r\n\r\n"));
            assert_eq!(of_register(&draft, false), by, "{row}");
        }
        let bare = draft("REGISTER sip:h SIP/2.0\r\n\r\n");
        assert_eq!(of_register(&bare, true), Some(UserAuthentication::TlsClientCert));
    }
}
