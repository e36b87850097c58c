//! Messages of a registration with rows that the fuzzer wrote.

#![allow(dead_code, reason = "no target needs all of it")]

use bytes::Bytes;
use sipveil::sip::Draft;
use sipveil::sip::parse::{Carrier, ParseLimits, parse};

const LIMITS: ParseLimits = ParseLimits {
    start_line_bytes_max: 8192,
    header_bytes_max: 16384,
    header_block_bytes_max: 65536,
    header_rows_max: 512,
    body_bytes_max: 262144,
};

/// Pieces between zeros; what is behind the last counts to it.
pub fn pieces<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut all = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

/// A row for each line of the value.
pub fn rows(name: &str, value: &[u8]) -> Vec<u8> {
    let lines = value.split(|byte| matches!(byte, b'\r' | b'\n'));
    let rows = lines.filter(|line| !line.is_empty());
    rows.flat_map(|line| [name.as_bytes(), b": ", line, b"\r\n"].concat()).collect()
}

/// `None`: one that is refused as a whole.
pub fn register(rows: &[u8]) -> Option<Draft> {
    draft(b"REGISTER sip:home1.example SIP/2.0\r\nVia: SIP/2.0/UDP ue;branch=z9hG4bK1\r\n", rows)
}

pub fn response(status: &str, rows: &[u8]) -> Option<Draft> {
    draft(format!("SIP/2.0 {status}\r\n").as_bytes(), rows)
}

pub fn draft(head: &[u8], rows: &[u8]) -> Option<Draft> {
    let bytes = Bytes::from([head, rows, b"\r\n"].concat());
    Some(parse(bytes, Carrier::Datagram, &LIMITS).ok()?.into())
}
