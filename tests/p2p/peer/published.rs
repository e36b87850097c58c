//! What a source leaves behind, for tests of the others.

use std::path::Path;
use std::sync::Arc;

use sipveil::ppsp::jws::SigningKey;
use sipveil::ppsp::manifest::{CacheServer, Manifest};
use tempfile::TempDir;

use super::content::Whole;
use super::keyfile::Secret;
use super::run;
use super::source::{self, Folder, Unpublished, Wish, decrypt, open_manifest, open_master, publish};
use super::upload::Upload;

pub const NOW: u64 = 1_796_000_000;
pub const SOURCE: &str = "studio.example";
pub const CACHE: &str = "sip:ccs@ccs.p2p.home1.example";

/// A folder with a content, published.
pub struct Published {
    folder: TempDir,
    pub plain: Vec<u8>,
    pub manifest: Manifest,
    pub cache: Secret,
}

impl Published {
    pub fn new(size: usize, is_encrypted: bool) -> Published {
        let folder = TempDir::new().unwrap();
        let plain: Vec<u8> = (0..size).map(|at| (at / 1024 + at) as u8).collect();
        std::fs::write(folder.path().join("plain"), &plain).unwrap();
        let cache = Secret::load_or_make(&folder.path().join("ccs.key")).unwrap();
        let public = cache.public().unwrap();
        let server = CacheServer {
            key: public.signs,
            uri: CACHE.into(),
        };
        let wish = Wish {
            title: "film",
            source: SOURCE,
            cache: Some((server, public.opens)),
            is_encrypted,
            tracker_key: [8; 32],
            is_closed: false,
            at: NOW,
        };
        let manifest = publish(&folder.path().join("plain"), &Folder::of(folder.path()), &wish, &key()).unwrap();
        Published {
            folder,
            plain,
            manifest,
            cache,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn files(&self) -> Folder {
        Folder::of(self.folder.path())
    }

    pub fn whole(&self) -> Whole {
        Whole::open(&self.files().content(), &self.manifest).unwrap()
    }

    pub fn upload(&self, alters_one_in: Option<u32>) -> Upload {
        Upload {
            content: Arc::new(self.whole()),
            ticket: None,
            alters_one_in,
        }
    }

    pub fn runs(&self) -> std::ops::Range<u32> {
        0..run::runs(self.manifest.layout.shape())
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[4; 32]).unwrap()
}

fn public() -> [u8; 32] {
    match key().verifying_key() {
        sipveil::ppsp::jws::VerifyingKey::Ed25519(key) => key,
        sipveil::ppsp::jws::VerifyingKey::P256(_) => unreachable!("the source signs with Ed25519"),
    }
}

//= P2P-118 type=test
#[test]
fn a_manifest_is_believed_of_its_source_alone() {
    let published = Published::new(300_000, false);
    let open = |source, key| open_manifest(&published.files().manifest(), Some((source, key)), NOW);
    assert!(open(SOURCE, public()).unwrap() == published.manifest);
    assert!(open("other.example", public()).is_err() && open(SOURCE, [1; 32]).is_err());
    assert!(open_manifest(&published.files().manifest(), None, NOW).is_err());
    // In clear it is transported as it is.
    assert_eq!(std::fs::read(published.files().content()).unwrap(), published.plain);
    assert!(!published.files().master().exists());
}

/// Several groups of pieces, the last piece short.
//= P2P-098 type=test
//= P2P-102 type=test
//= P2P-117 type=test
#[test]
fn what_is_encrypted_opens_with_the_master_that_was_sealed_for_the_cache() {
    let published = Published::new(17 * (256 << 10) + 777, true);
    let (files, manifest) = (published.files(), &published.manifest);
    let sealed = std::fs::read(files.content()).unwrap();
    assert_eq!(sealed.len(), published.plain.len());
    assert!(
        sealed
            .chunks(4096)
            .zip(published.plain.chunks(4096))
            .all(|(sealed, plain)| sealed != plain)
    );
    // The tree is over what is transported: no key is needed to look at it.
    assert_eq!(published.whole().tree().root(), manifest.root);
    let text = std::fs::read_to_string(files.master()).unwrap();
    let master = open_master(&text, &manifest.root, &published.cache.opening).unwrap();
    let version = sipveil::ppsp::content_key::Version::of_title("film", 1);
    let opened = published.path().join("opened");
    decrypt(&files.content(), &opened, manifest, |group| {
        Some(master.group(&version, group))
    })
    .unwrap();
    assert!(std::fs::read(&opened).unwrap() == published.plain);
    let other = Secret::load_or_make(&published.path().join("other.key")).unwrap();
    assert!(open_master(&text, &manifest.root, &other.opening).is_none());
    assert!(decrypt(&files.content(), &opened, manifest, |_| None).is_err());
}

#[test]
fn what_cannot_be_published_is_said() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("plain");
    let wish = Wish {
        title: "film",
        source: SOURCE,
        cache: None,
        is_encrypted: true,
        tracker_key: [8; 32],
        is_closed: false,
        at: NOW,
    };
    let publish = || source::publish(&file, &Folder::of(folder.path()), &wish, &key()).err();
    assert!(matches!(publish(), Some(Unpublished::File(_))));
    std::fs::write(&file, b"").unwrap();
    assert!(matches!(publish(), Some(Unpublished::Layout(_))));
    std::fs::write(&file, b"some").unwrap();
    assert!(matches!(publish(), Some(Unpublished::NoCache)));
}

/// Something else under the same name is neither announced nor served.
//= P2P-121 type=test
#[test]
fn another_content_is_not_opened() {
    let published = Published::new(300_000, false);
    let path = published.files().content();
    for other in [
        &b""[..],
        &published.plain[..299_999],
        &[&published.plain[..299_999], b"x"].concat(),
    ] {
        std::fs::write(&path, other).unwrap();
        assert!(
            Whole::open(&path, &published.manifest).is_err(),
            "{} bytes",
            other.len()
        );
    }
}
