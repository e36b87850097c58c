//! The token that stands for hidden values, in its two forms: a Via whose host it is, a URI whose user part it is.
//!
//! Both say by `tokenized-by` whose it is. A host is read in any case and in labels of 63 characters, so the token of a Via is
//! base32; of a URI it is base64url. What is in it is known to the keys alone.

use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE, BASE64URL_NOPAD};

use super::inside::Inside;
use crate::policy::{HidingMode, Policy};
use crate::seal::Keys;
use crate::seal::hiding::{Cipher, HidingKeys, Opened};
use crate::sip::headers::grammar::ip;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::via::Via;

/// What a token stands for. One of a Record-Route or a Path comes back as a Route, so those are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Via,
    Route,
}

impl Kind {
    /// What the sealed text is bound to, beside the domain.
    fn label(self) -> &'static [u8] {
        match self {
            Kind::Via => b"Via",
            Kind::Route => b"Route",
        }
    }
}

/// A token of ours does not open, or holds what none of ours would. One error for everything that can be wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token of hidden values does not open with the keys of this network")]
pub struct Unopenable;

/// Makes and opens the tokens of this network.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    keys: &'a HidingKeys,
    domains: &'a [String],
    inside: Inside<'a>,
    cipher: Option<Cipher>,
}

const PARAMETER: &[u8] = b"tokenized-by";
/// Characters of a label of a host.
const LABEL_MAX: usize = 63;
/// Characters of a token's end that make its Via differ from others in its branch.
const BRANCH_TAIL: usize = 16;

impl<'a> Tokens<'a> {
    /// `None`: this node has no keys for it.
    //= THIG-005
    pub fn of(policy: &'a Policy, keys: &'a Keys) -> Option<Tokens<'a>> {
        Some(Tokens {
            keys: keys.hiding()?,
            domains: &policy.domain.admin_domains.value,
            inside: Inside::of(policy),
            //= THIG-003
            //= THIG-004
            cipher: match policy.topology_hiding.mode.value {
                HidingMode::Off => None,
                HidingMode::Aead => Some(Cipher::Aead),
                HidingMode::Aes128Cbc => Some(Cipher::Aes128Cbc),
            },
        })
    }

    /// A token in the place of these values, which are a list. `fresh` is random, and of one message. `None`: they are too
    /// long, or nothing is to be hidden.
    //= THIG-006
    pub fn make(&self, kind: Kind, fresh: [u8; 12], values: &[u8]) -> Option<Vec<u8>> {
        let domain = self.domains.iter().find(|domain| ip(domain.as_bytes()).is_none())?;
        let domain = domain.as_bytes();
        let values = unfolded(values);
        let cipher = self.cipher?;
        // What would not be taken back is not given out.
        if cipher != Cipher::Aead && !self.is_wellformed(kind, &values) {
            return None;
        }
        let sealed = self.keys.seal(cipher, &[kind.label(), domain], fresh, &values)?;
        Some(match kind {
            Kind::Via => via(&sealed, domain),
            Kind::Route => route(&sealed, domain, &values),
        })
    }

    /// The values behind a token of ours; `None`: it is none, or another network's.
    //= THIG-007
    //= THIG-008
    pub fn open(&self, kind: Kind, value: &[u8]) -> Option<Result<Vec<u8>, Unopenable>> {
        if !names_somebody(value) {
            return None;
        }
        let (domain, sealed) = match kind {
            Kind::Via => self.sealed_in_via(value)?,
            Kind::Route => self.sealed_in_route(value)?,
        };
        let opened = self.keys.open(&[kind.label(), domain.as_bytes()], &sealed);
        // Looked at in any case: that it is not ours must not be told by a quicker answer.
        let is_sound = self.is_sound(kind, &opened);
        Some(match opened.is_ours && is_sound {
            true => Ok(opened.plain),
            false => Err(Unopenable),
        })
    }

    /// Whether a value is a token of ours, whatever is in it.
    pub fn is_own(&self, kind: Kind, value: &[u8]) -> bool {
        names_somebody(value)
            && match kind {
                Kind::Via => self.sealed_in_via(value).is_some(),
                Kind::Route => self.sealed_in_route(value).is_some(),
            }
    }

    /// The domain of ours that the parameter names.
    fn own_domain(&self, name: Option<&[u8]>) -> Option<&'a str> {
        let name = name?;
        let is = |domain: &&String| domain.as_bytes().eq_ignore_ascii_case(name);
        self.domains.iter().find(is).map(String::as_str)
    }

    /// What cannot be read is sealed by nobody, and empty here.
    fn sealed_in_via(&self, value: &[u8]) -> Option<(&'a str, Vec<u8>)> {
        let (via, _) = Via::parse(value).ok()?;
        let domain = self.own_domain(via.params().find(PARAMETER)?.value)?;
        let host = via.host();
        let host = host.strip_suffix(b".").unwrap_or(host);
        let labels = host.len().checked_sub(domain.len() + 1).map_or(&b""[..], |end| {
            let is_ours = host[end] == b'.' && host[end + 1..].eq_ignore_ascii_case(domain.as_bytes());
            if is_ours { &host[..end] } else { b"" }
        });
        let token: Vec<u8> = labels.iter().copied().filter(|byte| *byte != b'.').collect();
        Some((domain, BASE32_NOPAD_NOCASE.decode(&token).unwrap_or_default()))
    }

    fn sealed_in_route(&self, value: &[u8]) -> Option<(&'a str, Vec<u8>)> {
        let route = NameAddr::parse(value).ok()?;
        let uri = route.uri().ok()?;
        let of_uri = uri.param(PARAMETER).and_then(|param| param.value);
        let of_header = || route.params().find(PARAMETER).and_then(|param| param.value);
        let domain = self.own_domain(of_uri.or_else(of_header))?;
        let token = uri.user().unwrap_or_default();
        Some((domain, BASE64URL_NOPAD.decode(token).unwrap_or_default()))
    }

    /// Whether this is what we would hide. Where the cipher proves who wrote it, that is proof enough.
    //= THIG-008
    fn is_sound(&self, kind: Kind, opened: &Opened) -> bool {
        let is_wellformed = self.is_wellformed(kind, &opened.plain);
        let is_empty = list::values(&opened.plain).next().is_none();
        !is_empty && (opened.cipher == Cipher::Aead || is_wellformed)
    }

    /// Whether each value of a list can be read and is of the inside, and no byte is one that a header may not hold.
    fn is_wellformed(&self, kind: Kind, values: &[u8]) -> bool {
        let has_form = std::str::from_utf8(values)
            .is_ok_and(|text| !text.chars().any(|letter| letter.is_control() && letter != '\t'));
        let (mut count, mut inside) = (0, 0);
        for span in list::values(values) {
            let value = span.of(values);
            count += 1;
            inside += usize::from(match kind {
                Kind::Via => Via::parse(value).is_ok() && self.inside.has_via(value),
                Kind::Route => {
                    let uri = NameAddr::parse(value).and_then(|route| route.uri());
                    uri.is_ok() && self.inside.has_route(value)
                }
            });
        }
        has_form && count > 0 && inside == count
    }
}

/// Whether `tokenized-by` stands in a text, told without reading it.
pub fn names_somebody(text: &[u8]) -> bool {
    const DASH: usize = 9;
    memchr::memchr_iter(b'-', text).any(|at| {
        let begin = at.checked_sub(DASH);
        let word = begin.and_then(|begin| text.get(begin..begin + PARAMETER.len()));
        word.is_some_and(|word| word.eq_ignore_ascii_case(PARAMETER))
    })
}

fn via(sealed: &[u8], domain: &[u8]) -> Vec<u8> {
    let token = BASE32_NOPAD.encode(sealed).to_ascii_lowercase();
    let mut out = b"SIP/2.0/UDP ".to_vec();
    for label in token.as_bytes().chunks(LABEL_MAX) {
        out.extend_from_slice(label);
        out.push(b'.');
    }
    out.extend_from_slice(domain);
    //= THIG-011
    // What made the hidden branches ours is hidden with them; this one is nobody's, and only tells tokens apart.
    out.extend_from_slice(b";branch=z9hG4bK");
    out.extend_from_slice(&token.as_bytes()[token.len().saturating_sub(BRANCH_TAIL)..]);
    named(&mut out, domain);
    out
}

fn route(sealed: &[u8], domain: &[u8], values: &[u8]) -> Vec<u8> {
    // Who asks for TLS on every hop must still find it asked for.
    let is_secure = list::values(values).any(|span| {
        let route = NameAddr::parse(span.of(values));
        route.is_ok_and(|route| {
            route
                .uri_bytes()
                .get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"sips:"))
        })
    });
    let mut out = if is_secure {
        b"<sips:".to_vec()
    } else {
        b"<sip:".to_vec()
    };
    out.extend_from_slice(BASE64URL_NOPAD.encode(sealed).as_bytes());
    out.push(b'@');
    out.extend_from_slice(domain);
    named(&mut out, domain);
    out.extend_from_slice(b";lr>");
    out
}

fn named(out: &mut Vec<u8>, domain: &[u8]) {
    out.push(b';');
    out.extend_from_slice(PARAMETER);
    out.push(b'=');
    out.extend_from_slice(domain);
}

/// A value in one line: a fold is white space, and nothing else.
fn unfolded(values: &[u8]) -> Vec<u8> {
    values
        .iter()
        .filter(|byte| **byte != b'\r')
        .map(|byte| if *byte == b'\n' { b' ' } else { *byte })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Stated, StatedBy};

    /// What a network with these domains, the prefix 10.20.0.0/16 and the cipher does.
    fn with<T>(cipher: Cipher, see: impl FnOnce(Tokens<'_>) -> T) -> T {
        let domains = ["home1.example", "other1.example"].map(str::to_owned);
        let prefixes = [Stated {
            value: "10.20.0.0/16".parse().unwrap(),
            by: StatedBy::Default,
        }];
        let keys = HidingKeys::new(&[(1, [1; 32])]).unwrap();
        see(Tokens {
            keys: &keys,
            domains: &domains,
            inside: Inside::new(&domains, &prefixes),
            cipher: Some(cipher),
        })
    }

    const CIPHERS: [Cipher; 2] = [Cipher::Aead, Cipher::Aes128Cbc];

    //= THIG-006 type=test
    //= THIG-007 type=test
    #[test]
    fn a_token_is_read_in_every_form_that_it_may_come_back_in() {
        let (vias, routes) = (
            &b"SIP/2.0/UDP 10.20.0.9;branch=z9hG4bK1;received=10.20.0.8, SIP/2.0/TCP a.home1.example"[..],
            &b"<sip:orig@10.20.0.9;lr>, \"S, 1\" <sip:a.home1.example;lr>;x"[..],
        );
        for cipher in CIPHERS {
            with(cipher, |tokens| {
                let text =
                    |kind, values: &[u8]| String::from_utf8(tokens.make(kind, [3; 12], values).unwrap()).unwrap();
                let (via, route) = (text(Kind::Via, vias), text(Kind::Route, routes));
                let opens = |kind, value: &str| tokens.open(kind, value.as_bytes());
                for value in [
                    via.clone(),
                    via.to_ascii_uppercase().replace("TOKENIZED-BY", "Tokenized-By"),
                    via.replace(".home1.example;branch", ".home1.example.:5060;branch"),
                    via.replace("SIP/2.0/UDP ", "SIP / 2.0 / TLS  ") + ";received=192.0.2.7",
                ] {
                    assert_eq!(opens(Kind::Via, &value), Some(Ok(vias.to_vec())), "{value}");
                }
                let bare = route.trim_matches(['<', '>']).to_owned();
                for value in [
                    route.clone(),
                    format!("\"x\" {route};y=1"),
                    route.replace("tokenized-by=home1.example", "TOKENIZED-BY=HOME1.example"),
                    route.replace("@home1.example", "@edge.example:5070"),
                    bare,
                ] {
                    assert_eq!(opens(Kind::Route, &value), Some(Ok(routes.to_vec())), "{value}");
                }
                // Of another network, of none, or of another domain of ours than the one it was made for.
                assert_eq!(opens(Kind::Route, &route.replace("by=home1", "by=home2")), None);
                assert_eq!(opens(Kind::Route, "<sip:a@home1.example;lr>"), None);
                let other = opens(Kind::Route, &route.replace("by=home1", "by=other1"));
                assert_eq!(other.is_some_and(|opened| opened.is_err()), cipher == Cipher::Aead);
            });
        }
    }

    /// Its labels stand under the very domain that its parameter names.
    //= THIG-008 type=test
    #[test]
    fn a_token_under_another_domain_than_it_says_is_none_of_ours() {
        for cipher in CIPHERS {
            with(cipher, |tokens| {
                let made = tokens.make(Kind::Via, [3; 12], b"SIP/2.0/UDP 10.20.0.9;branch=z9hG4bK1");
                let via = String::from_utf8(made.unwrap()).unwrap();
                let moved = via.replace(".home1.example;branch", ".home9.example;branch");
                assert_ne!(moved, via);
                assert_eq!(tokens.open(Kind::Via, moved.as_bytes()), Some(Err(Unopenable)));
            });
        }
    }

    /// A tab is white space; what else cannot be seen is no part of a header.
    //= THIG-003 type=test
    #[test]
    fn without_integrity_a_tab_may_stand_in_a_value_and_no_other_control() {
        with(Cipher::Aes128Cbc, |tokens| {
            let hidden = |between: &str| {
                let value = format!("SIP/2.0/UDP{between}10.20.0.9;branch=z9hG4bK1");
                tokens.make(Kind::Via, [3; 12], value.as_bytes()).is_some()
            };
            assert!(hidden(" ") && hidden("\t") && hidden(" \t"));
            assert!(!hidden(" \u{b}") && !hidden("\u{1}"));
            let quoted = |letter: &str| {
                let value = format!("\"a{letter}b\" <sip:10.20.0.9;lr>");
                tokens.make(Kind::Route, [3; 12], value.as_bytes()).is_some()
            };
            assert!(quoted("\t") && !quoted("\u{1}") && !quoted("\u{7f}"));
        });
    }

    /// TLS on every hop is still asked for by a value that hides who asked.
    //= THIG-006 type=test
    #[test]
    fn a_token_of_a_sips_value_is_one() {
        with(Cipher::Aead, |tokens| {
            let token = tokens
                .make(Kind::Route, [3; 12], b"<sip:10.20.0.9;lr>, <SIPS:10.20.0.8;lr>")
                .unwrap();
            assert!(token.starts_with(b"<sips:"));
        });
    }

    /// What would not be taken back is not given out.
    //= THIG-003 type=test
    #[test]
    fn without_integrity_only_what_can_be_read_is_hidden() {
        let odd = b"SIP/2.0/UDP a.home1.example;branch=z9hG4bK1;branch=z9hG4bK2";
        with(Cipher::Aes128Cbc, |tokens| {
            assert_eq!(tokens.make(Kind::Via, [3; 12], odd), None);
            assert_eq!(tokens.make(Kind::Route, [3; 12], b"<sip:b.example;lr>"), None);
        });
        with(Cipher::Aead, |tokens| {
            let token = tokens.make(Kind::Via, [3; 12], odd).unwrap();
            assert_eq!(tokens.open(Kind::Via, &token), Some(Ok(odd.to_vec())));
        });
    }

    proptest! {
        #[test]
        fn any_bytes_open_or_are_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            token in "[A-Za-z0-9._-]{0,200}",
        ) {
            let via = format!("SIP/2.0/UDP {token}.home1.example;branch=z9hG4bK1;tokenized-by=home1.example");
            let route = format!("<sip:{token}@home1.example;tokenized-by=home1.example;lr>");
            for cipher in CIPHERS {
                with(cipher, |tokens| {
                    for kind in [Kind::Via, Kind::Route] {
                        for text in [&bytes[..], via.as_bytes(), route.as_bytes()] {
                            assert!(tokens.open(kind, text).is_none_or(|opened| opened.is_err()));
                        }
                    }
                });
            }
        }

        //= THIG-004 type=test
        #[test]
        fn hide_then_open_is_the_identity(
            fresh: [u8; 12],
            hosts in proptest::collection::vec("([a-z]{1,9}[.])?home1[.]example|10[.]20[.]0[.][1-9]", 1..12),
        ) {
            for cipher in CIPHERS {
                with(cipher, |tokens| {
                    for (kind, form) in [(Kind::Via, "SIP/2.0/UDP H;branch=z9hG4bK1"), (Kind::Route, "<sip:H;lr>")] {
                        let values: Vec<String> = hosts.iter().map(|host| form.replace('H', host)).collect();
                        let values = values.join(", ");
                        let token = tokens.make(kind, fresh, values.as_bytes()).unwrap();
                        assert!(tokens.is_own(kind, &token));
                        assert_eq!(tokens.open(kind, &token), Some(Ok(values.into_bytes())));
                    }
                });
            }
        }
    }
}
