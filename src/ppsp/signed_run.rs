//! Evidence: a peer's signature over what it sent, and the path that shows what it should have sent.
//!
//! A peer may sign runs of 64 leaves with a key announced for its temporary ID. A signed leaf that is not the tree's convicts its
//! signer; nothing else that a reporter says does.

use super::SwarmId;
use super::jws::VerifyingKey;
use super::proof;
use super::tree::{HASH_BYTES, Hash, Shape};

/// Leaves of a run, the last run of a content apart.
pub const RUN_LEAVES: u32 = 64;
/// Hashes of a path at most: the deepest tree.
pub const PATH_MAX: usize = 26;

/// What a peer signed: the hashes of one run of leaves as it sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRun {
    pub run: u32,
    pub leaves: Vec<Hash>,
    pub signature: [u8; 64],
}

/// A leaf's place in the tree: its hash, and its siblings from the leaves up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruePath {
    pub leaf: u32,
    pub hash: Hash,
    pub siblings: Vec<Hash>,
}

/// What a reporter shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub sent: SignedRun,
    pub true_path: TruePath,
}

/// Bytes of evidence at most.
pub const EVIDENCE_MAX: usize = 4 + 1 + RUN_LEAVES as usize * HASH_BYTES + 64 + 4 + HASH_BYTES + PATH_MAX * HASH_BYTES;

/// Says that evidence was looked at and holds. Made in [`Evidence::convicts`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven(());

#[cfg(test)]
impl Proven {
    pub(super) const IN_TESTS: Proven = Proven(());
}

/// Why evidence convicts nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoEvidence {
    #[error("the run is none of the content's")]
    Run,
    #[error("the run is not signed by the accused")]
    Signature,
    #[error("the leaf is not in the run")]
    Leaf,
    #[error("the path does not lead to the root")]
    Path,
    #[error("the signed leaf is the tree's")]
    Intact,
}

/// What a peer signs for one run of leaves.
//= P2P-126
pub fn signed_bytes(swarm: &SwarmId, run: u32, leaves: &[Hash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + HASH_BYTES * (1 + leaves.len()) + 4);
    bytes.extend_from_slice(b"p2p-run1");
    bytes.extend_from_slice(swarm.root());
    bytes.extend_from_slice(&run.to_be_bytes());
    leaves.iter().for_each(|leaf| bytes.extend_from_slice(leaf));
    bytes
}

/// Leaves of this run of a content. 0: there is no such run.
pub fn run_leaves(shape: Shape, run: u32) -> u32 {
    let first = u64::from(run) * u64::from(RUN_LEAVES);
    u64::from(shape.leaves())
        .saturating_sub(first)
        .min(u64::from(RUN_LEAVES)) as u32
}

impl Evidence {
    /// The bytes of a report's `evidence`: run, number of leaves, their hashes, signature; leaf, its true hash, its siblings.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(EVIDENCE_MAX);
        bytes.extend_from_slice(&self.sent.run.to_be_bytes());
        bytes.push(self.sent.leaves.len() as u8);
        self.sent.leaves.iter().for_each(|leaf| bytes.extend_from_slice(leaf));
        bytes.extend_from_slice(&self.sent.signature);
        bytes.extend_from_slice(&self.true_path.leaf.to_be_bytes());
        bytes.extend_from_slice(&self.true_path.hash);
        self.true_path
            .siblings
            .iter()
            .for_each(|hash| bytes.extend_from_slice(hash));
        bytes
    }

    /// Reads what [`Evidence::write`] wrote. `None`: something else, or too long.
    pub fn read(bytes: &[u8]) -> Option<Evidence> {
        if bytes.len() > EVIDENCE_MAX {
            return None;
        }
        let (run, rest) = bytes.split_first_chunk()?;
        let (count, rest) = rest.split_first()?;
        if u32::from(*count) > RUN_LEAVES {
            return None;
        }
        let (leaves, rest) = rest.split_at_checked(usize::from(*count) * HASH_BYTES)?;
        let (signature, rest) = rest.split_first_chunk()?;
        let (leaf, rest) = rest.split_first_chunk()?;
        let (hash, siblings) = rest.split_first_chunk()?;
        let (siblings, rest) = siblings.as_chunks();
        (rest.is_empty() && siblings.len() <= PATH_MAX).then(|| Evidence {
            sent: SignedRun {
                run: u32::from_be_bytes(*run),
                leaves: leaves.as_chunks().0.to_vec(),
                signature: *signature,
            },
            true_path: TruePath {
                leaf: u32::from_be_bytes(*leaf),
                hash: *hash,
                siblings: siblings.to_vec(),
            },
        })
    }

    /// Whether the peer with this key sent a leaf that is not the content's.
    //= P2P-124
    //= P2P-126
    pub fn convicts(&self, swarm: &SwarmId, shape: Shape, accused: &VerifyingKey) -> Result<Proven, NoEvidence> {
        let (sent, path) = (&self.sent, &self.true_path);
        if sent.leaves.is_empty() || sent.leaves.len() != run_leaves(shape, sent.run) as usize {
            return Err(NoEvidence::Run);
        }
        let in_run = path.leaf.checked_sub(sent.run * RUN_LEAVES).ok_or(NoEvidence::Leaf)?;
        let signed = sent.leaves.get(in_run as usize).ok_or(NoEvidence::Leaf)?;
        if *signed == path.hash {
            return Err(NoEvidence::Intact);
        }
        if path.siblings.len() > PATH_MAX {
            return Err(NoEvidence::Path);
        }
        let known = vec![(path.leaf, path.hash)];
        proof::climb(swarm, shape, known, &path.siblings).map_err(|_| NoEvidence::Path)?;
        if !accused.has_signed(&signed_bytes(swarm, sent.run, &sent.leaves), &sent.signature) {
            return Err(NoEvidence::Signature);
        }
        Ok(Proven(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ppsp::jws::SigningKey;
    use crate::ppsp::sample::Sample;
    use crate::ppsp::tree::{self, Tree};
    use proptest::prelude::*;

    fn sender() -> SigningKey {
        SigningKey::from_seed(&[1; 32]).unwrap()
    }

    /// The sender signs run 1 with leaf 70 spoilt; the reporter shows the true one.
    fn evidence(tree: &Tree, spoilt: bool) -> Evidence {
        let mut leaves: Vec<Hash> = (64..64 + run_leaves(tree.shape(), 1))
            .map(|leaf| tree.node(0, leaf))
            .collect();
        if spoilt {
            leaves[6] = tree::leaf_hash(b"something else");
        }
        let signature = sender().sign(&signed_bytes(&tree.root(), 1, &leaves));
        Evidence {
            sent: SignedRun {
                run: 1,
                leaves,
                signature,
            },
            true_path: TruePath {
                leaf: 70,
                hash: tree.node(0, 70),
                siblings: proof::siblings(tree, &[70]),
            },
        }
    }

    //= P2P-126 type=test
    #[test]
    fn a_signed_bad_leaf_convicts_its_signer() {
        for leaves in [128, 71, 300] {
            let sample = Sample::new(leaves * 1024 - 5);
            let tree = &sample.tree;
            let evidence = evidence(tree, true);
            let convicts = |key: &SigningKey| evidence.convicts(&tree.root(), tree.shape(), &key.verifying_key());
            assert_eq!(convicts(&sender()), Ok(Proven::IN_TESTS));
            assert_eq!(
                convicts(&SigningKey::from_seed(&[2; 32]).unwrap()),
                Err(NoEvidence::Signature)
            );
        }
    }

    //= P2P-126 type=test
    #[test]
    fn forged_evidence_convicts_nobody() {
        let sample = Sample::new(128 * 1024);
        let tree = &sample.tree;
        let convicts = |evidence: Evidence| evidence.convicts(&tree.root(), tree.shape(), &sender().verifying_key());
        assert_eq!(
            convicts(evidence(tree, false)),
            Err(NoEvidence::Intact),
            "what it signed is right"
        );
        let changed = |change: fn(&mut Evidence)| {
            let mut evidence = evidence(tree, true);
            change(&mut evidence);
            convicts(evidence)
        };
        assert_eq!(
            changed(|evidence| evidence.sent.leaves[3][0] ^= 1),
            Err(NoEvidence::Signature)
        );
        assert_eq!(
            changed(|evidence| evidence.sent.signature[9] ^= 1),
            Err(NoEvidence::Signature)
        );
        assert_eq!(
            changed(|evidence| evidence.true_path.hash[0] ^= 1),
            Err(NoEvidence::Path),
            "the reporter's own leaf"
        );
        assert_eq!(
            changed(|evidence| evidence.true_path.siblings[0][0] ^= 1),
            Err(NoEvidence::Path)
        );
        assert_eq!(
            changed(|evidence| evidence.true_path.siblings.truncate(6)),
            Err(NoEvidence::Path)
        );
        assert_eq!(
            changed(|evidence| evidence.true_path.siblings.resize(PATH_MAX + 1, [0; 32])),
            Err(NoEvidence::Path)
        );
        assert_eq!(
            changed(|evidence| evidence.true_path.leaf = 71),
            Err(NoEvidence::Path),
            "a leaf of another place"
        );
        assert_eq!(changed(|evidence| evidence.true_path.leaf = 63), Err(NoEvidence::Leaf));
        assert_eq!(changed(|evidence| evidence.true_path.leaf = 128), Err(NoEvidence::Leaf));
        assert_eq!(
            changed(|evidence| evidence.sent.leaves.truncate(63)),
            Err(NoEvidence::Run)
        );
        assert_eq!(changed(|evidence| evidence.sent.run = 0), Err(NoEvidence::Leaf));
        assert_eq!(changed(|evidence| evidence.sent.run = u32::MAX), Err(NoEvidence::Run));
    }

    #[test]
    fn the_longest_evidence_is_read_and_a_longer_one_is_not() {
        let sample = Sample::new(128 * 1024);
        let mut evidence = evidence(&sample.tree, true);
        evidence.true_path.siblings.resize(PATH_MAX, [7; 32]);
        let mut bytes = evidence.write();
        assert_eq!(bytes.len(), EVIDENCE_MAX);
        assert_eq!(Evidence::read(&bytes), Some(evidence.clone()));
        bytes.extend_from_slice(&[7; 32]);
        assert_eq!(Evidence::read(&bytes), None);
        evidence.sent.leaves.push([0; 32]);
        evidence.true_path.siblings.clear();
        assert_eq!(Evidence::read(&evidence.write()), None, "65 leaves");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), count in 0u8..5, size in 1u64..1_000_000) {
            let mut bytes = bytes;
            if let Some(place) = bytes.get_mut(4) {
                *place = count;
            }
            if let Some(evidence) = Evidence::read(&bytes) {
                prop_assert_eq!(evidence.write(), bytes);
                let shape = Shape::of(size).unwrap();
                let convicts = evidence.convicts(&SwarmId::of_root([1; 32]), shape, &sender().verifying_key());
                prop_assert!(convicts.is_err());
            }
        }
    }

    #[test]
    fn runs_are_of_64_leaves_but_the_last() {
        let shape = Shape::of(130 * 1024).unwrap();
        assert_eq!(
            [0, 1, 2, 3, u32::MAX].map(|run| run_leaves(shape, run)),
            [64, 64, 2, 0, 0]
        );
    }
}
