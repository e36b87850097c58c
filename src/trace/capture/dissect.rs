//! One packet, from the link layer inwards to the SIP in it.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use etherparse::{TcpHeaderSlice, UdpHeaderSlice};

use super::{
    CaptureCounts, Captured, esp,
    file::Packet,
    fragments::Fragments,
    ip::{IpPacket, skip_extensions},
    link::{ip_packet, u32_at},
    messages::Framed,
    start_line::{begins_message, empty_lines},
    streams::{Addresses, Streams},
    tcp::{Arrived, Segment},
    tunnel::{ESP_IN_UDP_PORT, GTP_U_PORT, VXLAN_PORT, in_gre, in_gtp, in_vxlan},
};
use crate::sip::Transport;

/// How many tunnels may be inside one another.
pub const TUNNEL_DEPTH_MAX: usize = 8;

/// Which frame, and when.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    pub number: u64,
    /// Since the first packet.
    pub at: Duration,
    pub unix: u64,
}

#[derive(Default)]
pub(super) struct Dissector {
    /// Messages not yet fetched: those of one packet.
    pub found: VecDeque<Captured>,
    pub counts: CaptureCounts,
    fragments: Fragments,
    streams: Streams,
    /// The time of the first packet.
    began: Option<Duration>,
}

/// An IP payload on its way in.
#[derive(Clone, Copy)]
struct Payload<'a> {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    bytes: &'a [u8],
    /// The wire had more.
    truncated: bool,
    /// In how many tunnels.
    depth: usize,
}

impl Dissector {
    pub fn packet(&mut self, packet: Packet<'_>) {
        let began = *self.began.get_or_insert(packet.unix);
        self.counts.packets += 1;
        self.counts.truncated += u64::from(packet.truncated);
        let stamp = Stamp {
            number: self.counts.packets,
            at: packet.unix.saturating_sub(began),
            unix: packet.unix.as_secs(),
        };
        match packet.link_type.and_then(|link_type| ip_packet(link_type, packet.data)) {
            Some(ip) => self.ip(ip, 0, stamp),
            None => self.counts.skipped_not_ip += 1,
        }
    }

    /// The capture is over.
    pub fn finish(&mut self) {
        self.fragments.finish();
        self.counts.fragments_dropped = self.fragments.dropped;
        let mut arrived = Vec::new();
        self.streams.finish(&mut self.counts, &mut arrived);
        self.give_streamed(arrived);
    }

    fn ip(&mut self, packet: &[u8], depth: usize, stamp: Stamp) {
        if depth > TUNNEL_DEPTH_MAX {
            self.counts.tunnels_too_deep += 1;
            return;
        }
        let Some(packet) = IpPacket::read(packet) else {
            self.counts.skipped_not_ip += 1;
            return;
        };
        let payload = Payload {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.protocol,
            bytes: packet.payload,
            truncated: packet.truncated,
            depth,
        };
        let Some(fragment) = packet.fragment else {
            return self.payload(payload, stamp);
        };
        let whole = self.fragments.add(&packet, fragment, stamp.at);
        self.counts.fragments_dropped = self.fragments.dropped;
        if let Some(whole) = whole
            && let Some((protocol, bytes)) = skip_extensions(packet.protocol, &whole)
        {
            self.payload(
                Payload {
                    protocol,
                    bytes,
                    truncated: false,
                    ..payload
                },
                stamp,
            );
        }
    }

    fn payload(&mut self, payload: Payload<'_>, stamp: Stamp) {
        const GRE: u8 = 47;
        const ESP: u8 = 50;
        match payload.protocol {
            esp::UDP => self.udp(payload, stamp),
            esp::TCP => self.tcp(payload, stamp),
            esp::IPV4 | esp::IPV6 => self.ip(payload.bytes, payload.depth + 1, stamp),
            GRE => self.tunnelled(in_gre(payload.bytes), payload.depth, stamp),
            ESP => self.esp(payload, stamp),
            _ => {}
        }
    }

    fn tunnelled(&mut self, inner: Option<&[u8]>, depth: usize, stamp: Stamp) {
        if let Some(inner) = inner {
            self.ip(inner, depth + 1, stamp);
        }
    }

    fn esp(&mut self, payload: Payload<'_>, stamp: Stamp) {
        if payload.depth >= TUNNEL_DEPTH_MAX {
            self.counts.tunnels_too_deep += 1;
            return;
        }
        let Some((protocol, bytes)) = esp::payload_of(payload.bytes) else {
            self.counts.esp_unread += 1;
            return;
        };
        let depth = payload.depth + 1;
        self.payload(
            Payload {
                protocol,
                bytes,
                depth,
                ..payload
            },
            stamp,
        );
    }

    fn udp(&mut self, payload: Payload<'_>, stamp: Stamp) {
        let Ok(header) = UdpHeaderSlice::from_slice(payload.bytes) else {
            return;
        };
        let header_bytes = header.slice().len();
        // Zero where the card does the segmenting.
        let length = match usize::from(header.length()) {
            0 => payload.bytes.len(),
            length => length,
        };
        let Some(datagram) = payload.bytes.get(header_bytes..length.min(payload.bytes.len())) else {
            return;
        };
        let (from, to) = (header.source_port(), header.destination_port());
        if begins_message(datagram) {
            let addresses = (SocketAddr::new(payload.src, from), SocketAddr::new(payload.dst, to));
            let framed = Framed {
                bytes: Bytes::copy_from_slice(datagram),
                truncated: length > payload.bytes.len() || payload.truncated,
            };
            return self.give(Transport::Udp, addresses, stamp, framed);
        }
        if is_keep_alive(datagram) {
            self.counts.keep_alives += 1;
            return;
        }
        let on = |port: u16| from == port || to == port;
        if on(GTP_U_PORT) {
            self.tunnelled(in_gtp(datagram), payload.depth, stamp);
        } else if on(VXLAN_PORT) {
            self.tunnelled(in_vxlan(datagram), payload.depth, stamp);
        } else if on(ESP_IN_UDP_PORT) && u32_at(datagram, 0).is_some_and(|spi| spi != 0) {
            // Where no SPI stands (zero), the datagram is IKE.
            let esp = Payload {
                bytes: datagram,
                ..payload
            };
            self.esp(esp, stamp);
        }
    }

    fn tcp(&mut self, payload: Payload<'_>, stamp: Stamp) {
        let Ok(header) = TcpHeaderSlice::from_slice(payload.bytes) else {
            return;
        };
        let addresses = (
            SocketAddr::new(payload.src, header.source_port()),
            SocketAddr::new(payload.dst, header.destination_port()),
        );
        let segment = Segment {
            sequence: header.sequence_number(),
            syn: header.syn(),
            last: header.fin() || header.rst(),
            payload: &payload.bytes[header.slice().len()..],
        };
        let mut arrived = Vec::new();
        self.streams
            .accept(addresses, segment, stamp, &mut self.counts, &mut arrived);
        self.give_streamed(arrived);
    }

    fn give_streamed(&mut self, arrived: Vec<(Addresses, Arrived)>) {
        for (addresses, (stamp, framed)) in arrived {
            self.give(Transport::Tcp, addresses, stamp, framed);
        }
    }

    fn give(&mut self, transport: Transport, (src, dst): Addresses, stamp: Stamp, framed: Framed) {
        self.counts.sip_messages += 1;
        self.counts.truncated_messages += u64::from(framed.truncated);
        self.found.push_back(Captured {
            number: stamp.number,
            at: stamp.at,
            unix: stamp.unix,
            transport,
            src,
            dst,
            bytes: framed.bytes,
            truncated: framed.truncated,
        });
    }
}

/// CRLF, or a STUN message (RFC 8489 section 5).
fn is_keep_alive(datagram: &[u8]) -> bool {
    let only_empty_lines = !datagram.is_empty() && empty_lines(datagram) == datagram.len();
    let stun = datagram.first().is_some_and(|first| *first < 0x40) && u32_at(datagram, 4) == Some(0x2112_A442);
    only_empty_lines || (stun && datagram.len() >= 20)
}
