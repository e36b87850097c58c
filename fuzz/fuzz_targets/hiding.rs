//! Bytes as a field that a neighbour brings back: it opens or is refused, and what opens is what was hidden.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sipveil::policy::Policy;
use sipveil::seal::{HidingKeys, Keys};
use sipveil::topology::token::{Kind, Tokens};

const POLICY: &str = include_str!("../../fixtures/policies/good/topology-hiding.toml");

static NETWORK: LazyLock<(Policy, Keys)> = LazyLock::new(|| {
    let (policy, _) = sipveil::config::read(POLICY, "fuzz.toml").expect("a policy of the tests");
    let secrets = [(1, [1; 32])];
    let keys = Keys::new(&secrets, "T-home1", 0).expect("one generation is a key ring");
    (policy, keys.with_hiding(HidingKeys::new(&secrets).ok()))
});

fuzz_target!(|data: &[u8]| {
    let (policy, keys) = &*NETWORK;
    let Some(tokens) = Tokens::of(policy, keys) else { return };
    for kind in [Kind::Via, Kind::Route] {
        let _ = tokens.open(kind, data);
        if let Some(token) = tokens.make(kind, [7; 12], data)
            && !data.is_empty()
            && let Some(Ok(opened)) = tokens.open(kind, &token)
        {
            let is_fold = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ');
            assert!(opened.iter().filter(|byte| !is_fold(byte)).eq(data.iter().filter(|byte| !is_fold(byte))));
        }
    }
});
