//! What must not be read in logs, metrics, errors or panics.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

/// A value that names someone: an identity, a URI, a UE's address, a Call-ID, a key. `Debug` and `Display` show a digest,
/// keyed anew at each start: enough to follow one caller through one run, and no more.
//= LI-008
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Private<T>(T);

impl<T> Private<T> {
    pub fn new(value: T) -> Private<T> {
        Private(value)
    }

    /// The value itself. Every use is a place to look at when promise 1 is audited.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Hash> std::fmt::Display for Private<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        write!(f, "#{:012x}", KEY.get_or_init(RandomState::new).hash_one(&self.0) >> 16)
    }
}

impl<T: Hash> std::fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_is_shown() {
        let caller = Private::new("sip:alice@home1.example");
        let shown = format!("{caller} {caller:?}");
        assert!(!shown.contains("alice") && !shown.contains("home1"));
        assert_eq!(
            format!("{caller}"),
            format!("{}", Private::new("sip:alice@home1.example"))
        );
        assert_ne!(
            format!("{caller}"),
            format!("{}", Private::new("sip:bob@home1.example"))
        );
        assert_eq!(*caller.reveal(), "sip:alice@home1.example");
    }
}
