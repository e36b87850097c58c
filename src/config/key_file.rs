//! The keys of sealed tokens: `proxy.key_file`, or fresh ones. And those of hiding: `topology_hiding.key_file`.
//!
//! One generation a line: its number (0 to 255) and 64 hexadecimal digits; `#` begins a comment. The first seals, all open: to
//! rotate, put a line in front and send SIGHUP. Where several nodes share the keys, each must open what another one seals:
//! first put the new line at the end and send SIGHUP to all, then move it to the front and do so again. A line goes when no
//! dialog lives that began under it. A file that does not exist at the start is made, with one generation, readable by its
//! owner only.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: reads files and random bytes"
)]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use crate::policy::Policy;
use crate::seal::{HidingKeys, Keys, SECRET_BYTES};

/// Bytes of a key file that are read at most.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why there are no keys. Shows no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{}: the key file cannot be read: {error}; check its name in the policy and who may read it", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}: others than its owner may read the key file; run: chmod 600 {}", path.display(), path.display())]
    OthersMayRead { path: PathBuf },
    #[error("{}:{line}: a key line is a number up to 255 and 64 hexadecimal digits", path.display())]
    Malformed { path: PathBuf, line: usize },
    #[error("the keys of sealed tokens cannot be used: {0}")]
    Unusable(#[from] crate::seal::KeyError),
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

/// The keys of this node under a policy.
//= SEC-002
pub fn keys(policy: &Policy) -> Result<Keys, KeyFileError> {
    let secrets = match &policy.proxy.key_file.value {
        Some(path) => from_file(Path::new(path))?,
        None => vec![(1, *fresh()?)],
    };
    let mut instance = [0; 8];
    getrandom::fill(&mut instance).map_err(KeyFileError::NoRandomness)?;
    let keys = Keys::new(&secrets, &policy.domain.id.value, u64::from_ne_bytes(instance))?;
    let keys = keys.with_hiding(hiding(policy, self::secrets)?);
    Ok(keys.with_pseudonyms(pseudonyms(policy)?).with_tickets(tickets(policy)?))
}

/// The keys the files hold now, for the run of the process that holds these. Without a file, they are of this run alone, and
/// stay.
//= SEC-002
pub fn again(policy: &Policy, held: &Keys) -> Result<Keys, KeyFileError> {
    let hiding = hiding(policy, existing_secrets)?;
    let Some(path) = &policy.proxy.key_file.value else {
        return Ok(held.with_hiding(hiding));
    };
    let secrets = existing_secrets(Path::new(path))?;
    let keys = Keys::new(&secrets, &policy.domain.id.value, held.instance())?;
    let keys = keys.with_hiding(hiding).with_pseudonyms(pseudonyms(policy)?);
    Ok(keys.with_tickets(tickets(policy)?))
}

/// What pseudonyms of peers are made with: the first line of the file that the policy names for it, else fresh ones.
fn pseudonyms(policy: &Policy) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, KeyFileError> {
    if !policy.p2p.is_on() {
        return Ok(None);
    }
    let Some(path) = &policy.p2p.key_file.value else {
        return fresh().map(Some);
    };
    let secrets = secrets(Path::new(path))?;
    Ok(secrets.first().map(|(_, secret)| Zeroizing::new(*secret)))
}

/// The seed of what membership tickets are signed with: the first line of its file.
//= P2P-082
fn tickets(policy: &Policy) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, KeyFileError> {
    let Some(path) = policy.p2p.ticket_key.value.as_ref().filter(|_| policy.p2p.is_on()) else {
        return Ok(None);
    };
    let secrets = secrets(Path::new(path))?;
    Ok(secrets.first().map(|(_, seed)| Zeroizing::new(*seed)))
}

/// What hides the inside of the network, if the policy names a file for it. Also where nothing is hidden any more: what was
/// hidden before still comes back.
//= THIG-005
fn hiding(
    policy: &Policy,
    read: impl Fn(&Path) -> Result<Secrets, KeyFileError>,
) -> Result<Option<HidingKeys>, KeyFileError> {
    let Some(path) = &policy.topology_hiding.key_file.value else {
        return Ok(None);
    };
    Ok(Some(HidingKeys::new(&read(Path::new(path))?)?))
}

/// The secrets in a file, newest first; one that does not exist is made.
pub fn secrets(path: &Path) -> Result<Secrets, KeyFileError> {
    Ok(Zeroizing::new(from_file(path)?))
}

/// The secrets in a file that is there.
pub fn existing_secrets(path: &Path) -> Result<Secrets, KeyFileError> {
    match std::fs::exists(path) {
        Ok(false) => Err(KeyFileError::Unreadable {
            path: path.to_owned(),
            error: ErrorKind::NotFound.into(),
        }),
        _ => secrets(path),
    }
}

/// The keys in a file that is there, for what this network hid.
//= THIG-005
pub fn hiding_keys(path: &Path) -> Result<HidingKeys, KeyFileError> {
    Ok(HidingKeys::new(&existing_secrets(path)?)?)
}

/// Generations and what their keys are made of.
pub type Secrets = Zeroizing<Vec<(u8, [u8; SECRET_BYTES])>>;

fn fresh() -> Result<Zeroizing<[u8; SECRET_BYTES]>, KeyFileError> {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(&mut secret[..]).map_err(KeyFileError::NoRandomness)?;
    Ok(secret)
}

fn from_file(path: &Path) -> Result<Vec<(u8, [u8; SECRET_BYTES])>, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return make(path),
        Err(error) => return Err(unreadable(error)),
    };
    if file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::OthersMayRead { path: path.to_owned() });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'));
    lines
        .map(|(number, line)| {
            generation(line).ok_or(KeyFileError::Malformed {
                path: path.to_owned(),
                line: number + 1,
            })
        })
        .collect()
}

fn generation(line: &str) -> Option<(u8, [u8; SECRET_BYTES])> {
    let (id, secret) = line.trim().split_once(char::is_whitespace)?;
    let secret = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(secret.trim().as_bytes()).ok()?);
    Some((id.parse().ok()?, secret.as_slice().try_into().ok()?))
}

fn make(path: &Path) -> Result<Vec<(u8, [u8; SECRET_BYTES])>, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let secret = fresh()?;
    let text = Zeroizing::new(format!("1 {}\n", HEXLOWER_PERMISSIVE.encode(&secret[..])));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(unreadable)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(unreadable)?;
    tracing::info!("made a key file; share it with every node that carries on the same dialogs");
    Ok(vec![(1, *secret)])
}

#[cfg(test)]
mod tests {
    use super::*;

    //= SEC-002 type=test
    #[test]
    fn a_file_is_made_once_and_refused_when_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let made = from_file(&path).unwrap();
        assert_eq!(from_file(&path).unwrap(), made);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(from_file(&path), Err(KeyFileError::OthersMayRead { .. })));
    }

    #[test]
    fn generations_are_read_in_order_and_faults_name_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            from_file(&path)
        };
        let (new, old) = ("ab".repeat(32), "CD".repeat(32));
        let ids: Vec<u8> = write(&format!("# ours\n2 {new}\n\n1 {old}\n"))
            .unwrap()
            .iter()
            .map(|key| key.0)
            .collect();
        assert_eq!(ids, [2, 1]);
        let fault = write(&format!("1 {new}\n300 {old}\n")).unwrap_err();
        assert!(matches!(fault, KeyFileError::Malformed { line: 2, .. }));
        assert!(!fault.to_string().contains(&new));
    }

    //= SEC-002 type=test
    //= THIG-005 type=test
    #[test]
    fn keys_of_hiding_are_read_again_also_where_the_others_are_of_this_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hiding.keys");
        let with = |lines: &str| {
            let text = include_str!("../../fixtures/policies/good/topology-hiding.toml")
                .replace("key_file = \"tokens.keys\"", "")
                .replace("\"hiding.keys\"", &format!("\"{}\"", path.display()));
            if !lines.is_empty() {
                std::fs::write(&path, lines).unwrap();
            }
            crate::config::read(&text, "test.toml").unwrap().0
        };
        let policy = with("");
        let first = keys(&policy).unwrap();
        let sealed = |keys: &Keys| {
            let hiding = keys.hiding().unwrap();
            hiding
                .seal(crate::seal::hiding::Cipher::Aead, &[], [0; 12], b"x")
                .unwrap()
        };
        let before = sealed(&first);
        let held = std::fs::read_to_string(&path).unwrap();
        let next = again(&with(&format!("2 {}\n{held}", "ab".repeat(32))), &first).unwrap();
        assert_ne!(sealed(&next), before);
        assert!(next.hiding().unwrap().open(&[], &before).is_ours);
        // The tokens of dialogs are what they were.
        let token = first.seal(crate::seal::Purpose::Dialog, &[], [0; 12], b"x").unwrap();
        assert!(next.open(crate::seal::Purpose::Dialog, &[], &token).is_ok());
        assert_eq!(next.instance(), first.instance());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(again(&policy, &next), Err(KeyFileError::Unreadable { .. })));
        let mut none = policy.clone();
        none.topology_hiding.key_file.value = None;
        assert!(again(&none, &next).unwrap().hiding().is_none());
    }
}
