//! Keys of a source or a cache, in files: the secret one for its owner alone, and the public one beside it (`.pub`).

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use sipveil::ppsp::jwe::{Curve, PrivateKey, PublicKey};
use sipveil::ppsp::jws::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::random;

/// What its owner signs with, and what is encrypted to it opens with.
pub struct Secret {
    pub signing: SigningKey,
    pub opening: PrivateKey,
}

/// What everybody may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    pub signs: [u8; 32],
    pub opens: [u8; 32],
}

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{}: two lines of 43 characters of base64url are expected; make others with `keys`", .0.display())]
    Form(PathBuf),
}

impl Secret {
    /// The keys of this file. Made, with the public file beside it, when they are not there.
    pub fn load_or_make(path: &Path) -> Result<Secret, BadKeys> {
        if !path.exists() {
            Secret::make(path)?;
        }
        let [signing, opening] = lines(path)?;
        let form = || BadKeys::Form(path.to_owned());
        Ok(Secret {
            signing: SigningKey::from_seed(&signing).map_err(|_| form())?,
            opening: PrivateKey::new(Curve::X25519, &opening).map_err(|_| form())?,
        })
    }

    fn make(path: &Path) -> Result<(), BadKeys> {
        let seeds: [Zeroizing<[u8; 32]>; 2] = [Zeroizing::new(random::bytes()), Zeroizing::new(random::bytes())];
        let text = Zeroizing::new(text([&seeds[0], &seeds[1]]));
        let file = |error| unusable(path, error);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.and_then(|mut made| made.write_all(text.as_bytes()))
            .map_err(file)?;
        let public = Secret::load_or_make(path)?
            .public()
            .ok_or_else(|| BadKeys::Form(path.to_owned()))?;
        std::fs::write(public_path(path), self::text([&public.signs, &public.opens])).map_err(file)
    }

    pub fn public(&self) -> Option<Public> {
        match (self.signing.verifying_key(), self.opening.public_key()) {
            (VerifyingKey::Ed25519(signs), Ok(PublicKey::X25519(opens))) => Some(Public { signs, opens }),
            _ => None,
        }
    }
}

impl Public {
    pub fn load(path: &Path) -> Result<Public, BadKeys> {
        let [signs, opens] = lines(path)?;
        Ok(Public {
            signs: *signs,
            opens: *opens,
        })
    }
}

pub fn public_path(path: &Path) -> PathBuf {
    path.with_added_extension("pub")
}

fn unusable(path: &Path, error: std::io::Error) -> BadKeys {
    BadKeys::File {
        path: path.to_owned(),
        error,
    }
}

/// As a key stands in the policy and in manifests.
pub fn key_text(key: &[u8; 32]) -> String {
    BASE64URL_NOPAD.encode(key)
}

pub fn key_of(text: &str) -> Option<[u8; 32]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn text(keys: [&[u8; 32]; 2]) -> String {
    keys.map(|key| key_text(key) + "\n").concat()
}

fn lines(path: &Path) -> Result<[Zeroizing<[u8; 32]>; 2], BadKeys> {
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    let text = Zeroizing::new(text);
    let keys: Option<Vec<_>> = text.lines().map(|line| key_of(line).map(Zeroizing::new)).collect();
    let keys = keys.and_then(|keys| keys.try_into().ok());
    keys.ok_or_else(|| BadKeys::Form(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_and_kept_from_others() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("ccs.key");
        let made = Secret::load_or_make(&path).unwrap().public().unwrap();
        assert_eq!(Secret::load_or_make(&path).unwrap().public(), Some(made.clone()));
        assert_eq!(Public::load(&public_path(&path)).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "AAAA\n").unwrap();
        assert!(matches!(Secret::load_or_make(&path), Err(BadKeys::Form(_))));
    }
}
