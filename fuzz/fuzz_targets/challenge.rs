//! Bytes as the WWW-Authenticate of a 401: what a UE gets of it holds no session key, read as simply as can be.

#![no_main]

#[path = "../drafts.rs"]
mod drafts;

use libfuzzer_sys::fuzz_target;
use sipveil::pcscf::keys::{Taken, take};
use sipveil::sip::Name;

fuzz_target!(|data: &[u8]| {
    let rows = drafts::rows("WWW-Authenticate", data);
    let Some(mut challenge) = drafts::response("401 Unauthorized", &rows) else {
        return;
    };
    take(&mut challenge);
    // What is sent, not what is in memory.
    let sent = challenge.to_datagram_bytes();
    let end = sent.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 2);
    let mut again = drafts::draft(b"", &sent[..end]).expect("what is sent can be read");
    for row in again.rows(Name::WwwAuthenticate) {
        assert!(!shows_key(row), "{}", row.escape_ascii());
    }
    let before: Vec<Vec<u8>> = again.rows(Name::WwwAuthenticate).map(<[u8]>::to_vec).collect();
    assert!(!matches!(take(&mut again), Taken::Keys(_)));
    assert!(again.rows(Name::WwwAuthenticate).eq(before.iter().map(Vec::as_slice)), "taken out twice");
});

/// Whether `ck=` or `ik=` stands outside quotes, behind whatever is no letter of a name.
fn shows_key(row: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in row.iter().enumerate() {
        match byte {
            _ if std::mem::take(&mut is_escaped) => continue,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        let begins = at == 0 || is_blank(&row[at - 1]) || matches!(row[at - 1], b',' | b';');
        let Some(name) = row.get(at..at + 2).filter(|_| begins && !is_quoted) else {
            continue;
        };
        let is_key = [b"ck", b"ik"].iter().any(|key| name.eq_ignore_ascii_case(*key));
        if is_key && row[at + 2..].iter().find(|byte| !is_blank(byte)) == Some(&b'=') {
            return true;
        }
    }
    false
}
