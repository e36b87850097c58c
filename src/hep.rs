//! HEP3, the Homer encapsulation: one SIP message as somebody saw it, with addresses and time, in one datagram.
//!
//! A packet is `HEP3`, its length, and chunks; a chunk is a vendor, a type, its own length and a value. Reads strictly: every length
//! has to fit, a chunk that is read comes once, and what a reader needs is there. Chunks of other vendors, and types that tell us
//! nothing, are passed over. Knows nothing of what is inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// The largest packet: what its own length can say.
pub const PACKET_BYTES_MAX: usize = u16::MAX as usize;

/// What a packet tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// As IP numbers them: 17 is UDP, 6 is TCP.
    pub ip_protocol: u8,
    pub src: SocketAddr,
    pub dst: SocketAddr,
    /// Since 1970, to the microsecond.
    pub at: Duration,
    /// What the payload is; [`SIP`] or something else.
    pub protocol: u8,
    /// Who saw it.
    pub agent: u32,
    /// What the agent shows to be let in.
    pub password: Option<&'a [u8]>,
    /// The same for all packets of one call.
    pub correlation: Option<&'a [u8]>,
    pub payload: &'a [u8],
}

/// The protocol number of SIP.
pub const SIP: u8 = 1;
pub const UDP: u8 = 17;
pub const TCP: u8 = 6;

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("this is not HEP3")]
    NotHep3,
    #[error("a length does not fit")]
    Length,
    #[error("a chunk comes twice")]
    Twice,
    #[error("a chunk has a value that is none of its type")]
    Value,
    #[error("a chunk that says who, when or what is missing")]
    Missing,
    #[error("the payload is compressed, and that is not read")]
    Compressed,
}

/// The packet would be longer than [`PACKET_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is too long for a HEP3 packet")]
pub struct TooLong;

const HEAD: &[u8; 4] = b"HEP3";
const HEAD_BYTES: usize = 6;
const CHUNK_HEAD_BYTES: usize = 6;
const GENERIC: u16 = 0;

const FAMILY: u16 = 0x01;
const IP_PROTOCOL: u16 = 0x02;
const SRC_V4: u16 = 0x03;
const DST_V4: u16 = 0x04;
const SRC_V6: u16 = 0x05;
const DST_V6: u16 = 0x06;
const SRC_PORT: u16 = 0x07;
const DST_PORT: u16 = 0x08;
const SECONDS: u16 = 0x09;
const MICROSECONDS: u16 = 0x0a;
const PROTOCOL: u16 = 0x0b;
const AGENT: u16 = 0x0c;
const PASSWORD: u16 = 0x0e;
const PAYLOAD: u16 = 0x0f;
const COMPRESSED: u16 = 0x10;
const CORRELATION: u16 = 0x11;
/// One more than the last type that is read.
const TYPES: usize = 0x12;

const V4: u8 = 2;
const V6: u8 = 10;

impl<'a> Packet<'a> {
    pub fn decode(bytes: &'a [u8]) -> Result<Packet<'a>, Fault> {
        let chunks = Chunks::read(bytes)?;
        if chunks.0[usize::from(COMPRESSED)].is_some() {
            return Err(Fault::Compressed);
        }
        let ports = [chunks.fixed(SRC_PORT)?, chunks.fixed(DST_PORT)?].map(u16::from_be_bytes);
        let [src, dst] = match chunks.fixed::<1>(FAMILY)? {
            [V4] => [chunks.fixed(SRC_V4)?, chunks.fixed(DST_V4)?].map(|at| IpAddr::from(Ipv4Addr::from_octets(at))),
            [V6] => [chunks.fixed(SRC_V6)?, chunks.fixed(DST_V6)?].map(|at| IpAddr::from(Ipv6Addr::from_octets(at))),
            _ => return Err(Fault::Value),
        };
        let microseconds = u32::from_be_bytes(chunks.fixed(MICROSECONDS)?);
        if microseconds >= 1_000_000 {
            return Err(Fault::Value);
        }
        let seconds = u32::from_be_bytes(chunks.fixed(SECONDS)?);
        Ok(Packet {
            ip_protocol: chunks.fixed::<1>(IP_PROTOCOL)?[0],
            src: SocketAddr::new(src, ports[0]),
            dst: SocketAddr::new(dst, ports[1]),
            at: Duration::new(seconds.into(), microseconds * 1_000),
            protocol: chunks.fixed::<1>(PROTOCOL)?[0],
            agent: match chunks.0[usize::from(AGENT)] {
                None => 0,
                Some(_) => u32::from_be_bytes(chunks.fixed(AGENT)?),
            },
            password: chunks.0[usize::from(PASSWORD)],
            correlation: chunks.0[usize::from(CORRELATION)],
            payload: chunks.0[usize::from(PAYLOAD)].ok_or(Fault::Missing)?,
        })
    }

    /// Both addresses have to be of one family; an IPv4 address beside an IPv6 one is written as IPv6.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut out = Vec::with_capacity(self.payload.len() + 160);
        out.extend_from_slice(HEAD);
        out.extend_from_slice(&[0, 0]);
        let mut put = |kind: u16, value: &[u8]| {
            let length = u16::try_from(CHUNK_HEAD_BYTES + value.len()).map_err(|_| TooLong)?;
            for part in [GENERIC, kind, length] {
                out.extend_from_slice(&part.to_be_bytes());
            }
            out.extend_from_slice(value);
            Ok(())
        };
        match (self.src.ip(), self.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                put(FAMILY, &[V4])?;
                put(IP_PROTOCOL, &[self.ip_protocol])?;
                put(SRC_V4, &src.octets())?;
                put(DST_V4, &dst.octets())?;
            }
            (src, dst) => {
                put(FAMILY, &[V6])?;
                put(IP_PROTOCOL, &[self.ip_protocol])?;
                put(SRC_V6, &as_v6(src).octets())?;
                put(DST_V6, &as_v6(dst).octets())?;
            }
        }
        put(SRC_PORT, &self.src.port().to_be_bytes())?;
        put(DST_PORT, &self.dst.port().to_be_bytes())?;
        // Wraps in 2106, as the format does.
        put(SECONDS, &(self.at.as_secs() as u32).to_be_bytes())?;
        put(MICROSECONDS, &self.at.subsec_micros().to_be_bytes())?;
        put(PROTOCOL, &[self.protocol])?;
        put(AGENT, &self.agent.to_be_bytes())?;
        for (kind, value) in [(PASSWORD, self.password), (CORRELATION, self.correlation)] {
            if let Some(value) = value {
                put(kind, value)?;
            }
        }
        put(PAYLOAD, self.payload)?;
        let length = u16::try_from(out.len()).map_err(|_| TooLong)?;
        out[HEAD.len()..HEAD_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(out)
    }

    /// Whether it shows this password, in a time that tells nothing of how near another one came.
    pub fn shows(&self, password: &[u8]) -> bool {
        self.password
            .is_some_and(|shown| verify_slices_are_equal(shown, password).is_ok())
    }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Neither addresses nor what is inside: both can name a person.
impl std::fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("at", &self.at)
            .field("protocol", &self.protocol)
            .field("agent", &self.agent)
            .field("len", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// The chunks that are read, by their type.
struct Chunks<'a>([Option<&'a [u8]>; TYPES]);

impl<'a> Chunks<'a> {
    fn read(bytes: &'a [u8]) -> Result<Chunks<'a>, Fault> {
        let (head, mut rest) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Fault::NotHep3)?;
        let [h, e, p, three, length @ ..] = *head;
        if [h, e, p, three] != *HEAD {
            return Err(Fault::NotHep3);
        }
        if usize::from(u16::from_be_bytes(length)) != bytes.len() {
            return Err(Fault::Length);
        }
        let mut chunks = Chunks([None; TYPES]);
        while !rest.is_empty() {
            let head = rest.first_chunk::<CHUNK_HEAD_BYTES>().ok_or(Fault::Length)?;
            let [vendor, kind, length] =
                [[head[0], head[1]], [head[2], head[3]], [head[4], head[5]]].map(u16::from_be_bytes);
            let (chunk, behind) = rest.split_at_checked(length.into()).ok_or(Fault::Length)?;
            let value = chunk.get(CHUNK_HEAD_BYTES..).ok_or(Fault::Length)?;
            rest = behind;
            let Some(slot) = chunks.0.get_mut(usize::from(kind)).filter(|_| vendor == GENERIC) else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(Fault::Twice);
            }
        }
        Ok(chunks)
    }

    fn fixed<const N: usize>(&self, kind: u16) -> Result<[u8; N], Fault> {
        let value = self.0[usize::from(kind)].ok_or(Fault::Missing)?;
        value.try_into().map_err(|_| Fault::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet<'a>(src: &str, dst: &str, payload: &'a [u8]) -> Packet<'a> {
        Packet {
            ip_protocol: UDP,
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            at: Duration::new(1_700_000_000, 123_456_000),
            protocol: SIP,
            agent: 2001,
            password: None,
            correlation: None,
            payload,
        }
    }

    fn small() -> Vec<u8> {
        packet("192.0.2.7:5060", "10.20.0.5:5070", b"OPTIONS").encode().unwrap()
    }

    /// Octet by octet, as the format has it.
    #[test]
    fn a_packet_is_written_as_others_read_it() {
        let expected = [
            &b"HEP3\x00\x6a"[..],
            b"\0\0\0\x01\0\x07\x02",
            b"\0\0\0\x02\0\x07\x11",
            b"\0\0\0\x03\0\x0a\xc0\0\x02\x07",
            b"\0\0\0\x04\0\x0a\x0a\x14\0\x05",
            b"\0\0\0\x07\0\x08\x13\xc4",
            b"\0\0\0\x08\0\x08\x13\xce",
            b"\0\0\0\x09\0\x0a\x65\x53\xf1\0",
            b"\0\0\0\x0a\0\x0a\0\x01\xe2\x40",
            b"\0\0\0\x0b\0\x07\x01",
            b"\0\0\0\x0c\0\x0a\0\0\x07\xd1",
            b"\0\0\0\x0f\0\x0dOPTIONS",
        ]
        .concat();
        assert_eq!(small(), expected);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let good = small();
        assert!(Packet::decode(&good).is_ok());
        let changed = |at: usize, to: u8| {
            let mut bytes = small();
            bytes[at] = to;
            bytes
        };
        let with = |chunk: &[u8]| {
            let mut bytes = small();
            bytes.extend_from_slice(chunk);
            let length = (bytes.len() as u16).to_be_bytes();
            bytes[4..6].copy_from_slice(&length);
            bytes
        };
        for (bytes, fault) in [
            (Vec::new(), Fault::NotHep3),
            (b"HEP".to_vec(), Fault::NotHep3),
            (changed(3, b'2'), Fault::NotHep3),
            (changed(5, 0x6b), Fault::Length),
            (good[..good.len() - 1].to_vec(), Fault::Length),
            // A chunk shorter than its own head, and one that ends behind the packet.
            (changed(11, 5), Fault::Length),
            (with(b"\0\0\0\x0e\0\x08x"), Fault::Length),
            (with(b"\0\0\0"), Fault::Length),
            (with(b"\0\0\0\x0b\0\x07\x01"), Fault::Twice),
            (changed(12, 7), Fault::Value),
            (changed(12, V6), Fault::Missing),
            (with(b"\0\0\0\x10\0\x07x"), Fault::Compressed),
        ] {
            assert_eq!(Packet::decode(&bytes), Err(fault), "{bytes:x?}");
        }
        for unknown in [
            &b"\0\x07\0\x0b\0\x07\x05"[..],
            b"\0\0\x01\x00\0\x06",
            b"\0\0\0\x0d\0\x08\0\x05",
        ] {
            assert_eq!(Packet::decode(&with(unknown)), Packet::decode(&good));
        }
    }

    #[test]
    fn a_second_has_a_million_microseconds() {
        let mut bytes = small();
        let at = bytes.windows(4).position(|value| value == [0, 1, 0xe2, 0x40]).unwrap();
        bytes[at..at + 4].copy_from_slice(&1_000_000u32.to_be_bytes());
        assert_eq!(Packet::decode(&bytes), Err(Fault::Value));
        bytes[at..at + 4].copy_from_slice(&999_999u32.to_be_bytes());
        assert!(Packet::decode(&bytes).is_ok());
    }

    #[test]
    fn the_largest_packet_is_read_again_and_a_larger_one_is_not_written() {
        let around = small().len() - b"OPTIONS".len();
        let payload = vec![b'x'; PACKET_BYTES_MAX - around + 1];
        let at_most = packet("192.0.2.7:5060", "10.20.0.5:5070", &payload[1..]);
        let bytes = at_most.encode().unwrap();
        assert_eq!((bytes.len(), Packet::decode(&bytes)), (PACKET_BYTES_MAX, Ok(at_most)));
        assert_eq!(
            packet("192.0.2.7:5060", "10.20.0.5:5070", &payload).encode(),
            Err(TooLong)
        );
    }

    #[test]
    fn two_families_become_one() {
        let bytes = packet("192.0.2.7:5060", "[2001:db8::1]:5060", b"").encode().unwrap();
        assert_eq!(
            Packet::decode(&bytes).unwrap().src,
            "[::ffff:192.0.2.7]:5060".parse().unwrap()
        );
    }

    #[test]
    fn a_password_is_shown_or_not() {
        let mut packet = packet("192.0.2.7:5060", "10.20.0.5:5070", b"");
        assert!(!packet.shows(b"") && !packet.shows(b"open"));
        packet.password = Some(b"open");
        let bytes = packet.encode().unwrap();
        let read = Packet::decode(&bytes).unwrap();
        assert!(read.shows(b"open"));
        assert!(!read.shows(b"oper") && !read.shows(b"open2") && !read.shows(b""));
    }

    fn address() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        prop_oneof![
            any::<([u8; 4], [u8; 4], u16, u16)>().prop_map(|(src, dst, from, to)| (
                SocketAddr::new(Ipv4Addr::from(src).into(), from),
                SocketAddr::new(Ipv4Addr::from(dst).into(), to)
            )),
            any::<([u8; 16], [u8; 16], u16, u16)>().prop_map(|(src, dst, from, to)| (
                SocketAddr::new(Ipv6Addr::from(src).into(), from),
                SocketAddr::new(Ipv6Addr::from(dst).into(), to)
            )),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            (src, dst) in address(),
            (ip_protocol, protocol, agent) in any::<(u8, u8, u32)>(),
            (seconds, micros) in (any::<u32>(), 0u32..1_000_000),
            texts in any::<[Option<Vec<u8>>; 2]>(),
            payload in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let packet = Packet {
                ip_protocol, src, dst,
                at: Duration::new(seconds.into(), micros * 1_000),
                protocol, agent,
                password: texts[0].as_deref(),
                correlation: texts[1].as_deref(),
                payload: &payload,
            };
            let bytes = packet.encode().unwrap();
            prop_assert!(Packet::decode(&bytes) == Ok(packet));
        }

        /// Also bytes that begin like one.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), damaged in any::<(usize, u8)>()) {
            let _ = Packet::decode(&bytes);
            let mut headed = [&b"HEP3\0\0"[..], &bytes].concat();
            let length = (headed.len() as u16).to_be_bytes();
            headed[4..6].copy_from_slice(&length);
            let _ = Packet::decode(&headed);
            let mut near = small();
            let at = damaged.0 % near.len();
            near[at] = damaged.1;
            if let Ok(packet) = Packet::decode(&near) {
                prop_assert!(packet.encode().is_ok());
            }
        }
    }
}
