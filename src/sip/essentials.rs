//! The fields without which a message is none, read once.

use std::net::IpAddr;

use bytes::Bytes;

use super::headers::Span;
use super::headers::cseq::CSeq;
use super::headers::name_addr::NameAddr;
use super::headers::via::{Rport, Via};
use super::{Message, Method, Name};

/// What every step needs of a message: who, which dialog, which transaction. Shares the received bytes.
#[derive(Clone)]
pub struct Essentials {
    pub call_id: Bytes,
    /// Empty when there is none (RFC 2543).
    pub from_tag: Bytes,
    pub to_tag: Option<Bytes>,
    pub cseq: u32,
    /// The method CSeq names.
    pub cseq_method: Method,
    /// Branch of the top Via.
    pub branch: Option<Bytes>,
    pub sent_by_host: Bytes,
    pub sent_by_port: Option<u16>,
    /// What the top Via asks for, and where its parts stand in the first Via row.
    pub via: TopVia,
}

/// The parts of the top Via that whoever received it fills in.
#[derive(Debug, Clone, Copy)]
pub struct TopVia {
    /// The address sent-by is, when it is one and somebody may need it: not when `rport` asks to be told the source.
    pub host_ip: Option<IpAddr>,
    pub port: Option<u16>,
    pub rport: Rport,
    /// A `received` that was there already, with its `;`.
    pub received: Option<Span>,
    /// The end of the value in its row.
    pub end: usize,
}

impl TopVia {
    pub fn of(via: &Via<'_>) -> TopVia {
        TopVia {
            host_ip: if matches!(via.rport(), Rport::Requested { .. }) {
                None
            } else {
                via.host_ip()
            },
            port: via.port(),
            rport: via.rport(),
            received: via.received_span(),
            end: via.span().end,
        }
    }
}

/// A field that is missing, unreadable or there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{} is missing", .0.as_str())]
    Missing(Name),
    #[error("{} is malformed", .0.as_str())]
    Malformed(Name),
    #[error("{} stands twice", .0.as_str())]
    Twice(Name),
    #[error("CSeq names another method")]
    OtherMethod,
}

impl Essentials {
    /// Reads them. A fault in Via means that the message cannot even be answered.
    //= MSG-001
    //= MSG-003
    //= MSG-004
    //= MSG-007
    pub fn read(message: &Message) -> Result<Essentials, Fault> {
        let bytes = message.bytes();
        let rows = Rows::of(message);
        let (via, _) = Via::parse(rows.first(Name::Via)?).map_err(|_| Fault::Malformed(Name::Via))?;
        let from = NameAddr::parse(rows.only(Name::From)?).map_err(|_| Fault::Malformed(Name::From))?;
        let to = NameAddr::parse(rows.only(Name::To)?).map_err(|_| Fault::Malformed(Name::To))?;
        let call_id = rows.only(Name::CallId)?;
        if call_id.is_empty() || call_id.iter().any(|byte| byte.is_ascii_whitespace()) {
            return Err(Fault::Malformed(Name::CallId));
        }
        let cseq = CSeq::parse(rows.only(Name::CSeq)?).map_err(|_| Fault::Malformed(Name::CSeq))?;
        if rows.only(Name::MaxForwards) == Err(Fault::Twice(Name::MaxForwards)) {
            return Err(Fault::Twice(Name::MaxForwards));
        }
        if message.method().is_some() && !cseq.is_for(message.method_name()) {
            return Err(Fault::OtherMethod);
        }
        Ok(Essentials {
            call_id: bytes.slice_ref(call_id),
            from_tag: bytes.slice_ref(from.tag().unwrap_or(&bytes[..0])),
            to_tag: to.tag().map(|tag| bytes.slice_ref(tag)),
            cseq: cseq.number,
            cseq_method: cseq.method,
            branch: via.branch().map(|branch| bytes.slice_ref(branch)),
            sent_by_host: bytes.slice_ref(via.host()),
            sent_by_port: via.port(),
            via: TopVia::of(&via),
        })
    }
}

impl std::fmt::Debug for Essentials {
    /// Names no dialog.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Essentials")
            .field("cseq_method", &self.cseq_method)
            .finish_non_exhaustive()
    }
}

/// The first row of each field looked at here, found in one pass.
struct Rows<'a> {
    bytes: &'a [u8],
    found: [(u32, Span32); FIELDS],
}

type Span32 = super::message::Span;

/// How many there are.
const FIELDS: usize = 6;

impl<'a> Rows<'a> {
    fn of(message: &'a Message) -> Rows<'a> {
        let mut found = [(0, Span32::default()); FIELDS];
        for line in &message.lines {
            if let Some(field) = place_of(line.name) {
                let (count, first) = &mut found[field];
                if *count == 0 {
                    *first = line.value;
                }
                *count += 1;
            }
        }
        Rows {
            bytes: &message.bytes,
            found,
        }
    }

    fn first(&self, name: Name) -> Result<&'a [u8], Fault> {
        match place_of(name).map(|field| self.found[field]) {
            None | Some((0, _)) => Err(Fault::Missing(name)),
            Some((_, value)) => Ok(value.of(self.bytes)),
        }
    }

    fn only(&self, name: Name) -> Result<&'a [u8], Fault> {
        match place_of(name).map(|field| self.found[field]) {
            Some((count, _)) if count > 1 => Err(Fault::Twice(name)),
            _ => self.first(name),
        }
    }
}

/// The place of a name among those looked at.
fn place_of(name: Name) -> Option<usize> {
    Some(match name {
        Name::Via => 0,
        Name::From => 1,
        Name::To => 2,
        Name::CallId => 3,
        Name::CSeq => 4,
        Name::MaxForwards => 5,
        _ => return None,
    })
}
