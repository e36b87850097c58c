//! Writes packets and capture files, byte by byte.

use std::net::{IpAddr, SocketAddr};

/// Which layer the packets of a file begin with.
pub const ETHERNET: u16 = 1;
pub const RAW: u16 = 101;

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A capture in the oldest format: magic and fields in the given order.
pub struct PcapWriter {
    pub bytes: Vec<u8>,
    big_endian: bool,
}

impl PcapWriter {
    pub fn new(link_type: u16) -> PcapWriter {
        PcapWriter::with(0xa1b2_c3d4, false, link_type)
    }

    pub fn with(magic: u32, big_endian: bool, link_type: u16) -> PcapWriter {
        let mut writer = PcapWriter {
            bytes: Vec::new(),
            big_endian,
        };
        writer.word(magic);
        writer.word(if big_endian { 0x0002_0004 } else { 0x0004_0002 });
        for word in [0, 0, 262_144, link_type.into()] {
            writer.word(word);
        }
        writer
    }

    /// `fraction` in the unit of the magic number.
    pub fn record(&mut self, seconds: u32, fraction: u32, packet: &[u8], original: usize) {
        for word in [seconds, fraction, packet.len() as u32, original as u32] {
            self.word(word);
        }
        self.bytes.extend_from_slice(packet);
    }

    fn word(&mut self, word: u32) {
        let word = if self.big_endian {
            word.to_be_bytes()
        } else {
            word.to_le_bytes()
        };
        self.bytes.extend_from_slice(&word);
    }
}

/// A pcap file with one whole packet every 100 ms from second 1000.
pub fn pcap<P: AsRef<[u8]>>(link_type: u16, packets: &[P]) -> Vec<u8> {
    let mut writer = PcapWriter::new(link_type);
    for (number, packet) in packets.iter().enumerate() {
        let packet = packet.as_ref();
        let tenths = number as u32;
        writer.record(1000 + tenths / 10, tenths % 10 * 100_000, packet, packet.len());
    }
    writer.bytes
}

pub struct PcapNgWriter {
    pub bytes: Vec<u8>,
    big_endian: bool,
}

impl PcapNgWriter {
    pub fn new(big_endian: bool) -> PcapNgWriter {
        let mut writer = PcapNgWriter {
            bytes: Vec::new(),
            big_endian,
        };
        writer.section(big_endian);
        writer
    }

    pub fn section(&mut self, big_endian: bool) {
        self.big_endian = big_endian;
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body);
    }

    pub fn interface(&mut self, link_type: u16, snap_bytes: u32, options: &[(u16, &[u8])]) {
        let mut body = self.u16(link_type).to_vec();
        body.extend(self.u16(0));
        body.extend(self.u32(snap_bytes));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body);
    }

    pub fn enhanced(&mut self, interface: u32, stamp: u64, packet: &[u8]) {
        let mut body = Vec::new();
        for word in [
            interface,
            (stamp >> 32) as u32,
            stamp as u32,
            packet.len() as u32,
            packet.len() as u32,
        ] {
            body.extend(self.u32(word));
        }
        body.extend_from_slice(packet);
        self.block(6, &body);
    }

    pub fn obsolete(&mut self, interface: u16, stamp: u64, packet: &[u8]) {
        let mut body = self.u16(interface).to_vec();
        body.extend(self.u16(7));
        for word in [
            (stamp >> 32) as u32,
            stamp as u32,
            packet.len() as u32,
            packet.len() as u32,
        ] {
            body.extend(self.u32(word));
        }
        body.extend_from_slice(packet);
        self.block(2, &body);
    }

    pub fn simple(&mut self, packet: &[u8]) {
        let mut body = self.u32(packet.len() as u32).to_vec();
        body.extend_from_slice(packet);
        self.block(3, &body);
    }

    pub fn block(&mut self, kind: u32, body: &[u8]) {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = self.u32(body.len() as u32 + 12);
        let kind = self.u32(kind);
        for part in [&kind[..], &length, &body, &length] {
            self.bytes.extend_from_slice(part);
        }
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}

pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(ether_type.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The frame of an IP packet, padded to the least length as cards do.
pub fn frame(ip: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(if ip[0] >> 4 == 4 { 0x0800 } else { 0x86dd }, ip);
    frame.resize(frame.len().max(60), 0);
    frame
}

/// An IP packet of either version.
pub fn ip(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => ip_fragment(src, dst, protocol, payload, 0, 0, false),
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(src.octets());
            packet.extend(dst.octets());
            packet.extend_from_slice(payload);
            packet
        }
        _ => panic!("addresses of two versions"),
    }
}

/// A fragment; `offset` in octets.
pub fn ip_fragment(
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    payload: &[u8],
    identification: u16,
    offset: usize,
    more: bool,
) -> Vec<u8> {
    let units = (offset / 8) as u16;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut packet = vec![0x45, 0];
            packet.extend((20 + payload.len() as u16).to_be_bytes());
            packet.extend(identification.to_be_bytes());
            packet.extend((units | if more { 0x2000 } else { 0 }).to_be_bytes());
            packet.extend([64, protocol, 0, 0]);
            packet.extend(src.octets());
            packet.extend(dst.octets());
            packet.extend_from_slice(payload);
            packet
        }
        _ => {
            let mut inner = vec![protocol, 0];
            inner.extend((units << 3 | u16::from(more)).to_be_bytes());
            inner.extend(u32::from(identification).to_be_bytes());
            inner.extend_from_slice(payload);
            ip(src, dst, 44, &inner)
        }
    }
}

pub fn udp_header(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = src.to_be_bytes().to_vec();
    datagram.extend(dst.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend_from_slice(payload);
    datagram
}

/// A UDP datagram in IP.
pub fn udp(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(src.ip(), dst.ip(), 17, &udp_header(src.port(), dst.port(), payload))
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

pub fn tcp_header(src: u16, dst: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = src.to_be_bytes().to_vec();
    segment.extend(dst.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0; 4]);
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend_from_slice(payload);
    segment
}

/// A TCP segment in IP.
pub fn tcp(src: SocketAddr, dst: SocketAddr, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let segment = tcp_header(src.port(), dst.port(), sequence, flags, payload);
    ip(src.ip(), dst.ip(), 6, &segment)
}

/// An ESP packet with NULL encryption.
pub fn null_esp(next_header: u8, payload: &[u8], check_value_bytes: usize) -> Vec<u8> {
    let mut esp = vec![0, 0, 0x10, 1, 0, 0, 0, 1];
    esp.extend_from_slice(payload);
    let padding = (payload.len() + 2).next_multiple_of(4) - payload.len() - 2;
    esp.extend(1..=padding as u8);
    esp.extend([padding as u8, next_header]);
    esp.extend((0..check_value_bytes).map(|at| 0x80 | at as u8));
    esp
}

/// A request with this body; `about` tells requests apart.
pub fn request(about: &str, body: &str) -> Vec<u8> {
    format!(
        "MESSAGE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK{about}\r\nCall-ID: {about}\r\n\
         CSeq: 1 MESSAGE\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
