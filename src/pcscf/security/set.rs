//! One set of security associations: two pairs, and what was agreed when they were made.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::keys::EspKeys;
use super::server_list::OurEnds;
use super::suite::{Ends, Suite};
use crate::policy::ListenerId;
use crate::sip::Transport;
use crate::sip::headers::security::Mechanisms;
use crate::trust::ConnectionId;

/// Names one set; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub u64);

/// How far the authentication that made a set has come.
//= AKA-020
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The UE was challenged; nothing but its REGISTER is taken.
    Temporary,
    /// The network did not accept the UE's answer, which is told on this set; nothing new is taken.
    Failed,
    /// The network accepted it.
    Established,
    /// A newer set is established.
    Old,
}

/// The two machines of a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Between {
    /// Where the UE registers: the listener whose protected ports these are.
    pub listener: ListenerId,
    pub ue: IpAddr,
    pub us: IpAddr,
}

/// One set.
pub(super) struct Set {
    pub state: State,
    pub impi: Box<[u8]>,
    pub between: Between,
    pub theirs: Ends,
    pub ours: OurEnds,
    pub suite: Suite,
    pub agreed: Agreed,
    /// When it ends, on the engine's clock.
    pub ends_at: Duration,
    /// While it is temporary, the set on which the UE asked for it (`None`: it asked unprotected); once it is established, the
    /// one that still carries what goes to the UE.
    pub before: Option<SetId>,
    /// What the UE registered over, last.
    pub transport: Transport,
    /// The connection that the UE opened, last.
    pub connection: Option<ConnectionId>,
}

/// What was said when a set was made, for the checks of what comes later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Security-Client of the REGISTER that was challenged.
    pub client: Said,
    /// Security-Server of the challenge.
    pub server: Said,
    /// The nonce of the challenge.
    pub nonce: Said,
}

/// Something that was said, by a digest of it: enough to tell whether it is said again. The texts themselves are what most of
/// a set would consist of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Said([u8; SAID_BYTES]);

/// Half of SHA-256: to find another text for a given one takes 2^128 tries.
const SAID_BYTES: usize = 16;

impl Said {
    pub fn of(text: &[u8]) -> Said {
        let digest = digest(&SHA256, text);
        let mut said = [0; SAID_BYTES];
        said.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Said(said)
    }

    /// Two lists that say the same, however spelt, are the same here.
    pub fn list(list: &Mechanisms) -> Said {
        Said::of(&list.to_bytes())
    }
}

/// One security association, in one direction: ESP in transport mode, anti-replay on, for UDP and TCP alike.
//= AKA-002
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Association {
    pub direction: Direction,
    /// Chosen by who receives.
    pub spi: u32,
    pub from: SocketAddr,
    pub to: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// What is to be done about the associations of a set, before the message that stands behind it is sent.
pub enum Change {
    Install(Install),
    Remove(Removal),
}

pub struct Install {
    pub set: SetId,
    pub associations: [Association; 4],
    pub suite: Suite,
    pub keys: EspKeys,
}

#[derive(Clone, Copy)]
pub struct Removal {
    pub set: SetId,
    pub associations: [Association; 4],
}

impl Set {
    /// The four associations: UE client to our server, our server to UE client, our client to UE server, UE server to our
    /// client.
    //= AKA-003
    //= AKA-007
    pub fn associations(&self) -> [Association; 4] {
        let (theirs, ours) = (self.theirs, self.ours);
        let ue = |port| SocketAddr::new(self.between.ue, port);
        let us = |port| SocketAddr::new(self.between.us, port);
        let incoming = |spi, from, to| Association {
            direction: Direction::In,
            spi,
            from,
            to,
        };
        let outgoing = |spi, from, to| Association {
            direction: Direction::Out,
            spi,
            from,
            to,
        };
        [
            incoming(ours.spi_s, ue(theirs.port_c), us(ours.port_s)),
            outgoing(theirs.spi_c, us(ours.port_s), ue(theirs.port_c)),
            outgoing(theirs.spi_s, us(ours.port_c), ue(theirs.port_s)),
            incoming(ours.spi_c, ue(theirs.port_s), us(ours.port_c)),
        ]
    }
}

macro_rules! names_nobody {
    ($($kind:ident)*) => {$(
        impl std::fmt::Debug for $kind {
            /// Names no UE and shows no key.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($kind)).finish_non_exhaustive()
            }
        }
    )*};
}

names_nobody! { Between Agreed Said Association Install Removal }

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Change::Install(_) => "Install",
            Change::Remove(_) => "Remove",
        })
    }
}
