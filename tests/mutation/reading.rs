//! Reads everything there is to read in some bytes, and says what should not be.

use bytes::Bytes;
use sipveil::sip::headers::cseq::CSeq;
use sipveil::sip::headers::name_addr::NameAddr;
use sipveil::sip::headers::via::Via;
use sipveil::sip::headers::{content_length, identity, list, max_forwards, privacy::PrivacyHeader, tokens};
use sipveil::sip::parse::{Carrier, ParseError, ParseLimits, parse};
use sipveil::sip::uri::Uri;
use sipveil::sip::{Draft, Essentials, Name};

/// The limits of a policy that states none.
pub fn limits() -> ParseLimits {
    let limits = sipveil::policy::limits::Limits::default();
    ParseLimits {
        start_line_bytes_max: limits.start_line_bytes_max as usize,
        header_bytes_max: limits.header_bytes_max as usize,
        header_block_bytes_max: limits.header_block_bytes_max as usize,
        header_rows_max: limits.header_rows_max as usize,
        body_bytes_max: limits.body_bytes_max as usize,
    }
}

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    Accepted,
    Refused(ParseError),
    /// Accepted, and it would not leave as it came.
    Changed,
}

/// Parses as a datagram, looks whether it would leave byte for byte as it came, and reads every value of every row.
pub fn read(bytes: &Bytes) -> Read {
    let _ = parse(bytes.clone(), Carrier::Stream, &limits());
    let message = match parse(bytes.clone(), Carrier::Datagram, &limits()) {
        Ok(message) => message,
        Err(refused) => {
            // What is left of it must bear being answered.
            if let Some(message) = refused.message {
                let _ = Essentials::read(&message);
                values(&Draft::from(message));
            }
            return Read::Refused(refused.error);
        }
    };
    let stated = message.first(Name::ContentLength).map(<[u8]>::to_vec);
    let body = message.body().len();
    let _ = Essentials::read(&message);
    let draft = Draft::from(message);
    values(&draft);
    let out = draft.to_bytes();
    let begin = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let came = &bytes[begin..];
    // Bytes behind the body of a datagram are left out, when a Content-Length says where it ends.
    let length = stated.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
    let whole = out == came || (came.starts_with(&out) && length == Some(body));
    if whole { Read::Accepted } else { Read::Changed }
}

fn values(draft: &Draft) {
    let _ = Uri::parse(draft.request_uri());
    for (name, _, value) in draft.all_rows() {
        assert!(!name.is_empty(), "a row without a name");
        uris(value);
        let mut seen = 0;
        for span in list::values(value) {
            let one = span.of(value);
            assert!(span.start() >= seen && span.end() > span.start(), "list values overlap");
            seen = span.end();
            let removal = list::removal(value, span);
            assert!(removal.start() <= span.start() && removal.end() >= span.end() && removal.end() <= value.len());
            uris(one);
        }
        if let Ok((via, rest)) = Via::parse(value) {
            assert!(rest.len() < value.len());
            let _ = via.params().any(|param| param.is(b"no-such"));
            let _ = (via.host_ip(), via.received_ip(), via.rport(), via.maddr());
        }
        let _ = (
            CSeq::parse(value),
            content_length::read(value),
            max_forwards::read(value),
        );
        let _ = (tokens::tokens(value).count(), tokens::without(value, b"privacy"));
        identity::judged([value]).for_each(drop);
        let _ = PrivacyHeader::read([value]);
    }
    identity::judged(draft.rows(Name::PAssertedIdentity)).for_each(drop);
    let _ = PrivacyHeader::read(draft.rows(Name::Privacy));
}

fn uris(value: &[u8]) {
    if let Ok((name_addr, _)) = NameAddr::parse_first(value) {
        let _ = (name_addr.tag(), name_addr.display(), name_addr.params().count());
        if let Ok(uri) = name_addr.uri() {
            let _ = uri.params().any(|param| param.is(b"no-such"));
            let _ = (uri.user(), uri.host_ip(), uri.port(), uri.headers(), uri.transport());
            let _ = (uri.is_phone(), uri.is_emergency(), uri.maddr());
        }
    }
}
