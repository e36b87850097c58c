//! IPv4 and IPv6 headers.

use std::net::IpAddr;

use etherparse::{IpFragOffset, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice};

/// An IP packet, its payload not yet looked at.
pub(super) struct IpPacket<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// Of the payload: 6 TCP, 17 UDP; extension headers are behind us, except behind a fragment.
    pub protocol: u8,
    pub payload: &'a [u8],
    pub fragment: Option<Fragment>,
    /// The header promises more than there is.
    pub truncated: bool,
}

/// Which part of which datagram a fragment is.
#[derive(Clone, Copy)]
pub(super) struct Fragment {
    pub identification: u32,
    pub offset: IpFragOffset,
    pub more: bool,
}

impl<'a> IpPacket<'a> {
    /// None when this is not IP.
    pub fn read(packet: &'a [u8]) -> Option<IpPacket<'a>> {
        match packet.first()? >> 4 {
            4 => IpPacket::read_v4(packet),
            6 => IpPacket::read_v6(packet),
            _ => None,
        }
    }

    fn read_v4(packet: &'a [u8]) -> Option<IpPacket<'a>> {
        let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
        let header_bytes = header.slice().len();
        // Zero where the card does the segmenting: then everything there is.
        let length = match usize::from(header.total_len()) {
            0 => packet.len(),
            length => length,
        };
        let payload = packet.get(header_bytes..length.min(packet.len()))?;
        let fragment = header.is_fragmenting_payload().then(|| Fragment {
            identification: header.identification().into(),
            offset: header.fragments_offset(),
            more: header.more_fragments(),
        });
        let (protocol, payload) = match fragment {
            Some(_) => (header.protocol().0, payload),
            None => skip_extensions(header.protocol().0, payload)?,
        };
        Some(IpPacket {
            src: header.source_addr().into(),
            dst: header.destination_addr().into(),
            protocol,
            payload,
            fragment,
            truncated: length > packet.len(),
        })
    }

    fn read_v6(packet: &'a [u8]) -> Option<IpPacket<'a>> {
        let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
        let header_bytes = header.slice().len();
        let length = match usize::from(header.payload_length()) {
            0 => packet.len(),
            length => header_bytes + length,
        };
        let payload = packet.get(header_bytes..length.min(packet.len()))?;
        let (mut protocol, mut payload) = skip_extensions(header.next_header().0, payload)?;
        let mut fragment = None;
        if protocol == FRAGMENT {
            let header = Ipv6FragmentHeaderSlice::from_slice(payload).ok()?;
            protocol = header.next_header().0;
            payload = payload.get(header.slice().len()..)?;
            if header.is_fragmenting_payload() {
                fragment = Some(Fragment {
                    identification: header.identification(),
                    offset: header.fragment_offset(),
                    more: header.more_fragments(),
                });
            } else {
                (protocol, payload) = skip_extensions(protocol, payload)?;
            }
        }
        Some(IpPacket {
            src: header.source_addr().into(),
            dst: header.destination_addr().into(),
            protocol,
            payload,
            fragment,
            truncated: length > packet.len(),
        })
    }
}

/// Passes over the extension headers that only accompany a payload (RFC 8200, RFC 4302). Each uses up bytes.
pub(super) fn skip_extensions(mut protocol: u8, mut payload: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let units = || payload.get(1).map(|&length| usize::from(length));
        let bytes = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => (units()? + 1) * 8,
            AUTHENTICATION => (units()? + 2) * 4,
            _ => return Some((protocol, payload)),
        };
        protocol = *payload.first()?;
        payload = payload.get(bytes..)?;
    }
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
