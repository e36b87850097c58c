//! Header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Other,
}
