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
    /// Where it is written down who is behind what was hidden; `None`: nowhere.
    pub audit: Option<Audit>,
    /// Whether nothing new is served while the audit cannot be written.
    pub sink_required: Stated<bool>,
}

/// The sealed audit: two files, nothing but it ever holds an identity in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    pub file: Stated<String>,
    pub key_file: Stated<String>,
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
            audit: None,
            sink_required: built_in(false),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Accept,
    Reject,
}
