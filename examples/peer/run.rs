//! Runs of sixteen leaves: the unit that is asked for. Their hashes come with the path to the root, so that each leaf that follows
//! is looked at by itself, in whatever order it comes.

use sipveil::ppsp::SwarmId;
use sipveil::ppsp::tree::{self, Hash, MISSING, Shape, Tree};

/// Leaves of every run but the last.
pub const RUN_LEAVES: u32 = 16;
const RUN_LEVEL: u32 = RUN_LEAVES.trailing_zeros();

/// Runs of a content.
pub fn runs(shape: Shape) -> u32 {
    shape.leaves().div_ceil(RUN_LEAVES)
}

/// First leaf, and the one behind the last.
pub fn leaves_of(shape: Shape, run: u32) -> std::ops::Range<u32> {
    let begins = |run: u32| run.saturating_mul(RUN_LEAVES).min(shape.leaves());
    begins(run)..begins(run.saturating_add(1))
}

/// The hashes of one run, and what leads from them to the root: siblings from the run's own level up, those beyond the content
/// left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHashes {
    pub run: u32,
    pub leaves: Vec<Hash>,
    pub siblings: Vec<Hash>,
}

impl RunHashes {
    pub fn of(tree: &Tree, run: u32) -> RunHashes {
        let shape = tree.shape();
        let sibling = |level: u32| {
            let index = (run >> (level - RUN_LEVEL)) ^ 1;
            (index < shape.nodes(level)).then(|| tree.node(level, index))
        };
        RunHashes {
            run,
            leaves: leaves_of(shape, run).map(|leaf| tree.node(0, leaf)).collect(),
            siblings: (RUN_LEVEL..shape.depth()).filter_map(sibling).collect(),
        }
    }

    /// Whether these are the content's. Nothing of the tree's form is taken from them.
    //= P2P-120
    //= P2P-121
    pub fn lead_to(&self, root: &SwarmId, shape: Shape) -> bool {
        if self.leaves.is_empty() || self.leaves.len() != leaves_of(shape, self.run).len() {
            return false;
        }
        let mut nodes = self.leaves.clone();
        for _ in 0..RUN_LEVEL.min(shape.depth()) {
            let above = nodes.chunks(2);
            nodes = above
                .map(|pair| tree::parent(&pair[0], pair.get(1).unwrap_or(&MISSING)))
                .collect();
        }
        let mut node = nodes[0];
        let mut siblings = self.siblings.iter();
        for level in RUN_LEVEL..shape.depth() {
            let index = self.run >> (level - RUN_LEVEL);
            let sibling = match (index ^ 1) < shape.nodes(level) {
                true => siblings.next(),
                false => Some(&MISSING),
            };
            let Some(sibling) = sibling else { return false };
            node = match index % 2 {
                0 => tree::parent(&node, sibling),
                _ => tree::parent(sibling, &node),
            };
        }
        siblings.next().is_none() && node == *root.root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sipveil::ppsp::tree::TreeBuilder;

    fn tree(leaves: u32) -> Tree {
        let bytes: Vec<u8> = (0..leaves * 1024 - 7).map(|at| (at % 251) as u8).collect();
        let mut builder = TreeBuilder::new();
        builder.push(&bytes).unwrap();
        builder.finish().unwrap()
    }

    //= P2P-120 type=test
    #[test]
    fn hashes_of_a_run_lead_to_the_root_and_no_others_do() {
        for leaves in [1, 2, 15, 16, 17, 31, 33, 64, 65, 100, 129] {
            let tree = tree(leaves);
            let (root, shape) = (tree.root(), tree.shape());
            for run in 0..runs(shape) {
                let hashes = RunHashes::of(&tree, run);
                assert!(hashes.lead_to(&root, shape), "run {run} of {leaves} leaves");
                let changed = |change: &dyn Fn(&mut RunHashes)| {
                    let mut hashes = hashes.clone();
                    change(&mut hashes);
                    hashes.lead_to(&root, shape)
                };
                let last = hashes.leaves.len() - 1;
                assert!(!changed(&|hashes| hashes.leaves[last][5] ^= 1));
                assert!(!changed(&|hashes| {
                    hashes.leaves.pop();
                }));
                assert!(!changed(&|hashes| hashes.leaves.push(MISSING)));
                assert!(!changed(&|hashes| hashes.siblings.push(MISSING)));
                assert!(!changed(&|hashes| hashes.run = runs(shape)));
                if !hashes.siblings.is_empty() {
                    assert!(!changed(&|hashes| hashes.siblings[0][9] ^= 1));
                    assert!(!changed(&|hashes| {
                        hashes.siblings.pop();
                    }));
                    assert!(!changed(&|hashes| hashes.run ^= 1), "the place of another run");
                }
            }
        }
    }

    #[test]
    fn runs_cover_a_content() {
        let shape = Shape::of(33 * 1024 + 1).unwrap();
        assert_eq!(runs(shape), 3);
        assert_eq!(
            [0, 1, 2, 3].map(|run| leaves_of(shape, run)),
            [0..16, 16..32, 32..34, 34..34]
        );
    }
}
