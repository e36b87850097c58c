//! A content on this machine: whole, as it is served, and as it comes in.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sipveil::ppsp::ChunkMap;
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::tree::{LEAF_BYTES, Tree, TreeBuilder};

use super::run::{self, RunHashes};

/// Bytes read at once.
const PORTION: usize = 1 << 20;

/// A content that is there, looked at from end to end.
pub struct Whole {
    file: File,
    tree: Tree,
    layout: Layout,
}

/// Why there is no content at a place.
#[derive(Debug, thiserror::Error)]
pub enum NoContent {
    #[error("cannot read it: {0}")]
    File(#[from] std::io::Error),
    #[error("it is empty, or larger than a content may be")]
    Size,
    #[error("it is not what the manifest says: fetch it anew")]
    Other,
}

/// The tree over all that can be read.
pub fn tree_of(mut bytes: impl Read) -> Result<Tree, NoContent> {
    let mut builder = TreeBuilder::new();
    let mut portion = vec![0; PORTION];
    loop {
        match bytes.read(&mut portion)? {
            0 => return builder.finish().ok_or(NoContent::Size),
            length => builder.push(&portion[..length]).map_err(|_| NoContent::Size)?,
        }
    }
}

impl Whole {
    /// The content of this manifest. Nothing is announced, proved or served of what is not it.
    //= P2P-121
    pub fn open(path: &Path, manifest: &Manifest) -> Result<Whole, NoContent> {
        let file = File::open(path)?;
        let tree = tree_of(&file)?;
        if tree.root() != manifest.root || tree.shape() != manifest.layout.shape() {
            return Err(NoContent::Other);
        }
        Ok(Whole {
            file,
            tree,
            layout: manifest.layout,
        })
    }

    pub fn map(&self) -> ChunkMap {
        ChunkMap::full(self.layout.pieces())
    }

    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn leaf(&self, leaf: u32) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.tree.shape().leaf_bytes(leaf)?];
        self.file.read_exact_at(&mut bytes, place(leaf)).ok()?;
        Some(bytes)
    }

    pub fn hashes(&self, run: u32) -> Option<RunHashes> {
        (run < run::runs(self.tree.shape())).then(|| RunHashes::of(&self.tree, run))
    }
}

fn place(leaf: u32) -> u64 {
    u64::from(leaf) * LEAF_BYTES as u64
}

/// A content that comes in, leaf by leaf: only what was verified is written.
pub struct Incoming(File);

impl Incoming {
    pub fn create(path: &Path) -> std::io::Result<Incoming> {
        File::create(path).map(Incoming)
    }

    //= P2P-121
    pub fn put(&self, leaf: u32, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all_at(bytes, place(leaf))
    }
}
