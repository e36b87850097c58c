//! `integrity-protected` in Authorization: the P-CSCF's word to the registrar, never the sender's.

use super::authentication;
use super::register::RegisteredUe;
use super::security::Protection;
use crate::policy::spec_t::UserAuthentication;
use crate::sip::headers::credentials::{self, Left};
use crate::sip::headers::grammar::trim;
use crate::sip::{Draft, Name};

const CLAIM: &[u8] = b"integrity-protected";
const SCHEME: &[u8] = b"Digest";

/// Takes out of a REGISTER what its sender claims about its own protection.
///
/// A row in which the words still stand afterwards is read differently by different readers, and goes as a whole.
//= PCSCF-004
pub fn unclaim(draft: &mut Draft) {
    let claims: Vec<_> = draft
        .rows_at(Name::Authorization)
        .filter(|(_, value)| mentions(value))
        .map(|(row, value)| (row, credentials::without(value, &[CLAIM])))
        .collect();
    for (row, left) in claims.into_iter().rev() {
        match left {
            Left::Without(value) if !mentions(&value) => draft.set(row, &[&value]),
            _ => draft.remove_row(row),
        }
    }
}

/// Writes our own word into the credentials of a REGISTER; without credentials there is none.
///
/// In front of their other parameters: behind an open quote it would be text.
//= PCSCF-004
pub fn claim(draft: &mut Draft, protection: Protection) {
    let word: &[u8] = match protection {
        Protection::Yes => b" integrity-protected=\"yes\", ",
        Protection::No => b" integrity-protected=\"no\", ",
        Protection::TlsYes => b" integrity-protected=\"tls-yes\", ",
        Protection::TlsPending => b" integrity-protected=\"tls-pending\", ",
    };
    let rows: Vec<_> = draft
        .rows_at(Name::Authorization)
        .filter(|(_, value)| credentials::digest(value).is_some())
        .map(|(row, value)| (row, trim(value).to_vec()))
        .collect();
    for (row, value) in rows {
        let (scheme, params) = value.split_at(SCHEME.len());
        draft.set(row, &[scheme, word, trim(params)]);
    }
}

/// The word for a REGISTER with SIP digest over TLS. `known`: who is registered over its connection already. `None`: of one
/// that shows nothing, or something else, nothing is said.
//= PCSCF-004
//= PCSCF-004 type=exception reason=ip-assoc-yes and ip-assoc-pending are not claimed: an address that nothing protects proves nobody
//= AKA-030
pub fn by_tls(draft: &Draft, known: Option<&RegisteredUe>) -> Option<Protection> {
    if authentication::of_register(draft, false) != Some(UserAuthentication::SipDigest) {
        return None;
    }
    let private_identity = authentication::private_identity(draft)?;
    if known.is_some_and(|known| known.is_owned_by(&private_identity)) {
        return Some(Protection::TlsYes);
    }
    let digest = draft.rows(Name::Authorization).find_map(credentials::digest)?;
    let answers = digest.find_all(b"response").any(|response| !response.is_empty());
    answers.then_some(Protection::TlsPending)
}

fn mentions(value: &[u8]) -> bool {
    value.windows(CLAIM.len()).any(|text| text.eq_ignore_ascii_case(CLAIM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::draft;

    fn left(rows: &[&str]) -> Vec<String> {
        let rows: String = rows.iter().map(|row| format!("Authorization: {row}\r\n")).collect();
        let mut draft = draft(&format!("REGISTER sip:home1.example SIP/2.0\r\n{rows}\r\n"));
        unclaim(&mut draft);
        draft
            .rows(Name::Authorization)
            .map(|row| String::from_utf8_lossy(row).into_owned())
            .collect()
    }

    //= PCSCF-004 type=test
    #[test]
    fn what_the_sender_claims_goes() {
        for claimed in [
            "Digest username=\"a,b\", integrity-protected=\"yes\", uri=\"sip:x\"",
            "Digest integrity-protected=yes,username=\"a,b\",Integrity-Protected = \"tls-yes\" , uri=\"sip:x\"",
            "Digest\r\n username=\"a,b\",\r\n uri=\"sip:x\",\r\n INTEGRITY-PROTECTED\r\n =\"yes\"",
        ] {
            assert_eq!(
                left(&[claimed]),
                ["Digest username=\"a,b\", uri=\"sip:x\""],
                "{claimed}"
            );
        }
    }

    //= PCSCF-004 type=test
    #[test]
    fn a_row_that_can_be_read_in_two_ways_goes_as_a_whole() {
        for row in [
            "Digest username=\"a, integrity-protected=\"yes\"",
            "Digest username=\"a\\\", integrity-protected=\"yes",
            "Digest,integrity-protected=\"yes\", uri=\"sip:x\"",
            "Digest uri=\"sip:x\";integrity-protected=\"yes\"",
            "Digest integrity-protected\0=\"yes\"",
        ] {
            let kept = "Digest username=\"b\"";
            assert_eq!(left(&[row, kept]), [kept], "{row}");
        }
    }

    //= MSG-009 type=test
    #[test]
    fn a_row_without_a_claim_stays_as_it_is() {
        let odd = "Digest  a=1 ,b=\"2";
        assert_eq!(left(&[odd]), [odd]);
    }

    //= PCSCF-004 type=test
    #[test]
    fn our_word_stands_in_front() {
        for (row, said) in [
            (
                "Digest  username=\"a\", uri=\"",
                "Digest integrity-protected=\"no\", username=\"a\", uri=\"",
            ),
            ("digest\r\n a=1", "digest integrity-protected=\"no\", a=1"),
            ("Basic YQ==", "Basic YQ=="),
        ] {
            let mut draft = draft(&format!("REGISTER sip:x SIP/2.0\r\nAuthorization: {row}\r\n\r\n"));
            claim(&mut draft, Protection::No);
            assert_eq!(draft.first(Name::Authorization), Some(said.as_bytes()), "{row}");
        }
        let mut none = draft("REGISTER sip:x SIP/2.0\r\n\r\n");
        claim(&mut none, Protection::Yes);
        assert!(!none.has(Name::Authorization));
    }

    proptest::proptest! {
        //= PCSCF-004 type=test
        #[test]
        fn no_claim_is_left_and_nothing_else_goes_from_a_sound_row(
            odd in "[Digest ,\"\\\\=a<>]{0,8}(integrity-protected|INTEGRITY-protected)[ =\",a]{0,8}",
            sound in "Digest a=\"([ -!#-\\[\\]-~])*\"(, b=[a-z]{1,4}){0,3}",
        ) {
            let kept = left(&[&odd, &format!("{sound}, integrity-protected=\"yes\"")]);
            proptest::prop_assert!(kept.iter().all(|row| !mentions(row.as_bytes())));
            proptest::prop_assert_eq!(kept.last(), Some(&sound));
        }
    }
}
