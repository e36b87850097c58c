//! Packets inside packets: GRE, GTP-U, VXLAN.

use super::link::{above_ether_type, above_ethernet, is_ip, u16_at};

/// UDP port of GTP-U (TS 29.281 section 4.4.2).
pub(super) const GTP_U_PORT: u16 = 2152;
/// UDP port of VXLAN (RFC 7348 section 5), the way clouds mirror traffic.
pub(super) const VXLAN_PORT: u16 = 4789;
/// UDP port of ESP in UDP (RFC 3948).
pub(super) const ESP_IN_UDP_PORT: u16 = 4500;

/// The IP packet in a GRE packet (RFC 2784, RFC 2890), also in Ethernet or ERSPAN in it.
pub(super) fn in_gre(gre: &[u8]) -> Option<&[u8]> {
    let flags = u16_at(gre, 0)?;
    let protocol = u16_at(gre, 2)?;
    let (checksum, key, sequence) = (flags & 0x8000 != 0, flags & 0x2000 != 0, flags & 0x1000 != 0);
    let routing_or_other_version = flags & 0x4007 != 0;
    if routing_or_other_version {
        return None;
    }
    let header_bytes = 4 + 4 * (usize::from(checksum) + usize::from(key) + usize::from(sequence));
    let rest = gre.get(header_bytes..)?;
    match protocol {
        0x6558 => above_ethernet(rest),
        // ERSPAN: the first type has no header of its own, nor a sequence number.
        0x88be if sequence => above_ethernet(rest.get(8..)?),
        0x88be => above_ethernet(rest),
        _ => above_ether_type(protocol, rest),
    }
}

/// The user's IP packet in a GTP-U message (TS 29.281 section 5.1).
pub(super) fn in_gtp(gtp: &[u8]) -> Option<&[u8]> {
    let flags = *gtp.first()?;
    let version_1_with_user_packet = flags & 0xf0 == 0x30 && gtp.get(1) == Some(&0xff);
    if !version_1_with_user_packet {
        return None;
    }
    let length = usize::from(u16_at(gtp, 2)?);
    let mut rest = gtp.get(8..gtp.len().min(8 + length))?;
    if flags & 0x07 != 0 {
        let mut next_extension = *rest.get(3)?;
        rest = rest.get(4..)?;
        if flags & 0x04 == 0 {
            next_extension = 0;
        }
        while next_extension != 0 {
            // In units of four octets, of which none is no extension.
            let extension = rest.get(..4 * usize::from(*rest.first().filter(|&&units| units > 0)?))?;
            next_extension = *extension.last()?;
            rest = &rest[extension.len()..];
        }
    }
    Some(rest).filter(|rest| is_ip(rest))
}

/// The IP packet in a VXLAN frame.
pub(super) fn in_vxlan(vxlan: &[u8]) -> Option<&[u8]> {
    let network_is_given = *vxlan.first()? == 0x08;
    network_is_given.then(|| above_ethernet(vxlan.get(8..)?)).flatten()
}
