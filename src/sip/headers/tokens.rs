//! Headers that are lists of tokens: Require, Proxy-Require, Supported, Allow.

use super::grammar::trim;

/// The tokens of one row, in order, as written. An element that is no token comes as it is: it equals no known one.
pub fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(trim)
        .filter(|token| !token.is_empty())
}

/// Whether a token stands in the row, in any case.
pub fn contains(value: &[u8], token: &[u8]) -> bool {
    tokens(value).any(|element| element.eq_ignore_ascii_case(token))
}

/// What a row is once a token is taken out of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Without {
    /// It was not there.
    Unchanged,
    /// It was all there was: the row goes.
    Nothing,
    /// The other tokens, in order and spelt as before.
    Rest(Vec<u8>),
}

impl std::fmt::Debug for Without {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Without::Unchanged => "Unchanged",
            Without::Nothing => "Nothing",
            Without::Rest(_) => "Rest(..)",
        })
    }
}

/// Takes every occurrence of a token out of a row.
//= PRIV-039
pub fn without(value: &[u8], token: &[u8]) -> Without {
    if !contains(value, token) {
        return Without::Unchanged;
    }
    let mut rest = Vec::with_capacity(value.len());
    for kept in tokens(value).filter(|element| !element.eq_ignore_ascii_case(token)) {
        if !rest.is_empty() {
            rest.extend_from_slice(b", ");
        }
        rest.extend_from_slice(kept);
    }
    if rest.is_empty() {
        Without::Nothing
    } else {
        Without::Rest(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_found_in_any_case() {
        let row = b" 100rel ,\r\n Privacy,,sec-agree";
        assert_eq!(
            tokens(row).collect::<Vec<_>>(),
            [&b"100rel"[..], b"Privacy", b"sec-agree"]
        );
        assert!(contains(row, b"privacy") && !contains(row, b"priv"));
    }

    //= PRIV-039 type=test
    #[test]
    fn one_token_is_taken_out() {
        let rest = |text: &[u8]| Without::Rest(text.to_vec());
        assert_eq!(without(b"privacy", b"privacy"), Without::Nothing);
        assert_eq!(without(b" PRIVACY, privacy ,", b"privacy"), Without::Nothing);
        assert_eq!(without(b"100rel", b"privacy"), Without::Unchanged);
        assert_eq!(without(b"", b"privacy"), Without::Unchanged);
        assert_eq!(without(b"Privacy, 100Rel", b"privacy"), rest(b"100Rel"));
        assert_eq!(without(b"a,privacy,  b", b"privacy"), rest(b"a, b"));
        assert_eq!(without(b"a, privacy", b"privacy"), rest(b"a"));
        assert_eq!(without(b"a, privacy, privacy", b"privacy"), rest(b"a"));
    }

    proptest! {
        #[test]
        fn what_is_left_holds_the_others_in_order(row in "[ ,]{0,3}((p|P|q|r)[ ,]{0,2},[ ,]{0,2}){0,6}(p|q)?") {
            let others = |value: &[u8]| tokens(value).filter(|token| !token.eq_ignore_ascii_case(b"p")).map(<[u8]>::to_vec).collect::<Vec<_>>();
            match without(row.as_bytes(), b"p") {
                Without::Unchanged => prop_assert!(!contains(row.as_bytes(), b"p")),
                Without::Nothing => prop_assert!(others(row.as_bytes()).is_empty()),
                Without::Rest(rest) => {
                    prop_assert!(!contains(&rest, b"p"));
                    prop_assert_eq!(others(&rest), others(row.as_bytes()));
                }
            }
        }
    }
}
