//! Bytes as a HEP3 packet: refused, or written again to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sipveil::hep::{PACKET_BYTES_MAX, Packet};

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = Packet::decode(data) {
        match packet.encode() {
            Ok(again) => assert!(Packet::decode(&again) == Ok(packet)),
            // What says who saw it is written always, and need not have been there.
            Err(_) => assert!(data.len() > PACKET_BYTES_MAX - 10),
        }
    }
});
