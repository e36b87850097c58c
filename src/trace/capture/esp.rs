//! ESP with NULL encryption (RFC 4303, RFC 2410), recognised by its content.
//!
//! Nothing in an ESP packet says how it is protected. With NULL encryption the trailer is legible: after the right
//! length of check value, the padding counts 1, 2, 3 … and the next header fits the payload.

use etherparse::TcpHeaderSlice;

use super::{
    ip::IpPacket,
    link::{is_ip, u16_at},
};

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV4: u8 = 4;
pub(super) const IPV6: u8 = 41;

/// Lengths of the integrity check value: HMAC-MD5-96 and HMAC-SHA-1-96, AES-GMAC and HMAC-SHA-256-128.
const CHECK_VALUE_BYTES: [usize; 2] = [12, 16];
const SPI_AND_SEQUENCE_BYTES: usize = 8;

/// The protocol and payload inside an ESP packet; none when it is encrypted, or holds neither UDP, TCP nor IP.
pub(super) fn payload_of(esp: &[u8]) -> Option<(u8, &[u8])> {
    let protected = esp.get(SPI_AND_SEQUENCE_BYTES..)?;
    CHECK_VALUE_BYTES.into_iter().find_map(|check_value_bytes| {
        let legible = protected.get(..protected.len().checked_sub(check_value_bytes)?)?;
        let (&next_header, rest) = legible.split_last()?;
        let (&padding_bytes, rest) = rest.split_last()?;
        let (payload, padding) = rest.split_at_checked(rest.len().checked_sub(padding_bytes.into())?)?;
        let counts = padding.iter().zip(1u8..).all(|(&octet, count)| octet == count);
        let aligned = legible.len() % 4 == 0;
        (counts && aligned && fits(next_header, payload)).then_some((next_header, payload))
    })
}

fn fits(next_header: u8, payload: &[u8]) -> bool {
    match next_header {
        UDP => u16_at(payload, 4).is_some_and(|length| usize::from(length) == payload.len()),
        TCP => TcpHeaderSlice::from_slice(payload).is_ok() && payload[12] & 0x0e == 0,
        IPV4 | IPV6 => is_ip(payload) && IpPacket::read(payload).is_some_and(|packet| !packet.truncated),
        _ => false,
    }
}
