//! A name that a certificate can prove, small enough to travel with every message.

use aws_lc_rs::digest::{SHA256, digest};

/// The digest of a host name or address as RFC 5922 compares them: in full, without regard to case.
///
/// In a flow it says what was proved, in a destination what has to be, in a peer what counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertifiedName([u8; CertifiedName::BYTES]);

impl CertifiedName {
    /// Of the digest: nobody finds a second name for one.
    pub const BYTES: usize = 16;

    pub fn of(name: &str) -> CertifiedName {
        let digest = digest(&SHA256, name.to_ascii_lowercase().as_bytes());
        let mut bytes = [0; CertifiedName::BYTES];
        bytes.copy_from_slice(&digest.as_ref()[..CertifiedName::BYTES]);
        CertifiedName(bytes)
    }

    /// As it travels in a token of ours.
    pub fn to_bytes(self) -> [u8; CertifiedName::BYTES] {
        self.0
    }

    /// Back from there.
    pub fn from_bytes(bytes: [u8; CertifiedName::BYTES]) -> CertifiedName {
        CertifiedName(bytes)
    }
}

impl std::fmt::Debug for CertifiedName {
    /// Shows nothing: a name can be guessed from its digest.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CertifiedName")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_makes_no_difference_and_anything_else_does() {
        let name = CertifiedName::of("ibcf.home2.example");
        assert_eq!(name, CertifiedName::of("IBCF.Home2.Example"));
        for other in ["home2.example", "x.ibcf.home2.example", "ibcf.home2.example.", ""] {
            assert_ne!(name, CertifiedName::of(other));
        }
        assert_eq!(format!("{name:?}"), "CertifiedName");
    }
}
