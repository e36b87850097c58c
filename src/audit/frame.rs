//! How a record stands in the file: length, check of the length, sealed text. Each is bound to the digest of all before it.

use aws_lc_rs::digest::{SHA256, digest};

use super::keys::{ADDED, AuditKeys};

/// Bytes of one record at most, before it is sealed. What the engine keeps of a message stays below.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Length and its check.
pub(super) const HEAD: usize = 4 + CHECK;
const CHECK: usize = 8;

/// What a file begins with; random bytes follow, so that no record fits into another file.
pub(super) const MAGIC: &[u8; 16] = b"sipveil audit 1\n";
pub(super) const HEADER: usize = MAGIC.len() + 32;

/// Everything before a place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    pub digest: [u8; 32],
    pub records: u64,
}

impl Chain {
    pub fn begin(header: &[u8; HEADER]) -> Chain {
        Chain {
            digest: sha256(&[header]),
            records: 0,
        }
    }

    /// The frame of the next record, and what is before the one after it.
    pub fn seal(&self, keys: &AuditKeys, nonce: [u8; 12], plain: &[u8]) -> Option<(Vec<u8>, Chain)> {
        if plain.len() > RECORD_BYTES_MAX {
            return None;
        }
        let length = ((plain.len() + ADDED) as u32).to_be_bytes();
        let sealed = keys.seal(&self.bound(length), nonce, plain)?;
        let frame = [&length[..], &self.check(length), &sealed].concat();
        let next = self.next(&frame);
        Some((frame, next))
    }

    /// How long the sealed text is that follows a head. `None`: the head is none of this place.
    pub fn length(&self, head: &[u8; HEAD]) -> Option<usize> {
        let length = [head[0], head[1], head[2], head[3]];
        let bytes = u32::from_be_bytes(length) as usize;
        let is_sound = head[4..] == self.check(length) && (ADDED..=RECORD_BYTES_MAX + ADDED).contains(&bytes);
        is_sound.then_some(bytes)
    }

    /// The record behind a head. `None`: it is not what was written here, or with another key.
    pub fn open(&self, keys: &AuditKeys, head: &[u8; HEAD], sealed: &[u8]) -> Option<(Vec<u8>, Chain)> {
        let plain = keys.open(&self.bound([head[0], head[1], head[2], head[3]]), sealed)?;
        Some((plain, self.next(&[&head[..], sealed].concat())))
    }

    fn next(&self, frame: &[u8]) -> Chain {
        Chain {
            digest: sha256(&[&self.digest, frame]),
            records: self.records + 1,
        }
    }

    /// So that a changed length is not taken for a record that was cut short.
    fn check(&self, length: [u8; 4]) -> [u8; CHECK] {
        let digest = sha256(&[b"length", &self.digest, &length]);
        let mut check = [0; CHECK];
        check.copy_from_slice(&digest[..CHECK]);
        check
    }

    fn bound(&self, length: [u8; 4]) -> Vec<u8> {
        [
            &b"sipveil audit"[..],
            &self.digest,
            &self.records.to_be_bytes(),
            &length,
        ]
        .concat()
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, &parts.concat()).as_ref());
    out
}
