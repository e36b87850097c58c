//! The file around the packets: pcap and pcapng, either byte order.

use std::{
    io::{self, Read},
    ops::Range,
    time::Duration,
};

use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader, nom::IResult, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_frame_modified, parse_pcap_header,
};

use super::{
    CaptureError,
    section::{Found, Section, usize_of, word},
};

/// The largest record (pcap) or packet block (pcapng) that is read. Capture programs stop at 256 KiB a packet.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// One packet of the file.
pub(super) struct Packet<'a> {
    /// Since 1970.
    pub unix: Duration,
    /// `LINKTYPE_…`; none where the file does not say.
    pub link_type: Option<u16>,
    pub data: &'a [u8],
    /// The wire had more than `data`.
    pub truncated: bool,
}

/// A capture file, read once from front to back through a buffer of at most one record.
pub(super) struct PacketFile<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The part of `buffer` that was read but not used.
    unused: Range<usize>,
    /// Where `unused` begins in the file.
    offset: u64,
    format: Format,
    /// Of pcapng only.
    section: Section,
}

#[derive(Clone, Copy)]
enum Format {
    Unknown,
    Pcap(Pcap),
    PcapNg,
}

#[derive(Clone, Copy)]
struct Pcap {
    link_type: u16,
    nanoseconds: bool,
    big_endian: bool,
    record_header_bytes: usize,
    parse: ParseRecord,
}

type ParseRecord = fn(&[u8]) -> IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>>;

const BUFFER_BYTES: usize = 64 * 1024;
const PCAP_HEADER_BYTES: usize = 24;
/// Type, length, and for a section header its byte-order mark; every block is at least as long.
const BLOCK_START_BYTES: usize = 12;

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

impl<R: Read> PacketFile<R> {
    pub fn new(reader: R) -> PacketFile<R> {
        PacketFile {
            reader,
            buffer: vec![0; BUFFER_BYTES],
            unused: 0..0,
            offset: 0,
            format: Format::Unknown,
            section: Section::new(false, Duration::ZERO),
        }
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next packet, none at the end of the file.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if let Format::Unknown = self.format {
            self.recognise()?;
        }
        let found = match self.format {
            Format::Pcap(pcap) => self.next_record(pcap)?,
            _ => self.next_packet_block()?,
        };
        Ok(found.map(|found| Packet {
            unix: found.unix,
            link_type: found.link_type,
            data: &self.buffer[found.data],
            truncated: found.truncated,
        }))
    }

    fn recognise(&mut self) -> Result<(), CaptureError> {
        self.fill(PCAP_HEADER_BYTES)?;
        let start = &self.buffer[self.unused.clone()];
        if start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Err(CaptureError::Compressed);
        }
        if start.starts_with(&SECTION_HEADER.to_be_bytes()) {
            self.format = Format::PcapNg;
            return Ok(());
        }
        let header = parse_pcap_header(start).map_err(|_| CaptureError::NotACapture)?.1;
        self.format = Format::Pcap(Pcap::new(&header));
        self.take(PCAP_HEADER_BYTES);
        Ok(())
    }

    fn next_record(&mut self, pcap: Pcap) -> Result<Option<Found>, CaptureError> {
        let what = "record";
        if !self.fill(pcap.record_header_bytes)? {
            return self.ended(what).map(|()| None);
        }
        let captured = usize_of(self.word(8, pcap.big_endian));
        if captured > RECORD_BYTES_MAX {
            return Err(self.too_large(what));
        }
        let whole = pcap.record_header_bytes + captured;
        if !self.fill(whole)? {
            return Err(self.cut_short(what));
        }
        let malformed = self.malformed(what);
        let record = self.take(whole);
        let Ok((_, packet)) = (pcap.parse)(&self.buffer[record.clone()]) else {
            return Err(malformed);
        };
        let fraction = if pcap.nanoseconds {
            Duration::from_nanos(packet.ts_usec.into())
        } else {
            Duration::from_micros(packet.ts_usec.into())
        };
        Ok(Some(Found {
            unix: Duration::from_secs(packet.ts_sec.into()) + fraction,
            link_type: Some(pcap.link_type),
            data: record.start + pcap.record_header_bytes..record.end,
            truncated: packet.origlen > packet.caplen,
        }))
    }

    /// Walks the blocks up to the next one with a packet in it.
    fn next_packet_block(&mut self) -> Result<Option<Found>, CaptureError> {
        let what = "block";
        loop {
            if !self.fill(BLOCK_START_BYTES)? {
                return self.ended(what).map(|()| None);
            }
            if self.word(0, true) == SECTION_HEADER {
                let big_endian = match self.word(8, true) {
                    0x1A2B_3C4D => true,
                    0x4D3C_2B1A => false,
                    _ => return Err(self.malformed("section header")),
                };
                self.section = Section::new(big_endian, self.section.unix);
            }
            let big_endian = self.section.big_endian;
            let kind = self.word(0, big_endian);
            let length = usize_of(self.word(4, big_endian));
            if length < BLOCK_START_BYTES || !length.is_multiple_of(4) {
                return Err(self.malformed(what));
            }
            if !matches!(
                kind,
                INTERFACE_DESCRIPTION | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
            ) {
                self.skip(length)?;
                continue;
            }
            if length > RECORD_BYTES_MAX {
                return Err(self.too_large(what));
            }
            if !self.fill(length)? {
                return Err(self.cut_short(what));
            }
            let malformed = self.malformed(what);
            let range = self.take(length);
            let block = &self.buffer[range.clone()];
            let section = &mut self.section;
            let found = match kind {
                INTERFACE_DESCRIPTION => section.describe(block).map(|()| None),
                OBSOLETE_PACKET => section.obsolete(block).map(Some),
                SIMPLE_PACKET => section.simple(block).map(Some),
                _ => section.enhanced(block).map(Some),
            };
            match found {
                None => return Err(malformed),
                Some(None) => continue,
                Some(Some(found)) => {
                    section.unix = found.unix;
                    let data = range.start + found.data.start..range.start + found.data.end;
                    return Ok(Some(Found { data, ..found }));
                }
            }
        }
    }

    /// Reads until `bytes` are unused; false when the file ends before.
    fn fill(&mut self, bytes: usize) -> Result<bool, CaptureError> {
        if self.unused.start + bytes > self.buffer.len() {
            self.buffer.copy_within(self.unused.clone(), 0);
            self.unused = 0..self.unused.len();
            if bytes > self.buffer.len() {
                self.buffer.resize(bytes, 0);
            }
        }
        while self.unused.len() < bytes {
            match self.reader.read(&mut self.buffer[self.unused.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.unused.end += read,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset + self.unused.len() as u64;
                    return Err(CaptureError::Read { offset, source });
                }
            }
        }
        Ok(true)
    }

    /// Uses up `bytes` that were filled before; their place in the buffer.
    fn take(&mut self, bytes: usize) -> Range<usize> {
        let start = self.unused.start;
        self.unused.start += bytes;
        self.offset += bytes as u64;
        start..start + bytes
    }

    /// Passes over a block without holding it.
    fn skip(&mut self, mut bytes: usize) -> Result<(), CaptureError> {
        let cut_short = self.cut_short("block");
        while bytes > 0 {
            if self.unused.is_empty() && !self.fill(1)? {
                return Err(cut_short);
            }
            let step = bytes.min(self.unused.len());
            self.take(step);
            bytes -= step;
        }
        Ok(())
    }

    /// The 32 bits at `at` of what is unused.
    fn word(&self, at: usize, big_endian: bool) -> u32 {
        word(&self.buffer[self.unused.clone()], at, big_endian).unwrap_or_default()
    }

    fn ended(&self, what: &'static str) -> Result<(), CaptureError> {
        match self.unused.is_empty() {
            true => Ok(()),
            false => Err(self.cut_short(what)),
        }
    }

    fn cut_short(&self, what: &'static str) -> CaptureError {
        CaptureError::CutShort {
            what,
            offset: self.offset,
        }
    }

    fn malformed(&self, what: &'static str) -> CaptureError {
        CaptureError::Malformed {
            what,
            offset: self.offset,
        }
    }

    fn too_large(&self, what: &'static str) -> CaptureError {
        CaptureError::TooLarge {
            what,
            offset: self.offset,
            max: RECORD_BYTES_MAX,
        }
    }
}

impl Pcap {
    fn new(header: &PcapHeader) -> Pcap {
        let big_endian = header.is_bigendian();
        let modified = header.is_modified_format();
        Pcap {
            // The upper half tells of check sequences at the end of frames.
            link_type: (header.network.0 & 0xffff) as u16,
            nanoseconds: header.is_nanosecond_precision(),
            big_endian,
            record_header_bytes: if modified { 24 } else { 16 },
            parse: match (modified, big_endian) {
                (true, _) => parse_pcap_frame_modified,
                (false, true) => parse_pcap_frame_be,
                (false, false) => parse_pcap_frame,
            },
        }
    }
}
