//! The contents that peers may announce: the files of `p2p.manifests`, each signed by one of `p2p.sources`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "shell: reads files")]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::policy::{P2p, p2p::Content};
use crate::ppsp::jws::VerifyingKey;
use crate::ppsp::manifest::{Manifest, ManifestError, TEXT_MAX};

/// Why there is no content of a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("{}: the manifest cannot be read: {error}; check its name in the policy and who may read it", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}: {error}; have it signed anew by one of `sources`, or take it out of the policy", path.display())]
    NotBelieved { path: PathBuf, error: ManifestError },
}

/// Puts in the contents of the manifests that the policy names, as they are at this time in seconds since 1970.
//= P2P-021
//= P2P-118
pub fn load(p2p: &mut P2p, at: u64) -> Result<(), ContentError> {
    let mut contents = Vec::with_capacity(p2p.manifests.len());
    for file in &p2p.manifests {
        let path = Path::new(&file.value);
        let text = text(path).map_err(|error| ContentError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        let key_of = |name: &str| {
            let source = p2p.sources.iter().find(|source| source.name.value == name)?;
            Some(VerifyingKey::Ed25519(source.key.value))
        };
        let manifest = Manifest::open(text.trim(), at, key_of).map_err(|error| ContentError::NotBelieved {
            path: path.to_owned(),
            error,
        })?;
        contents.push(Content {
            swarm: manifest.root,
            layout: manifest.layout,
        });
    }
    p2p.contents = contents.into();
    Ok(())
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // A line end may stand behind it.
    let most = TEXT_MAX as u64 + 2;
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}
