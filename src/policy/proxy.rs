//! `[proxy]`: what this node is called and how it works.

use std::time::Duration;

use super::Stated;

#[derive(Debug, Clone)]
pub struct Proxy {
    /// Host in Via, Record-Route and Path; `None`: the address of the listener.
    pub name: Stated<Option<String>>,
    /// Engines; 0: one per core.
    pub workers: Stated<u16>,
    /// How long a shutdown waits for transactions.
    pub drain: Stated<Duration>,
    /// File of the keys of sealed tokens; `None`: fresh keys at each start, so dialogs do not outlive the process.
    pub key_file: Stated<Option<String>>,
    /// Whether redirections by nodes of T are followed here, for users of our own domains.
    pub recurse: Stated<bool>,
    /// What a stranger gets that asks this node itself what it can.
    pub options_from_strangers: Stated<OptionsAnswer>,
    /// 404 or 480: what a UE or a stranger is told of a place where nobody is, whatever the reason.
    pub absent_code: Stated<u16>,
    /// What this node is; a message that needs another role is refused.
    pub roles: Stated<Vec<Role>>,
}

/// A part this node can play. Which one governs a message follows from who is on each side of it.
//= ROLE-001
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A served UE is on one side.
    PCscf,
    /// A stranger is on one side.
    Edge,
    /// Both sides are in T.
    Core,
}

/// An answer to an OPTIONS for this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionsAnswer {
    Answer,
    Refuse,
    Drop,
}
