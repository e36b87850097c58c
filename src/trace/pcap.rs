//! Messages into a capture that may be handed on: pcap, names hidden.
//!
//! Takes nothing but [`Mirrored`], so nothing that names anybody gets into the file.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};

use crate::privacy::mirrored::Mirrored;
use crate::sip::Transport;

/// What a datagram holds beside the headers of IPv4 and UDP.
const DATAGRAM_BYTES_MAX: usize = 65_535 - 20 - 8;
/// What a segment holds.
const SEGMENT_BYTES_MAX: usize = 1_460;
/// Directions of connections whose octets are counted; beyond: each begins anew, and a reader may take its messages for lost.
const DIRECTIONS_MAX: usize = 100_000;
/// Packets begin with the header of IP.
const LINK_TYPE_RAW: u32 = 101;
const HOPS: u8 = 64;

/// A file being written.
pub struct Pcap<W> {
    out: W,
    /// The next octet of each direction of a connection.
    sequences: HashMap<(SocketAddr, SocketAddr), u32>,
    left_out: u64,
}

impl<W: Write> Pcap<W> {
    pub fn new(mut out: W) -> io::Result<Pcap<W>> {
        // Microseconds, version 2.4, no correction of time zones, whole packets.
        let words: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 0x0004_0000, LINK_TYPE_RAW];
        for word in words {
            out.write_all(&word.to_le_bytes())?;
        }
        Ok(Pcap {
            out,
            sequences: HashMap::new(),
            left_out: 0,
        })
    }

    pub fn write(&mut self, message: &Mirrored) -> io::Result<()> {
        let (src, dst) = (message.src(), message.dst());
        if message.transport() == Transport::Udp {
            if message.bytes().len() > DATAGRAM_BYTES_MAX {
                self.left_out += 1;
                return Ok(());
            }
            let step = ip(src.ip(), dst.ip()).udp(src.port(), dst.port());
            let mut packet = Vec::with_capacity(step.size(message.bytes().len()));
            step.write(&mut packet, message.bytes()).map_err(io::Error::other)?;
            return self.packet(message, &packet);
        }
        if self.sequences.len() >= DIRECTIONS_MAX {
            self.sequences.clear();
        }
        for segment in message.bytes().chunks(SEGMENT_BYTES_MAX) {
            let at = *self.sequences.get(&(src, dst)).unwrap_or(&1);
            let heard = *self.sequences.get(&(dst, src)).unwrap_or(&1);
            let step = ip(src.ip(), dst.ip())
                .tcp(src.port(), dst.port(), at, u16::MAX)
                .psh()
                .ack(heard);
            let mut packet = Vec::with_capacity(step.size(segment.len()));
            step.write(&mut packet, segment).map_err(io::Error::other)?;
            self.sequences.insert((src, dst), at.wrapping_add(segment.len() as u32));
            self.packet(message, &packet)?;
        }
        Ok(())
    }

    fn packet(&mut self, message: &Mirrored, packet: &[u8]) -> io::Result<()> {
        let (at, length) = (message.at(), packet.len() as u32);
        for word in [at.as_secs() as u32, at.subsec_micros(), length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(packet)
    }

    /// Ends the file. Gives how many messages no datagram could hold.
    pub fn finish(mut self) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.left_out)
    }
}

/// Of one family: who sends and who gets it are, and each stands for an address of its own family.
fn ip(src: IpAddr, dst: IpAddr) -> PacketBuilderStep<IpHeaders> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => PacketBuilder::ipv4(src.octets(), dst.octets(), HOPS),
        (src, dst) => {
            let wide = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            PacketBuilder::ipv6(wide(src), wide(dst), HOPS)
        }
    }
}
