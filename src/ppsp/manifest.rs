//! The signed manifest of a content: its root, its size, how it is cut, who signed it and for how long.
//!
//! Everything else that is said of a content is held against it. The payload is JSON in one form (RFC 8785: members in order, no
//! blanks); any other spelling is refused, so what is signed is what every reader reads.

use super::SwarmId;
use super::jws::{self, JwsError, Kind, SigningKey, Unverified, VerifyingKey};
use super::layout::{Layout, LayoutError};
use super::tree::LEAF_BYTES;

/// Characters of a signed manifest at most.
pub const TEXT_MAX: usize = 8192;
/// Characters of a title, and of the name of a source.
pub const NAME_MAX: usize = 256;
/// Cache servers that a manifest names, at most.
pub const SERVERS_MAX: usize = 8;
/// Characters of a cache server's URI.
pub const URI_MAX: usize = 256;

const FORMAT: u32 = 1;
const HASH: &str = "sha-256";
/// Whole numbers that every JSON reader takes for the same (RFC 8785): up to 2^53 - 1.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Who answers for a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Provider,
    /// A user shares something of their own; the source is then no provider's name.
    User,
}

/// How a content is encrypted. Says no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    pub cipher: Cipher,
    pub version: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Cipher {
    #[serde(rename = "aes-128-ctr")]
    Aes128Ctr,
}

/// A cache server: where it is asked, and the key it signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheServer {
    pub key: [u8; 32],
    pub uri: String,
}

/// What a manifest says. Size, piece size and root are of one content.
//= P2P-118
//= P2P-120
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The root of the tree, and so the content's name.
    pub root: SwarmId,
    pub layout: Layout,
    pub title: String,
    /// Names the signing key to those who configured it.
    pub source: String,
    //= P2P-128
    //= P2P-128 type=exception reason=what a user publishes passes like any other content: when the policy names its source
    pub class: Class,
    pub encryption: Option<Encryption>,
    /// Pieces that share a content key; 0 for the whole content.
    pub group_pieces: u32,
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970; at that moment it is over.
    pub expires: u64,
    pub cache_servers: Vec<CacheServer>,
    /// Signs tickets and statements of the swarm's tracker.
    pub tracker_key: [u8; 32],
    /// No peer joins that the tracker does not admit.
    pub closed: bool,
}

impl std::fmt::Debug for Manifest {
    /// What somebody takes an interest in is not told.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manifest").finish_non_exhaustive()
    }
}

/// Why a manifest is not believed, or cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("manifest: {0}")]
    Signed(#[from] JwsError),
    #[error("a manifest is no JSON of the known members")]
    Json,
    #[error("a manifest is not written in the one form of RFC 8785")]
    Form,
    #[error("a manifest is of another format than {FORMAT}")]
    Format,
    #[error("a manifest's hash is not {HASH} over leaves of {LEAF_BYTES} bytes")]
    Hash,
    #[error("manifest: {0}")]
    Layout(#[from] LayoutError),
    #[error("a manifest's root is no hash, or its swarm has another")]
    Root,
    #[error("a manifest's key is no Ed25519 key of 43 characters")]
    Key,
    #[error("a manifest's text is empty or too long, its numbers out of range, or its servers too many")]
    Value,
    #[error("a manifest ends before it begins")]
    Times,
    #[error("a manifest's source is not known")]
    UnknownSource,
    #[error("a manifest is not valid yet")]
    Early,
    #[error("a manifest has expired")]
    Expired,
}

/// The members, in the order of RFC 8785.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    ccs: Vec<Server>,
    class: Class,
    closed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enc: Option<Encryption>,
    expires: u64,
    groups: u32,
    hash: String,
    leaf: u64,
    not_before: u64,
    piece: u64,
    root: String,
    size: u64,
    source: String,
    swarm_id: String,
    title: String,
    tracker_key: String,
    v: u32,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    key: String,
    uri: String,
}

impl Manifest {
    /// The manifest in the one form it has, signed.
    pub fn sign(&self, key: &SigningKey) -> Result<String, ManifestError> {
        let document = self.document();
        // What nobody would believe is not signed.
        document.checked()?;
        let text = jws::sign(Kind::Manifest, &document.write(), key);
        if text.len() > TEXT_MAX {
            return Err(JwsError::TooLong.into());
        }
        Ok(text)
    }

    /// Reads a signed manifest at a time in seconds since 1970. `key_of` knows the keys of sources by their names.
    //= P2P-118
    pub fn open(
        text: &str,
        at: u64,
        key_of: impl FnOnce(&str) -> Option<VerifyingKey>,
    ) -> Result<Manifest, ManifestError> {
        let manifest = Manifest::open_any_time(text, key_of)?;
        if at < manifest.not_before {
            return Err(ManifestError::Early);
        }
        if at >= manifest.expires {
            return Err(ManifestError::Expired);
        }
        Ok(manifest)
    }

    /// As [`Manifest::open`], of a content obtained before: whether it is intact does not end with the manifest.
    //= P2P-129
    pub fn open_any_time(
        text: &str,
        key_of: impl FnOnce(&str) -> Option<VerifyingKey>,
    ) -> Result<Manifest, ManifestError> {
        let unverified = Unverified::read(Kind::Manifest, text, TEXT_MAX)?;
        let document: Document = serde_json::from_slice(unverified.payload()).map_err(|_| ManifestError::Json)?;
        let key = key_of(&document.source).ok_or(ManifestError::UnknownSource)?;
        let payload = unverified.verified(&key)?;
        if document.write() != *payload {
            return Err(ManifestError::Form);
        }
        document.checked()
    }

    /// Reads a manifest that another peer gave: it must be of the swarm that portal or tracker named.
    //= P2P-130
    pub fn open_for(
        swarm: &SwarmId,
        text: &str,
        at: u64,
        key_of: impl FnOnce(&str) -> Option<VerifyingKey>,
    ) -> Result<Manifest, ManifestError> {
        let manifest = Manifest::open(text, at, key_of)?;
        if manifest.root != *swarm {
            return Err(ManifestError::Root);
        }
        Ok(manifest)
    }

    fn document(&self) -> Document {
        let server = |server: &CacheServer| Server {
            key: jws::key_text(&server.key),
            uri: server.uri.clone(),
        };
        Document {
            ccs: self.cache_servers.iter().map(server).collect(),
            class: self.class,
            closed: self.closed,
            enc: self.encryption,
            expires: self.expires,
            groups: self.group_pieces,
            hash: HASH.to_owned(),
            leaf: LEAF_BYTES as u64,
            not_before: self.not_before,
            piece: self.layout.piece_bytes(),
            root: self.root.text(),
            size: self.layout.shape().size(),
            source: self.source.clone(),
            swarm_id: self.root.to_string(),
            title: self.title.clone(),
            tracker_key: jws::key_text(&self.tracker_key),
            v: FORMAT,
        }
    }
}

impl Document {
    fn write(&self) -> Vec<u8> {
        // Text, numbers and lists of them: nothing here fails to be JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn checked(&self) -> Result<Manifest, ManifestError> {
        if self.v != FORMAT {
            return Err(ManifestError::Format);
        }
        //= P2P-119
        if self.hash != HASH || self.leaf != LEAF_BYTES as u64 {
            return Err(ManifestError::Hash);
        }
        let root = SwarmId::of_text(&self.root).ok_or(ManifestError::Root)?;
        if SwarmId::parse(&self.swarm_id) != Some(root) {
            return Err(ManifestError::Root);
        }
        let is_text = |text: &str, max: usize| (1..=max).contains(&text.len()) && !text.chars().any(char::is_control);
        let has_values = is_text(&self.title, NAME_MAX)
            && is_text(&self.source, NAME_MAX)
            && self.expires <= NUMBER_MAX
            && self.ccs.len() <= SERVERS_MAX
            && self.ccs.iter().all(|server| is_text(&server.uri, URI_MAX));
        if !has_values {
            return Err(ManifestError::Value);
        }
        if self.not_before >= self.expires {
            return Err(ManifestError::Times);
        }
        let key = |text: &str| jws::key_of(text).ok_or(ManifestError::Key);
        let server = |server: &Server| {
            Ok(CacheServer {
                key: key(&server.key)?,
                uri: server.uri.clone(),
            })
        };
        Ok(Manifest {
            root,
            layout: Layout::new(self.size, self.piece)?,
            title: self.title.clone(),
            source: self.source.clone(),
            class: self.class,
            encryption: self.enc,
            group_pieces: self.groups,
            not_before: self.not_before,
            expires: self.expires,
            cache_servers: self.ccs.iter().map(server).collect::<Result<_, ManifestError>>()?,
            tracker_key: key(&self.tracker_key)?,
            closed: self.closed,
        })
    }
}

#[cfg(test)]
mod tests;
