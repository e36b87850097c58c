//! Sealed tokens and their keys.

/// Key generations of sealed tokens.
pub struct Keys {}
