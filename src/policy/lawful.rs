//! `[lawful_interception]`: what is asked of those who call without saying who they are.

use super::{Stated, StatedBy};

#[derive(Debug, Clone)]
pub struct LawfulInterception {
    /// A stranger that hides and of which no asserted identity is known.
    pub anonymous_without_identity: Stated<Admission>,
    /// What it is answered: 433 or 403.
    pub reject_code: Stated<u32>,
    /// A stranger of which no asserted identity is known, whether it hides or not.
    pub unidentified: Stated<Admission>,
}

impl Default for LawfulInterception {
    fn default() -> LawfulInterception {
        fn built_in<T>(value: T) -> Stated<T> {
            let by = StatedBy::Default;
            Stated { value, by }
        }
        LawfulInterception {
            anonymous_without_identity: built_in(Admission::Accept),
            reject_code: built_in(433),
            unidentified: built_in(Admission::Accept),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Accept,
    Reject,
}
