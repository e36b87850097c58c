//! What of a message between peers passes beside its body: what the protocol needs, and nothing that could say who its sender is.

use crate::sip::headers::name_addr::NameAddr;
use crate::sip::{Draft, Name};

/// Rows that pass; a name that no rule is keyed on by its text.
const PASSES: &[Name] = &[
    Name::Via,
    Name::Route,
    Name::RecordRoute,
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::MaxForwards,
    Name::MaxBreadth,
    Name::Contact,
    Name::ContentLength,
    Name::ContentType,
    Name::Privacy,
    Name::Require,
    Name::ProxyRequire,
    Name::Supported,
    Name::Unsupported,
    Name::Accept,
    Name::Allow,
    Name::Expires,
    Name::Event,
    Name::RetryAfter,
    Name::SessionExpires,
    Name::MinSe,
    Name::MinExpires,
    Name::SipEtag,
    Name::SipIfMatch,
];
const PASSES_BY_TEXT: &[&str] = &["RSeq", "RAck", "Subscription-State", "Content-Disposition"];

/// Takes out everything else, and says in usual words what a status means.
//= P2P-063
pub fn keep_known(draft: &mut Draft) {
    let passes = |name: &[u8], known: Name| match known {
        Name::Other => PASSES_BY_TEXT
            .iter()
            .any(|passes| name.eq_ignore_ascii_case(passes.as_bytes())),
        known => PASSES.contains(&known),
    };
    draft.retain(passes);
    if !draft.is_request() {
        draft.set_reason(reason_of(draft.status()));
    }
}

/// The To of a response: that of its request, with the tag of who answers.
//= P2P-073
pub fn answer_to(draft: &mut Draft, asked: &[u8]) {
    let Some((row, value)) = draft.first_at(Name::To) else {
        return;
    };
    let tag = NameAddr::tag_of(value).ok().flatten().map(|tag| tag.of(value).to_vec());
    let has_tag = NameAddr::tag_of(asked).is_ok_and(|tag| tag.is_some());
    match tag.filter(|_| !has_tag) {
        Some(tag) => draft.set(row, &[asked, b";tag=", &tag]),
        None => draft.set(row, &[asked]),
    }
}

/// Words without a name in them.
fn reason_of(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        101..=199 => "In Progress",
        200..=299 => "OK",
        300..=399 => "Elsewhere",
        400..=499 => "Request Failure",
        500..=599 => "Server Failure",
        _ => "Declined",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::{Carrier, ParseLimits, parse};

    const LIMITS: ParseLimits = ParseLimits {
        start_line_bytes_max: 1000,
        header_bytes_max: 1000,
        header_block_bytes_max: 1000,
        header_rows_max: 100,
        body_bytes_max: 1000,
    };

    fn draft(text: &str) -> Draft {
        let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
        Draft::from(parse(bytes, Carrier::Datagram, &LIMITS).unwrap())
    }

    //= P2P-063 type=test
    #[test]
    fn what_nobody_needs_goes_and_a_reason_is_one_of_ours() {
        let mut draft = draft(
            "SIP/2.0 486 alice is busy\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@h>;tag=1\r\nTo: \"Alice\" <sip:t>;tag=2\r\n\
             X-Who: alice\r\nError-Info: <sip:alice@h>\r\nRSeq: 1\r\nUser-Agent: alice's\r\nl: 0\r\n\r\n",
        );
        answer_to(&mut draft, b"<sip:t>");
        keep_known(&mut draft);
        let text = String::from_utf8(draft.to_bytes().to_vec()).unwrap();
        assert_eq!(
            text,
            "SIP/2.0 486 Request Failure\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@h>;tag=1\r\nTo: <sip:t>;tag=2\r\nRSeq: 1\r\n\
             l: 0\r\n\r\n"
        );
    }

    //= P2P-073 type=test
    #[test]
    fn a_response_within_a_dialog_is_to_whom_its_request_was() {
        let mut draft = draft("SIP/2.0 200 OK\r\nTo: \"Alice\" <sip:alice@h>;tag=2\r\n\r\n");
        answer_to(&mut draft, b"<sip:t>;tag=9");
        assert_eq!(draft.first(Name::To), Some(&b"<sip:t>;tag=9"[..]));
    }
}
