//! The tree proof: the leaves a challenge asks for, and the hashes that lead from them to the root. Who verifies holds the root and
//! the size, computes no expected answer, and needs neither the content nor a key to it.

use std::cmp::Ordering;

use super::SwarmId;
use super::challenge::Challenge;
use super::tree::{self, Hash, MISSING, Shape, Tree};

/// Leaves in order of their index, and the siblings that cannot be computed from them: level by level from the leaves up, in order
/// of index within a level, each once.
#[derive(Clone, PartialEq, Eq)]
pub struct TreeProof {
    pub leaves: Vec<Vec<u8>>,
    pub hashes: Vec<Hash>,
}

impl std::fmt::Debug for TreeProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeProof")
            .field("leaves", &self.leaves.len())
            .field("hashes", &self.hashes.len())
            .finish()
    }
}

/// Why an answer proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("not as many leaves as were asked for")]
    Leaves,
    #[error("a leaf is longer or shorter than the manifest says")]
    LeafLength,
    #[error("a leaf was asked for that the content does not have")]
    Index,
    #[error("too few hashes")]
    Short,
    #[error("more hashes than lead to the root")]
    Surplus,
    #[error("the hashes lead to another root")]
    Root,
}

impl TreeProof {
    /// The answer of who holds the content. `None`: a leaf is not at hand.
    //= P2P-106
    pub fn make(tree: &Tree, challenge: &Challenge, read: impl FnMut(u32) -> Option<Vec<u8>>) -> Option<TreeProof> {
        let leaves: Option<Vec<Vec<u8>>> = challenge.leaves().iter().copied().map(read).collect();
        Some(TreeProof {
            leaves: leaves?,
            hashes: siblings(tree, challenge.leaves()),
        })
    }

    /// Whether this answers the challenge, for a content of this root and size. Nothing of the tree's form is taken from the proof.
    //= P2P-106
    //= P2P-117
    //= P2P-120
    pub fn verify(&self, root: &SwarmId, shape: Shape, challenge: &Challenge) -> Result<(), Unproven> {
        if self.leaves.len() != challenge.leaves().len() {
            return Err(Unproven::Leaves);
        }
        let mut known = Vec::with_capacity(self.leaves.len());
        for (index, leaf) in challenge.leaves().iter().zip(&self.leaves) {
            match shape.leaf_bytes(*index) {
                Some(bytes) if bytes == leaf.len() => known.push((*index, tree::leaf_hash(leaf))),
                Some(_) => return Err(Unproven::LeafLength),
                None => return Err(Unproven::Index),
            }
        }
        climb(root, shape, known, &self.hashes)
    }
}

/// Whether nodes of level 0, in order and each once, lead to the root with exactly these siblings.
pub(super) fn climb(
    root: &SwarmId,
    shape: Shape,
    mut known: Vec<(u32, Hash)>,
    siblings: &[Hash],
) -> Result<(), Unproven> {
    let mut siblings = siblings.iter();
    for level in 0..shape.depth() {
        let mut above: Vec<(u32, Hash)> = Vec::with_capacity(known.len());
        let mut nodes = known.into_iter().peekable();
        while let Some((index, node)) = nodes.next() {
            let mut shown = || siblings.next().copied().ok_or(Unproven::Short);
            let parent = if index % 2 == 1 {
                tree::parent(&shown()?, &node)
            } else if index + 1 >= shape.nodes(level) {
                // Beyond the content: known to everybody, so never shown.
                tree::parent(&node, &MISSING)
            } else if let Some((_, right)) = nodes.next_if(|(next, _)| *next == index + 1) {
                tree::parent(&node, &right)
            } else {
                tree::parent(&node, &shown()?)
            };
            above.push((index / 2, parent));
        }
        known = above;
    }
    if siblings.next().is_some() {
        return Err(Unproven::Surplus);
    }
    match known.as_slice() {
        [(0, node)] if node == root.root() => Ok(()),
        _ => Err(Unproven::Root),
    }
}

/// The siblings that lead from these leaves, in order and each once, to the root.
pub(super) fn siblings(tree: &Tree, leaves: &[u32]) -> Vec<Hash> {
    let mut hashes = Vec::new();
    let mut level_nodes = leaves.to_vec();
    for level in 0..tree.shape().depth() {
        for (at, index) in level_nodes.iter().enumerate() {
            let sibling = index ^ 1;
            let known = match sibling.cmp(index) {
                Ordering::Less => at > 0 && level_nodes[at - 1] == sibling,
                _ => level_nodes.get(at + 1) == Some(&sibling),
            };
            if !known && sibling < tree.shape().nodes(level) {
                hashes.push(tree.node(level, sibling));
            }
        }
        level_nodes.iter_mut().for_each(|index| *index /= 2);
        level_nodes.dedup();
    }
    hashes
}

#[cfg(test)]
mod tests;
