//! `[store]`: what outlives the process.

/// Where registrations are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Store {
    /// Nowhere else than in memory: a restart forgets them.
    #[default]
    Memory,
    /// In this file, sealed with the keys of `proxy.key_file`.
    File(String),
}
