//! Diameter (RFC 6733) as far as Cx needs it: messages, and the values in them.

use std::io::{self, Read};

/// The vendor of every AVP and command of Cx.
pub const VENDOR_3GPP: u32 = 10415;
const HEADER_BYTES: usize = 20;
/// Nothing on Cx comes near it.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
const REQUEST: u8 = 0x80;
const PROXIABLE: u8 = 0x40;

pub struct Message {
    pub is_request: bool,
    pub command: u32,
    pub application: u32,
    pub hop_by_hop: u32,
    pub end_to_end: u32,
    body: Vec<u8>,
}

impl Message {
    pub fn request(command: u32, application: u32, number: u32, body: Vec<u8>) -> Message {
        Message {
            is_request: true,
            command,
            application,
            hop_by_hop: number,
            end_to_end: number,
            body,
        }
    }

    pub fn answer(&self, body: Vec<u8>) -> Message {
        Message {
            is_request: false,
            body,
            ..*self
        }
    }

    /// The next one of a stream; fails when that ends.
    pub fn read(from: &mut impl Read) -> io::Result<Message> {
        let mut header = [0; HEADER_BYTES];
        from.read_exact(&mut header)?;
        let length = number(&header[..4]) as usize & 0xff_ffff;
        if !(HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length - HEADER_BYTES];
        from.read_exact(&mut body)?;
        Ok(Message {
            is_request: header[4] & REQUEST != 0,
            command: number(&header[4..8]) & 0xff_ffff,
            application: number(&header[8..12]),
            hop_by_hop: number(&header[12..16]),
            end_to_end: number(&header[16..20]),
            body,
        })
    }

    pub fn bytes(&self) -> Vec<u8> {
        let flags = if self.is_request { REQUEST | PROXIABLE } else { 0 };
        let length = (HEADER_BYTES + self.body.len()) as u32;
        let words = [
            1 << 24 | length,
            u32::from(flags) << 24 | self.command,
            self.application,
            self.hop_by_hop,
            self.end_to_end,
        ];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub fn value(&self, code: u32) -> Option<&[u8]> {
        value(&self.body, code)
    }

    pub fn text(&self, code: u32) -> &str {
        self.value(code).map(text).unwrap_or_default()
    }

    pub fn number(&self, code: u32) -> Option<u32> {
        self.value(code).map(number)
    }
}

/// The first value of this code in a group; codes of different vendors are told apart by their numbers here.
pub fn value(mut group: &[u8], code: u32) -> Option<&[u8]> {
    while group.len() >= 8 {
        let length = number(&group[4..8]) as usize & 0xff_ffff;
        let data = if group[4] & 0x80 == 0 { 8 } else { 12 };
        if length < data || length > group.len() {
            return None;
        }
        if number(&group[..4]) == code {
            return Some(&group[data..length]);
        }
        group = &group[length.next_multiple_of(4).min(group.len())..];
    }
    None
}

pub fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or_default()
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A value of the base protocol.
pub fn avp(code: u32, data: impl AsRef<[u8]>) -> Vec<u8> {
    written(code, None, data.as_ref())
}

/// A value of Cx.
pub fn cx(code: u32, data: impl AsRef<[u8]>) -> Vec<u8> {
    written(code, Some(VENDOR_3GPP), data.as_ref())
}

fn written(code: u32, vendor: Option<u32>, data: &[u8]) -> Vec<u8> {
    const MANDATORY: u32 = 0x40 << 24;
    const OF_VENDOR: u32 = 0x80 << 24;
    let (flags, head) = match vendor {
        Some(_) => (MANDATORY | OF_VENDOR, 12),
        None => (MANDATORY, 8),
    };
    let words = [code, flags | (head + data.len()) as u32];
    let words = words.into_iter().chain(vendor);
    let mut bytes: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
