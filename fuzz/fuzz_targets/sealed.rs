//! Bytes as what is sealed, for every purpose: it opens as it was sealed and as nothing else, and a flipped bit anywhere is refused.
//!
//! Also the bytes themselves as a token: nobody sealed them. There is one refusal for all, of one type without a field.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sipveil::pcscf::path;
use sipveil::policy::ListenerId;
use sipveil::seal::hiding::Cipher;
use sipveil::seal::{HidingKeys, Keys, NotOurs, Purpose};
use sipveil::sip::Transport;
use sipveil::trust::Flow;

const PURPOSES: [Purpose; 5] = [
    Purpose::Dialog,
    Purpose::Contact,
    Purpose::Flow,
    Purpose::CallId,
    Purpose::Registration,
];

static KEYS: LazyLock<(Keys, HidingKeys)> = LazyLock::new(|| {
    let secrets = [(1, [1; 32]), (2, [2; 32])];
    let keys = Keys::new(&secrets, "T-home1", 7).expect("two generations are a key ring");
    (keys, HidingKeys::new(&secrets).expect("two generations are a key ring"))
});

fuzz_target!(|data: &[u8]| {
    let (keys, hiding) = &*KEYS;
    // Which bit, and the nonce; the rest is sealed.
    let Some((head, plain)) = data.split_first_chunk::<14>() else { return };
    let bit = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let nonce: [u8; 12] = std::array::from_fn(|at| head[2 + at]);
    let binding: [&[u8]; 2] = [&plain[..plain.len() / 3], b"1"];
    for purpose in PURPOSES {
        nobody_sealed(keys, purpose, data);
        let sealed = keys.seal_bytes(purpose, &binding, nonce, plain).expect("bytes of any length");
        assert_eq!(keys.open_bytes(purpose, &binding, sealed.clone()), Ok(plain.to_vec()));
        assert_eq!(keys.open_bytes(purpose, &binding, flipped(&sealed, bit)), Err(NotOurs));
        let tokens = [keys.seal(purpose, &binding, nonce, plain), keys.seal_alike(purpose, 2, plain)];
        for (token, binding) in tokens.into_iter().zip([&binding[..], &[]]) {
            let Some(token) = token else { continue };
            assert_eq!(keys.open(purpose, binding, &token), Ok(plain.to_vec()));
            assert_eq!(keys.open(purpose, binding, &flipped(&token, bit)), Err(NotOurs));
            assert_eq!(keys.open(purpose, &[b"other"], &token), Err(NotOurs));
            for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
                assert_eq!(keys.open(other, binding, &token), Err(NotOurs));
            }
        }
    }
    flow(keys, plain, nonce, bit);
    if let Some(sealed) = hiding.seal(Cipher::Aead, &binding, nonce, plain) {
        let opened = hiding.open(&binding, &sealed);
        assert!(opened.is_ours && opened.plain == plain);
        assert!(!hiding.open(&binding, &flipped(&sealed, bit)).is_ours);
        assert!(!hiding.open(&[b"other"], &sealed).is_ours);
    }
});

fn nobody_sealed(keys: &Keys, purpose: Purpose, data: &[u8]) {
    assert_eq!(keys.open(purpose, &[], data), Err(NotOurs));
    assert_eq!(keys.open_bytes(purpose, &[], data.to_vec()), Err(NotOurs));
}

/// The flow of a UE, in Path and in the Contact of a subscription: each opens as what it is.
fn flow(keys: &Keys, remote: &[u8], nonce: [u8; 12], bit: usize) {
    let Some((address, _)) = remote.split_first_chunk::<6>() else { return };
    let flow = Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        local: ([127, 0, 0, 1], 5060).into(),
        remote: (
            [address[0], address[1], address[2], address[3]],
            u16::from_be_bytes([address[4], address[5]]),
        )
            .into(),
        connection: None,
        certified: None,
    };
    let (path, subscription) = (path::seal(keys, &flow, nonce), path::seal_subscription(keys, &flow, nonce));
    let (path, subscription) = path.zip(subscription).expect("a flow fits into a token");
    assert!(path::open(keys, &path).is_ok_and(|opened| opened.is_of(&flow, 7)));
    assert!(path::open_subscription(keys, &subscription).is_ok());
    for other in [flipped(&path, bit), flipped(&subscription, bit), subscription] {
        assert_eq!(path::open(keys, &other), Err(NotOurs));
    }
    for other in [flipped(&path, bit), path] {
        assert_eq!(path::open_subscription(keys, &other), Err(NotOurs));
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bit / 8 % bytes.len();
    bytes[at] ^= 1 << (bit % 8);
    bytes
}
