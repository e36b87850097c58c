#![allow(clippy::disallowed_methods, reason = "an ES256 signer draws its own random number")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use proptest::prelude::*;

use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn opened(kind: Kind, text: &str, key: &VerifyingKey) -> Result<Vec<u8>, JwsError> {
    let payload = Unverified::read(kind, text, 1000)?.verified(key)?;
    Ok(payload.to_vec())
}

/// `payload` under any header, signed by the key as EdDSA.
fn under(header: &str, payload: &[u8], key: &SigningKey) -> String {
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header.as_bytes()),
        BASE64URL_NOPAD.encode(payload)
    );
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes())))
}

/// RFC 8037 appendix A.4: its key, and its example's bytes under that key.
#[test]
fn ed25519_signs_as_the_rfc_shows() {
    let seed = tree::bytes_of("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let key = SigningKey::from_seed(&seed).unwrap();
    let public = key_of("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert_eq!(key.verifying_key(), VerifyingKey::Ed25519(public));
    assert_eq!(key_text(&public), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let signature = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    assert_eq!(
        BASE64URL_NOPAD.encode(&signature),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

//= P2P-118 type=test
#[test]
fn a_document_opens_with_its_signers_key_alone() {
    let text = sign(Kind::Ticket, b"payload", &key(1));
    assert_eq!(
        opened(Kind::Ticket, &text, &key(1).verifying_key()).unwrap(),
        b"payload"
    );
    assert_eq!(
        opened(Kind::Ticket, &text, &key(2).verifying_key()),
        Err(JwsError::Signature)
    );
    assert_eq!(
        opened(Kind::Manifest, &text, &key(1).verifying_key()),
        Err(JwsError::Kind)
    );
    assert_eq!(
        opened(Kind::Ticket, &text, &VerifyingKey::P256([4; 65])),
        Err(JwsError::Algorithm)
    );
}

//= P2P-118 type=test
#[test]
fn es256_is_verified_under_a_key_of_its_curve() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public = VerifyingKey::P256(pair.public_key().as_ref().try_into().unwrap());
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"ES256","typ":"p2p-manifest"}"#);
    let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(b"{}"));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let text = format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()));
    assert_eq!(opened(Kind::Manifest, &text, &public).unwrap(), b"{}");
    assert_eq!(
        opened(Kind::Manifest, &text, &key(1).verifying_key()),
        Err(JwsError::Algorithm)
    );
    let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let other = VerifyingKey::P256(other.public_key().as_ref().try_into().unwrap());
    assert_eq!(opened(Kind::Manifest, &text, &other), Err(JwsError::Signature));
    assert_eq!(
        opened(Kind::Manifest, &text, &VerifyingKey::P256([4; 65])),
        Err(JwsError::Signature),
        "no point"
    );
}

/// Signed by jwcrypto for Python, which shares no code with us.
//= P2P-118 type=test
#[test]
fn what_another_implementation_signed_opens() {
    let mut point = [4; 65];
    point[1..33].copy_from_slice(&key_of("OtOGGpViE5JRa7WT7wVYPtLlhm9ctiYKMBcjf9ibkK8").unwrap());
    point[33..].copy_from_slice(&key_of("0JYcfjcHWmeRo5xh9WKVsCttJlZ7YV5gqkHuHI6DOI0").unwrap());
    let payload = b"signed by another implementation";
    let es256 = opened(Kind::Manifest, OF_ES256, &VerifyingKey::P256(point));
    assert_eq!(es256.unwrap(), payload);
    let eddsa = opened(Kind::Ticket, OF_EDDSA, &key(1).verifying_key());
    assert_eq!(eddsa.unwrap(), payload);
    assert_eq!(sign(Kind::Ticket, payload, &key(1)), OF_EDDSA);
}

const OF_ES256: &str = concat!(
    "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogInAycC1tYW5pZmVzdCJ9.c2lnbmVkIGJ5IGFub3RoZXIgaW1wbGVtZW50YXRpb24",
    ".M-l9qlywVn5p2IToPKN0KHwI7HfvzjoSOqC9k5ueOuR--V_K_rzBTFhsEM-84SuVaYS4qyiBz-JGrCIUqtiqJA",
);
const OF_EDDSA: &str = concat!(
    "eyJhbGciOiJFZERTQSIsInR5cCI6InAycC10aWNrZXQifQ.c2lnbmVkIGJ5IGFub3RoZXIgaW1wbGVtZW50YXRpb24",
    ".MG-cB8zDWEtCo0wEGzd9gHlKN5h3HTEM-sfWTLTDbbHdrHdqXQ-m0DNhpRw6ZR1ghQ1HYkBX0BwgCpblqxOqAA",
);

/// The header chooses neither the algorithm nor the key.
//= P2P-118 type=test
#[test]
fn a_header_with_a_will_of_its_own_is_refused() {
    let (key, typ) = (key(1), r#""typ":"p2p-ticket""#);
    let opened = |header: &str| opened(Kind::Ticket, &under(header, b"{}", &key), &key.verifying_key());
    assert_eq!(
        opened(r#"{"typ":"p2p-ticket","alg":"EdDSA"}"#).unwrap(),
        b"{}",
        "any order"
    );
    for alg in ["none", "HS256", "ES256", "Ed25519", "eddsa", ""] {
        assert_eq!(
            opened(&format!(r#"{{"alg":"{alg}",{typ}}}"#)),
            Err(JwsError::Algorithm),
            "{alg}"
        );
    }
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"p2p-ticket","crit":["exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","typ":"p2p-ticket","b64":false}"#,
        r#"{"alg":"EdDSA","typ":"p2p-ticket","jwk":{"kty":"OKP"}}"#,
        r#"{"alg":"EdDSA","alg":"none","typ":"p2p-ticket"}"#,
        r#"{"alg":["EdDSA"],"typ":"p2p-ticket"}"#,
        "[]",
        "",
        "{",
    ] {
        assert_eq!(opened(header), Err(JwsError::Header), "{header}");
    }
    assert_eq!(opened(r#"{"alg":"EdDSA","typ":"JWT"}"#), Err(JwsError::Kind));
}

#[test]
fn lengths_hold_at_and_past_their_ceiling() {
    let text = sign(Kind::Ticket, &[b'x'; 100], &key(1));
    assert!(Unverified::read(Kind::Ticket, &text, text.len()).is_ok());
    assert_eq!(
        Unverified::read(Kind::Ticket, &text, text.len() - 1).err(),
        Some(JwsError::TooLong)
    );
}

#[test]
fn a_signing_key_is_not_shown() {
    assert_eq!(format!("{:?}", key(0xAB)), "SigningKey { .. }");
}

proptest! {
    #[test]
    fn no_text_panics_and_none_opens(text in "[A-Za-z0-9_.={}\"-]{0,200}|.{0,100}") {
        prop_assert!(opened(Kind::Ticket, &text, &key(1).verifying_key()).is_err());
    }

    //= P2P-118 type=test
    #[test]
    fn one_changed_character_opens_nothing(payload in prop::collection::vec(any::<u8>(), 0..60), at: prop::sample::Index, other in "[A-Za-z0-9_.=-]") {
        let text = sign(Kind::Manifest, &payload, &key(1));
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &other);
        prop_assume!(changed != text);
        prop_assert!(opened(Kind::Manifest, &changed, &key(1).verifying_key()).is_err());
    }
}
