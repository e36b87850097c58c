//! Bytes as whatever peers, sources and cache servers say of a content: read or refused, and what is read has one form. Signed
//! documents are signed here, so that what stands in them is reached.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sipveil::ppsp::SwarmId;
use sipveil::ppsp::challenge::Challenge;
use sipveil::ppsp::content_key::KeyId;
use sipveil::ppsp::jwe::{self, Curve, PrivateKey};
use sipveil::ppsp::jws::{self, Kind, SigningKey};
use sipveil::ppsp::key_request::KeyRequest;
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::proof::TreeProof;
use sipveil::ppsp::signed_run::Evidence;
use sipveil::ppsp::ticket::Ticket;

const SWARM: SwarmId = SwarmId::of_root([7; 32]);

static KEYS: LazyLock<(SigningKey, PrivateKey)> = LazyLock::new(|| {
    let signing = SigningKey::from_seed(&[1; 32]).expect("any 32 bytes are a seed");
    (signing, PrivateKey::new(Curve::X25519, &[2; 32]).expect("any 32 bytes are a key"))
});

fuzz_target!(|data: &[u8]| {
    let (signing, private) = &*KEYS;
    let key = signing.verifying_key();
    if let Ok(manifest) = Manifest::open(&jws::sign(Kind::Manifest, data, signing), 1500, |_| Some(key)) {
        let again = manifest.sign(signing).expect("what is believed can be signed");
        assert_eq!(again, jws::sign(Kind::Manifest, data, signing));
    }
    let _ = Ticket::open(&jws::sign(Kind::Ticket, data, signing), &key, &SWARM, &[3; 16], 0);
    if let Ok(request) = KeyRequest::read(data) {
        assert_eq!(KeyRequest::read(&request.write()), Ok(request));
    }
    if let Some(evidence) = Evidence::read(data) {
        assert_eq!(evidence.write(), data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Manifest::open_any_time(text, |_| Some(key));
        let _ = jwe::open(text, private, &[4; 16], &SWARM);
        let _ = KeyId::read(text);
    }
    let leaves = data.chunks(1024).map(<[u8]>::to_vec).collect();
    let proof = TreeProof { leaves, hashes: data.as_chunks().0.to_vec() };
    let layout = Layout::new(1 << 20 | 77, 256 << 10).expect("five pieces");
    let challenge = Challenge::draw([5; 16], &layout, &[(0, 4)], 1 + data.len() % 16).expect("all pieces");
    assert!(proof.verify(&SWARM, layout.shape(), &challenge).is_err());
});
