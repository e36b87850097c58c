//! Link layers: what stands between the capture and the IP packet.

/// The IP packet in a packet of this link type (`LINKTYPE_…`); none when there is no IP in it.
pub(super) fn ip_packet(link_type: u16, packet: &[u8]) -> Option<&[u8]> {
    match link_type {
        1 => above_ethernet(packet),
        // BSD null and loop: an address family whose numbers differ between systems; the version below says the same.
        0 | 108 => packet.get(4..).filter(|rest| is_ip(rest)),
        // Raw IP, with the numbers BSD and Linux used before one was agreed.
        12 | 14 | 101 | 228 | 229 => Some(packet).filter(|rest| is_ip(rest)),
        // Linux cooked.
        113 => above_ether_type(u16_at(packet, 14)?, packet.get(16..)?),
        // Linux cooked, version 2.
        276 => above_ether_type(u16_at(packet, 0)?, packet.get(20..)?),
        _ => None,
    }
}

/// The IP packet in an Ethernet frame.
pub(super) fn above_ethernet(frame: &[u8]) -> Option<&[u8]> {
    above_ether_type(u16_at(frame, 12)?, frame.get(14..)?)
}

/// The IP packet below tags, labels and sessions. Each turn uses up bytes, so the packet's length bounds the turns.
pub(super) fn above_ether_type(mut ether_type: u16, mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match ether_type {
            0x0800 | 0x86dd => return Some(rest).filter(|rest| is_ip(rest)),
            // 802.1Q, 802.1ad and the tag used before it.
            0x8100 | 0x88a8 | 0x9100 => {
                ether_type = u16_at(rest, 2)?;
                rest = rest.get(4..)?;
            }
            // MPLS: labels up to the one marked as the last. Nothing says what follows but the version.
            0x8847 | 0x8848 => {
                let last = rest.get(2)? & 1 != 0;
                rest = rest.get(4..)?;
                if last {
                    return Some(rest).filter(|rest| is_ip(rest));
                }
            }
            // PPPoE session: six octets, then the PPP protocol.
            0x8864 => {
                ether_type = match u16_at(rest, 6)? {
                    0x0021 => 0x0800,
                    0x0057 => 0x86dd,
                    _ => return None,
                };
                rest = rest.get(8..)?;
            }
            // A length instead of a type: LLC with SNAP carries the type after it.
            0..0x0600 => {
                if !rest.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]) {
                    return None;
                }
                ether_type = u16_at(rest, 6)?;
                rest = rest.get(8..)?;
            }
            _ => return None,
        }
    }
}

/// Whether the first octet has an IP version in it.
pub(super) fn is_ip(packet: &[u8]) -> bool {
    matches!(packet.first().map(|first| first >> 4), Some(4 | 6))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}
