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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        Stated, StatedBy,
        p2p::{Source, TrackerIs},
    };
    use crate::ppsp::jws::SigningKey;
    use crate::ppsp::layout::Layout;
    use crate::ppsp::manifest::Class;
    use crate::ppsp::tree::TreeBuilder;

    const NOW: u64 = 1_796_000_000;

    fn stated<T>(value: T) -> Stated<T> {
        let by = StatedBy::Default;
        Stated { value, by }
    }

    fn key_of(key: &SigningKey) -> [u8; 32] {
        let VerifyingKey::Ed25519(key) = key.verifying_key() else {
            panic!("an Ed25519 key");
        };
        key
    }

    /// A policy that names this manifest, and whose source has this key.
    fn table(file: &Path, key: &SigningKey) -> P2p {
        P2p {
            tracker: stated(TrackerIs::Embedded),
            manifests: vec![stated(file.display().to_string())],
            sources: vec![Source {
                name: stated("studio.example".to_owned()),
                key: stated(key_of(key)),
            }],
            ..P2p::default()
        }
    }

    //= P2P-021 type=test
    //= P2P-118 type=test
    #[test]
    fn only_what_a_known_source_signed_becomes_a_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("film.manifest");
        let (key, other) = (
            SigningKey::from_seed(&[1; 32]).unwrap(),
            SigningKey::from_seed(&[2; 32]).unwrap(),
        );
        let mut tree = TreeBuilder::new();
        tree.push(&[7; 600_000]).unwrap();
        let manifest = Manifest {
            root: tree.finish().unwrap().root(),
            layout: Layout::new(600_000, 262_144).unwrap(),
            title: "film".to_owned(),
            source: "studio.example".to_owned(),
            class: Class::Provider,
            encryption: None,
            group_pieces: 0,
            not_before: NOW - 10,
            expires: NOW + 10,
            cache_servers: Vec::new(),
            tracker_key: [3; 32],
            closed: false,
        };
        std::fs::write(&file, manifest.sign(&key).unwrap() + "\n").unwrap();
        let mut p2p = table(&file, &key);
        load(&mut p2p, NOW).unwrap();
        let content = Content {
            swarm: manifest.root,
            layout: manifest.layout,
        };
        assert_eq!(*p2p.contents, [content]);
        // Of somebody else's key, over, or not there: the policy keeps what it had.
        let refused = [
            load(&mut table(&file, &other), NOW),
            load(&mut p2p, NOW + 10),
            load(&mut table(&folder.path().join("none"), &key), NOW),
        ];
        let words: Vec<String> = refused.into_iter().map(|one| one.unwrap_err().to_string()).collect();
        assert!(
            words[0].contains("have it signed anew") && words[1].contains("expired"),
            "{words:?}"
        );
        assert!(words[2].contains("cannot be read"), "{words:?}");
        assert_eq!(p2p.contents.len(), 1);
    }
}
