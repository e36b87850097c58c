//! Damages messages the way lines, bugs and attackers do.

use super::dice::Dice;

/// A message is not made larger than this. Above a datagram, so that streams carry some of it.
pub const BYTES_MAX: usize = 300_000;

/// Damages a message once or a few times. `others` are messages to take pieces from.
pub fn mutate(dice: &mut Dice, message: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut out = message.to_vec();
    loop {
        damage(dice, &mut out, others);
        if out.len() > BYTES_MAX {
            out.truncate(BYTES_MAX);
        }
        if dice.one_in(2) {
            return out;
        }
    }
}

fn damage(dice: &mut Dice, out: &mut Vec<u8>, others: &[Vec<u8>]) {
    match dice.below(20) {
        0 => flip_bit(dice, out),
        1 | 2 => insert(dice, out),
        3 => cut_out(dice, out),
        4 => edit_rows(dice, out, |dice, rows, at| {
            let row = rows[at].clone();
            let to = dice.below(rows.len() + 1);
            rows.insert(to, row);
        }),
        5 => edit_rows(dice, out, |_, rows, at| drop(rows.remove(at))),
        6 => edit_rows(dice, out, |dice, rows, at| {
            let with = dice.below(rows.len());
            rows.swap(at, with);
        }),
        7 => splice(dice, out, others),
        8 => {
            let end = dice.below(out.len() + 1);
            out.truncate(end);
        }
        9 => repeat(dice, out),
        10 => edit_rows(dice, out, |dice, rows, at| shift_case(dice, &mut rows[at])),
        11 => edit_rows(dice, out, |dice, rows, at| blanks(dice, &mut rows[at])),
        12 | 13 => number(dice, out),
        14 => edit_rows(dice, out, |dice, rows, at| punctuate(dice, &mut rows[at])),
        15 => line_ends(dice, out),
        16 => edit_rows(dice, out, |_, rows, at| rename(&mut rows[at])),
        17 | 18 => edit_rows(dice, out, |dice, rows, at| {
            rows.insert(at, dice.pick(&ROWS).as_bytes().to_vec());
        }),
        _ => edit_rows(dice, out, |dice, rows, _| {
            let taken = dice.pick(others);
            let (_, theirs, _) = split(taken);
            if !theirs.is_empty() {
                let row = dice.pick(&theirs).clone();
                let at = dice.below(rows.len() + 1);
                rows.insert(at, row);
            }
        }),
    }
}

/// Rows that mean something to the proxy, in spellings that try it.
const ROWS: [&str; 30] = [
    "Privacy: id",
    "Privacy : id;critical\r\n",
    "PRIVACY:\tuser;id",
    "privacy: none",
    "Privacy: none;id",
    "Privacy: header;session",
    "Privacy: off",
    "Privacy: ;;,\"id\"",
    "P-Asserted-Identity: <sip:forged-marker@home1.example>",
    "P-Asserted-Identity : \"x\" <sip:forged-marker@home1.example>, <tel:+15551230001>",
    "p-asserted-identity:\r\n <sip:forged-marker@home1.example>",
    "P-Preferred-Identity: <sip:forged-marker@home1.example>",
    "Route: <sip:192.0.2.9;lr>",
    "Route: <sip:10.20.0.1:5060;lr>, <sip:192.0.2.1;lr>",
    "Route: <sip:nowhere.example;lr>",
    "Record-Route: <sip:10.20.0.8;lr>",
    "Via: SIP/2.0/UDP 10.20.0.1:5060;branch=z9hG4bK",
    "v: SIP/2.0/TCP [2001:db8::1];rport;received=1.2.3.4, SIP / 2.0 / UDP h",
    "Max-Forwards: 0",
    "Max-Forwards: 999999999999999999999",
    "Content-Length: 0",
    "l: 99999",
    "Proxy-Require: privacy, 100rel",
    "Require: path",
    "Contact: *",
    "m: <sip:a@x>;+sip.instance=\"<urn:uuid:0>\", \"b\" <sip:b@y;gr>;expires=0",
    "Contact: a,b,c,d,e,f,g",
    "From: <sip:second@home1.example>;tag=2",
    "CSeq: 4294967296 INVITE",
    "History-Info: <sip:forged-marker@home1.example?Privacy=history>;index=1",
];

const BYTES: &[u8] = b"\r\n\0\t \"<>,;:@%\\=/[](){}'`~?#&\x7f\x80\xff0aA";

fn flip_bit(dice: &mut Dice, out: &mut [u8]) {
    let at = dice.below(out.len());
    if let Some(byte) = out.get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
}

fn insert(dice: &mut Dice, out: &mut Vec<u8>) {
    let at = dice.below(out.len() + 1);
    let count = 1 + dice.below(3);
    for _ in 0..count {
        out.insert(at, *dice.pick(BYTES));
    }
}

fn cut_out(dice: &mut Dice, out: &mut Vec<u8>) {
    let at = dice.below(out.len());
    let end = (at + 1 + dice.below(40)).min(out.len());
    out.drain(at..end);
}

/// The front of one message with the back of another, cut anywhere.
fn splice(dice: &mut Dice, out: &mut Vec<u8>, others: &[Vec<u8>]) {
    let other = dice.pick(others);
    let end = dice.below(out.len() + 1);
    out.truncate(end);
    out.extend_from_slice(&other[dice.below(other.len() + 1)..]);
}

/// A byte, a value or a row, again and again.
fn repeat(dice: &mut Dice, out: &mut Vec<u8>) {
    if dice.one_in(2) {
        let most = if dice.one_in(8) { 600 } else { 20 };
        let times = 1 + dice.below(most);
        return edit_rows(dice, out, |_, rows, at| {
            let row = rows[at].clone();
            if row.len() * times < BYTES_MAX {
                rows.splice(at..at, std::iter::repeat_n(row, times));
            }
        });
    }
    let at = dice.below(out.len());
    let length = (1 + dice.below(12)).min(out.len() - at);
    let piece = out[at..at + length].to_vec();
    let most = if dice.one_in(16) { 60_000 } else { 400 };
    let times = 1 + dice.below(most / piece.len().max(1));
    out.splice(at..at, piece.repeat(times));
}

fn shift_case(dice: &mut Dice, row: &mut [u8]) {
    let end = row.iter().position(|byte| *byte == b':').unwrap_or(row.len());
    for byte in &mut row[..end] {
        if byte.is_ascii_alphabetic() && dice.one_in(2) {
            *byte ^= 0x20;
        }
    }
}

/// White space around the colon, folds in the value.
fn blanks(dice: &mut Dice, row: &mut Vec<u8>) {
    let colon = row.iter().position(|byte| *byte == b':').unwrap_or(0);
    let blank = *dice.pick(&[&b" "[..], b"\t", b" \t ", b"\r\n ", b"\r\n\t\r\n ", b"\n "]);
    let at = match dice.below(3) {
        0 => colon,
        1 => (colon + 1).min(row.len()),
        _ => (colon + dice.below(row.len() - colon + 1)).min(row.len()),
    };
    row.splice(at..at, blank.iter().copied());
}

/// A run of digits to an extreme.
fn number(dice: &mut Dice, out: &mut Vec<u8>) {
    let from = dice.below(out.len());
    let Some(begin) = out[from..].iter().position(u8::is_ascii_digit).map(|at| at + from) else {
        return;
    };
    let length = out[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let extremes = [
        "0",
        "00",
        "-1",
        "255",
        "256",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "999999999999999999999999999999",
        "1e9",
        "",
    ];
    let extreme = dice.pick(&extremes).as_bytes().to_vec();
    out.splice(begin..begin + length, extreme);
}

fn punctuate(dice: &mut Dice, row: &mut Vec<u8>) {
    let marks = *dice.pick(&[
        &b","[..],
        b", ",
        b"\"",
        b"\\\"",
        b"<",
        b">",
        b"<>",
        b";",
        b";;",
        b"=",
        b"@",
        b"?",
        b"%0d%0a",
        b"(",
    ]);
    let at = dice.below(row.len() + 1);
    row.splice(at..at, marks.iter().copied());
}

fn line_ends(dice: &mut Dice, out: &mut Vec<u8>) {
    let all = dice.one_in(3);
    let mut at = 0;
    while at + 1 < out.len() {
        if out[at..].starts_with(b"\r\n") && (all || dice.one_in(6)) {
            out.splice(at..at + 2, [*dice.pick(b"\n\n\r")]);
        }
        at += 1;
    }
}

/// Long names to compact ones and back.
fn rename(row: &mut Vec<u8>) {
    const PAIRS: [(&str, &str); 9] = [
        ("Via", "v"),
        ("From", "f"),
        ("To", "t"),
        ("Call-ID", "i"),
        ("Contact", "m"),
        ("Content-Length", "l"),
        ("Content-Type", "c"),
        ("Subject", "s"),
        ("Referred-By", "b"),
    ];
    let Some(colon) = row.iter().position(|byte| *byte == b':') else {
        return;
    };
    let name = row[..colon].trim_ascii_end();
    let other = PAIRS.iter().find_map(|(long, short)| {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        is(long).then_some(*short).or(is(short).then_some(*long))
    });
    if let Some(other) = other {
        row.splice(..colon, other.bytes());
    }
}

/// Splits at CRLF, hands the rows over and puts everything together again.
fn edit_rows(dice: &mut Dice, out: &mut Vec<u8>, edit: impl FnOnce(&mut Dice, &mut Vec<Vec<u8>>, usize)) {
    let (start, mut rows, body) = split(out);
    if rows.is_empty() {
        return;
    }
    let at = dice.below(rows.len());
    edit(dice, &mut rows, at);
    *out = start;
    for row in rows {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&row);
    }
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(&body);
}

/// The start line, the rows and the body; a row is a line here.
fn split(message: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>, Vec<u8>) {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = &message[..end];
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        lines.push(rest[..at].to_vec());
        rest = &rest[at + 2..];
    }
    lines.push(rest.to_vec());
    let start = lines.remove(0);
    (start, lines, message.get(end + 4..).unwrap_or_default().to_vec())
}
