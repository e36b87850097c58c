//! `integrity-protected` in Authorization: the P-CSCF's word to the registrar, never the sender's.

use crate::sip::headers::grammar::{quoted_end, trim};
use crate::sip::{Draft, Name};

const CLAIM: &[u8] = b"integrity-protected";

/// Takes out of a REGISTER what its sender claims about its own protection.
///
/// A row in which the words still stand afterwards is read differently by different readers, and goes as a whole.
//= PCSCF-004
pub fn unclaim(draft: &mut Draft) {
    let claims: Vec<_> = draft
        .rows_at(Name::Authorization)
        .filter(|(_, value)| mentions(value))
        .map(|(row, value)| (row, without_claim(value)))
        .collect();
    for (row, value) in claims.into_iter().rev() {
        match mentions(&value) {
            true => draft.remove_row(row),
            false => draft.set(row, &[&value]),
        }
    }
}

fn mentions(value: &[u8]) -> bool {
    value.windows(CLAIM.len()).any(|text| text.eq_ignore_ascii_case(CLAIM))
}

/// `Digest a=1, b="2"` without the parameters of that name.
fn without_claim(value: &[u8]) -> Vec<u8> {
    let value = trim(value);
    let scheme_end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    let (scheme, params) = value.split_at(scheme_end);
    let mut out = scheme.to_vec();
    let mut separator = &b" "[..];
    for param in split(params).filter(|param| !is_claim(param)) {
        out.extend_from_slice(separator);
        out.extend_from_slice(param);
        separator = b", ";
    }
    out
}

fn is_claim(param: &[u8]) -> bool {
    let name = param.split(|byte| *byte == b'=').next().unwrap_or_default();
    trim(name).eq_ignore_ascii_case(CLAIM)
}

/// The parameters between commas outside quotes.
fn split(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = params;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut at = 0;
        while at < rest.len() && rest[at] != b',' {
            at = match rest[at] {
                b'"' => quoted_end(rest, at).unwrap_or(rest.len()),
                _ => at + 1,
            };
        }
        let (param, behind) = rest.split_at(at.min(rest.len()));
        rest = behind.get(1..).unwrap_or_default();
        Some(trim(param))
    })
    .filter(|param| !param.is_empty())
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
