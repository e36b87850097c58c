//! A DNS name, as far as SIP asks for one.

use std::{net::IpAddr, sync::Arc};

/// Bytes of a name, without the dot of the root (RFC 1035 section 3.1).
pub const NAME_BYTES_MAX: usize = 253;

/// Bytes between two dots.
const LABEL_BYTES_MAX: usize = 63;

/// A name in lower case, without the dot of the root. `Debug` shows nothing of it: it may be a UE's.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

impl HostName {
    /// `None`: no name of a host or a service.
    pub fn parse(text: &[u8]) -> Option<HostName> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        let fits = |label: &[u8]| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && label
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if text.len() > NAME_BYTES_MAX || !text.split(|byte| *byte == b'.').all(fits) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        Some(HostName(Arc::from(text.to_ascii_lowercase())))
    }

    /// The name of a service of this one: `_sip._udp.` in front. `None`: that is too long.
    pub fn below(&self, prefix: &str) -> Option<HostName> {
        (prefix.len() + self.0.len() <= NAME_BYTES_MAX).then(|| HostName(Arc::from(format!("{prefix}{}", self.0))))
    }

    /// The name under which DNS keeps what an address is called (RFC 1035 section 3.5, RFC 3596 section 2.5).
    pub fn of_address(address: IpAddr) -> HostName {
        let name = match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(address) => {
                let halves = address.octets().into_iter().rev();
                halves
                    .map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4))
                    .chain(["ip6.arpa".to_owned()])
                    .collect()
            }
        };
        HostName(Arc::from(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostName")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= LOC-007 type=test
    #[test]
    fn names_have_a_grammar_and_an_end() {
        assert_eq!(HostName::parse(b"Edge.Example.").unwrap().as_str(), "edge.example");
        assert!(HostName::parse(b"_sip._udp.example").is_some());
        for wrong in [
            &b""[..],
            b".",
            b"a..b",
            b".a",
            b"a b",
            b"a\x00b",
            b"\xe4.example",
            b"[::1]",
        ] {
            assert!(HostName::parse(wrong).is_none(), "{wrong:?}");
        }
        let label = "a".repeat(LABEL_BYTES_MAX);
        assert!(HostName::parse(label.as_bytes()).is_some());
        assert!(HostName::parse(format!("{label}a").as_bytes()).is_none());
        let longest = format!("{label}.{label}.{label}.{}", &label[..61]);
        assert_eq!(longest.len(), NAME_BYTES_MAX);
        let longest = HostName::parse(longest.as_bytes()).unwrap();
        assert!(longest.below("_").is_none());
        assert!(HostName::parse(format!("{}a", longest.as_str()).as_bytes()).is_none());
    }
    //= TRUST-026 type=test
    #[test]
    fn addresses_have_names_of_their_own() {
        let name = |address: &str| HostName::of_address(address.parse().unwrap()).as_str().to_owned();
        assert_eq!(name("192.0.2.7"), "7.2.0.192.in-addr.arpa");
        assert_eq!(name("::ffff:192.0.2.7"), "7.2.0.192.in-addr.arpa");
        assert_eq!(
            name("2001:db8:a::17"),
            "7.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
        for address in ["255.255.255.255", "2001:db8::1"] {
            let name = name(address);
            assert_eq!(HostName::parse(name.as_bytes()).unwrap().as_str(), name);
        }
    }
}
