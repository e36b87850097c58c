//! The fields without which a message is none, read once.

use bytes::Bytes;

use super::headers::Span;
use super::headers::cseq::CSeq;
use super::headers::name_addr::NameAddr;
use super::headers::via::{Rport, Via};
use super::message::Span as MessageSpan;
use super::scan::has_blank;
use super::{Message, Method, Name};

/// What every step needs of a message: who, which dialog, which transaction. Shares the received bytes.
#[derive(Clone)]
pub struct Essentials {
    bytes: Bytes,
    call_id: MessageSpan,
    from_tag: MessageSpan,
    to_tag: Option<MessageSpan>,
    branch: Option<MessageSpan>,
    sent_by_host: MessageSpan,
    pub cseq: u32,
    /// The method CSeq names.
    pub cseq_method: Method,
    pub sent_by_port: Option<u16>,
    /// What the top Via asks for, and where its parts stand in the first Via row.
    pub via: TopVia,
    /// It is the only one.
    pub has_one_via: bool,
}

/// The parts of the top Via that whoever received it fills in.
#[derive(Debug, Clone, Copy)]
pub struct TopVia {
    /// Where the host of sent-by stands.
    pub host: Span,
    pub port: Option<u16>,
    pub rport: Rport,
    /// A `received` that was there already, with its `;`.
    pub received: Option<Span>,
    /// The end of the value in its row.
    pub end: usize,
    /// There may be parameters of overload control.
    pub may_tell_load: bool,
}

impl TopVia {
    pub fn of(via: &Via<'_>) -> TopVia {
        TopVia {
            host: via.host_span(),
            port: via.port(),
            rport: via.rport(),
            received: via.received_span(),
            end: via.span().end(),
            may_tell_load: via.may_tell_load(),
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
        let fields = Fields::of(message);
        let (via_row, via_at) = fields.value(message, Name::Via)?;
        let (via, _) = Via::read(via_row).map_err(|_| Fault::Malformed(Name::Via))?;
        let (from, from_at) = fields.only(message, Name::From)?;
        let from_tag = NameAddr::tag_of(from).map_err(|_| Fault::Malformed(Name::From))?;
        let (to, to_at) = fields.only(message, Name::To)?;
        let to_tag = NameAddr::tag_of(to).map_err(|_| Fault::Malformed(Name::To))?;
        let (call_id, call_id_at) = fields.only(message, Name::CallId)?;
        if call_id.is_empty() || has_blank(call_id) && call_id.iter().any(u8::is_ascii_whitespace) {
            return Err(Fault::Malformed(Name::CallId));
        }
        let (cseq, _) = fields.only(message, Name::CSeq)?;
        let cseq = CSeq::parse(cseq).map_err(|_| Fault::Malformed(Name::CSeq))?;
        if is_twice(message, Name::MaxForwards) {
            return Err(Fault::Twice(Name::MaxForwards));
        }
        if message.method().is_some() && !cseq.is_for(message.method_name()) {
            return Err(Fault::OtherMethod);
        }
        Ok(Essentials {
            bytes: message.bytes().clone(),
            call_id: within(call_id_at, Span::new(0, call_id.len())),
            from_tag: from_tag.map_or(MessageSpan::default(), |tag| within(from_at, tag)),
            to_tag: to_tag.map(|tag| within(to_at, tag)),
            branch: via.branch_span().map(|branch| within(via_at, branch)),
            sent_by_host: within(via_at, via.host_span()),
            cseq: cseq.number,
            cseq_method: cseq.method,
            sent_by_port: via.port(),
            via: TopVia::of(&via),
            has_one_via: via.span().end() == via_row.len() && !is_twice(message, Name::Via),
        })
    }

    pub fn call_id(&self) -> &[u8] {
        self.call_id.of(&self.bytes)
    }

    /// From now on the Call-ID is this one: what was received stands for it.
    pub fn set_call_id(&mut self, call_id: &[u8]) {
        let at = self.bytes.len();
        self.bytes = [&self.bytes, call_id].concat().into();
        self.call_id = MessageSpan::new(at, self.bytes.len());
    }

    /// Empty when there is none (RFC 2543).
    pub fn from_tag(&self) -> &[u8] {
        self.from_tag.of(&self.bytes)
    }

    pub fn to_tag(&self) -> Option<&[u8]> {
        self.to_tag.map(|tag| tag.of(&self.bytes))
    }

    /// Branch of the top Via.
    pub fn branch(&self) -> Option<&[u8]> {
        self.branch.map(|branch| branch.of(&self.bytes))
    }

    /// The host its sender names in the top Via.
    pub fn sent_by_host(&self) -> &[u8] {
        self.sent_by_host.of(&self.bytes)
    }
}

/// A place in the message, given as one in a value that begins at `at`.
fn within(at: u32, span: Span) -> MessageSpan {
    MessageSpan::new(at as usize + span.start(), at as usize + span.end())
}

impl std::fmt::Debug for Essentials {
    /// Names no dialog.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Essentials")
            .field("cseq_method", &self.cseq_method)
            .finish_non_exhaustive()
    }
}

/// The first row of each field that every message has, found in one walk: where its value stands.
struct Fields([MessageSpan; Fields::PLACES]);

impl Fields {
    /// One for each name up to the last of those that are read.
    const PLACES: usize = Name::CSeq as usize + 1;
    const NOWHERE: MessageSpan = MessageSpan {
        start: u32::MAX,
        end: u32::MAX,
    };

    fn of(message: &Message) -> Fields {
        let mut first = [Fields::NOWHERE; Fields::PLACES];
        let mut missing = 5;
        for line in &message.index.lines {
            match first.get_mut(line.name as usize) {
                Some(place) if *place == Fields::NOWHERE => *place = line.value,
                _ => continue,
            }
            let is_read = matches!(line.name, Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq);
            missing -= u32::from(is_read);
            // Most senders write them before the others.
            if missing == 0 {
                break;
            }
        }
        Fields(first)
    }

    /// The value, and where in the message it begins.
    #[inline(always)]
    fn value<'a>(&self, message: &'a Message, name: Name) -> Result<(&'a [u8], u32), Fault> {
        match self.0[name as usize] {
            Fields::NOWHERE => Err(Fault::Missing(name)),
            value => Ok((value.of(&message.bytes), value.start)),
        }
    }

    /// The same for a field there must be one of.
    #[inline(always)]
    fn only<'a>(&self, message: &'a Message, name: Name) -> Result<(&'a [u8], u32), Fault> {
        if is_twice(message, name) {
            return Err(Fault::Twice(name));
        }
        self.value(message, name)
    }
}

fn is_twice(message: &Message, name: Name) -> bool {
    message.index.repeated & name.bit() != 0
}
