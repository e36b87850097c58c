//! Via: one hop that a request took.

use std::fmt;
use std::net::IpAddr;

use super::Span;
use super::grammar::{host_end, ip, is_token_byte, port, skip_lws, skip_while};
use super::params::{Param, Params, behind_comma, next_param};
use crate::sip::Malformed;
use crate::sip::scan::param_value_end;

/// What a Via says about `rport` (RFC 3581).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rport {
    Absent,
    /// `;rport`: the sender asks to be told; `=port` is inserted at this place of the value.
    Requested {
        insert_at: usize,
    },
    /// `;rport=5061`, as some hop filled it in. A value that is no port counts as 0.
    Filled(u16),
}

/// One Via value. All spans count from the start of the value handed in.
///
/// Source: RFC 3261 section 20.42, RFC 3581, RFC 5923 (`alias`). White space around `/` and `:` is allowed. A parameter
/// without a name, one of those named here given twice, or an IPv6 zone is a fault.
#[derive(Clone, Copy)]
pub struct Via<'a> {
    value: &'a [u8],
    transport: Span,
    host: Span,
    port: Option<u16>,
    sent_by_end: usize,
    branch: Option<Span>,
    received: Option<Received>,
    rport: Rport,
    rport_span: Span,
    maddr: Option<Span>,
    alias: bool,
    may_tell_load: bool,
    span: Span,
}

#[derive(Clone, Copy)]
struct Received {
    param: Span,
    value: Span,
}

impl<'a> Via<'a> {
    /// Parses the first value of a Via row; the rest begins with the next value, and is empty after the last.
    //= MSG-001
    pub fn parse(row: &'a [u8]) -> Result<(Via<'a>, &'a [u8]), Malformed> {
        Via::read(row)
    }

    /// The same within its caller, which takes of it what it needs, and no more is put together: every message is read so.
    #[inline(always)]
    pub(in crate::sip) fn read(row: &'a [u8]) -> Result<(Via<'a>, &'a [u8]), Malformed> {
        let mut via = parse_sent_by(row).map_err(malformed)?;
        let mut at = via.sent_by_end;
        while at < row.len() {
            // As nearly every sender writes them.
            if let Some(end) = via.note_usual(&row[at..], at) {
                at = end;
                continue;
            }
            let Some(param) = next_param(row, at).map_err(malformed)? else {
                break;
            };
            via.note(&param).map_err(malformed)?;
            at = param.span.end();
        }
        via.span = Span::new(via.span.start(), at);
        Ok((via, behind_comma(row, at)))
    }

    /// Notes a branch or an empty `rport` that begins `rest`, at `at` of the row, in lower case and without white space, and
    /// tells where it ends. `None` says nothing.
    #[inline]
    fn note_usual(&mut self, rest: &[u8], at: usize) -> Option<usize> {
        let ends = |end: usize| matches!(rest.get(end), None | Some(b';' | b','));
        if rest.starts_with(b";branch=") && self.branch.is_none() {
            let end = param_value_end(rest, 8);
            return (end > 8 && ends(end)).then(|| {
                self.branch = Some(Span::new(at + 8, at + end));
                at + end
            });
        }
        let asks = rest.starts_with(b";rport") && ends(6) && self.rport == Rport::Absent;
        asks.then(|| {
            self.rport = Rport::Requested { insert_at: at + 6 };
            self.rport_span = Span::new(at, at + 6);
            at + 6
        })
    }

    fn note(&mut self, param: &Param<'a>) -> Result<(), usize> {
        let twice = match param.name.len() {
            0 => return Err(param.span.start()),
            5 if param.is(b"rport") => {
                let before = self.rport != Rport::Absent;
                self.rport_span = param.span;
                self.rport = match param.value {
                    None => Rport::Requested {
                        insert_at: param.span.end(),
                    },
                    Some(digits) => match port(digits, 0) {
                        Ok((number, end)) if end == digits.len() => Rport::Filled(number),
                        _ => Rport::Filled(0),
                    },
                };
                before
            }
            5 if param.is(b"maddr") => self.maddr.replace(param.value_span).is_some(),
            5 if param.is(b"alias") => std::mem::replace(&mut self.alias, true),
            6 if param.is(b"branch") => self.branch.replace(param.value_span).is_some(),
            8 if param.is(b"received") => self
                .received
                .replace(Received {
                    param: param.span,
                    value: param.value_span,
                })
                .is_some(),
            _ => {
                let overload = |begin: &[u8]| begin.eq_ignore_ascii_case(b"oc");
                self.may_tell_load |= param.name.get(..2).is_some_and(overload);
                false
            }
        };
        if twice { Err(param.span.start()) } else { Ok(()) }
    }

    /// The transport as written: `UDP`.
    pub fn transport(&self) -> &'a [u8] {
        self.transport.of(self.value)
    }

    /// The host of sent-by as written, an IPv6 address with its brackets.
    pub fn host(&self) -> &'a [u8] {
        self.host.of(self.value)
    }

    /// The port of sent-by, if written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address sent-by is, `None` for a name.
    //= LOC-002
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip(self.host())
    }

    pub fn host_span(&self) -> Span {
        self.host
    }

    pub fn branch_span(&self) -> Option<Span> {
        self.branch
    }

    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch.map(|span| span.of(self.value))
    }

    /// `received` as written.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.received.map(|received| received.value.of(self.value))
    }

    /// The address of `received`, brackets or not; `None` without one or when it is none.
    //= LOC-002
    pub fn received_ip(&self) -> Option<IpAddr> {
        self.received().and_then(ip)
    }

    //= TPT-002
    pub fn rport(&self) -> Rport {
        self.rport
    }

    pub fn maddr(&self) -> Option<&'a [u8]> {
        self.maddr.map(|span| span.of(self.value))
    }

    /// Whether the sender takes requests on this connection (RFC 5923).
    pub fn alias(&self) -> bool {
        self.alias
    }

    /// Whether a parameter begins with `oc`, as those of overload control do (RFC 7339).
    pub fn may_tell_load(&self) -> bool {
        self.may_tell_load
    }

    pub fn params(&self) -> Params<'a> {
        Params::at(self.value, self.sent_by_end)
    }

    /// All of this value. New parameters go in at its end.
    //= TPT-002
    pub fn span(&self) -> Span {
        self.span
    }

    /// All of this value, as written.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.span.of(self.value)
    }

    /// The `received` parameter with its `;`.
    pub fn received_span(&self) -> Option<Span> {
        self.received.map(|received| received.param)
    }

    /// The `rport` parameter with its `;` and value.
    pub fn rport_span(&self) -> Option<Span> {
        (self.rport != Rport::Absent).then_some(self.rport_span)
    }
}

impl fmt::Debug for Via<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Via")
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

/// `SIP / 2.0 / UDP host : port`, without parameters yet.
#[inline(always)]
fn parse_sent_by(row: &[u8]) -> Result<Via<'_>, usize> {
    let start = skip_lws(row, 0);
    let transport_start = if row[start..].starts_with(b"SIP/2.0/") {
        skip_lws(row, start + 8)
    } else {
        let name_end = token_end(row, start)?;
        let version_start = after_slash(row, name_end)?;
        let version_end = token_end(row, version_start)?;
        after_slash(row, version_end)?
    };
    let transport_end = match row[transport_start..].first_chunk() {
        Some(b"UDP " | b"TCP " | b"TLS ") => transport_start + 3,
        _ => token_end(row, transport_start)?,
    };
    let host_start = skip_lws(row, transport_end);
    if host_start == transport_end {
        return Err(host_start);
    }
    let end_of_host = host_end(row, host_start)?;
    let mut sent_by_end = end_of_host;
    let mut port_number = None;
    let colon = skip_lws(row, end_of_host);
    if row.get(colon) == Some(&b':') {
        let (number, end) = port(row, skip_lws(row, colon + 1))?;
        port_number = Some(number);
        sent_by_end = end;
    }
    Ok(Via {
        value: row,
        transport: Span::new(transport_start, transport_end),
        host: Span::new(host_start, end_of_host),
        port: port_number,
        sent_by_end,
        branch: None,
        received: None,
        rport: Rport::Absent,
        rport_span: Span::default(),
        maddr: None,
        alias: false,
        may_tell_load: false,
        span: Span::new(start, sent_by_end),
    })
}

fn token_end(row: &[u8], at: usize) -> Result<usize, usize> {
    let end = skip_while(row, at, is_token_byte);
    if end == at { Err(at) } else { Ok(end) }
}

fn after_slash(row: &[u8], at: usize) -> Result<usize, usize> {
    let slash = skip_lws(row, at);
    if row.get(slash) == Some(&b'/') {
        Ok(skip_lws(row, slash + 1))
    } else {
        Err(slash)
    }
}

fn malformed(offset: usize) -> Malformed {
    Malformed { what: "Via", offset }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(row: &[u8]) -> Via<'_> {
        let (via, rest) = Via::parse(row).unwrap();
        assert_eq!(rest, b"");
        via
    }

    //= MSG-010 type=test
    #[test]
    fn white_space_is_allowed_around_every_separator() {
        let row = b"SIP  / 2.0\r\n /TCP     spindle.example.com  : 5060 ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239";
        let (top, rest) = Via::parse(row).unwrap();
        assert_eq!(
            (top.transport(), top.host(), top.port(), top.branch()),
            (
                &b"TCP"[..],
                &b"spindle.example.com"[..],
                Some(5060),
                Some(&b"z9hG4bK9ikj8"[..])
            )
        );
        assert_eq!(Via::parse(b"SIP/2.0/UDP h ,\r\n ").unwrap().1, b"");
        let next = one(rest);
        assert_eq!(
            (next.host(), next.port(), next.branch()),
            (&b"192.168.255.111"[..], None, Some(&b"z9hG4bK30239"[..]))
        );
        assert_eq!(next.host_ip(), "192.168.255.111".parse().ok());
    }

    //= TPT-002 type=test
    #[test]
    fn rport_tells_asked_from_filled() {
        let row = b"SIP/2.0/UDP 10.0.0.1;rport ;branch=z9hG4bK1";
        let Rport::Requested { insert_at } = one(row).rport() else {
            panic!("rport is asked for")
        };
        let end = one(row).span().end();
        let filled = [
            &row[..insert_at],
            b"=6000",
            &row[insert_at..end],
            b";received=192.0.2.4",
        ]
        .concat();
        let via = one(&filled);
        assert_eq!(via.rport(), Rport::Filled(6000));
        assert_eq!(via.received_ip(), "192.0.2.4".parse().ok());
        assert_eq!(via.branch(), Some(&b"z9hG4bK1"[..]));
        assert_eq!(via.rport_span().unwrap().of(&filled), b";rport=6000");
        assert_eq!(via.received_span().unwrap().of(&filled), b";received=192.0.2.4");
        assert_eq!(one(b"SIP/2.0/UDP h;rport=x").rport(), Rport::Filled(0));
    }

    //= LOC-002 type=test
    #[test]
    fn ipv6_references_are_read_and_zones_refused() {
        let via = one(b"SIP/2.0/UDP [2001:db8::9]:5070;received=2001:db8::1;maddr=[ff02::1];alias");
        assert_eq!(
            (via.host(), via.port(), via.alias()),
            (&b"[2001:db8::9]"[..], Some(5070), true)
        );
        assert_eq!(via.host_ip(), "2001:db8::9".parse().ok());
        assert_eq!(via.received_ip(), "2001:db8::1".parse().ok());
        assert_eq!(via.maddr(), Some(&b"[ff02::1]"[..]));
        let bracketed = one(b"SIP/2.0/UDP h;received=[2001:db8::1]");
        assert_eq!(bracketed.received_ip(), "2001:db8::1".parse().ok());
        assert!(Via::parse(b"SIP/2.0/UDP [fe80::1%eth0]").is_err());
        assert!(Via::parse(b"SIP/2.0/UDP 2001:db8::9:5070").is_err());
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for row in [
            &b""[..],
            b",SIP/2.0/UDP h",
            b"SIP/2.0/UDP",
            b"SIP/2.0/UDPh",
            b"SIP/2.0 h",
            b"SIP/2.0/UDP h:",
            b"SIP/2.0/UDP h:70000",
            b"SIP/2.0/UDP h x",
            b"SIP/2.0/UDP 192.0.2.15;;,;,,",
            b"SIP/2.0/UDP h;branch=",
            b"SIP/2.0/UDP h;branch=a;Branch=b",
            b"SIP/2.0/UDP h;received=\"a",
        ] {
            assert!(Via::parse(row).is_err(), "{}", row.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(row in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Via::parse(&row);
        }

        #[test]
        fn nearly_right_bytes_parse_or_fail(tail in "[ a-z0-9:;=,\\[\\]\"\\\\%]{0,60}") {
            let row = format!("SIP/2.0/UDP {tail}");
            if let Ok((via, rest)) = Via::parse(row.as_bytes()) {
                prop_assert!(row.as_bytes().starts_with(via.as_bytes()));
                prop_assert!(row.as_bytes().ends_with(rest));
                let gap = &row.as_bytes()[via.span().end()..row.len() - rest.len()];
                prop_assert!(gap.iter().all(|byte| matches!(byte, b' ' | b',')));
            }
        }
    }
}
