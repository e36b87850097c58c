//! A pcapng section: its interfaces, and the blocks with packets in them.

use std::{ops::Range, time::Duration};

use pcap_parser::{
    pcapng::{
        EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode, SimplePacketBlock, parse_enhancedpacketblock_be,
        parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
        parse_simplepacketblock_be, parse_simplepacketblock_le,
    },
    traits::PcapNGPacketBlock,
};

/// How many interfaces a section may describe.
pub const INTERFACES_MAX: usize = 1024;

/// What later blocks of a pcapng section refer to.
pub(super) struct Section {
    pub big_endian: bool,
    interfaces: Vec<Interface>,
    /// The time of the packet before, for blocks without one.
    pub unix: Duration,
}

#[derive(Clone, Copy)]
struct Interface {
    link_type: u16,
    /// 0: no limit.
    snap_bytes: usize,
    units_per_second: u128,
    offset_seconds: i64,
}

/// A packet's place in the buffer, before it is lent out.
pub(super) struct Found {
    pub unix: Duration,
    pub link_type: Option<u16>,
    pub data: Range<usize>,
    pub truncated: bool,
}

impl Section {
    /// `unix` is the time of the packet before.
    pub fn new(big_endian: bool, unix: Duration) -> Section {
        Section {
            big_endian,
            interfaces: Vec::new(),
            unix,
        }
    }

    /// None: malformed. Interfaces past the maximum are not kept; their packets then have no link type.
    pub fn describe(&mut self, block: &[u8]) -> Option<()> {
        let parse = match self.big_endian {
            true => parse_interfacedescriptionblock_be,
            false => parse_interfacedescriptionblock_le,
        };
        let description = parse(block).ok()?.1;
        if self.interfaces.len() < INTERFACES_MAX {
            self.interfaces.push(Interface::new(&description, self.big_endian));
        }
        Some(())
    }

    pub fn enhanced(&self, block: &[u8]) -> Option<Found> {
        let parse = match self.big_endian {
            true => parse_enhancedpacketblock_be,
            false => parse_enhancedpacketblock_le,
        };
        let packet: EnhancedPacketBlock<'_> = parse(block).ok()?.1;
        let header_bytes = 28;
        Some(self.found(
            usize_of(packet.if_id),
            Some((packet.ts_high, packet.ts_low)),
            header_bytes..header_bytes + packet.packet_data().len(),
            packet.origlen,
        ))
    }

    pub fn simple(&self, block: &[u8]) -> Option<Found> {
        let parse = match self.big_endian {
            true => parse_simplepacketblock_be,
            false => parse_simplepacketblock_le,
        };
        let packet: SimplePacketBlock<'_> = parse(block).ok()?.1;
        let header_bytes = 12;
        let snap_bytes = match self.interfaces.first() {
            Some(interface) if interface.snap_bytes > 0 => interface.snap_bytes,
            _ => usize::MAX,
        };
        let captured = packet.data.len().min(usize_of(packet.origlen)).min(snap_bytes);
        Some(self.found(0, None, header_bytes..header_bytes + captured, packet.origlen))
    }

    /// The Packet Block of early drafts, which the reading crate does not know.
    pub fn obsolete(&self, block: &[u8]) -> Option<Found> {
        let header_bytes = 28;
        let interface = match self.big_endian {
            true => word(block, 8, true)? >> 16,
            false => word(block, 8, false)? & 0xffff,
        };
        let high = word(block, 12, self.big_endian)?;
        let low = word(block, 16, self.big_endian)?;
        let captured = usize_of(word(block, 20, self.big_endian)?);
        let original = word(block, 24, self.big_endian)?;
        if captured > block.len().checked_sub(header_bytes + 4)? {
            return None;
        }
        Some(self.found(
            usize_of(interface),
            Some((high, low)),
            header_bytes..header_bytes + captured,
            original,
        ))
    }

    fn found(&self, interface: usize, stamp: Option<(u32, u32)>, data: Range<usize>, original: u32) -> Found {
        let interface = self.interfaces.get(interface);
        Found {
            unix: match (interface, stamp) {
                (Some(interface), Some((high, low))) => interface.unix(u64::from(high) << 32 | u64::from(low)),
                _ => self.unix,
            },
            link_type: interface.map(|interface| interface.link_type),
            truncated: usize_of(original) > data.len(),
            data,
        }
    }
}

impl Interface {
    fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Interface {
        let option = |code: OptionCode| {
            let found = description.options.iter().find(|option| option.code == code);
            found.and_then(|option| option.as_bytes().ok())
        };
        let units_per_second = match option(OptionCode::IfTsresol) {
            Some(&[power]) if power & 0x80 != 0 => 1u128.checked_shl(u32::from(power & 0x7f)),
            Some(&[power]) => 10u128.checked_pow(u32::from(power)),
            _ => None,
        };
        let offset_seconds = option(OptionCode::IfTsoffset).and_then(|bytes| {
            let bytes: [u8; 8] = bytes.try_into().ok()?;
            Some(match big_endian {
                true => i64::from_be_bytes(bytes),
                false => i64::from_le_bytes(bytes),
            })
        });
        Interface {
            link_type: (description.linktype.0 & 0xffff) as u16,
            snap_bytes: usize_of(description.snaplen),
            units_per_second: units_per_second.unwrap_or(1_000_000),
            offset_seconds: offset_seconds.unwrap_or(0),
        }
    }

    /// The time a stamp of this interface means; times before 1970 are 1970.
    fn unix(&self, stamp: u64) -> Duration {
        let stamp = u128::from(stamp);
        let seconds = stamp / self.units_per_second;
        // The remainder is below 2^64, so the product stays below 2^94; the quotient is below 10^9.
        let nanoseconds = stamp % self.units_per_second * 1_000_000_000 / self.units_per_second;
        let seconds = (seconds as u64).saturating_add_signed(self.offset_seconds);
        Duration::new(seconds, nanoseconds as u32)
    }
}

pub(super) fn word(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(match big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    })
}

/// Lossless where we run: nothing has less than 32 bits.
pub(super) fn usize_of(word: u32) -> usize {
    word as usize
}
