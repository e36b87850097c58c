//! What a system that only watches is shown of a message that passed: nobody's name, number or address, unless the operator asked.
//!
//! [`Mirrored`] is made in this file alone, and the mirror's socket takes nothing else. It is no message for anybody: no hop is cleared
//! with it, and what is cleared for a hop never becomes one without passing here.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::masked::{Mask, Masked, Place, masked};
use crate::policy::admin::Identities;
use crate::policy::{ListenerId, PeersAre, Policy};
use crate::sip::headers::credentials;
use crate::sip::parse::{Carrier, ParseLimits, parse};
use crate::sip::{Name, Transport};

/// A message as it may be shown to who watches. Made only in this file.
pub struct Mirrored {
    transport: Transport,
    src: SocketAddr,
    dst: SocketAddr,
    at: Duration,
    call: Option<String>,
    bytes: Bytes,
}

/// A message that came or left, as it was.
pub struct Seen {
    pub way: Way,
    pub listener: ListenerId,
    pub transport: Transport,
    /// Our end and the other one.
    pub own: SocketAddr,
    pub remote: SocketAddr,
    /// Since 1970.
    pub at: Duration,
    pub bytes: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Came,
    Left,
}

/// Through which the mirror is looked at.
pub struct Glass {
    identities: Identities,
    /// Anew at each start: what is hidden is the same again for one run.
    keys: RandomState,
}

impl Glass {
    pub fn new(identities: Identities, keys: RandomState) -> Glass {
        Glass { identities, keys }
    }

    //= LI-008
    pub fn shows(&self, policy: &Policy, seen: &Seen) -> Mirrored {
        let hiding = Hiding {
            keys: &self.keys,
            policy,
        };
        let call = call_id(&seen.bytes).map(|call_id| format!("{:016x}", hiding.digest("call", call_id)));
        let (own, remote, bytes) = match self.identities {
            Identities::Clear => (seen.own, seen.remote, without_secrets(&seen.bytes)),
            Identities::Hidden => {
                let remote = match is_of_nodes(policy, seen.listener) {
                    true => seen.remote,
                    false => hiding.socket_address(seen.remote),
                };
                (seen.own, remote, hidden(&seen.bytes, hiding))
            }
        };
        let (src, dst) = match seen.way {
            Way::Came => (remote, own),
            Way::Left => (own, remote),
        };
        Mirrored {
            transport: seen.transport,
            src,
            dst,
            at: seen.at,
            call,
            bytes,
        }
    }
}

/// A message between any two, as a capture has it.
pub struct Recorded<'a> {
    pub transport: Transport,
    pub src: SocketAddr,
    pub dst: SocketAddr,
    /// Since 1970.
    pub at: Duration,
    pub bytes: &'a [u8],
}

impl Glass {
    /// Names are hidden whatever was asked for, and addresses but those at which this policy listens.
    pub fn shows_recorded(&self, policy: &Policy, recorded: &Recorded<'_>) -> Mirrored {
        let hiding = Hiding {
            keys: &self.keys,
            policy,
        };
        let call = call_id(recorded.bytes).map(|call_id| format!("{:016x}", hiding.digest("call", call_id)));
        Mirrored {
            transport: recorded.transport,
            src: hiding.socket_address(recorded.src),
            dst: hiding.socket_address(recorded.dst),
            at: recorded.at,
            call,
            bytes: hidden(recorded.bytes, hiding),
        }
    }
}

impl Mirrored {
    pub fn transport(&self) -> Transport {
        self.transport
    }

    pub fn src(&self) -> SocketAddr {
        self.src
    }

    pub fn dst(&self) -> SocketAddr {
        self.dst
    }

    /// Since 1970.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// The same for all messages of one Call-ID, which it does not show.
    pub fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Mirrored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirrored")
            .field("at", &self.at)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Whether all that are there are nodes.
fn is_of_nodes(policy: &Policy, listener: ListenerId) -> bool {
    let listener = policy.listeners.get(usize::from(listener.0));
    listener.is_some_and(|listener| listener.peers.value == PeersAre::Trusted)
}

/// As it came, but for what proves something or makes keys. What cannot be read could hide that anywhere: then nothing.
fn without_secrets(bytes: &Bytes) -> Bytes {
    match parse(bytes.clone(), Carrier::Datagram, &UNLIMITED) {
        Ok(message) => credentials::without_secrets(&message),
        Err(_) => Bytes::new(),
    }
}

/// What was read once is read again whatever its size.
const UNLIMITED: ParseLimits = ParseLimits {
    start_line_bytes_max: usize::MAX,
    header_bytes_max: usize::MAX,
    header_block_bytes_max: usize::MAX,
    header_rows_max: usize::MAX,
    body_bytes_max: usize::MAX,
};

fn call_id(bytes: &[u8]) -> Option<&[u8]> {
    let rows = bytes.split(|byte| *byte == b'\n').map(|row| row.trim_ascii_end());
    let mut rows = rows.take_while(|row| !row.is_empty());
    rows.find_map(|row| {
        let colon = row.iter().position(|byte| *byte == b':')?;
        let is_it = Name::from_bytes(row[..colon].trim_ascii()) == Name::CallId;
        is_it.then(|| row[colon + 1..].trim_ascii())
    })
}

/// A message of the same form, that can still be read as one.
fn hidden(bytes: &[u8], mut hiding: Hiding<'_>) -> Bytes {
    let Masked { head, body } = masked(bytes, &mut hiding);
    let body: String = body.iter().flat_map(|line| [line, "\r\n"]).collect();
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 4);
    for row in &head {
        match row.split_once(':') {
            Some((name, _)) if Name::from_bytes(name.trim().as_bytes()) == Name::ContentLength => {
                let _ = write!(out, "{name}: {}", body.len());
            }
            _ => out.push_str(row),
        }
        out.push_str("\r\n");
    }
    out.push_str("\r\n");
    out.push_str(&body);
    out.into_bytes().into()
}

/// Masks of which a parser sees no difference: a token for a token, a number for a number, an address for an address. They are made of
/// a keyed digest, so nothing has to be remembered.
struct Hiding<'a> {
    keys: &'a RandomState,
    policy: &'a Policy,
}

/// What makes a branch one of RFC 3261.
const COOKIE: &[u8] = b"z9hG4bK";
/// Parameters whose number stays: a weight, and seconds up to some months.
const COUNTED: [(&str, usize); 2] = [(";q=", 5), (";expires=", 7)];
/// Ports at which everybody is.
const COMMON_PORTS: [&[u8]; 2] = [b"5060", b"5061"];

impl Hiding<'_> {
    fn digest(&self, kind: &str, value: &[u8]) -> u64 {
        self.keys.hash_one((kind, value))
    }

    /// Five digits, a port of somebody.
    fn number(&self, digits: &[u8]) -> u16 {
        10_000 + (self.digest("number", digits) % 50_000) as u16
    }

    fn socket_address(&self, address: SocketAddr) -> SocketAddr {
        if self.is_named(address.ip()) {
            return address;
        }
        let digits = address.port().to_string();
        let port = match COMMON_PORTS.contains(&digits.as_bytes()) {
            true => address.port(),
            false => self.number(digits.as_bytes()),
        };
        SocketAddr::new(self.stand_in(address.ip()), port)
    }

    /// Whether the policy names it: then it is a node's.
    fn is_named(&self, address: IpAddr) -> bool {
        let mut binds = self.policy.listeners.iter().flat_map(|listener| &listener.bind);
        let mut prefixes = self.policy.peers.iter().flat_map(|peer| &peer.prefixes);
        binds.any(|bind| bind.value.address.ip() == address) || prefixes.any(|prefix| prefix.value.contains(&address))
    }

    /// One that nobody has: of the block that is reserved (RFC 1112 section 4), or of the one to throw away (RFC 6666).
    fn stand_in(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let digest = self.digest("address", &address.octets()) as u32;
                Ipv4Addr::from_bits(0xf000_0000 | digest >> 4).into()
            }
            IpAddr::V6(address) => {
                let digest = self.digest("address", &address.octets());
                Ipv6Addr::from_bits(0x0100_u128 << 112 | u128::from(digest)).into()
            }
        }
    }
}

/// Whether a number behind this text is everybody's.
fn names_nobody(word: &[u8], before: &str) -> bool {
    let is_weight = word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let is_counted = |(name, max): &(&str, usize)| before.ends_with(name) && word.len() <= *max;
    let is_one_digit = matches!(word, [b'0'..=b'9']);
    match before.ends_with(':') {
        true => COMMON_PORTS.contains(&word),
        false => is_one_digit || is_weight && COUNTED.iter().any(is_counted),
    }
}

impl Mask for Hiding<'_> {
    fn word(&mut self, word: &[u8], place: Place, out: &mut String) {
        let is_free = !matches!(place, Place::User | Place::Quoted);
        let _ = if let Some(rest) = word.strip_prefix(COOKIE) {
            write!(out, "z9hG4bK{:012x}", self.digest("word", rest) >> 16)
        } else if word.starts_with(b"+") || out.ends_with("tel:") {
            // No number begins so.
            let plus = if word.starts_with(b"+") { "+" } else { "" };
            write!(out, "{plus}0{:011}", self.digest("number", word) % 100_000_000_000)
        } else if is_free && names_nobody(word, out) {
            out.write_str(&String::from_utf8_lossy(word))
        } else if is_free && word.iter().all(u8::is_ascii_digit) {
            write!(out, "{}", self.number(word))
        } else {
            write!(out, "x{:012x}", self.digest("word", word) >> 16)
        };
    }

    fn address(&mut self, address: IpAddr, out: &mut String) -> bool {
        let shown = match self.is_named(address) {
            true => address,
            false => self.stand_in(address),
        };
        let _ = match shown {
            IpAddr::V4(address) => write!(out, "{address}"),
            IpAddr::V6(address) => write!(out, "[{address}]"),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEYS: &str = "Digest realm=\"r\", nonce=\"n\", ck=\"00112233\", ik=\"44556677\"";

    fn hides(text: &str) -> String {
        let policy = crate::driver::tests::policy::one(1);
        let keys = RandomState::new();
        let hiding = Hiding {
            keys: &keys,
            policy: &policy,
        };
        String::from_utf8(hidden(text.as_bytes(), hiding).to_vec()).unwrap()
    }

    /// The words of a text that were masked, by what they look like.
    fn form(text: &str) -> String {
        let mut form = String::new();
        for piece in text.split_inclusive(|one: char| !one.is_ascii_alphanumeric()) {
            let word = piece.trim_end_matches(|one: char| !one.is_ascii_alphanumeric());
            let is_hex = |text: &str| text.bytes().all(|one| one.is_ascii_hexdigit());
            match (word.strip_prefix('x'), word.strip_prefix("z9hG4bK")) {
                (Some(rest), _) if rest.len() == 12 && is_hex(rest) => form.push('W'),
                (_, Some(rest)) if rest.len() == 12 && is_hex(rest) => form.push('B'),
                _ if word.len() == 5 && word.bytes().all(|one| one.is_ascii_digit()) => form.push('N'),
                _ => form.push_str(word),
            }
            form.push_str(&piece[word.len()..]);
        }
        form
    }

    #[test]
    fn a_message_is_one_afterwards() {
        let text = "INVITE sip:bob@biloxi.example:5062;user=phone SIP/2.0\r\n\
            Via: SIP/2.0/UDP pc.example:5060;branch=z9hG4bKx7;rport=4711\r\n\
            From: \"Alice L.\" <sip:alice@home1.example>;tag=a1\r\nTo: <sip:bob@biloxi.example>\r\nCall-ID: 77@x\r\n\
            CSeq: 4711 INVITE\r\nContact: <sip:alice@pc.example>;q=0.5;expires=3600\r\nContent-Length: 32\r\n\r\n\
            v=0\r\nm=audio 40004 RTP/AVP 0\r\n";
        assert_eq!(
            form(&hides(text)),
            "INVITE sip:W@W:N;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP W:5060;branch=B;rport=N\r\n\
             From: \"W\" <sip:W@W>;tag=W\r\nTo: <sip:W@W>\r\nCall-ID: W@W\r\nCSeq: 4711 INVITE\r\n\
             Contact: <sip:W@W>;q=0.5;expires=3600\r\nContent-Length: 30\r\n\r\nv=0\r\nm=audio N RTP/AVP 0\r\n"
        );
    }

    #[test]
    fn a_telephone_number_becomes_one_that_nobody_has() {
        let text =
            hides("REFER tel:+15551230001 SIP/2.0\r\nTo: <sip:+15551230001@x>, <tel:1001;phone-context=+1>\r\n\r\n");
        let (_, rest) = text.split_once("tel:+0").unwrap();
        let (number, rest) = rest.split_once(' ').unwrap();
        assert!(
            number.len() == 11 && number.bytes().all(|one| one.is_ascii_digit()),
            "{text}"
        );
        assert!(
            rest.contains(&format!("sip:+0{number}@")),
            "the same is the same: {text}"
        );
        assert!(rest.contains("<tel:0"), "{text}");
    }

    #[test]
    fn an_address_becomes_one_that_nobody_has() {
        let text =
            hides("ACK sip:a@10.20.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP [2001:470::7]:5060\r\nTo: <sip:127.0.0.1>\r\n\r\n");
        let host = text.split_once('@').unwrap().1.split(' ').next().unwrap();
        let stand_in: Ipv4Addr = host.parse().unwrap();
        assert!(stand_in.octets()[0] >= 240, "{text}");
        assert!(text.contains("UDP [100::") && text.contains("]:5060"), "{text}");
        assert!(text.contains("<sip:127.0.0.1>"), "ours is shown: {text}");
    }

    /// Names are asked for, keys never are.
    #[test]
    fn keys_are_shown_to_nobody() {
        let response = format!(
            "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:alice@x>;tag=1\r\nTo: <sip:alice@x>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: {KEYS}\r\nContent-Length: 0\r\n\r\n"
        );
        let shown = |identities, text: &str| {
            let seen = Seen {
                way: Way::Left,
                listener: ListenerId(0),
                transport: Transport::Udp,
                own: "127.0.0.1:5060".parse().unwrap(),
                remote: "192.0.2.7:5060".parse().unwrap(),
                at: Duration::ZERO,
                bytes: Bytes::copy_from_slice(text.as_bytes()),
            };
            let glass = Glass::new(identities, RandomState::new());
            String::from_utf8(
                glass
                    .shows(&crate::driver::tests::policy::one(1), &seen)
                    .bytes()
                    .to_vec(),
            )
            .unwrap()
        };
        for identities in [Identities::Clear, Identities::Hidden] {
            let text = shown(identities, &response);
            assert!(
                text.contains("401") && !text.contains("0011") && !text.contains("4455"),
                "{text}"
            );
            assert_eq!(text.contains("alice"), identities == Identities::Clear);
        }
        assert_eq!(shown(Identities::Clear, &format!("what is this {KEYS}")), "");
    }

    proptest! {
        /// Wherever a name stands, and whatever is around it.
        #[test]
        fn no_name_comes_out(before in "[ -~\r\n]{0,40}", after in "[ -~\r\n]{0,40}") {
            let text = hides(&format!("{before}alice.liddell7@w0nder.example{after}"));
            prop_assert!(!text.contains("liddell") && !text.contains("w0nder"), "{}", text);
        }

        #[test]
        fn any_bytes_are_shown_somehow(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let policy = crate::driver::tests::policy::one(1);
            let keys = RandomState::new();
            let _ = hidden(&bytes, Hiding { keys: &keys, policy: &policy });
        }
    }
}
