//! `[spec_t]`: the eight items of SPEC(T), RFC 3325 section 11.

use super::{Security, Stated};

#[derive(Debug, Clone)]
pub struct SpecT {
    /// Item 1.
    pub user_authentication: Stated<Vec<UserAuthentication>>,
    /// Item 2.
    pub inter_node_security: Stated<Vec<Security>>,
    /// Item 3.
    pub ue_security: Stated<Vec<UeSecurity>>,
    pub i_accept_unprotected_access: Stated<bool>,
    /// Item 5, towards served UEs.
    pub default_privacy_to_ue: Stated<DefaultPrivacy>,
    /// Item 5, towards everybody else outside T.
    pub default_privacy_to_untrusted: Stated<DefaultPrivacy>,
    /// Item 6.
    pub compliance_sip: Stated<Vec<String>>,
    /// Item 7.
    pub compliance_asserted_identity: Stated<Vec<String>>,
    /// Violations of SIP by one peer of T after which an alarm is raised.
    pub violation_limit: Stated<u32>,
    /// Item 8.
    pub id_handling: IdHandling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAuthentication {
    ImsAka,
    SipDigest,
    TlsClientCert,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UeSecurity {
    Ipsec3gpp,
    Tls,
    Physical,
    None,
}

/// What happens to an asserted identity when nobody asked for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultPrivacy {
    Keep,
    Remove,
}

/// Item 8: the choices the sources leave open (ROLE-002, PRIV-008, 010, 011, 013, 037).
#[derive(Debug, Clone)]
pub struct IdHandling {
    pub user_removes_pai: Stated<bool>,
    pub retain_id: Stated<bool>,
    pub unknown_token: Stated<UnknownToken>,
    pub malformed_privacy: Stated<MalformedPrivacy>,
    pub conflict_none: Stated<ConflictNone>,
    /// Tokens of abandoned drafts, lower case, and what each means.
    pub legacy_tokens: Stated<Vec<(String, TokenMeaning)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownToken {
    AsId,
    Ignore,
    Reject500,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MalformedPrivacy {
    AsUnknown,
    Reject400,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictNone {
    PrivacyWins,
    NoneWins,
    Reject400,
}

/// What a token outside the standard means, by `legacy_tokens` or the `aliases` of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenMeaning {
    /// As if the token were not there.
    Absent,
    None,
    Id,
    Critical,
    User,
    Header,
    Session,
    History,
}
