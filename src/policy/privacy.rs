//! `[privacy]`: what this node provides, and the keys of the catalogue that belong to it.

use std::time::Duration;

use super::{Stated, on_behalf::Agreements};

#[derive(Debug, Clone)]
pub struct Privacy {
    /// Empty: the engine provides nothing and does not understand the option tag `privacy`.
    pub values: Stated<Vec<Provided>>,
    pub on_behalf: Agreements,
    pub anonymous_host: Stated<String>,
    pub call_id: Stated<CallIds>,
    /// A party's privacy holds for all its later messages in the dialog (by profile).
    pub dialog_sticky: Stated<bool>,
    pub dialog_downgrade: Stated<DialogDowngrade>,
    /// Where a dialog is remembered beyond what its token holds.
    pub dialog_memory: Stated<DialogStore>,
    /// By profile.
    pub scrub_contact_user_on_user: Stated<bool>,
    /// By profile.
    pub hide_routing_to_ue: Stated<bool>,
    pub id_anonymises_from: Stated<bool>,
    pub unprovidable_without_critical: Stated<Unprovidable>,
    pub remote_party_id: Stated<RemotePartyId>,
    pub strip_session_id_on_user: Stated<bool>,
    pub strip_identity_on_id_to_ue: Stated<bool>,
    /// Bytes of a sealed dialog token at most.
    pub token_max_bytes: Stated<u32>,
    pub max_dialog_age: Stated<Duration>,
}

/// A privacy function this node can provide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provided {
    None,
    Id,
    Critical,
    User,
    Header,
    History,
}

/// What the other side of a dialog sees as its Call-ID, when the party that opened it asked for `user`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallIds {
    Keep,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogDowngrade {
    Ignore,
    Honour,
}

/// What keeps the memory of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogStore {
    /// The token in its route set alone.
    Token,
    /// Besides, this process: what a token is too short for, and what a party asks for later.
    Store,
}

/// What happens to a request whose privacy cannot all be given, when `critical` is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unprovidable {
    Forward,
    Reject500,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemotePartyId {
    Drop,
    Pass,
}
