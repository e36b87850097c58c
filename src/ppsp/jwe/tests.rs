use proptest::prelude::*;

use super::*;

const NONCE: &[u8] = b"0123456789abcdef";
const SWARM: SwarmId = SwarmId::of_root([6; 32]);

fn fresh(seed: u8) -> Fresh {
    Fresh {
        ephemeral: [seed; 32],
        content_key: [seed; 16],
        iv: [seed; 12],
    }
}

fn about<'a>() -> About<'a> {
    About {
        nonce: NONCE,
        swarm: &SWARM,
        signer: "ccs1",
    }
}

fn private(curve: Curve) -> PrivateKey {
    PrivateKey::new(curve, &[0x42; 32]).unwrap()
}

fn sealed(curve: Curve, plain: &[u8]) -> String {
    seal(&private(curve).public_key().unwrap(), &about(), fresh(7), plain).unwrap()
}

fn opened(text: &str, curve: Curve) -> Result<Vec<u8>, JweError> {
    open(text, &private(curve), NONCE, &SWARM).map(|opened| opened.plain.to_vec())
}

/// RFC 7518 appendix C: Alice's and Bob's keys, and the key they come to for A128GCM.
//= P2P-094 type=test
#[test]
fn both_sides_come_to_the_key_of_the_rfc() {
    let private = |d: &str| PrivateKey::new(Curve::P256, &tree::bytes_of(d).unwrap()).unwrap();
    let public = |x: &str, y: &str| {
        let jwk = Jwk {
            crv: "P-256".into(),
            kty: "EC".into(),
            x: x.into(),
            y: Some(y.into()),
        };
        PublicKey::read(&jwk).unwrap()
    };
    let alice = private("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    let bob = private("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
    let alice_public = public(
        "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    );
    let bob_public = public(
        "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    );
    assert_eq!(alice.public_key().unwrap(), alice_public);
    assert_eq!(bob.public_key().unwrap(), bob_public);
    let wanted: [u8; 16] = tree::bytes_of("VqqN6vgjbSBcIijNcacQGg").unwrap();
    assert_eq!(*alice.agree(&bob_public, "A128GCM", b"Alice", b"Bob").unwrap(), wanted);
    assert_eq!(*bob.agree(&alice_public, "A128GCM", b"Alice", b"Bob").unwrap(), wanted);
}

/// Encrypted to the keys of these tests by jwcrypto for Python, which shares no code with us.
//= P2P-094 type=test
#[test]
fn what_another_implementation_encrypted_opens() {
    for (curve, text) in [(Curve::X25519, OF_X25519), (Curve::P256, OF_P256)] {
        assert_eq!(opened(text, curve).unwrap(), b"made by another implementation");
    }
}

const OF_X25519: &str = concat!(
    "eyJhbGciOiJFQ0RILUVTK0ExMjhLVyIsImFwdSI6Ik1ERXlNelExTmpjNE9XRmlZMlJsWmciLCJhcHYiOiJCZ1lHQmdZR0JnWUdC",
    "Z1lHQmdZR0JnWUdCZ1lHQmdZR0JnWUdCZ1lHQmdZIiwiZW5jIjoiQTEyOEdDTSIsImVwayI6eyJjcnYiOiJYMjU1MTkiLCJrdHki",
    "OiJPS1AiLCJ4Ijoib1pZeWt3dWZFMUlHYnVBdFJ5VWJQQ05hMHRxUzZSSDZfLWp1ekJLbEhETSJ9LCJpc3MiOiJjY3MxIn0.tOiz",
    "5roNx4C0pNMujyuCuGUSxgAY1-OI.hbV1gv4I2FdPxwUJ.bzjHQ5-wOy5yUI-iHHxxthB5jGPhcbmcrTVxvAUd.0YMwc_dBJ6ea7",
    "YyH8V3NWQ",
);
const OF_P256: &str = concat!(
    "eyJhbGciOiJFQ0RILUVTK0ExMjhLVyIsImFwdSI6Ik1ERXlNelExTmpjNE9XRmlZMlJsWmciLCJhcHYiOiJCZ1lHQmdZR0JnWUdC",
    "Z1lHQmdZR0JnWUdCZ1lHQmdZR0JnWUdCZ1lHQmdZIiwiZW5jIjoiQTEyOEdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6",
    "IkVDIiwieCI6ImlmY3ZtX1FuUlNGRW9wRWc1T0ZfdjAyQS1RZmFQblhTeTNNcU5XNWdYeUUiLCJ5IjoiUUZfNy1XUFdUVkQxVWEz",
    "N3RSNmFPdWZudldTbkdtSGlFbURsdGMxOWQ4WSJ9LCJpc3MiOiJjY3MxIn0.QPEJru16z1MPGjvwNNs_4ua11eAYUeww.yWQmB9Z",
    "139hjlvCz.CuxH6D_M_9bot_qMRK32wm3_YDcmq82tSPC_Du5v.tzVPmF4OjAxb7KjHa0shQA",
);

//= P2P-094 type=test
#[test]
fn who_has_the_key_opens_it() {
    for curve in [Curve::X25519, Curve::P256] {
        let text = sealed(curve, b"keys");
        let opened = open(&text, &private(curve), NONCE, &SWARM).unwrap();
        assert_eq!(
            (opened.plain.as_slice(), opened.signer.as_str()),
            (&b"keys"[..], "ccs1")
        );
        assert!(is_encrypted(&text));
        let header = BASE64URL_NOPAD
            .decode(text.split('.').next().unwrap().as_bytes())
            .unwrap();
        let header = String::from_utf8(header).unwrap();
        assert!(
            header.starts_with(r#"{"alg":"ECDH-ES+A128KW","apu":"MDEyMzQ1Njc4OWFiY2RlZg","apv":"BgYG"#),
            "{header}"
        );
        assert!(!text.contains(&BASE64URL_NOPAD.encode(b"keys")));
    }
}

//= P2P-094 type=test
#[test]
fn another_request_swarm_or_key_does_not_open_it() {
    for curve in [Curve::X25519, Curve::P256] {
        let text = sealed(curve, b"keys");
        let key = private(curve);
        let open =
            |key: &PrivateKey, nonce: &[u8], swarm: SwarmId| open(&text, key, nonce, &swarm).map(|_| ()).unwrap_err();
        assert_eq!(open(&key, b"0123456789abcdeg", SWARM), JweError::Nonce);
        assert_eq!(open(&key, NONCE, SwarmId::of_root([7; 32])), JweError::Swarm);
        let other = PrivateKey::new(curve, &[0x43; 32]).unwrap();
        assert_eq!(open(&other, NONCE, SWARM), JweError::Closed);
    }
    assert_eq!(
        opened(&sealed(Curve::P256, b"keys"), Curve::X25519),
        Err(JweError::PublicKey)
    );
}

#[test]
fn a_key_that_is_none_is_refused() {
    let jwk = |kty: &str, crv: &str, x: [u8; 32], y: Option<[u8; 32]>| Jwk {
        crv: crv.into(),
        kty: kty.into(),
        x: BASE64URL_NOPAD.encode(&x),
        y: y.map(|y| BASE64URL_NOPAD.encode(&y)),
    };
    let to = |jwk: &Jwk| PublicKey::read(jwk).and_then(|key| seal(&key, &about(), fresh(7), b"keys"));
    assert_eq!(
        to(&jwk("OKP", "X25519", [0; 32], None)),
        Err(JweError::PublicKey),
        "a point of low order"
    );
    assert_eq!(
        to(&jwk("EC", "P-256", [1; 32], Some([1; 32]))),
        Err(JweError::PublicKey),
        "not on the curve"
    );
    assert_eq!(to(&jwk("EC", "P-256", [1; 32], None)), Err(JweError::PublicKey));
    assert_eq!(to(&jwk("OKP", "Ed25519", [9; 32], None)), Err(JweError::PublicKey));
    assert_eq!(
        to(&jwk("OKP", "X25519", [9; 32], Some([9; 32]))),
        Err(JweError::PublicKey)
    );
    assert!(to(&jwk("OKP", "X25519", [9; 32], None)).is_ok());
    for bytes in [[0; 32], [0xff; 32]] {
        assert_eq!(PrivateKey::new(Curve::P256, &bytes).err(), Some(JweError::PrivateKey));
    }
    assert!(
        serde_json::from_str::<Jwk>(r#"{"kty":"OKP","crv":"X25519","x":"AA","d":"AA"}"#).is_err(),
        "a private key"
    );
}

#[test]
fn lengths_hold_at_and_past_their_ends() {
    let to = private(Curve::X25519).public_key().unwrap();
    let sealed = |nonce: usize, signer: usize, plain: usize| {
        let (nonce, signer) = (vec![1; nonce], "s".repeat(signer));
        let about = About {
            nonce: &nonce,
            swarm: &SWARM,
            signer: &signer,
        };
        seal(&to, &about, fresh(7), &vec![0; plain]).map(|text| text.len())
    };
    assert!(sealed(8, 1, 0).is_ok() && sealed(64, SIGNER_MAX, 40_000).is_ok());
    assert_eq!(
        [
            sealed(7, 1, 0),
            sealed(65, 1, 0),
            sealed(8, 0, 0),
            sealed(8, SIGNER_MAX + 1, 0)
        ],
        [Err(JweError::Value); 4]
    );
    assert_eq!(sealed(8, 1, 50_000), Err(JweError::TooLong));
    assert_eq!(opened(&"A".repeat(TEXT_MAX + 1), Curve::X25519), Err(JweError::TooLong));
}

/// A header that names other algorithms, or a sixth part, is none of ours.
#[test]
fn other_forms_are_refused() {
    let text = sealed(Curve::X25519, b"keys");
    let (header, rest) = text.split_once('.').unwrap();
    let header = String::from_utf8(BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(header.contains(from));
        opened(
            &format!("{}.{rest}", BASE64URL_NOPAD.encode(header.replace(from, to).as_bytes())),
            Curve::X25519,
        )
    };
    assert_eq!(with("ECDH-ES+A128KW", "dir"), Err(JweError::Header));
    assert_eq!(with("A128GCM", "A256GCM"), Err(JweError::Header));
    assert_eq!(with(r#""iss""#, r#""zip":"DEF","iss""#), Err(JweError::Header));
    assert_eq!(
        with("ccs1", "ccs2"),
        Err(JweError::Closed),
        "the header is authenticated"
    );
    for text in [
        format!("{text}.AA"),
        text.rsplit_once('.').unwrap().0.to_owned(),
        text.replace('.', ""),
        String::new(),
    ] {
        assert!(opened(&text, Curve::X25519).is_err() && !is_encrypted(&text));
    }
    assert!(!is_encrypted(r#"{"keys":[{"k":"AAAAAAAAAAAAAAAAAAAAAA"}]}"#));
}

#[test]
fn nothing_of_it_is_shown() {
    let opened = open(&sealed(Curve::X25519, b"keys"), &private(Curve::X25519), NONCE, &SWARM).unwrap();
    let shown = format!("{:?} {:?} {opened:?}", fresh(1), private(Curve::P256));
    assert_eq!(shown, r#"Fresh { .. } PrivateKey { .. } Opened { signer: "ccs1", .. }"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn one_changed_character_opens_nothing(plain in prop::collection::vec(any::<u8>(), 0..60), at: prop::sample::Index, other in "[A-Za-z0-9_.=-]") {
        let text = sealed(Curve::X25519, &plain);
        prop_assert_eq!(opened(&text, Curve::X25519).unwrap(), plain);
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &other);
        prop_assume!(changed != text);
        prop_assert!(opened(&changed, Curve::X25519).is_err());
    }

    #[test]
    fn no_text_panics(text in "[A-Za-z0-9_.={}\"-]{0,300}|.{0,100}") {
        prop_assert!(opened(&text, Curve::P256).is_err());
    }
}
