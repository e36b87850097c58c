//! The hash tree of a content (RFC 7574 clause 5): SHA-256 over leaves of 1024 bytes, the last one short where the size says so.
//!
//! A missing leaf, and so a missing node of any level, counts as the all-zero hash. Leaves and inner nodes are hashed alike, so
//! size and depth always come from the signed manifest, never from who shows a path.

use aws_lc_rs::digest::{Context, SHA256, digest};
use data_encoding::BASE64URL_NOPAD;

use super::SwarmId;

/// Bytes of a leaf; the last leaf of a content may have fewer.
pub const LEAF_BYTES: usize = 1024;
/// Bytes of a content at most: 8192 pieces of 8 MiB.
pub const SIZE_MAX: u64 = 64 << 30;
/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// A node of the tree.
pub type Hash = [u8; HASH_BYTES];

/// The node where there is no content.
pub const MISSING: Hash = [0; HASH_BYTES];

/// Exactly `N` bytes written as base64url; the one spelling they have.
pub(super) fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != BASE64URL_NOPAD.encode_len(N) {
        return None;
    }
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// A leaf's node.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    copied(digest(&SHA256, leaf).as_ref())
}

/// The node above two.
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    let mut both = [0; 2 * HASH_BYTES];
    both[..HASH_BYTES].copy_from_slice(left);
    both[HASH_BYTES..].copy_from_slice(right);
    leaf_hash(&both)
}

fn copied(digest: &[u8]) -> Hash {
    let mut hash = MISSING;
    hash.copy_from_slice(digest);
    hash
}

/// What a size alone says of a tree.
//= P2P-120
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    size: u64,
}

impl Shape {
    /// `None`: no content, or more than [`SIZE_MAX`].
    pub fn of(size: u64) -> Option<Shape> {
        (1..=SIZE_MAX).contains(&size).then_some(Shape { size })
    }

    pub fn size(self) -> u64 {
        self.size
    }

    pub fn leaves(self) -> u32 {
        // 2^26 at most.
        self.size.div_ceil(LEAF_BYTES as u64) as u32
    }

    /// Levels below the root.
    pub fn depth(self) -> u32 {
        self.leaves().next_power_of_two().trailing_zeros()
    }

    /// Nodes of a level that stand over content; leaves are level 0.
    pub fn nodes(self, level: u32) -> u32 {
        self.leaves().div_ceil(1 << level)
    }

    /// Bytes of this leaf. `None`: there is no such leaf.
    pub fn leaf_bytes(self, index: u32) -> Option<usize> {
        let last = self.leaves() - 1;
        match index.cmp(&last) {
            std::cmp::Ordering::Less => Some(LEAF_BYTES),
            std::cmp::Ordering::Equal => Some((self.size - u64::from(last) * LEAF_BYTES as u64) as usize),
            std::cmp::Ordering::Greater => None,
        }
    }
}

/// More bytes than a content may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content may have {SIZE_MAX} bytes at most")]
pub struct TooLarge;

/// Cuts what is pushed into leaves.
struct Leaves {
    begun: Context,
    begun_bytes: usize,
    size: u64,
}

impl Leaves {
    fn new() -> Leaves {
        Leaves {
            begun: Context::new(&SHA256),
            begun_bytes: 0,
            size: 0,
        }
    }

    fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Hash)) -> Result<(), TooLarge> {
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > SIZE_MAX {
            return Err(TooLarge);
        }
        self.size = size;
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(LEAF_BYTES - self.begun_bytes));
            self.begun.update(taken);
            self.begun_bytes += taken.len();
            bytes = rest;
            if self.begun_bytes == LEAF_BYTES {
                let whole = std::mem::replace(&mut self.begun, Context::new(&SHA256));
                self.begun_bytes = 0;
                each(copied(whole.finish().as_ref()));
            }
        }
        Ok(())
    }

    fn finish(self, each: impl FnOnce(Hash)) -> Option<Shape> {
        if self.begun_bytes > 0 {
            each(copied(self.begun.finish().as_ref()));
        }
        Shape::of(self.size)
    }
}

/// The root of bytes that come in portions, in constant memory.
//= P2P-119
pub struct RootBuilder {
    leaves: Leaves,
    peaks: Peaks,
}

/// The roots of the complete subtrees so far, at most one a level.
#[derive(Default)]
struct Peaks(Vec<Option<Hash>>);

impl Peaks {
    fn add(&mut self, leaf: Hash) {
        let mut node = leaf;
        for peak in &mut self.0 {
            match peak.take() {
                Some(left) => node = parent(&left, &node),
                None => {
                    *peak = Some(node);
                    return;
                }
            }
        }
        self.0.push(Some(node));
    }

    fn root(&self) -> Hash {
        let top = self.0.len().saturating_sub(1);
        let mut right: Option<Hash> = None;
        for (level, peak) in self.0.iter().enumerate() {
            right = match (peak, right) {
                (Some(left), None) if level == top => Some(*left),
                (Some(left), right) => Some(parent(left, &right.unwrap_or(MISSING))),
                (None, Some(left)) => Some(parent(&left, &MISSING)),
                (None, None) => None,
            };
        }
        right.unwrap_or(MISSING)
    }
}

impl RootBuilder {
    #[expect(clippy::new_without_default, reason = "begun, not a value of its own")]
    pub fn new() -> RootBuilder {
        RootBuilder {
            leaves: Leaves::new(),
            peaks: Peaks::default(),
        }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        self.leaves.push(bytes, |leaf| self.peaks.add(leaf))
    }

    /// `None`: nothing was pushed.
    pub fn finish(self) -> Option<(SwarmId, Shape)> {
        let RootBuilder { leaves, mut peaks } = self;
        let shape = leaves.finish(|leaf| peaks.add(leaf))?;
        Some((SwarmId::of_root(peaks.root()), shape))
    }
}

/// Every node over a content, for who holds it and must prove so: some 64 bytes a leaf.
#[derive(Clone)]
pub struct Tree {
    shape: Shape,
    /// Leaves first; the last level is the root.
    levels: Vec<Vec<Hash>>,
}

/// The whole tree of bytes that come in portions.
pub struct TreeBuilder {
    leaves: Leaves,
    hashes: Vec<Hash>,
}

impl TreeBuilder {
    #[expect(clippy::new_without_default, reason = "begun, not a value of its own")]
    pub fn new() -> TreeBuilder {
        TreeBuilder {
            leaves: Leaves::new(),
            hashes: Vec::new(),
        }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        self.leaves.push(bytes, |leaf| self.hashes.push(leaf))
    }

    /// `None`: nothing was pushed.
    pub fn finish(self) -> Option<Tree> {
        let TreeBuilder { leaves, mut hashes } = self;
        let shape = leaves.finish(|leaf| hashes.push(leaf))?;
        Some(Tree::over(shape, hashes))
    }
}

impl Tree {
    fn over(shape: Shape, leaves: Vec<Hash>) -> Tree {
        let mut levels = vec![leaves];
        for level in 0..shape.depth() as usize {
            let above = levels[level]
                .chunks(2)
                .map(|pair| parent(&pair[0], pair.get(1).unwrap_or(&MISSING)))
                .collect();
            levels.push(above);
        }
        Tree { shape, levels }
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The root: the name of the content.
    pub fn root(&self) -> SwarmId {
        SwarmId::of_root(self.node(self.shape.depth(), 0))
    }

    /// A node; [`MISSING`] where there is no content.
    pub fn node(&self, level: u32, index: u32) -> Hash {
        let found = self
            .levels
            .get(level as usize)
            .and_then(|nodes| nodes.get(index as usize));
        found.copied().unwrap_or(MISSING)
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("size", &self.shape.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and their roots over bytes that count 0 to 250 and begin again. Made by a script of its own: Python's `hashlib`,
    /// every node of the padded tree in one table of (level, index), no entry where both below are missing.
    const VECTORS: &[(u64, &str)] = &[
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (1024, "2bce1ba628720664be4b9fdd77aae0678e5f0f3f02fc6ff641ec879094f6a404"),
        (2048, "4d95ddddce123a402bb8ab5485082f46ea4e8311cb15aa2272acef60ec6db42c"),
        (3072, "e4e2adda0a1d08a261c6d23f713347c4ee7e4d53ea295a397339d762e7ca68e6"),
        (7168, "546805c5d4ccdf2496ff4ce808071a986b372625f57d85c734d2ebf2cd3ac12d"),
        (8192, "6c02ba145da6acace1aaa78511766d9149ed69b8e72039acc9c8eccee99c21b5"),
        (8193, "d7843b3adac1766c60c5625f98399b664944013463ebfd244b0fa325318fa541"),
        (9216, "3531c20f775e7e5ffeaa65adb71163387eb8f554ec0c787e2c967c05c99c75d0"),
    ];

    fn counting(size: u64) -> Vec<u8> {
        (0..size).map(|at| (at % 251) as u8).collect()
    }

    /// From the top: the node over `leaves` of a tree of this depth, or the zero hash where there is none.
    fn naive(leaves: &[Vec<u8>], depth: u32) -> Hash {
        if leaves.is_empty() {
            return MISSING;
        }
        if depth == 0 {
            return leaf_hash(&leaves[0]);
        }
        let (left, right) = leaves.split_at(leaves.len().min(1 << (depth - 1)));
        leaf_hash(&[naive(left, depth - 1), naive(right, depth - 1)].concat())
    }

    fn built(bytes: &[u8], portion: usize) -> (SwarmId, Shape) {
        let mut builder = RootBuilder::new();
        bytes.chunks(portion).for_each(|some| builder.push(some).unwrap());
        builder.finish().unwrap()
    }

    fn tree(bytes: &[u8]) -> Tree {
        let mut builder = TreeBuilder::new();
        bytes.chunks(1500).for_each(|some| builder.push(some).unwrap());
        builder.finish().unwrap()
    }

    //= P2P-119 type=test
    #[test]
    fn known_trees_have_their_roots() {
        for (size, root) in VECTORS {
            let bytes = counting(*size);
            let root = SwarmId::of_root(
                data_encoding::HEXLOWER
                    .decode(root.as_bytes())
                    .unwrap()
                    .try_into()
                    .unwrap(),
            );
            for portion in [1, 700, 1024, 1 << 20] {
                assert_eq!(built(&bytes, portion).0, root, "{size} bytes, {portion} at a time");
            }
            assert_eq!(tree(&bytes).root(), root, "{size} bytes");
        }
    }

    //= P2P-119 type=test
    #[test]
    fn every_number_of_leaves_has_the_root_of_the_naive_tree() {
        for leaves in 1..=70u64 {
            let bytes = counting(leaves * 1024 - leaves % 3 * 300);
            let cut: Vec<Vec<u8>> = bytes.chunks(LEAF_BYTES).map(<[u8]>::to_vec).collect();
            let depth = (0..).find(|depth| 1 << depth >= cut.len()).unwrap();
            let root = SwarmId::of_root(naive(&cut, depth));
            assert_eq!(built(&bytes, 999).0, root, "{leaves} leaves");
            assert_eq!(tree(&bytes).root(), root, "{leaves} leaves");
        }
    }

    //= P2P-120 type=test
    #[test]
    fn the_size_says_leaves_depth_and_the_last_leaf() {
        let said = |size| {
            let shape = Shape::of(size).unwrap();
            (
                shape.leaves(),
                shape.depth(),
                shape.leaf_bytes(shape.leaves() - 1).unwrap(),
            )
        };
        assert_eq!(said(1), (1, 0, 1));
        assert_eq!(said(1024), (1, 0, 1024));
        assert_eq!(said(1025), (2, 1, 1));
        assert_eq!(said(9 * 1024), (9, 4, 1024));
        assert_eq!(said(1 << 30), (1 << 20, 20, 1024));
        assert_eq!(said(SIZE_MAX), (1 << 26, 26, 1024));
        let shape = Shape::of(5000).unwrap();
        assert_eq!(
            (shape.leaf_bytes(3), shape.leaf_bytes(4), shape.leaf_bytes(5)),
            (Some(1024), Some(904), None)
        );
        assert_eq!([0, 1, 2, 3].map(|level| shape.nodes(level)), [5, 3, 2, 1]);
    }

    #[test]
    fn sizes_hold_at_and_past_their_ends() {
        assert_eq!(Shape::of(0), None);
        assert_eq!(Shape::of(SIZE_MAX + 1), None);
        assert!(RootBuilder::new().finish().is_none() && TreeBuilder::new().finish().is_none());
        let mut leaves = Leaves::new();
        leaves.size = SIZE_MAX - 3;
        assert_eq!(leaves.push(&[1; 4], |_| {}), Err(TooLarge));
        assert_eq!(leaves.push(&[1; 3], |_| {}), Ok(()));
        assert_eq!(leaves.push(&[1], |_| {}), Err(TooLarge));
    }
}
