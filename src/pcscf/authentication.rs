//! How a UE that registers shows who it is, as far as that can be seen from here: SPEC(T) item 1.

use crate::policy::spec_t::UserAuthentication;
use crate::sip::headers::credentials;
use crate::sip::{Draft, Name};

/// What a REGISTER that a registrar of T accepted was sent with. `None`: nothing that is seen here, so the registrar's word
/// alone counts.
///
/// The algorithm is the UE's word; the registrar has computed the response by it, or would not have accepted it. Of several
/// credentials nobody here knows which one it looked at, so the weakest counts; those of another scheme count as none.
//= TRUST-002
//= TRUST-002 type=exception reason=a registration that a registrar of T accepts without credentials counts as authenticated by it: what it went by is not seen here
pub fn of_register(draft: &Draft, proved_by_certificate: bool) -> Option<UserAuthentication> {
    let shown = draft.rows(Name::Authorization).map(method);
    let by_certificate = || proved_by_certificate.then_some(UserAuthentication::TlsClientCert);
    shown.max_by_key(|by| weakness(*by)).or_else(by_certificate)
}

/// Who a REGISTER says it is to the registrar, when it says one thing only.
pub fn private_identity(draft: &Draft) -> Option<Vec<u8>> {
    let mut shown = draft.rows(Name::Authorization).filter_map(credentials::digest);
    let mut names = shown.next()?.find_all(b"username");
    let name = names.next()?;
    (names.next().is_none() && shown.next().is_none()).then(|| name.to_vec())
}

fn method(credentials: &[u8]) -> UserAuthentication {
    let Some(params) = credentials::digest(credentials) else {
        return UserAuthentication::None;
    };
    let is_aka = |name: &[u8]| name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"AKAv"));
    let mut algorithms = params.find_all(b"algorithm").peekable();
    match algorithms.peek().is_some() && algorithms.all(is_aka) {
        true => UserAuthentication::ImsAka,
        false => UserAuthentication::SipDigest,
    }
}

fn weakness(by: UserAuthentication) -> u8 {
    match by {
        UserAuthentication::ImsAka => 0,
        UserAuthentication::TlsClientCert => 1,
        UserAuthentication::SipDigest => 2,
        UserAuthentication::None => 3,
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
            ("Basic YWJj", Some(UserAuthentication::None)),
            // What one reader takes for AKA and another for less.
            (
                "Digest algorithm=AKAv1-MD5, algorithm=MD5",
                Some(UserAuthentication::SipDigest),
            ),
            (
                "Digest algorithm=AKAv1-MD5\r\nAuthorization: Digest algorithm=MD5",
                Some(UserAuthentication::SipDigest),
            ),
            (
                "Digest algorithm=AKAv1-MD5\r\nAuthorization: Bearer x",
                Some(UserAuthentication::None),
            ),
        ] {
            let draft = draft(&format!("REGISTER sip:h SIP/2.0\r\nAuthorization: {row}\r\n\r\n"));
            assert_eq!(of_register(&draft, false), by, "{row}");
        }
        let bare = draft("REGISTER sip:h SIP/2.0\r\n\r\n");
        assert_eq!(of_register(&bare, true), Some(UserAuthentication::TlsClientCert));
    }
}
