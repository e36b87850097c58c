use proptest::prelude::*;

use super::*;
use crate::ppsp::sample::Sample;

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32]).unwrap()
}

fn manifest() -> Manifest {
    Manifest {
        root: SwarmId::of_root([0xB2; 32]),
        layout: Layout::new(1 << 30, 256 << 10).unwrap(),
        title: "A film, \"long\" \u{e9}".into(),
        source: "films.example".into(),
        class: Class::Provider,
        encryption: Some(Encryption {
            cipher: Cipher::Aes128Ctr,
            version: 3,
        }),
        group_pieces: 64,
        not_before: 1000,
        expires: 2000,
        cache_servers: vec![CacheServer {
            key: [7; 32],
            uri: "sip:ccs.p2p.home1.example".into(),
        }],
        tracker_key: [8; 32],
        closed: false,
    }
}

fn opened(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::open(text, 1500, |source| {
        (source == "films.example").then(|| key().verifying_key())
    })
}

/// A manifest whose payload was changed as text, signed all the same.
fn with(change: impl FnOnce(String) -> String) -> String {
    let payload = String::from_utf8(manifest().document().write()).unwrap();
    jws::sign(Kind::Manifest, change(payload).as_bytes(), &key())
}

fn replaced(from: &str, to: &str) -> Result<Manifest, ManifestError> {
    opened(&with(|payload| {
        assert!(payload.contains(from), "{from} is not in {payload}");
        payload.replace(from, to)
    }))
}

//= P2P-118 type=test
#[test]
fn a_manifest_reads_as_it_was_signed() {
    let text = manifest().sign(&key()).unwrap();
    assert_eq!(opened(&text), Ok(manifest()));
    let mut other = manifest();
    other.encryption = None;
    other.class = Class::User;
    other.closed = true;
    other.cache_servers.clear();
    assert_eq!(opened(&other.sign(&key()).unwrap()), Ok(other));
}

//= P2P-118 type=test
#[test]
fn the_payload_has_one_form() {
    let payload = String::from_utf8(manifest().document().write()).unwrap();
    let root = "srKysrKysrKysrKysrKysrKysrKysrKysrKysrKysrI";
    assert_eq!(manifest().root.text(), root);
    let wanted = [
        r#"{"ccs":[{"key":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc","uri":"sip:ccs.p2p.home1.example"}],"#,
        r#""class":"provider","closed":false,"enc":{"cipher":"aes-128-ctr","version":3},"expires":2000,"groups":64,"#,
        r#""hash":"sha-256","leaf":1024,"not_before":1000,"piece":262144,"root":"ROOT","size":1073741824,"#,
        r#""source":"films.example","swarm_id":"ni:///sha-256;ROOT","title":"A film, \"long\" é","#,
        r#""tracker_key":"CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg","v":1}"#,
    ];
    assert_eq!(payload, wanted.concat().replace("ROOT", root));
    assert_eq!(replaced(",\"v\"", ", \"v\""), Err(ManifestError::Form), "a blank");
    assert_eq!(
        replaced("film", "f\\u0069lm"),
        Err(ManifestError::Form),
        "an escape without need"
    );
    let swapped = |payload: String| {
        payload.replace(
            "\"class\":\"provider\",\"closed\":false",
            "\"closed\":false,\"class\":\"provider\"",
        )
    };
    assert_eq!(opened(&with(swapped)), Err(ManifestError::Form), "another order");
}

//= P2P-118 type=test
#[test]
fn a_bad_signature_source_or_time_is_refused() {
    let text = manifest().sign(&key()).unwrap();
    let other_key = SigningKey::from_seed(&[2; 32]).unwrap();
    let with_key = |key: VerifyingKey| Manifest::open(&text, 1500, |_| Some(key));
    assert_eq!(with_key(other_key.verifying_key()), Err(JwsError::Signature.into()));
    assert_eq!(with_key(VerifyingKey::P256([4; 65])), Err(JwsError::Algorithm.into()));
    assert_eq!(Manifest::open(&text, 1500, |_| None), Err(ManifestError::UnknownSource));
    let at = |at| Manifest::open(&text, at, |_| Some(key().verifying_key())).map(|_| ());
    assert_eq!(
        [999, 1000, 1999, 2000].map(at),
        [Err(ManifestError::Early), Ok(()), Ok(()), Err(ManifestError::Expired)]
    );
    assert_eq!(
        replaced("films.example", "filmz.example"),
        Err(ManifestError::UnknownSource)
    );
    let ticket = jws::sign(Kind::Ticket, &manifest().document().write(), &key());
    assert_eq!(opened(&ticket), Err(JwsError::Kind.into()));
}

//= P2P-119 type=test
#[test]
fn only_sha_256_over_leaves_of_1024_bytes() {
    for hash in ["sha-1", "SHA-256", "sha-512", "blake3", ""] {
        assert_eq!(
            replaced("\"sha-256\"", &format!("\"{hash}\"")),
            Err(ManifestError::Hash),
            "{hash}"
        );
    }
    assert_eq!(replaced("\"leaf\":1024", "\"leaf\":512"), Err(ManifestError::Hash));
}

//= P2P-118 type=test
//= P2P-120 type=test
#[test]
fn values_out_of_their_ranges_are_refused() {
    use ManifestError::*;
    assert_eq!(replaced("\"v\":1", "\"v\":2"), Err(Format));
    assert_eq!(
        replaced("\"size\":1073741824", "\"size\":0"),
        Err(Layout(LayoutError::Size))
    );
    assert_eq!(
        replaced("\"size\":1073741824", "\"size\":9007199254740992"),
        Err(Layout(LayoutError::Size))
    );
    assert_eq!(
        replaced("\"piece\":262144", "\"piece\":262145"),
        Err(Layout(LayoutError::PieceBytes))
    );
    assert_eq!(
        replaced("\"size\":1073741824", "\"size\":2147483649"),
        Err(Layout(LayoutError::Pieces))
    );
    assert_eq!(replaced("\"expires\":2000", "\"expires\":1000"), Err(Times));
    assert_eq!(replaced("\"expires\":2000", "\"expires\":9007199254740992"), Err(Value));
    assert_eq!(replaced("\"root\":\"srKy", "\"root\":\"srKz"), Err(Root));
    assert_eq!(replaced("ni:///sha-256;", "ni:///sha-256-128;"), Err(Root));
    assert_eq!(replaced("\"tracker_key\":\"CAgI", "\"tracker_key\":\"CAg"), Err(Key));
    assert_eq!(replaced("sip:ccs.p2p.home1.example", ""), Err(Value));
    assert_eq!(replaced("A film", "A\\nfilm"), Err(Value));
    for (from, to) in [
        ("\"v\":1", "\"v\":1,\"w\":1"),
        ("\"v\":1", "\"v\":1,\"v\":1"),
        ("\"v\":1", "\"v\":1.0"),
        ("\"size\":1073741824", "\"size\":\"1073741824\""),
        ("\"size\":1073741824", "\"size\":-1"),
        ("\"class\":\"provider\"", "\"class\":\"Provider\""),
        ("aes-128-ctr", "aes-128-ecb"),
        ("\"closed\":false,", ""),
    ] {
        assert_eq!(replaced(from, to), Err(Json), "{to}");
    }
}

#[test]
fn what_nobody_would_believe_is_not_signed() {
    let signed = |change: fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        manifest.sign(&key()).map(|_| ())
    };
    let server = CacheServer {
        key: [7; 32],
        uri: "u".repeat(URI_MAX),
    };
    let servers = |count| vec![server.clone(); count];
    assert_eq!(signed(|manifest| manifest.title = "t".repeat(NAME_MAX)), Ok(()));
    assert_eq!(
        signed(|manifest| manifest.title = "t".repeat(NAME_MAX + 1)),
        Err(ManifestError::Value)
    );
    assert_eq!(
        signed(|manifest| manifest.source = String::new()),
        Err(ManifestError::Value)
    );
    assert_eq!(
        signed(|manifest| manifest.expires = manifest.not_before),
        Err(ManifestError::Times)
    );
    let with_servers = |count| {
        Manifest {
            cache_servers: servers(count),
            ..manifest()
        }
        .sign(&key())
    };
    assert!(with_servers(SERVERS_MAX).unwrap().len() <= TEXT_MAX);
    assert_eq!(with_servers(SERVERS_MAX + 1), Err(ManifestError::Value));
    assert_eq!(opened(&"A".repeat(TEXT_MAX + 1)), Err(JwsError::TooLong.into()));
}

//= P2P-130 type=test
#[test]
fn a_manifest_of_another_swarm_is_not_taken() {
    let text = manifest().sign(&key()).unwrap();
    let key_of = |_: &str| Some(key().verifying_key());
    assert_eq!(
        Manifest::open_for(&manifest().root, &text, 1500, key_of),
        Ok(manifest())
    );
    assert_eq!(
        Manifest::open_for(&SwarmId::of_root([1; 32]), &text, 1500, key_of),
        Err(ManifestError::Root)
    );
}

/// Without a network, and after its time: the stored manifest alone says whether a file is intact.
//= P2P-129 type=test
#[test]
fn a_stored_manifest_verifies_a_file() {
    let sample = Sample::new(700_000);
    let source = Manifest {
        root: sample.tree.root(),
        layout: sample.layout,
        ..manifest()
    };
    let stored = source.sign(&key()).unwrap();
    let manifest = Manifest::open_any_time(&stored, |_| Some(key().verifying_key())).unwrap();
    let is_intact = |bytes: &[u8]| {
        let mut builder = crate::ppsp::tree::RootBuilder::new();
        bytes.chunks(4096).for_each(|some| builder.push(some).unwrap());
        builder.finish() == Some((manifest.root, manifest.layout.shape()))
    };
    assert!(is_intact(&sample.bytes));
    let mut changed = sample.bytes.clone();
    changed[699_999] ^= 1;
    assert!(!is_intact(&changed) && !is_intact(&sample.bytes[1..]));
}

#[test]
fn a_users_manifest_says_so() {
    let manifest = Manifest {
        class: Class::User,
        ..manifest()
    };
    let opened = opened(&manifest.sign(&key()).unwrap()).unwrap();
    assert_eq!(opened.class, Class::User);
    assert_eq!(
        replaced("\"class\":\"provider\"", "\"class\":\"user\"").unwrap().class,
        Class::User
    );
}

proptest! {
    #[test]
    fn no_payload_panics(payload in "[{}\\[\\]\":,a-z0-9._-]{0,200}|.{0,100}") {
        prop_assert!(opened(&jws::sign(Kind::Manifest, payload.as_bytes(), &key())).is_err());
    }

    #[test]
    fn one_changed_byte_of_a_payload_is_the_same_manifest_or_none(at: prop::sample::Index, byte: u8) {
        let mut payload = manifest().document().write();
        let at = at.index(payload.len());
        payload[at] = byte;
        if let Ok(opened) = opened(&jws::sign(Kind::Manifest, &payload, &key())) {
            prop_assert_eq!(opened.document().write(), payload);
        }
    }
}
