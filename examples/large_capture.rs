//! A capture as large as one likes, replayed: messages a second, and the most memory that took.
//!
//! ```text
//! cargo run --release --example large_capture -- 1000000000 [FILE]
//! ```
//!
//! Writes calls of so many bytes into FILE (a temporary one by default, removed at the end) and judges each message by the policy of the
//! recorded traces, as `sipveil replay --json` does, to nowhere.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program: it reads its arguments, measures time and tells"
)]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use etherparse::PacketBuilder;
use sipveil::cli::replay::{Form, play};
use sipveil::config;
use sipveil::trace::playback::json::Json;

const POLICY: &str = "fixtures/traces/policy.toml";
const INSIDE: [u8; 4] = [10, 20, 0, 7];
const OUTSIDE: [u8; 4] = [192, 0, 2, 9];
const SDP: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 10.20.0.7\r\ns=-\r\nc=IN IP4 10.20.0.7\r\nt=0 0\r\n\
                   m=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let bytes: u64 = arguments.next().map_or(100_000_000, |bytes| bytes.parse().unwrap());
    let folder = tempfile::TempDir::new().unwrap();
    let path = arguments
        .next()
        .map_or_else(|| folder.path().join("large.pcap"), PathBuf::from);
    let messages = write(&path, bytes).unwrap();
    let size = fs::metadata(&path).unwrap().len();
    println!("{messages} messages in {:.2} GB", size as f64 / 1e9);
    let (policy, _) = config::load(POLICY.as_ref()).unwrap();
    let before = peak();
    let began = Instant::now();
    let replayed = play(
        File::open(&path).unwrap(),
        &policy,
        Form::Json(Json::default()),
        &mut io::sink(),
    )
    .unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let summary = replayed.summary;
    println!(
        "{} judged in {seconds:.0} s: {:.0} messages a second",
        summary.messages,
        summary.messages as f64 / seconds
    );
    println!("{} show a stranger what the policy forbids", summary.recorded_leaks);
    println!("at most {:.0} MB resident, {:.0} MB before", peak() / 1e3, before / 1e3);
}

/// Calls until there are so many bytes; how many messages they are.
fn write(path: &Path, bytes: u64) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create(path)?);
    let header: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 0x0004_0000, 101];
    for word in header {
        out.write_all(&word.to_le_bytes())?;
    }
    let (mut written, mut messages) = (24, 0);
    for call in 0.. {
        for (number, (is_from_inside, text)) in messages_of(call).into_iter().enumerate() {
            let (src, dst) = if is_from_inside {
                (INSIDE, OUTSIDE)
            } else {
                (OUTSIDE, INSIDE)
            };
            let step = PacketBuilder::ipv4(src, dst, 64).udp(5060, 5060);
            let mut packet = Vec::with_capacity(step.size(text.len()));
            step.write(&mut packet, text.as_bytes()).map_err(io::Error::other)?;
            let length = packet.len() as u32;
            for word in [
                (call / 100) as u32,
                (call % 100) as u32 * 10_000 + number as u32,
                length,
                length,
            ] {
                out.write_all(&word.to_le_bytes())?;
            }
            out.write_all(&packet)?;
            written += 16 + u64::from(length);
            messages += 1;
        }
        if written >= bytes {
            break;
        }
    }
    out.flush()?;
    Ok(messages)
}

/// INVITE, 180, 200, ACK, BYE, 200; every tenth call shows a stranger who it is that asked not to be shown.
fn messages_of(call: u64) -> Vec<(bool, String)> {
    let asserted = "P-Asserted-Identity: <sip:alice@example.com>\r\n";
    let privacy = if call.is_multiple_of(10) { "Privacy: id\r\n" } else { "" };
    let rows = |cseq: &str, tag: &str| {
        format!(
            "Via: SIP/2.0/UDP 10.20.0.7:5060;branch=z9hG4bK{call:x}{}\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=a{call:x}\r\n\
             To: <sip:bob@biloxi.example.org>{tag}\r\nCall-ID: {call:x}-3848276298220188511@10.20.0.7\r\nCSeq: {cseq}\r\n",
            cseq.len()
        )
    };
    let tag = format!(";tag=b{call:x}");
    let request = |method: &str, cseq: &str, tag: &str, more: &str, body: &str| {
        format!(
            "{method} sip:bob@biloxi.example.org SIP/2.0\r\n{}Max-Forwards: 70\r\nContact: <sip:alice@10.20.0.7:5060>\r\n\
             User-Agent: telephone 1.0\r\n{more}Content-Length: {}\r\n\r\n{body}",
            rows(cseq, tag),
            body.len()
        )
    };
    let response = |status: &str, cseq: &str, body: &str| {
        let contact = "Contact: <sip:bob@192.0.2.9:5060>\r\nServer: telephone 2.0\r\n";
        format!(
            "SIP/2.0 {status}\r\n{}{contact}Content-Length: {}\r\n\r\n{body}",
            rows(cseq, &tag),
            body.len()
        )
    };
    let typed = "Content-Type: application/sdp\r\n";
    vec![
        (
            true,
            request("INVITE", "1 INVITE", "", &format!("{asserted}{privacy}{typed}"), SDP),
        ),
        (false, response("180 Ringing", "1 INVITE", "")),
        (false, response("200 OK", "1 INVITE", SDP)),
        (true, request("ACK", "1 ACK", &tag, "", "")),
        (true, request("BYE", "2 BYE", &tag, "", "")),
        (false, response("200 OK", "2 BYE", "")),
    ]
}

/// The most that was resident so far, in kilobytes, as the kernel counts.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}
