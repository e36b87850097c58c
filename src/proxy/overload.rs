//! What neighbours tell each other about their load in the top Via: RFC 7339, the algorithm `loss`.
//!
//! All of it is between two hops: it is taken out before a message goes on, in both directions.

use std::time::Duration;

use smallvec::SmallVec;

use crate::sip::essentials::TopVia;
use crate::sip::headers::Span;
use crate::sip::headers::params::Param;
use crate::sip::headers::via::Via;
use crate::sip::scan::{pair, places};
use crate::sip::{Draft, Name};

/// How long what a peer told holds when it does not say.
const VALIDITY: Duration = Duration::from_millis(500);

/// How long it holds at most: nobody is silenced for good by one response.
const VALIDITY_MAX: Duration = Duration::from_secs(600);

/// What a next hop told about its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Of a hundred requests that it could be spared, so many.
    pub loss: u8,
    /// Zero: no more.
    pub validity: Duration,
    pub sequence: Sequence,
}

/// What orders the words of one peer: `oc-seq`, seconds and a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence {
    seconds: u64,
    /// Hundred-thousandths.
    fraction: u32,
}

impl Sequence {
    pub fn new(seconds: u64, fraction: u32) -> Sequence {
        Sequence { seconds, fraction }
    }

    fn read(text: &[u8]) -> Option<Sequence> {
        let dot = text.iter().position(|byte| *byte == b'.')?;
        let (seconds, fraction) = (&text[..dot], &text[dot + 1..]);
        let seconds = number(seconds, 12)?;
        let places = fraction.len() as u32;
        let fraction = number(fraction, 5)? as u32 * 10u32.checked_pow(5 - places)?;
        Some(Sequence { seconds, fraction })
    }
}

/// The same as [`take`] for a request whose top Via was read already, and of which it is known whether there is anything.
pub fn take_noted(draft: &mut Draft, via: &TopVia) -> Asks {
    match via.may_tell_load {
        true => take(draft),
        false => Asks::Nothing,
    }
}

/// Takes everything of overload control out of the top Via. Gives whether its sender wants to be told our load.
pub fn take(draft: &mut Draft) -> Asks {
    let Some((row, value)) = draft.first_at(Name::Via).filter(|(_, value)| may_hold(value)) else {
        return Asks::Nothing;
    };
    let Ok((via, _)) = Via::parse(value) else {
        return Asks::Nothing;
    };
    let understood = |param: &Param<'_>| {
        let algorithms = param.value.unwrap_or_default();
        let mut names = algorithms.split(|byte| matches!(byte, b'"' | b',' | b' '));
        names.any(|name| name.eq_ignore_ascii_case(b"loss"))
    };
    let params = || via.params();
    let asks = params().find(b"oc").is_some() && params().find(b"oc-algo").as_ref().is_none_or(understood);
    let gone: SmallVec<[Span; 4]> = params().filter(is_ours).map(|param| param.span).collect();
    for span in gone.into_iter().rev() {
        draft.splice(row, span.start()..span.end(), &[]);
    }
    if asks { Asks::Load } else { Asks::Nothing }
}

/// Whether the hop that a message came from speaks overload control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Load,
    Nothing,
}

/// Writes our load into the top Via, for the hop that asked.
pub fn tell(draft: &mut Draft, loss: u8, sequence: Sequence) {
    let Some((row, value)) = draft.first_at(Name::Via) else {
        return;
    };
    let Ok((via, _)) = Via::parse(value) else { return };
    let end = via.span().end();
    let Sequence { seconds, fraction } = sequence;
    let validity = VALIDITY.as_millis();
    let text = format!(";oc={loss};oc-algo=\"loss\";oc-validity={validity};oc-seq={seconds}.{fraction:05}");
    draft.splice(row, end..end, &[text.as_bytes()]);
}

/// What the top Via of a response, which is ours, tells of who sent it. `None`: nothing, or nothing that can be read.
pub fn told(via: &[u8]) -> Option<Told> {
    let (via, _) = Via::parse(may_hold(via).then_some(via)?).ok()?;
    let value = |name: &[u8]| via.params().find(name).and_then(|param| param.value);
    let loss = number(value(b"oc")?, 3).filter(|loss| *loss <= 100)? as u8;
    if value(b"oc-algo").is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case(b"\"loss\"")) {
        return None;
    }
    let validity = match value(b"oc-validity") {
        Some(text) => Duration::from_millis(number(text, 9)?),
        None => VALIDITY,
    };
    Some(Told {
        loss,
        validity: validity.min(VALIDITY_MAX),
        sequence: Sequence::read(value(b"oc-seq")?)?,
    })
}

fn is_ours(param: &Param<'_>) -> bool {
    [&b"oc"[..], b"oc-algo", b"oc-validity", b"oc-seq"]
        .iter()
        .any(|name| param.is(name))
}

/// Whether there can be anything of it: few rows are read for it.
fn may_hold(via: &[u8]) -> bool {
    pair(b'o', b'c', via)
        && places(b';', via).any(|at| {
            let param = via[at + 1..].trim_ascii_start();
            param.get(..2).is_some_and(|name| name.eq_ignore_ascii_case(b"oc"))
        })
}

/// A decimal number of so many digits at most.
fn number(text: &[u8], digits_max: usize) -> Option<u64> {
    let is_number = (1..=digits_max).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        text.iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIA: &str = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa";

    fn told_by(params: &str) -> Option<Told> {
        told(format!("{VIA}{params}").as_bytes())
    }

    #[test]
    fn what_a_peer_tells_is_read_or_nothing_of_it_is() {
        let all = told_by(";oc=20;oc-algo=\"loss\";oc-validity=1500;oc-seq=1282321615.782").unwrap();
        assert_eq!((all.loss, all.validity), (20, Duration::from_millis(1500)));
        assert_eq!(all.sequence, Sequence::new(1_282_321_615, 78_200));
        assert_eq!(told_by(" ; OC = 0;Oc-Seq=1.1").map(|told| told.loss), Some(0));
        assert_eq!(told_by(";oc=7;oc-seq=1.1").map(|told| told.validity), Some(VALIDITY));
        let for_ever = told_by(";oc=7;oc-validity=999999999;oc-seq=1.1").unwrap();
        assert_eq!(for_ever.validity, VALIDITY_MAX);
        for odd in [
            "",
            ";oc",
            ";oc=101;oc-seq=1.1",
            ";oc=-1;oc-seq=1.1",
            ";oc=20",
            ";oc=20;oc-seq=1",
            ";oc=20;oc-seq=1.123456",
            ";oc=20;oc-seq=1234567890123.1",
            ";oc=20;oc-validity=x;oc-seq=1.1",
            ";oc=20;oc-algo=\"rate\";oc-seq=1.1",
        ] {
            assert_eq!(told_by(odd), None, "{odd}");
        }
        assert!(Sequence::read(b"1.2") > Sequence::read(b"1.19999"));
    }
}
