//! Keys of encrypted content, and the cipher they are for. One master key a content and version stays with the source and the cache
//! servers; each group of pieces has a key and a salt of its own, and who asks for keys gets those of the groups granted to them.
//!
//! AES-128-CTR without a tag: the hash tree stands over the ciphertext.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::SwarmId;
use super::ranges::{self, PieceRange};
use super::tree::{self, Hash};

/// Bytes of a content key.
pub const KEY_BYTES: usize = 16;
/// Bytes of a group's salt.
pub const SALT_BYTES: usize = 8;

const BLOCK_BYTES: usize = 16;
/// Pieces of a group, by the counter block's layout.
const GROUP_PIECES: u32 = 1 << 24;
/// Blocks of a piece, by the counter block's layout.
const PIECE_BLOCKS: u64 = 1 << 40;

/// Which content, and which encryption of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub name: Hash,
    pub number: u32,
}

impl Version {
    /// Of a stored content, by its title: its root is known only once it is encrypted, so no key can be derived from that.
    pub fn of_title(title: &str, number: u32) -> Version {
        Version {
            name: tree::leaf_hash(title.as_bytes()),
            number,
        }
    }
}

/// What all keys of a content and version are derived from. Never leaves the source and the cache servers.
pub struct ContentMaster(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for ContentMaster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentMaster").finish_non_exhaustive()
    }
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl ContentMaster {
    pub fn new(master: [u8; 32]) -> ContentMaster {
        ContentMaster(Zeroizing::new(master))
    }

    /// Key and salt of one group of pieces.
    //= P2P-098
    pub fn group(&self, version: &Version, group: u32) -> GroupKey {
        let mut key = GroupKey::new([0; KEY_BYTES], [0; SALT_BYTES]);
        self.derive(b"p2p-ck", version, group, &mut key.key[..]);
        self.derive(b"p2p-iv", version, group, &mut key.salt);
        key
    }

    fn derive(&self, label: &[u8], version: &Version, group: u32, derived: &mut [u8]) {
        let secret = Salt::new(HKDF_SHA256, &[]).extract(&self.0[..]);
        let (group, number) = (group.to_be_bytes(), version.number.to_be_bytes());
        let info: [&[u8]; 4] = [label, &version.name, &group, &number];
        let output = secret.expand(&info, Bytes(derived.len()));
        let output = output.expect("less than 255 hashes can be derived");
        output.fill(derived).expect("as long as was asked for");
    }
}

/// What one group of pieces is encrypted with.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    salt: [u8; SALT_BYTES],
}

impl std::fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupKey").finish_non_exhaustive()
    }
}

/// A place that the counter block has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group has 2^24 pieces at most, and a piece 2^40 blocks")]
pub struct NoPlace;

impl GroupKey {
    pub fn new(key: [u8; KEY_BYTES], salt: [u8; SALT_BYTES]) -> GroupKey {
        GroupKey {
            key: Zeroizing::new(key),
            salt,
        }
    }

    /// The key itself, for the message that hands it to who may have it.
    pub(super) fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    pub(super) fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// Encrypts or decrypts part of a piece in place, from the given block of 16 bytes on. The piece is counted from the first of
    /// its group.
    pub fn apply(&self, piece: u32, first_block: u64, bytes: &mut [u8]) -> Result<(), NoPlace> {
        let blocks = bytes.len().div_ceil(BLOCK_BYTES) as u64;
        let last_block = first_block.checked_add(blocks.saturating_sub(1)).ok_or(NoPlace)?;
        let counter = self.counter_block(piece, first_block).ok_or(NoPlace)?;
        self.counter_block(piece, last_block).ok_or(NoPlace)?;
        let key = UnboundCipherKey::new(&AES_128, &self.key[..]).and_then(EncryptingKey::ctr);
        let key = key.expect("sixteen bytes are a key");
        let counter = EncryptionContext::Iv128(FixedLength::from(counter));
        key.less_safe_encrypt(bytes, counter)
            .expect("any length has its key stream");
        Ok(())
    }

    /// Salt, piece in group, block in piece: 64, 24 and 40 bits. Counting on inside a piece never reaches the next piece's.
    //= P2P-098
    fn counter_block(&self, piece: u32, block: u64) -> Option<[u8; BLOCK_BYTES]> {
        if piece >= GROUP_PIECES || block >= PIECE_BLOCKS {
            return None;
        }
        let mut counter = [0; BLOCK_BYTES];
        counter[..SALT_BYTES].copy_from_slice(&self.salt);
        counter[SALT_BYTES..].copy_from_slice(&(u64::from(piece) << 40 | block).to_be_bytes());
        Some(counter)
    }
}

/// Names a content key, and no user: `<root>.<group>.<version>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId {
    pub swarm: SwarmId,
    pub group: u32,
    pub version: u32,
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.swarm.text(), self.group, self.version)
    }
}

impl KeyId {
    pub fn read(text: &str) -> Option<KeyId> {
        let (swarm, rest) = text.split_once('.')?;
        let (group, version) = rest.split_once('.')?;
        let id = KeyId {
            swarm: SwarmId::of_text(swarm)?,
            group: group.parse().ok()?,
            version: version.parse().ok()?,
        };
        // One spelling: no sign, no leading zero.
        (id.to_string() == text).then_some(id)
    }
}

/// Pieces whose keys are given out: asked for, paid for, and to be had from somebody.
//= P2P-095
pub fn granted(wanted: &[PieceRange], entitled: &[PieceRange], available: &[PieceRange]) -> Vec<PieceRange> {
    ranges::intersection(&ranges::intersection(wanted, entitled), available)
}

/// Groups that these pieces lie in, as runs. `group_pieces` is the manifest's; 0 stands for the whole content.
pub fn groups_of(pieces: &[PieceRange], group_pieces: u32) -> Vec<PieceRange> {
    let group = |piece: u32| piece.checked_div(group_pieces).unwrap_or(0);
    let mut groups: Vec<PieceRange> = Vec::new();
    for (first, last) in pieces.iter().map(|(first, last)| (group(*first), group(*last))) {
        match groups.last_mut() {
            Some(run) if first <= run.1.saturating_add(1) => run.1 = run.1.max(last),
            _ => groups.push((first, last)),
        }
    }
    groups
}

#[cfg(test)]
mod tests;
