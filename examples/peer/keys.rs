//! How a UE gets the keys of what it fetched: asked for with a key of this one request, opened with it alone.

use sipveil::ppsp::content_key::GroupKey;
use sipveil::ppsp::jwe::{Curve, JweError, PrivateKey};
use sipveil::ppsp::jws::VerifyingKey;
use sipveil::ppsp::key_message::{self, GrantedKey, KeyMessageError};
use sipveil::ppsp::key_request::KeyRequest;
use sipveil::ppsp::manifest::Manifest;

use super::random;

/// Media types of question and answer, and the event package.
pub const ASKED: &str = "application/p2p-key+json";
pub const ANSWERED: &str = "application/jose+json";
pub const EVENT: &str = "p2p-key";

/// A question, and what its answer opens with.
pub struct Asking {
    key: PrivateKey,
    nonce: [u8; 16],
}

impl Asking {
    /// Asks for the keys of all of it.
    //= P2P-093
    pub fn begin(manifest: &Manifest, ticket: String) -> Result<(Asking, Vec<u8>), JweError> {
        let asking = Asking {
            key: PrivateKey::new(Curve::X25519, &random::bytes())?,
            nonce: random::bytes(),
        };
        let request = KeyRequest {
            swarm: manifest.root,
            wanted: vec![(0, manifest.layout.pieces() - 1)],
            ticket,
            to: asking.key.public_key()?,
            nonce: asking.nonce.to_vec(),
        };
        Ok((asking, request.write()))
    }

    /// The keys, from a cache that the manifest names.
    //= P2P-094
    pub fn opens(&self, manifest: &Manifest, text: &str) -> Result<Granted, KeyMessageError> {
        let key_of = |name: &str| {
            let server = manifest.cache_servers.iter().find(|server| server.uri == name)?;
            Some(VerifyingKey::Ed25519(server.key))
        };
        key_message::open(text, &self.key, &self.nonce, &manifest.root, key_of).map(Granted)
    }
}

/// Keys that were given out. Wiped when dropped.
pub struct Granted(Vec<GrantedKey>);

impl Granted {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key of a group, as long as it may be used.
    pub fn of(&self, group: u32, at: u64) -> Option<GroupKey> {
        let is_it = |key: &&GrantedKey| key.id.group == group && (key.not_before..key.expires).contains(&at);
        self.0.iter().find(is_it).map(|key| key.key.clone())
    }
}
