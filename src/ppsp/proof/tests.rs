use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::*;
use crate::ppsp::content_key::{ContentMaster, Version};
use crate::ppsp::layout::Layout;
use crate::ppsp::sample::{Sample, drawn, random};

const PIECE: usize = 256 << 10;

fn challenge(nonce: u64, sample: &Sample, samples: usize) -> Challenge {
    let last = sample.layout.pieces() - 1;
    Challenge::draw(drawn(&mut random(nonce)), &sample.layout, &[(0, last)], samples).unwrap()
}

fn honest(sample: &Sample, challenge: &Challenge) -> TreeProof {
    TreeProof::make(&sample.tree, challenge, |leaf| sample.leaf(leaf)).unwrap()
}

fn verified(sample: &Sample, challenge: &Challenge, proof: &TreeProof) -> Result<(), Unproven> {
    proof.verify(&sample.tree.root(), sample.layout.shape(), challenge)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    //= P2P-106 type=test
    #[test]
    fn who_holds_the_content_proves_it(size in 1usize..300_000, nonce: u64, samples in 1usize..=16) {
        let sample = Sample::new(size);
        let challenge = challenge(nonce, &sample, samples);
        let proof = honest(&sample, &challenge);
        prop_assert_eq!(verified(&sample, &challenge, &proof), Ok(()));
        let whole_paths = samples * sample.layout.shape().depth() as usize;
        prop_assert!(proof.hashes.len() <= whole_paths);
    }

    //= P2P-106 type=test
    #[test]
    fn one_flipped_bit_proves_nothing(size in 1usize..300_000, nonce: u64, samples in 1usize..=16, at: prop::sample::Index, bit in 0u8..8) {
        let sample = Sample::new(size);
        let challenge = challenge(nonce, &sample, samples);
        let mut proof = honest(&sample, &challenge);
        let mut bytes: Vec<&mut u8> = proof.leaves.iter_mut().flatten().chain(proof.hashes.iter_mut().flatten()).collect();
        let at = at.index(bytes.len());
        *bytes[at] ^= 1 << bit;
        prop_assert_eq!(verified(&sample, &challenge, &proof), Err(Unproven::Root));
    }

    //= P2P-106 type=test
    //= P2P-120 type=test
    #[test]
    fn another_number_of_leaves_or_hashes_proves_nothing(size in 1025usize..300_000, nonce: u64, samples in 1usize..=16) {
        let sample = Sample::new(size);
        let challenge = challenge(nonce, &sample, samples);
        let proof = honest(&sample, &challenge);
        let refused = |change: fn(&mut TreeProof)| {
            let mut changed = proof.clone();
            change(&mut changed);
            verified(&sample, &challenge, &changed).unwrap_err()
        };
        prop_assert_eq!(refused(|proof| proof.hashes.push([0; 32])), Unproven::Surplus);
        prop_assert_eq!(refused(|proof| drop(proof.leaves.pop())), Unproven::Leaves);
        prop_assert_eq!(refused(|proof| proof.leaves.push(vec![0; 1024])), Unproven::Leaves);
        prop_assert_eq!(refused(|proof| proof.leaves[0].push(0)), Unproven::LeafLength);
        prop_assert_eq!(refused(|proof| { proof.leaves[0].pop(); }), Unproven::LeafLength);
        if proof.hashes.len() > 1 {
            prop_assert_eq!(refused(|proof| { proof.hashes.pop(); }), Unproven::Short);
            prop_assert!(matches!(refused(|proof| proof.hashes.rotate_left(1)), Unproven::Short | Unproven::Root));
        }
    }

    /// The proof of other leaves, of another content, of another size.
    //= P2P-106 type=test
    #[test]
    fn a_proof_answers_its_own_challenge_alone(nonce: u64, other: u64) {
        let sample = Sample::new(3 * PIECE + 5000);
        let (asked, shown) = (challenge(nonce, &sample, 4), challenge(other, &sample, 4));
        prop_assume!(asked.leaves() != shown.leaves());
        prop_assert!(verified(&sample, &asked, &honest(&sample, &shown)).is_err());
        let proof = honest(&sample, &asked);
        let shape = |size| Shape::of(size).unwrap();
        let root = sample.tree.root();
        prop_assert!(proof.verify(&SwarmId::of_root([1; 32]), sample.layout.shape(), &asked).is_err());
        prop_assert!(proof.verify(&root, shape(8 * PIECE as u64), &asked).is_err());
        prop_assert_eq!(proof.verify(&root, shape(1024), &asked), Err(Unproven::Index));
    }

    /// Any leaves and hashes at all: refused, without more work than the content's depth.
    #[test]
    fn no_proof_panics(
        leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1030), 0..20),
        hashes in prop::collection::vec(any::<Hash>(), 0..40),
        size in 1usize..300_000,
        samples in 1usize..=16,
    ) {
        let sample = Sample::new(size);
        let proof = TreeProof { leaves, hashes };
        prop_assert!(verified(&sample, &challenge(1, &sample, samples), &proof).is_err());
    }
}

/// Every bit class of a small proof: each bit of a short leaf, of a whole leaf's first and last byte, and of every hash.
//= P2P-106 type=test
#[test]
fn every_bit_of_a_hash_and_of_a_short_last_leaf_counts() {
    let sample = Sample::new(8 * 1024 + 3);
    let challenge = Challenge::draw([7; 16], &sample.layout, &[(0, 0)], 16).unwrap();
    let proof = TreeProof {
        leaves: vec![sample.leaf(8).unwrap()],
        hashes: siblings(&sample.tree, &[8]),
    };
    let known = |leaf: &[u8]| vec![(8, tree::leaf_hash(leaf))];
    let climbed = |leaf: &[u8], hashes: &[Hash]| climb(&sample.tree.root(), sample.layout.shape(), known(leaf), hashes);
    assert_eq!(challenge.leaves(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(verified(&sample, &challenge, &honest(&sample, &challenge)), Ok(()));
    assert_eq!(
        (proof.leaves[0].len(), proof.hashes.len()),
        (3, 1),
        "three levels of nine leaves have no sibling"
    );
    assert_eq!(climbed(&proof.leaves[0], &proof.hashes), Ok(()));
    for bit in 0..256 {
        let mut hashes = proof.hashes.clone();
        hashes[0][bit / 8] ^= 1 << (bit % 8);
        assert_eq!(climbed(&proof.leaves[0], &hashes), Err(Unproven::Root), "bit {bit}");
    }
    for bit in 0..24 {
        let mut leaf = proof.leaves[0].clone();
        leaf[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(climbed(&leaf, &proof.hashes), Err(Unproven::Root), "bit {bit}");
    }
    let shown = [[0; 32], proof.hashes[0]];
    assert_eq!(
        climbed(&proof.leaves[0], &shown),
        Err(Unproven::Surplus),
        "the zero hash is never shown"
    );
}

/// Two nodes side by side are 64 bytes. Where the last leaf has 64 bytes as well, they pass for its length, and the depth stops them.
//= P2P-106 type=test
//= P2P-120 type=test
#[test]
fn an_inner_node_does_not_pass_for_a_leaf() {
    let sample = Sample::new(4 * 1024 + 64);
    let tree = &sample.tree;
    let inner = |level, index| [tree.node(level, index), tree.node(level, index + 1)].concat();
    assert_eq!(
        tree::leaf_hash(&inner(2, 0)),
        tree.node(3, 0),
        "an untagged hash: it is the root"
    );
    let asked = Challenge::draw([1; 16], &sample.layout, &[(0, 0)], 16).unwrap();
    let mut proof = honest(&sample, &asked);
    proof.leaves[0] = inner(0, 0);
    assert_eq!(verified(&sample, &asked, &proof), Err(Unproven::LeafLength));
    let known = |leaf: &[u8]| vec![(4, tree::leaf_hash(leaf))];
    for (level, index) in [(0, 0), (0, 2), (1, 0), (2, 0)] {
        for hashes in [vec![], vec![tree.node(2, 0)], vec![tree.node(1, 0), tree.node(2, 0)]] {
            let climbed = climb(&tree.root(), tree.shape(), known(&inner(level, index)), &hashes);
            assert!(climbed.is_err(), "level {level}, {} hashes", hashes.len());
        }
    }
}

/// Ten thousand who hold every hash of the tree and not one leaf.
//= P2P-104 type=test
#[test]
fn a_liar_without_content_never_passes() {
    let sample = Sample::new(2 * PIECE + 700);
    let mut random = random(104);
    for trial in 0..10_000u32 {
        let asked = Challenge::draw(drawn(&mut random), &sample.layout, &[(0, 2)], 4).unwrap();
        let proof = lie(&sample, &asked, trial, &mut random);
        assert!(verified(&sample, &asked, &proof).is_err(), "trial {trial}");
    }
}

fn lie(sample: &Sample, asked: &Challenge, trial: u32, random: &mut ChaCha8Rng) -> TreeProof {
    let shape = sample.layout.shape();
    let mut leaves: Vec<Vec<u8>> = (asked.leaves().iter())
        .map(|leaf| vec![0; shape.leaf_bytes(*leaf).unwrap()])
        .collect();
    let mut hashes = siblings(&sample.tree, asked.leaves());
    match trial % 5 {
        0 => {}
        1 => leaves.iter_mut().for_each(|leaf| random.fill_bytes(leaf)),
        2 => {
            for (leaf, index) in leaves.iter_mut().zip(asked.leaves()) {
                *leaf = sample.tree.node(0, *index).to_vec();
            }
        }
        3 => hashes = vec![*sample.tree.root().root()],
        _ => hashes.iter_mut().for_each(|hash| random.fill_bytes(hash)),
    }
    TreeProof { leaves, hashes }
}

/// A peer that holds half of the pieces it announced; what it lacks it shows as zeros.
fn holder_of_half(sample: &Sample, asked: &Challenge) -> TreeProof {
    let read = |leaf: u32| {
        if (leaf / 256).is_multiple_of(2) {
            sample.leaf(leaf)
        } else {
            Some(vec![0; 1024])
        }
    };
    TreeProof::make(&sample.tree, asked, read).unwrap()
}

/// Four leaves when it joins, then two leaves at one of twenty refreshes, a refresh every quarter of an hour.
//= P2P-112 type=test
#[test]
fn who_lacks_half_is_caught_as_often_as_the_formula_says() {
    let sample = Sample::new(4 * PIECE);
    let pieces = [(0, 3)];
    let (mut nonces, mut dice) = (random(112), random(113));
    let trials = 12_000;
    let (mut in_one_hour, mut in_one_day) = (0u32, 0u32);
    for _ in 0..trials {
        let mut caught = |samples| {
            let asked = Challenge::draw(drawn(&mut nonces), &sample.layout, &pieces, samples).unwrap();
            verified(&sample, &asked, &holder_of_half(&sample, &asked)).is_err()
        };
        let joining = caught(4);
        let refresh = (1..=96).find(|_| u32::from_be_bytes(drawn(&mut dice)) < u32::MAX / 20 && caught(2));
        in_one_hour += u32::from(joining || refresh.is_some_and(|refresh| refresh <= 4));
        in_one_day += u32::from(joining || refresh.is_some());
    }
    let share = |caught: u32| f64::from(caught) / f64::from(trials);
    let formula = |refreshes: i32| 1.0 - 0.5f64.powi(4) * (0.95 + 0.05 * 0.5f64.powi(2)).powi(refreshes);
    assert!(
        (share(in_one_hour) - formula(4)).abs() < 0.01,
        "{} against {}",
        share(in_one_hour),
        formula(4)
    );
    assert!(
        (share(in_one_day) - formula(96)).abs() < 0.01,
        "{} against {}",
        share(in_one_day),
        formula(96)
    );
    assert!((formula(4) - 0.946).abs() < 0.001 && (formula(96) - 0.998).abs() < 0.001);
}

//= P2P-117 type=test
#[test]
fn what_is_proven_is_the_ciphertext() {
    let plain = Sample::new(PIECE);
    let key = ContentMaster::new([3; 32]).group(&Version::of_title("title", 1), 0);
    let mut bytes = plain.bytes.clone();
    key.apply(0, 0, &mut bytes).unwrap();
    let cipher = Sample::of(bytes);
    let asked = challenge(1, &cipher, 4);
    assert_eq!(verified(&cipher, &asked, &honest(&cipher, &asked)), Ok(()));
    assert_eq!(verified(&cipher, &asked, &honest(&plain, &asked)), Err(Unproven::Root));
}

/// The figures that messages are budgeted with: 20 hashes for one leaf of 1 GiB, and no more than whole paths for sixteen.
#[test]
fn a_proof_is_as_long_as_planned() {
    let layout = Layout::new(1 << 30, 256 << 10).unwrap();
    assert_eq!(layout.shape().depth(), 20);
    let sample = Sample::new(4 * PIECE);
    let one = honest(&sample, &challenge(3, &sample, 1));
    assert_eq!((one.leaves.len(), one.hashes.len()), (1, 10));
}
