//! The session keys of an AKA challenge: the registrar's word to the P-CSCF, which no UE may read.

use zeroize::Zeroizing;

use crate::sip::headers::credentials::{self, Left, Param, SESSION_KEYS};
use crate::sip::{Draft, Name};

/// Bytes of CK, and of IK.
pub const KEY_BYTES: usize = 16;

/// CK and IK of one challenge. They leave memory when dropped, and are shown to nobody.
//= PCSCF-005
//= PCSCF-005 type=exception reason=the buffer in which a 401 was received is let go of and not wiped
pub struct CkIk {
    pub ck: Zeroizing<[u8; KEY_BYTES]>,
    pub ik: Zeroizing<[u8; KEY_BYTES]>,
}

/// What a challenge brought.
#[derive(Debug)]
pub enum Taken {
    /// Neither is it one of AKA nor does it hold a key.
    None,
    Keys(CkIk),
    /// It is one of AKA, or holds a part of what makes one: a key is missing, is none, or is said twice.
    Incomplete,
}

/// Takes the keys out of the WWW-Authenticate rows of a 401. Nothing of them is left in it.
///
/// Of several challenges the first that is one of AKA counts, or that holds a key.
//= PCSCF-005
pub fn take(draft: &mut Draft) -> Taken {
    let found = draft.rows(Name::WwwAuthenticate).map(of_row);
    let taken = found.fold(Taken::None, |first, next| match first {
        Taken::None => next,
        first => first,
    });
    strip(draft);
    taken
}

/// Takes the keys out of a value that is a row of its own.
//= PCSCF-005
pub fn without(value: &[u8]) -> Option<Vec<u8>> {
    match credentials::without(value, SESSION_KEYS) {
        Left::Unchanged => Some(value.to_vec()),
        Left::Without(rest) => Some(rest),
        Left::Ambiguous => None,
    }
}

fn strip(draft: &mut Draft) {
    let rows: Vec<_> = draft
        .rows_at(Name::WwwAuthenticate)
        .map(|(row, value)| (row, credentials::without(value, SESSION_KEYS)))
        .collect();
    for (row, left) in rows.into_iter().rev() {
        match left {
            Left::Unchanged => {}
            Left::Without(rest) => draft.set(row, &[&rest]),
            Left::Ambiguous => draft.remove_row(row),
        }
    }
}

fn of_row(value: &[u8]) -> Taken {
    let challenges = credentials::challenges(value);
    let counts = challenges.iter().find(|params| params.iter().any(concerns_aka));
    match counts {
        None => Taken::None,
        Some(params) => match (key(params, b"ck"), key(params, b"ik")) {
            (Some(ck), Some(ik)) => Taken::Keys(CkIk { ck, ik }),
            _ => Taken::Incomplete,
        },
    }
}

fn concerns_aka(param: &Param<'_>) -> bool {
    let of_aka = |name: &[u8]| name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"AKAv"));
    SESSION_KEYS.iter().any(|name| param.is(name)) || param.is(b"algorithm") && of_aka(param.value)
}

/// 32 hexadecimal digits. Said twice, nobody knows which counts.
fn key(params: &[Param<'_>], name: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut said = params.iter().filter(|param| param.is(name));
    let digits = said.next()?.value;
    let is_whole = said.next().is_none() && digits.len() == 2 * KEY_BYTES;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)).filter(|_| is_whole) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    is_whole.then_some(key)
}

impl std::fmt::Debug for CkIk {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CkIk").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::draft;

    const CK: &str = "000102030405060708090a0b0c0d0e0f";
    const IK: &str = "F0E1d2c3b4a5968778695a4b3c2d1e0f";

    fn taken(rows: &[&str]) -> (Taken, Vec<String>) {
        let rows: String = rows.iter().map(|row| format!("WWW-Authenticate: {row}\r\n")).collect();
        let mut draft = draft(&format!("SIP/2.0 401 Unauthorized\r\n{rows}\r\n"));
        let taken = take(&mut draft);
        let left = draft.rows(Name::WwwAuthenticate);
        let left = left.map(|row| String::from_utf8_lossy(row).into_owned()).collect();
        (taken, left)
    }

    //= PCSCF-005 type=test
    #[test]
    fn both_keys_are_taken_in_any_spelling_and_nothing_of_them_is_left() {
        for rows in [
            vec![format!(
                "Digest realm=\"h\", algorithm=AKAv1-MD5, ck=\"{CK}\", ik=\"{IK}\""
            )],
            vec![format!("Digest realm=\"h\",CK={CK} , algorithm=AKAv1-MD5 ,Ik = {IK}")],
            vec![format!(
                "digest\r\n ck=\"{CK}\",\r\n ik\r\n =\"{IK}\", realm=\"h\", algorithm=AKAv1-MD5"
            )],
            vec![format!(
                "Digest realm=\"h\", algorithm=AKAv2-SHA-256, Digest ck={CK}, x=1, ik={IK}"
            )],
            vec![
                "Digest realm=\"h\", algorithm=MD5".to_owned(),
                format!("Digest realm=\"h\", algorithm=\"akav1-md5\", ik={IK}, ck={CK}"),
            ],
        ] {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let (taken, left) = taken(&rows);
            let left = left.join("\n").to_lowercase();
            assert!(
                !left.contains("ck") && !left.contains("ik") && left.contains("realm=\"h\""),
                "{left}"
            );
            assert!(
                !left.contains(&CK[..8]) && !left.contains(&IK[..8].to_lowercase()),
                "{left}"
            );
            let is_second = rows[0].contains("AKAv2");
            match taken {
                Taken::Keys(keys) => {
                    assert!(!is_second);
                    assert_eq!((keys.ck[15], keys.ik[0], keys.ik[1]), (0x0f, 0xf0, 0xe1));
                }
                // The first challenge of AKA is the one without.
                Taken::Incomplete => assert!(is_second),
                Taken::None => panic!("{rows:?}"),
            }
        }
    }

    //= PCSCF-005 type=test
    #[test]
    fn what_is_no_whole_key_is_none() {
        for keys in [
            format!("ck={CK}"),
            format!("ik=\"{IK}\""),
            format!("ck=\"{CK}\", ik=\"{}\"", &IK[1..]),
            format!("ck=\"{CK}0\", ik={IK}"),
            format!("ck=\"{}g\", ik={IK}", &CK[1..]),
            format!("ck=\"{}+\", ik={IK}", &CK[1..]),
            format!("ck={CK}, ck={CK}, ik={IK}"),
            "algorithm=AKAv1-MD5".to_owned(),
            "ck, ik".to_owned(),
        ] {
            let (taken, left) = taken(&[&format!("Digest realm=\"h\", {keys}")]);
            assert!(matches!(taken, Taken::Incomplete), "{keys}");
            assert!(!left.join("").contains("k="), "{left:?}");
        }
        let plain = "Digest realm=\"h\", qop=\"auth,ck=1\", algorithm=MD5";
        let (taken, left) = taken(&[plain, "Basic realm=\"h\""]);
        assert!(matches!(taken, Taken::None));
        assert_eq!(left, [plain, "Basic realm=\"h\""]);
    }

    //= PCSCF-005 type=test
    #[test]
    fn keys_are_not_shown() {
        let (taken, _) = taken(&[&format!("Digest ck={CK}, ik={IK}")]);
        let shown = format!("{taken:?}");
        assert!(
            matches!(taken, Taken::Keys(_)) && shown == "Keys(CkIk { .. })",
            "{shown}"
        );
    }
}
