//! `[evidence]`: what counts when nothing settles the matter.

use super::Stated;

#[derive(Debug, Clone)]
pub struct Evidence {
    /// Only ever supporting evidence; confirmed by a forward look-up.
    pub reverse_dns: Stated<bool>,
    pub undetermined: Stated<Undetermined>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undetermined {
    Untrusted,
    Refuse,
}
