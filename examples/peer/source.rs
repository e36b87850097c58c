//! The content source: cuts, encrypts, builds the tree over what will be transported, signs.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use sipveil::ppsp::SwarmId;
use sipveil::ppsp::content_key::{ContentMaster, Version};
use sipveil::ppsp::jwe::{self, About, Fresh, JweError, PrivateKey, PublicKey};
use sipveil::ppsp::jws::SigningKey;
use sipveil::ppsp::layout::{Layout, LayoutError, PIECE_BYTES};
use sipveil::ppsp::manifest::{CacheServer, Cipher, Class, Encryption, Manifest, ManifestError};
use sipveil::ppsp::tree::{TooLarge, TreeBuilder};
use zeroize::Zeroizing;

use super::random;

/// Pieces that share a key, where the content is then of no more groups than this.
const GROUP_PIECES: u32 = 16;
const GROUPS_MAX: u32 = super::key_service::KEYS_MAX as u32;
/// The first encryption of a content; another one is another content.
const VERSION: u32 = 1;
/// How long a manifest holds.
const LIFETIME_SECONDS: u64 = 365 * 86_400;

/// What lies in the folder of a content.
pub struct Folder(PathBuf);

impl Folder {
    pub fn of(path: &Path) -> Folder {
        Folder(path.to_owned())
    }

    /// What is transported.
    pub fn content(&self) -> PathBuf {
        self.0.join("content")
    }

    pub fn manifest(&self) -> PathBuf {
        self.0.join("content.manifest")
    }

    /// For the cache alone: the master key, encrypted to it.
    pub fn master(&self) -> PathBuf {
        self.0.join("content.master")
    }
}

/// How something is published.
pub struct Wish<'a> {
    pub title: &'a str,
    pub source: &'a str,
    /// The cache server, with the key that masters are encrypted to.
    pub cache: Option<(CacheServer, [u8; 32])>,
    pub is_encrypted: bool,
    pub tracker_key: [u8; 32],
    /// Whether peers serve members alone.
    pub is_closed: bool,
    /// Seconds since 1970.
    pub at: u64,
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum Unpublished {
    #[error("cannot read or write: {0}")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Size(#[from] TooLarge),
    #[error("there is no content")]
    Empty,
    #[error("encryption needs a cache that keeps the keys: name its public keys")]
    NoCache,
    #[error("the file grew or shrank meanwhile")]
    Changed,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Sealed(#[from] JweError),
}

/// Cuts `file` into `folder`.
//= P2P-098
//= P2P-102
//= P2P-117
pub fn publish(file: &Path, folder: &Folder, wish: &Wish<'_>, key: &SigningKey) -> Result<Manifest, Unpublished> {
    std::fs::create_dir_all(&folder.0)?;
    let mut plain = File::open(file)?;
    let layout = layout_of(plain.metadata()?.len())?;
    let group_pieces = GROUP_PIECES.max(layout.pieces().div_ceil(GROUPS_MAX));
    let master = Zeroizing::new(random::bytes::<32>());
    let keys = wish.is_encrypted.then(|| ContentMaster::new(*master));
    let version = Version::of_title(wish.title, VERSION);
    let (mut out, mut builder) = (File::create(folder.content())?, TreeBuilder::new());
    let mut bytes = Vec::new();
    for piece in 0..layout.pieces() {
        bytes.clear();
        (&mut plain).take(layout.piece_bytes()).read_to_end(&mut bytes)?;
        if let Some(keys) = &keys {
            let group = keys.group(&version, piece / group_pieces);
            group
                .apply(piece % group_pieces, 0, &mut bytes)
                .map_err(|_| Unpublished::Empty)?;
        }
        builder.push(&bytes)?;
        out.write_all(&bytes)?;
    }
    let tree = builder.finish().ok_or(Unpublished::Empty)?;
    if tree.shape() != layout.shape() {
        return Err(Unpublished::Changed);
    }
    let manifest = Manifest {
        root: tree.root(),
        layout,
        title: wish.title.to_owned(),
        source: wish.source.to_owned(),
        class: Class::Provider,
        encryption: wish.is_encrypted.then_some(Encryption {
            cipher: Cipher::Aes128Ctr,
            version: VERSION,
        }),
        group_pieces: if wish.is_encrypted { group_pieces } else { 0 },
        not_before: wish.at,
        expires: wish.at + LIFETIME_SECONDS,
        cache_servers: wish.cache.iter().map(|(server, _)| server.clone()).collect(),
        tracker_key: wish.tracker_key,
        closed: wish.is_closed,
    };
    if wish.is_encrypted {
        let (_, to) = wish.cache.as_ref().ok_or(Unpublished::NoCache)?;
        std::fs::write(folder.master(), sealed(&manifest.root, &master, to, wish.source)?)?;
    }
    std::fs::write(folder.manifest(), manifest.sign(key)?)?;
    Ok(manifest)
}

/// The smallest pieces of which there are not too many.
fn layout_of(size: u64) -> Result<Layout, LayoutError> {
    let mut piece = *PIECE_BYTES.start();
    loop {
        match Layout::new(size, piece) {
            Err(LayoutError::Pieces) if piece < *PIECE_BYTES.end() => piece *= 2,
            layout => return layout,
        }
    }
}

/// A nonce and the master, encrypted to the cache: a line each.
fn sealed(swarm: &SwarmId, master: &[u8; 32], to: &[u8; 32], source: &str) -> Result<String, JweError> {
    let nonce = random::bytes::<16>();
    let fresh = Fresh {
        ephemeral: random::bytes(),
        content_key: random::bytes(),
        iv: random::bytes(),
    };
    let about = About {
        nonce: &nonce,
        swarm,
        signer: source,
    };
    let text = jwe::seal(&PublicKey::X25519(*to), &about, fresh, master)?;
    Ok(format!("{}\n{text}\n", BASE64URL_NOPAD.encode(&nonce)))
}

/// What [`publish`] left for the cache.
//= P2P-102
pub fn open_master(text: &str, swarm: &SwarmId, key: &PrivateKey) -> Option<ContentMaster> {
    let (nonce, text) = text.split_once('\n')?;
    let nonce = BASE64URL_NOPAD.decode(nonce.as_bytes()).ok()?;
    let opened = jwe::open(text.trim_end(), key, &nonce, swarm).ok()?;
    opened.plain.as_slice().try_into().ok().map(ContentMaster::new)
}

/// A content as it was before it was published, piece by piece. `key_of`: the key of a group.
pub fn decrypt(
    content: &Path,
    plain: &Path,
    manifest: &Manifest,
    key_of: impl Fn(u32) -> Option<sipveil::ppsp::content_key::GroupKey>,
) -> std::io::Result<()> {
    let (mut sealed, mut out) = (File::open(content)?, File::create(plain)?);
    let mut bytes = Vec::new();
    for piece in 0..manifest.layout.pieces() {
        bytes.clear();
        (&mut sealed)
            .take(manifest.layout.piece_bytes())
            .read_to_end(&mut bytes)?;
        let group = piece.checked_div(manifest.group_pieces).unwrap_or(0);
        let place = piece.checked_rem(manifest.group_pieces).unwrap_or(piece);
        let key = key_of(group).ok_or_else(|| std::io::Error::other("the key of a group is missing"))?;
        key.apply(place, 0, &mut bytes).map_err(std::io::Error::other)?;
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// The manifest in this file, of a source that is known, at this time.
//= P2P-118
pub fn open_manifest(path: &Path, source: Option<(&str, [u8; 32])>, at: u64) -> Result<Manifest, Unpublished> {
    let text = std::fs::read_to_string(path)?;
    let known = |name: &str| {
        let (source, key) = source?;
        (source == name).then_some(sipveil::ppsp::jws::VerifyingKey::Ed25519(key))
    };
    Ok(Manifest::open(text.trim_end(), at, known)?)
}
