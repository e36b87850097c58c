//! Contents for tests.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::layout::Layout;
use super::tree::{LEAF_BYTES, Tree, TreeBuilder};

/// Bytes nobody can guess, their tree, and how they are cut.
pub struct Sample {
    pub bytes: Vec<u8>,
    pub tree: Tree,
    pub layout: Layout,
}

impl Sample {
    pub fn new(size: usize) -> Sample {
        let mut bytes = vec![0; size];
        random(size as u64).fill_bytes(&mut bytes);
        Sample::of(bytes)
    }

    pub fn of(bytes: Vec<u8>) -> Sample {
        let mut tree = TreeBuilder::new();
        tree.push(&bytes).unwrap();
        Sample {
            layout: Layout::new(bytes.len() as u64, 256 << 10).unwrap(),
            tree: tree.finish().unwrap(),
            bytes,
        }
    }

    pub fn leaf(&self, index: u32) -> Option<Vec<u8>> {
        self.bytes.chunks(LEAF_BYTES).nth(index as usize).map(<[u8]>::to_vec)
    }
}

/// The same numbers for the same seed.
pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn drawn<const N: usize>(random: &mut ChaCha8Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}
