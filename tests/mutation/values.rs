//! Reads bytes as each kind of header value, prints what was read, and reads that: it must mean the same.
//!
//! Printed from the parts alone, so a part that is missing, or that holds a byte of its neighbour, shows.

use sipveil::pcscf::reg_event;
use sipveil::sip::headers::security::Mechanisms;
use sipveil::sip::headers::via::{Rport, Via};
use sipveil::sip::headers::{CSeq, NameAddr, Param, PrivacyHeader, credentials, identity, list};
use sipveil::sip::headers::{content_length, max_forwards, tokens};
use sipveil::sip::uri::{Scheme, Uri, equal};

/// Panics when a reader does, when it gives what does not stand in `value`, or when the print means something else.
pub fn check(value: &[u8]) {
    uri(value);
    name_addr(value);
    via(value);
    numbers(value);
    values_of_a_list(value);
    identities(value);
    words(value);
    challenge(value);
    privacy(value);
    document(value);
    agreement(value);
}

/// A reginfo document: whatever it is, it is read within its ceilings, and read again the same.
fn document(value: &[u8]) {
    assert!(reg_event::read(value) == reg_event::read(value));
}

/// Name and value of a parameter, without white space around its `=`.
type Pair<'a> = (&'a [u8], Option<&'a [u8]>);

fn uri(value: &[u8]) {
    let Ok(read) = Uri::parse(value) else { return };
    let parts = [
        Some(read.scheme_bytes()),
        Some(read.opaque()),
        read.user(),
        read.password(),
    ];
    within(
        value,
        parts.into_iter().flatten().chain([read.host()]).chain(read.headers()),
    );
    let params: Vec<Pair> = read.params().map(|param| (param.name, param.value)).collect();
    within(value, pieces(&params));
    if !matches!(read.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel) {
        return;
    }
    let mut print = [read.scheme_bytes(), b":"].concat();
    if let Some(user) = read.user() {
        print.extend_from_slice(user);
        if let Some(password) = read.password() {
            print.extend([b":", password].concat());
        }
        if read.scheme() != Scheme::Tel {
            print.push(b'@');
        }
    }
    print.extend_from_slice(read.host());
    print.extend(read.port().map(|port| format!(":{port}")).unwrap_or_default().bytes());
    print_params(&mut print, &params);
    if let Some(headers) = read.headers() {
        print.extend([b"?", headers].concat());
    }
    let again = Uri::parse(&print).expect("a printed URI");
    assert_eq!(read.scheme(), again.scheme());
    assert_eq!((read.user(), read.password()), (again.user(), again.password()));
    assert_eq!((read.host(), read.port()), (again.host(), again.port()));
    assert_eq!((read.host_ip(), read.headers()), (again.host_ip(), again.headers()));
    let printed: Vec<Pair> = again.params().map(|param| (param.name, param.value)).collect();
    assert_eq!(params, printed);
    // One with too many parts to be compared equals nothing, itself included.
    assert_eq!(equal(&read, &again), equal(&read, &read));
    assert_eq!(equal(&again, &read), equal(&read, &read));
}

/// A security agreement, of two rows.
fn agreement(value: &[u8]) {
    let (first, second) = value.split_at(value.len() / 2);
    let Ok(read) = Mechanisms::read([first, second].into_iter()) else {
        return;
    };
    let print = read.to_bytes();
    assert!(!print.iter().any(u8::is_ascii_control));
    assert_eq!(Mechanisms::read([print.as_slice()].into_iter()), Ok(read));
}

fn name_addr(value: &[u8]) {
    let Ok((read, rest)) = NameAddr::parse_first(value) else {
        return;
    };
    let parts = [
        Some(read.uri_bytes()),
        read.display(),
        read.tag(),
        Some(read.as_bytes()),
    ];
    within(value, parts.into_iter().flatten().chain([rest]));
    for span in [read.address_span(), read.uri_span(), read.params_span(), read.span()] {
        assert!(span.end() <= value.len());
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let alone = value[read.span().end()..].iter().all(is_blank);
    assert_eq!(NameAddr::parse(value).is_ok(), alone);
    let params: Vec<Param> = read.params().collect();
    let pairs = pairs(value, &params);
    let mut print = read.display().unwrap_or_default().to_vec();
    match read.is_bracketed() {
        true => print.extend([b" <", read.uri_bytes(), b">"].concat()),
        false => print.extend_from_slice(read.uri_bytes()),
    }
    print_params(&mut print, &pairs);
    let again = NameAddr::parse(&print).expect("a printed name-addr");
    assert_eq!(read.display(), again.display());
    assert_eq!(read.uri_bytes(), again.uri_bytes());
    assert_eq!((read.tag(), read.is_bracketed()), (again.tag(), again.is_bracketed()));
    let printed: Vec<Param> = again.params().collect();
    assert_eq!(pairs, self::pairs(&print, &printed));
}

fn via(value: &[u8]) {
    let Ok((read, rest)) = Via::parse(value) else { return };
    let parts = [
        Some(read.transport()),
        Some(read.host()),
        read.branch(),
        read.received(),
        read.maddr(),
    ];
    within(value, parts.into_iter().flatten().chain([read.as_bytes(), rest]));
    let places = [read.branch_span(), read.received_span(), read.rport_span()];
    for span in places.into_iter().flatten() {
        assert!(span.start() >= read.span().start() && span.end() <= read.span().end());
    }
    if let Rport::Requested { insert_at } = read.rport() {
        assert!(insert_at <= read.span().end());
    }
    let params: Vec<Param> = read.params().collect();
    let pairs = pairs(value, &params);
    let mut print = [b"SIP/2.0/", read.transport(), b" ", read.host()].concat();
    print.extend(read.port().map(|port| format!(":{port}")).unwrap_or_default().bytes());
    print_params(&mut print, &pairs);
    let (again, rest) = Via::parse(&print).expect("a printed Via");
    assert!(rest.is_empty());
    assert_eq!((read.transport(), read.host()), (again.transport(), again.host()));
    assert_eq!((read.port(), read.branch()), (again.port(), again.branch()));
    assert_eq!(
        (read.received(), read.received_ip()),
        (again.received(), again.received_ip())
    );
    assert_eq!((read.maddr(), read.alias()), (again.maddr(), again.alias()));
    assert_eq!(filled(read.rport()), filled(again.rport()));
    let printed: Vec<Param> = again.params().collect();
    assert_eq!(pairs, self::pairs(&print, &printed));
}

/// What it says, wherever it stands.
fn filled(rport: Rport) -> Option<Option<u16>> {
    match rport {
        Rport::Absent => None,
        Rport::Requested { .. } => Some(None),
        Rport::Filled(port) => Some(Some(port)),
    }
}

fn numbers(value: &[u8]) {
    if let Ok(read) = CSeq::parse(value) {
        within(value, [read.method_name]);
        let print = [read.number.to_string().as_bytes(), b" ", read.method_name].concat();
        assert_eq!(CSeq::parse(&print), Ok(read));
    }
    if let Ok(length) = content_length::read(value) {
        assert_eq!(content_length::read(length.to_string().as_bytes()), Ok(length));
    }
    if let Some(hops) = max_forwards::read(value) {
        assert_eq!(max_forwards::read(hops.to_string().as_bytes()), Some(hops));
    }
}

/// Taking one out leaves the others as they were.
fn values_of_a_list(value: &[u8]) {
    let all: Vec<&[u8]> = list::values(value).map(|span| &value[span.range()]).collect();
    assert!(all.iter().all(|one| !one.is_empty()));
    assert_eq!(texts(&all.join(&b", "[..])), all);
    for (number, span) in list::values(value).enumerate().take(40) {
        let gone = list::removal(value, span);
        let left = [&value[..gone.start()], &value[gone.end()..]].concat();
        assert_eq!(texts(&left), [&all[..number], &all[number + 1..]].concat());
    }
}

fn texts(value: &[u8]) -> Vec<&[u8]> {
    list::values(value).map(|span| &value[span.range()]).collect()
}

fn identities(value: &[u8]) {
    for (one, _) in identity::judged([value]) {
        let uri = &value[one.uri_span.range()];
        assert!(one.span.start() <= one.uri_span.start() && one.uri_span.end() <= one.span.end());
        if let Some(parsed) = one.uri {
            assert_eq!(parsed.as_bytes(), uri);
        }
    }
}

fn words(value: &[u8]) {
    let all: Vec<&[u8]> = tokens::tokens(value).collect();
    within(value, all.iter().copied());
    assert!(tokens::tokens(&all.join(&b", "[..])).eq(all.iter().copied()));
    let Some(first) = all.first() else { return };
    let is_other = |token: &&[u8]| !token.eq_ignore_ascii_case(first);
    match tokens::without(value, first) {
        tokens::Without::Unchanged => panic!("it was there"),
        tokens::Without::Nothing => assert!(!all.iter().any(is_other)),
        tokens::Without::Rest(rest) => {
            assert!(tokens::tokens(&rest).eq(all.iter().copied().filter(|token| is_other(token))));
        }
    }
}

/// What was taken out is not there any more.
fn challenge(value: &[u8]) {
    let names = [&b"nonce"[..], b"ck", b"ik"];
    if let credentials::Left::Without(left) = credentials::without(value, &names) {
        assert_eq!(credentials::without(&left, &names), credentials::Left::Unchanged);
    }
}

fn privacy(value: &[u8]) {
    let read = PrivacyHeader::read([value]);
    let elements: Vec<&[u8]> = read.elements().iter().map(|element| element.bytes).collect();
    within(value, elements.iter().copied());
    assert!(read.elements().len() <= sipveil::sip::headers::privacy::ELEMENTS_MAX);
    assert_eq!(read.is_empty(), elements.is_empty());
    let print = elements.join(&b';');
    let rows = [
        PrivacyHeader::read([&print[..]]),
        PrivacyHeader::read(elements.iter().copied()),
    ];
    for again in rows {
        assert_eq!(read.elements(), again.elements());
        // Of more than are kept the known ones count, and the rest is one malformed element.
        if !read.overflow {
            assert_eq!(asked(&read), asked(&again));
        }
    }
    let rows: Vec<&[u8]> = value.split(|byte| matches!(byte, b';' | b',')).collect();
    assert_eq!(asked(&read), asked(&PrivacyHeader::read(rows)), "one row or several");
}

fn asked(read: &PrivacyHeader<'_>) -> [bool; 12] {
    [
        read.none,
        read.id,
        read.critical,
        read.user,
        read.header,
        read.session,
        read.history,
        read.malformed,
        read.overflow,
        read.is_none_alone(),
        read.is_conflict(),
        read.is_critical_alone(),
    ]
}

fn pairs<'a>(value: &[u8], params: &[Param<'a>]) -> Vec<Pair<'a>> {
    let pairs: Vec<Pair> = params.iter().map(|param| (param.name, param.value)).collect();
    within(value, pieces(&pairs));
    for param in params {
        assert!(param.span.start() < param.span.end() && param.span.end() <= value.len());
        assert_eq!(&value[param.value_span.range()], param.value.unwrap_or_default());
    }
    pairs
}

fn pieces<'a>(pairs: &[Pair<'a>]) -> impl Iterator<Item = &'a [u8]> {
    pairs.iter().flat_map(|(name, value)| [Some(*name), *value]).flatten()
}

fn print_params(print: &mut Vec<u8>, pairs: &[Pair<'_>]) {
    for (name, value) in pairs {
        print.extend([b";", *name].concat());
        if let Some(value) = value {
            print.extend([b"=", *value].concat());
        }
    }
}

/// Every part is borrowed from the value, not from beside it.
fn within<'a>(value: &[u8], parts: impl IntoIterator<Item = &'a [u8]>) {
    let whole = value.as_ptr_range();
    for part in parts {
        let part = part.as_ptr_range();
        assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end);
    }
}
