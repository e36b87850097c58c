//! Call-IDs of other dialogs, in the fields that quote them.

use smallvec::SmallVec;

use super::call_id::{MARK, open};
use crate::seal::Keys;
use crate::sip::{Draft, Name};

const QUOTING: [Name; 5] = [
    Name::Replaces,
    Name::Join,
    Name::TargetDialog,
    Name::InReplyTo,
    Name::ReferTo,
];

/// Tokens of one message that are opened at most.
const TOKENS_MAX: usize = 8;

/// Puts the Call-ID behind each token of ours in place of it, in a request. What does not open stays. Gives the fields that
/// changed. A body is not read.
//= PRIV-088
//= PRIV-088 type=exception reason=an original quoted outwards is left as it is: nothing tells that its dialog, perhaps of another node, has a token
pub fn restore(draft: &mut Draft, keys: &Keys) -> SmallVec<[Name; 2]> {
    let mut changed = SmallVec::new();
    let quoting = QUOTING.iter().fold(0, |set, name| set | name.bit());
    if draft.names() & quoting == 0 || !draft.is_request() {
        return changed;
    }
    let mut opened = 0;
    for name in QUOTING {
        let rows: SmallVec<[_; 2]> = draft
            .rows_at(name)
            .filter_map(|(row, value)| Some((row, restored(value, name, keys, &mut opened)?)))
            .collect();
        if !rows.is_empty() {
            changed.push(name);
        }
        for (row, value) in rows {
            draft.set(row, &[&value]);
        }
    }
    changed
}

/// The value with the Call-IDs behind its tokens; `None` when it holds none.
fn restored(value: &[u8], name: Name, keys: &Keys, opened: &mut usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut done, mut from) = (0, 0);
    // In a URI, only its headers quote.
    if name == Name::ReferTo {
        from = memchr::memchr(b'?', value)?;
    }
    while let Some(at) = memchr::memmem::find(&value[from..], MARK) {
        let start = from + at;
        let length = value[start..].iter().take_while(|byte| is_of_token(**byte)).count();
        from = start + length;
        if start > 0 && is_of_token(value[start - 1]) || *opened >= TOKENS_MAX {
            continue;
        }
        *opened += 1;
        let Some(call_id) = open(keys, &value[start..from]) else {
            continue;
        };
        out.extend_from_slice(&value[done..start]);
        match name {
            Name::ReferTo => escape(&mut out, &call_id),
            _ => out.extend_from_slice(&call_id),
        }
        done = from;
    }
    if done == 0 {
        return None;
    }
    out.extend_from_slice(&value[done..]);
    Some(out)
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// As a URI's header writes it.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match is_of_token(*byte) {
            true => out.push(*byte),
            false => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::SECRET_BYTES;
    use crate::sip::parse::{Carrier, ParseLimits, parse};
    use crate::topology::call_id::hide;

    const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 1000,
        header_bytes_max: 1000,
        header_block_bytes_max: 10_000,
        header_rows_max: 100,
        body_bytes_max: 0,
    };

    //= PRIV-088 type=test
    #[test]
    fn what_only_ends_like_a_token_is_none() {
        let keys = Keys::new(&[(1, [1; SECRET_BYTES])], "T-home1", 7).unwrap();
        let token = String::from_utf8(hide(&keys, 1, b"original@192.0.2.1").unwrap()).unwrap();
        let restored = |value: &str| {
            let text = format!("INVITE sip:x SIP/2.0\r\nReplaces: {value}\r\n\r\n");
            let mut draft = Draft::from(parse(text.into_bytes().into(), Carrier::Datagram, &LIMITS).unwrap());
            restore(&mut draft, &keys);
            String::from_utf8(draft.first(Name::Replaces).unwrap().to_vec()).unwrap()
        };
        assert_eq!(restored(&format!("{token};to-tag=1")), "original@192.0.2.1;to-tag=1");
        for before in ["x", "-", "."] {
            let value = format!("{before}{token};to-tag=1");
            assert_eq!(restored(&value), value);
        }
    }
}
