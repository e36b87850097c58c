//! Keys of encrypted content: who gets which, and who gets none.

use sipveil::ppsp::Fault;
use sipveil::ppsp::content_key::{ContentMaster, KeyId, Version};
use sipveil::ppsp::jwe::{About, Curve, Fresh, PrivateKey};
use sipveil::ppsp::jws::SigningKey;
use sipveil::ppsp::key_message::{self, GrantedKey};
use sipveil::ppsp::ticket::Ticket;

use super::key_service::{Entitled, KEYS_MAX, Kept, KeyService};
use super::keyfile::Secret;
use super::keys::{Asking, Granted};
use super::published::{CACHE, NOW, Published};
use super::random;
use super::source::{decrypt, open_master};

const ALICE: &str = "sip:alice@home1.example";
const BOB: &str = "sip:bob@home1.example";

fn tracker() -> SigningKey {
    SigningKey::from_seed(&[6; 32]).unwrap()
}

fn service(published: &Published, entitled: Entitled) -> KeyService {
    let mut manifest = published.manifest.clone();
    let sipveil::ppsp::jws::VerifyingKey::Ed25519(key) = tracker().verifying_key() else {
        unreachable!("it signs with Ed25519")
    };
    manifest.tracker_key = key;
    let text = std::fs::read_to_string(published.files().master()).unwrap();
    let master = open_master(&text, &manifest.root, &published.cache.opening).unwrap();
    // The same keys again: a service takes its own.
    let signing = Secret::load_or_make(&published.path().join("ccs.key")).unwrap().signing;
    KeyService::new(
        CACHE.into(),
        signing,
        &[2; 32],
        vec![Kept { manifest, master }],
        entitled,
    )
}

fn fresh() -> Fresh {
    Fresh {
        ephemeral: random::bytes(),
        content_key: random::bytes(),
        iv: random::bytes(),
    }
}

/// Seventeen pieces and a bit: two groups of keys.
fn published() -> Published {
    Published::new(17 * (256 << 10) + 777, true)
}

fn asks(
    service: &mut KeyService,
    published: &Published,
    identity: Option<&str>,
    ticket: &str,
) -> Result<Granted, Fault> {
    let (asking, body) = Asking::begin(&published.manifest, ticket.into()).unwrap();
    let text = service.keys(NOW, identity, &body, fresh())?;
    Ok(asking.opens(&published.manifest, &text).unwrap())
}

//= P2P-093 type=test
//= P2P-094 type=test
#[test]
fn keys_open_what_was_fetched() {
    let published = published();
    let mut service = service(&published, Entitled::Everybody);
    let ticket = service.ticket(NOW, ALICE, published.manifest.root).unwrap();
    let granted = asks(&mut service, &published, Some(ALICE), &ticket).unwrap();
    assert_eq!(granted.len(), 2);
    let opened = published.path().join("opened");
    let content = published.files().content();
    decrypt(&content, &opened, &published.manifest, |group| granted.of(group, NOW)).unwrap();
    assert!(std::fs::read(&opened).unwrap() == published.plain);
    assert!(granted.of(0, NOW + 86_400).is_none(), "a key is over at its end");
}

/// Asked, and entitled, and available: each missing one takes its keys away.
//= P2P-095 type=test
#[test]
fn keys_are_of_what_is_asked_paid_and_to_be_had() {
    let published = published();
    let (swarm, viewer) = (published.manifest.root, [5; 16]);
    let ticket = |ranges: &[(u32, u32)]| Ticket::new(NOW, swarm, viewer, ranges).sign(&tracker()).unwrap();
    let mut service = service(&published, Entitled::Only(vec![ALICE.into()]));
    let mut groups = |identity, ticket: &str| {
        let granted = asks(&mut service, &published, Some(identity), ticket)?;
        Ok([0, 1].map(|group| granted.of(group, NOW).is_some()))
    };
    assert_eq!(groups(ALICE, &ticket(&[(0, 17)])), Ok([true, true]));
    assert_eq!(
        groups(ALICE, &ticket(&[(3, 4)])),
        Ok([true, false]),
        "of one range, one range"
    );
    assert_eq!(groups(ALICE, &ticket(&[(17, 17)])), Ok([false, true]));
    assert_eq!(groups(ALICE, &ticket(&[])), Err(Fault::KeyNotAuthorised));
    let of_other = Ticket::new(NOW, swarm, [7; 16], &[(0, 17)]).sign(&tracker()).unwrap();
    assert_eq!(groups(BOB, &of_other), Err(Fault::KeyNotAuthorised), "has not paid");
    let forged = SigningKey::from_seed(&[9; 32]).unwrap();
    let forged = Ticket::new(NOW, swarm, viewer, &[(0, 17)]).sign(&forged).unwrap();
    assert_eq!(groups(ALICE, &forged), Err(Fault::KeyNotAuthorised), "of no tracker");
    assert_eq!(groups(ALICE, ""), Err(Fault::KeyNotAuthorised), "no ticket");
}

//= P2P-096 type=test
#[test]
fn a_request_of_another_identity_is_refused() {
    let published = published();
    let mut service = service(&published, Entitled::Everybody);
    let ticket = service.ticket(NOW, ALICE, published.manifest.root).unwrap();
    let (asking, body) = Asking::begin(&published.manifest, ticket).unwrap();
    assert_eq!(
        service.keys(NOW, None, &body, fresh()),
        Err(Fault::Auth),
        "nobody vouches"
    );
    assert_eq!(
        service.keys(NOW, Some(BOB), &body, fresh()),
        Err(Fault::KeyNotAuthorised)
    );
    let text = service.keys(NOW, Some(ALICE), &body, fresh()).unwrap();
    assert!(asking.opens(&published.manifest, &text).is_ok());
    // A ticket of the tracker is of who shows it first.
    let root = published.manifest.root;
    let ticket = Ticket::new(NOW, root, [5; 16], &[(0, 17)]).sign(&tracker()).unwrap();
    assert!(asks(&mut service, &published, Some(ALICE), &ticket).is_ok());
    let stolen = asks(&mut service, &published, Some(BOB), &ticket);
    assert_eq!(stolen.map(|granted| granted.len()), Err(Fault::KeyNotAuthorised));
}

/// The longest answer that a cache gives passes the proxy.
//= P2P-061 type=test
#[test]
fn the_longest_answer_is_passed_on() {
    let swarm = sipveil::ppsp::SwarmId::of_root([6; 32]);
    let version = Version::of_title("film", u32::MAX);
    let key = |group: u32| GrantedKey {
        id: KeyId {
            swarm,
            group: 8191 - group,
            version: u32::MAX,
        },
        key: ContentMaster::new([1; 32]).group(&version, group),
        not_before: NOW,
        expires: NOW + 86_400,
    };
    let keys: Vec<GrantedKey> = (0..KEYS_MAX as u32).map(key).collect();
    let about = About {
        nonce: &[7; 64],
        swarm: &swarm,
        signer: CACHE,
    };
    let to = PrivateKey::new(Curve::X25519, &[4; 32]).unwrap().public_key().unwrap();
    let text = key_message::seal(&keys, &about, &tracker(), &to, fresh()).unwrap();
    assert!(text.len() <= 16 << 10, "{} bytes", text.len());
}

//= P2P-103 type=test
#[test]
fn six_requests_a_minute_are_answered() {
    let published = published();
    let mut service = service(&published, Entitled::Everybody);
    let ticket = service.ticket(NOW, ALICE, published.manifest.root).unwrap();
    let (_, body) = Asking::begin(&published.manifest, ticket).unwrap();
    for _ in 0..6 {
        assert!(service.keys(NOW, Some(ALICE), &body, fresh()).is_ok());
    }
    assert_eq!(service.keys(NOW + 59, Some(ALICE), &body, fresh()), Err(Fault::Rate));
    assert!(service.keys(NOW + 60, Some(ALICE), &body, fresh()).is_ok());
}
