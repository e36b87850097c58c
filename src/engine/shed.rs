//! What is refused first when it gets full.

use crate::sip::uri::is_emergency;
use crate::sip::{Draft, Method, Name};
use crate::topology::restore;

/// How much a request matters, as far as can be told before anything is opened or looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// For `urn:service:sos` or what is below it: refused last of all.
    Emergency,
    /// It belongs to a dialog.
    InDialog,
    /// A UE that is registered here renews or ends that.
    Refresh,
    /// It is a peer's, for the tracker or for another peer: refused before anything else.
    OfPeer(OfPeer),
    New(Method),
}

/// What peers ask, the first to be refused first.
//= P2P-145
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfPeer {
    Statistics,
    List,
    Announcement,
    Proof,
    Session,
    Refresh,
}

impl OfPeer {
    /// How many of them are refused before this one is, from the last.
    fn before(self) -> u32 {
        match self {
            OfPeer::Statistics => 5,
            OfPeer::List => 4,
            OfPeer::Announcement => 3,
            OfPeer::Proof => 2,
            OfPeer::Session => 1,
            OfPeer::Refresh => 0,
        }
    }
}

impl Weight {
    //= SEC-009
    pub fn of(method: Method, draft: &Draft, in_dialog: bool, registered: bool, of_peer: Option<OfPeer>) -> Weight {
        match method {
            _ if in_dialog => Weight::InDialog,
            _ if is_emergency(draft.request_uri()) => Weight::Emergency,
            Method::Register if registered => Weight::Refresh,
            method => of_peer.map_or(Weight::New(method), Weight::OfPeer),
        }
    }

    /// Whether it opens something: only such requests count against what a source outside T may ask.
    pub fn opens(self) -> bool {
        !matches!(self, Weight::InDialog | Weight::Refresh)
    }

    /// How many times as likely as a call it is refused when a worker is behind. 0: never.
    //= SEC-009
    pub fn burden(self) -> u32 {
        match self {
            Weight::Emergency | Weight::InDialog => 0,
            //= P2P-145
            Weight::OfPeer(of_peer) => 5 + of_peer.before(),
            Weight::New(Method::Options) => 4,
            Weight::New(Method::Subscribe) => 3,
            Weight::New(Method::Register) => 2,
            Weight::Refresh | Weight::New(_) => 1,
        }
    }

    /// Transactions up to which it is taken, of `max`.
    //= SEC-009
    pub fn room(self, max: u32) -> usize {
        match self {
            // Room of its own, which nothing else can fill.
            Weight::Emergency => max as usize + (max / 16).max(1) as usize,
            Weight::InDialog => room_for(Method::Bye, true, max),
            Weight::Refresh => room_for(Method::Invite, false, max),
            //= P2P-145
            Weight::OfPeer(of_peer) => (max - max / 16 * (5 + of_peer.before())) as usize,
            Weight::New(method) => room_for(method, false, max),
        }
    }

    /// The same for a request from outside T: a quarter of the room for what opens something is kept for T, so that many
    /// strangers together do not keep its own members from calling.
    //= SEC-009
    pub fn room_outside(self, max: u32) -> usize {
        match self {
            Weight::New(_) | Weight::OfPeer(_) => self.room(max) - (max / 16 * 4) as usize,
            _ => self.room(max),
        }
    }
}

/// A worker that is behind with its work: of a hundred new requests from outside T, how many are refused.
///
/// Members of T are told, if most of what comes is theirs and they ask (RFC 7339), and else wait: a neighbour that sends as
/// fast as it is answered is no reason to fail its calls. They are refused only for want of room.
#[derive(Default)]
pub struct Pressure {
    percent: u8,
    of_inside: bool,
    inside: u32,
    outside: u32,
}

impl Pressure {
    /// Takes what the shell says, after each time it looked.
    pub fn set(&mut self, percent: u8) {
        *self = Pressure {
            percent,
            of_inside: self.inside > self.outside,
            inside: 0,
            outside: 0,
        };
    }

    /// A message came, from a member of T or not.
    pub fn count(&mut self, is_outside: bool) {
        let count = if is_outside {
            &mut self.outside
        } else {
            &mut self.inside
        };
        *count = count.saturating_add(1);
    }

    /// Of a hundred like this from outside T, how many are refused.
    //= SEC-009
    pub fn percent(&self, weight: Weight) -> u32 {
        u32::from(self.percent) * weight.burden()
    }

    /// Of a hundred new calls of members of T, how many they should keep back.
    pub fn of_members(&self) -> u8 {
        if self.of_inside { self.percent } else { 0 }
    }
}

/// Whether a request brings something with the shape of a token of ours, as every request within a dialog through here does.
/// Who makes one up is found out when it is opened.
//= SEC-009
pub fn brings_token(draft: &Draft) -> bool {
    let holds = |text: &[u8]| {
        text.len() > restore::SEALED_BYTES_MIN
            && memchr::memchr_iter(b'@', text).any(|at| {
                let user = text[..at].iter().rev();
                let is_token = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                user.take_while(is_token).count() >= restore::SEALED_BYTES_MIN
            })
    };
    draft.rows(Name::Route).any(holds) || holds(draft.request_uri())
}

/// Transactions up to which a request is still taken, of `max`: the last sixteenths are kept for what matters more. What
/// belongs to a dialog is refused last: a call that cannot be ended costs more than one that cannot begin.
//= SEC-009
pub fn room_for(method: Method, in_dialog: bool, max: u32) -> usize {
    let kept_free = match method {
        _ if in_dialog => 0,
        Method::Bye | Method::Cancel | Method::Ack | Method::Prack | Method::Update => 0,
        Method::Options => 4,
        Method::Subscribe => 3,
        Method::Register => 2,
        _ => 1,
    };
    (max - max / 16 * kept_free) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    //= SEC-009 type=test
    #[test]
    fn what_matters_more_is_refused_later() {
        let order = [
            (Method::Options, false),
            (Method::Subscribe, false),
            (Method::Register, false),
            (Method::Invite, false),
            (Method::Bye, true),
        ];
        let room: Vec<usize> = order
            .iter()
            .map(|(method, in_dialog)| room_for(*method, *in_dialog, 160))
            .collect();
        assert_eq!(room, [120, 130, 140, 150, 160]);
        assert_eq!(room_for(Method::Invite, true, 160), 160);
        assert_eq!(room_for(Method::Options, false, 10), 10);
        assert_eq!(
            room_for(Method::Options, false, u32::MAX),
            u32::MAX as usize - (u32::MAX / 16 * 4) as usize
        );
    }

    //= P2P-145 type=test
    #[test]
    fn what_peers_ask_is_refused_before_all_else_and_in_an_order() {
        let order = [
            Weight::OfPeer(OfPeer::Statistics),
            Weight::OfPeer(OfPeer::List),
            Weight::OfPeer(OfPeer::Announcement),
            Weight::OfPeer(OfPeer::Proof),
            Weight::OfPeer(OfPeer::Session),
            Weight::OfPeer(OfPeer::Refresh),
            Weight::New(Method::Options),
        ];
        assert_eq!(order.map(Weight::burden), [10, 9, 8, 7, 6, 5, 4]);
        assert_eq!(order.map(|weight| weight.room(160)), [60, 70, 80, 90, 100, 110, 120]);
        assert_eq!(
            order.map(|weight| weight.room_outside(160)),
            [20, 30, 40, 50, 60, 70, 80]
        );
        assert!(order.into_iter().all(Weight::opens));
    }

    //= SEC-009 type=test
    #[test]
    fn an_emergency_finds_room_when_nothing_else_does() {
        let weights = [
            Weight::New(Method::Register),
            Weight::Refresh,
            Weight::InDialog,
            Weight::Emergency,
        ];
        assert_eq!(weights.map(|weight| weight.room(160)), [140, 150, 160, 170]);
        assert_eq!(weights.map(|weight| weight.room_outside(160)), [100, 150, 160, 170]);
        assert_eq!(Weight::Emergency.room(1), 2);
        assert_eq!(weights.map(Weight::burden), [2, 1, 0, 0]);
        for (uri, is) in [
            ("urn:service:sos", true),
            ("URN:Service:SOS.police", true),
            ("urn:service:sosx", false),
            ("urn:service:counseling", false),
            ("sip:urn:service:sos@x", false),
            ("urn", false),
        ] {
            assert_eq!(is_emergency(uri.as_bytes()), is, "{uri}");
        }
    }
}
