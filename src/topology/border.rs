//! The border a message crosses on its way to a hop: whether the inside of the network is hidden there.

use super::inside::Inside;
use super::token::Tokens;
use crate::policy::Policy;
use crate::seal::Keys;
use crate::sip::Transport;
use crate::trust::evidence::Member;
use crate::trust::{Hop, Own, UntrustedKind};

/// One leg, as far as hiding depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Border<'a> {
    pub policy: &'a Policy,
    pub keys: &'a Keys,
    pub hop: Hop,
    /// Our address on this leg, which the hop may know.
    pub own: &'a Own,
    /// Our address on the leg it came by, when that is another and known.
    pub other_own: Option<&'a Own>,
    /// Random, and of one transaction: there the same values become the same token.
    pub fresh: [u8; 12],
}

impl<'a> Border<'a> {
    /// Whether the hop is one that sees nothing of the inside. A UE never is.
    //= THIG-001
    pub fn hides(&self) -> bool {
        let listener = self.hop.destination().listener;
        let is_served = matches!(self.hop, Hop::Untrusted(hop) if hop.kind() == UntrustedKind::Served);
        if is_served {
            return false;
        }
        match self.hop.evidence().member {
            // Whoever it is of the two, it sees no more than either may.
            Member::Contradiction { .. } => self.policy.hides(),
            _ => self.policy.hides_from(listener, self.hop.peer()),
        }
    }

    pub(super) fn inside(&self) -> Inside<'a> {
        Inside::of(self.policy)
    }

    /// What makes the tokens. `None`: there are no keys, and what cannot be hidden does not leave.
    pub(super) fn tokens(&self) -> Option<Tokens<'a>> {
        Tokens::of(self.policy, self.keys)
    }

    /// A Route value that leads here, on this side of the border or on the other.
    pub(super) fn way_to(own: &Own) -> Vec<u8> {
        let transport: &[u8] = match own.bound.transport {
            Transport::Udp => b"",
            Transport::Tcp => b";transport=tcp",
            Transport::Tls => b";transport=tls",
            Transport::Ws => b";transport=ws",
            Transport::Wss => b";transport=wss",
        };
        [b"<sip:", own.host_port.as_bytes(), transport, b";lr>"].concat()
    }
}
