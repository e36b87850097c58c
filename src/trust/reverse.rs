//! A name that DNS gives an address, and that leads back to it: the weakest sign of a member.

use std::net::IpAddr;

use super::evidence::{Evidence, Member, Secure};
use crate::policy::{Policy, StatedBy};

/// An address that is of T's administrative domains, as DNS says in both directions. Made only here; good for this address alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReverseName {
    /// Never an IPv4 address written as IPv6.
    address: IpAddr,
    /// What the policy says of it.
    line: u32,
}

impl ReverseName {
    /// `name` is what DNS calls the address, `leads_to` what it says the addresses of that name are.
    ///
    /// `None`: the policy asks for no such evidence, the name is of another domain, or it does not lead back. That is no
    /// evidence against anybody: members of T may have foreign names.
    //= TRUST-026
    pub fn confirm(policy: &Policy, address: IpAddr, name: &str, leads_to: &[IpAddr]) -> Option<ReverseName> {
        let address = address.to_canonical();
        let leads_back = || leads_to.iter().any(|one| one.to_canonical() == address);
        let line = match policy.evidence.reverse_dns.by {
            StatedBy::File { line } => line,
            StatedBy::Default | StatedBy::Profile => 0,
        };
        let counts = policy.evidence.reverse_dns.value && is_of_domain(policy, name) && leads_back();
        counts.then_some(ReverseName { address, line })
    }

    /// Of evidence that this kind made complete.
    pub(super) fn of(evidence: &Evidence, remote: IpAddr) -> Option<ReverseName> {
        let Member::ReverseName { line } = evidence.member else {
            return None;
        };
        let address = remote.to_canonical();
        Some(ReverseName { address, line })
    }
}

impl std::fmt::Debug for ReverseName {
    /// Names no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReverseName")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// Whether a name is one of T's administrative domains or below one, label by label.
//= TRUST-026
pub fn is_of_domain(policy: &Policy, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    policy.domain.admin_domains.value.iter().any(|domain| {
        let at = name.len().checked_sub(domain.len());
        let Some((above, end)) = at.and_then(|at| name.split_at_checked(at)) else {
            return false;
        };
        end.eq_ignore_ascii_case(domain) && (above.is_empty() || above.ends_with('.'))
    })
}

impl Evidence {
    /// Whether the way is secured and nothing at all is known of who is there. Only then may a name in DNS make the difference:
    /// it overrides nothing, and it makes no way secure.
    pub fn wants_member(&self) -> bool {
        matches!((self.member, self.secure), (Member::Nothing, Secure::Listener { .. }))
    }

    /// The same with what DNS says of this end, if it wants that.
    //= TRUST-026
    pub(super) fn supported(self, remote: IpAddr, by: ReverseName) -> Evidence {
        match self.wants_member() && remote.to_canonical() == by.address {
            true => Evidence {
                secure: self.secure,
                member: Member::ReverseName { line: by.line },
            },
            false => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PeerId;

    const BY: ReverseName = ReverseName {
        address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
        line: 7,
    };

    //= TRUST-026 type=test
    #[test]
    fn a_name_counts_for_its_address_alone_and_where_nothing_else_is_known() {
        let unknown = Evidence {
            secure: Secure::Listener { line: 3 },
            member: Member::Nothing,
        };
        let unsecured = Evidence {
            secure: Secure::Nothing,
            ..unknown
        };
        let stranger = Evidence {
            member: Member::Stranger {
                peer: PeerId(0),
                line: 1,
            },
            ..unknown
        };
        for (evidence, remote, counts) in [
            (unknown, "192.0.2.1", true),
            (unknown, "::ffff:192.0.2.1", true),
            (unknown, "192.0.2.2", false),
            (unsecured, "192.0.2.1", false),
            (stranger, "192.0.2.1", false),
        ] {
            let supported = evidence.supported(remote.parse().unwrap(), BY);
            let expected = Evidence {
                member: Member::ReverseName { line: 7 },
                ..evidence
            };
            assert_eq!(supported, if counts { expected } else { evidence }, "{remote}");
        }
        assert_eq!(format!("{BY:?}"), "ReverseName { line: 7, .. }");
    }
}
