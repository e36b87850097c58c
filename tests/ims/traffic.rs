//! What registered UEs do with each other, and what they see of each other.

use super::network::Network;
use super::subscriber::Subscriber;
use super::ue::{Ue, Wish};
use crate::world::Sent;

pub const SUBSCRIBERS: [Subscriber; 2] = [ALICE, BOB];

const ALICE: Subscriber = Subscriber::new("alice", 21);
const BOB: Subscriber = Subscriber::new("bob", 22);

pub fn a_call(network: &Network) {
    call(network, Wish::Shown);
}

pub fn a_call_with_privacy(network: &Network) {
    call(network, Wish::Hidden);
}

pub fn a_message(network: &Network) {
    message(network, Wish::Shown);
}

pub fn a_message_with_privacy(network: &Network) {
    message(network, Wish::Hidden);
}

pub fn a_subscription(network: &Network) {
    subscription(network, Wish::Shown);
}

pub fn a_subscription_with_privacy(network: &Network) {
    subscription(network, Wish::Hidden);
}

//= PRIV-031 type=test
//= PAI-001 type=test
//= PCSCF-014 type=test
//= PCSCF-016 type=test
//= PCSCF-021 type=test
//= PCSCF-022 type=test
//= PCSCF-023 type=test
fn call(network: &Network, wish: Wish) {
    let (mut alice, mut bob) = (Ue::registered(ALICE, network), Ue::registered(BOB, network));
    let mut of_alice = alice.begins("INVITE", &BOB.sip_identity(), wish, "");
    let invite = bob.is_asked("INVITE");
    sees(&invite, wish);
    assert_eq!(invite.row("P-Called-Party-ID"), Some("<sip:bob@home1.example>"));
    let mut of_bob = bob.answers(&invite, "200 OK", "");
    is_well(&alice.is_answered(&mut of_alice));
    alice.sends_in(&mut of_alice, "ACK", "");
    let mut seen = vec![bob.is_asked("ACK")];
    alice.sends_in(&mut of_alice, "INFO", "");
    seen.push(bob.is_asked("INFO"));
    bob.answers(&seen[1], "200 OK", "");
    is_well(&alice.is_answered(&mut of_alice));
    // The called one ends it.
    bob.sends_in(&mut of_bob, "BYE", "");
    let bye = alice.is_asked("BYE");
    alice.answers(&bye, "200 OK", "");
    seen.push(bob.is_answered(&mut of_bob));
    is_well(&seen[2]);
    for message in seen.iter().filter(|_| wish == Wish::Hidden) {
        names_nobody(message);
    }
}

//= PRIV-031 type=test
//= PAI-001 type=test
//= PCSCF-014 type=test
//= PCSCF-022 type=test
fn message(network: &Network, wish: Wish) {
    let (mut alice, mut bob) = (Ue::registered(ALICE, network), Ue::registered(BOB, network));
    let mut of_alice = alice.begins("MESSAGE", &BOB.sip_identity(), wish, "");
    let message = bob.is_asked("MESSAGE");
    sees(&message, wish);
    bob.answers(&message, "200 OK", "");
    is_well(&alice.is_answered(&mut of_alice));
}

//= PRIV-031 type=test
//= PAI-001 type=test
//= PCSCF-016 type=test
//= PCSCF-021 type=test
//= PCSCF-022 type=test
fn subscription(network: &Network, wish: Wish) {
    let (mut alice, mut bob) = (Ue::registered(ALICE, network), Ue::registered(BOB, network));
    let rows = "Event: presence\r\nExpires: 600\r\n";
    let mut of_alice = alice.begins("SUBSCRIBE", &BOB.sip_identity(), wish, rows);
    let subscribe = bob.is_asked("SUBSCRIBE");
    sees(&subscribe, wish);
    let mut of_bob = bob.answers(&subscribe, "200 OK", "Expires: 600\r\n");
    is_well(&alice.is_answered(&mut of_alice));
    bob.sends_in(
        &mut of_bob,
        "NOTIFY",
        "Event: presence\r\nSubscription-State: active\r\n",
    );
    let notify = alice.is_asked("NOTIFY");
    alice.answers(&notify, "200 OK", "");
    let told = bob.is_answered(&mut of_bob);
    is_well(&told);
    alice.sends_in(&mut of_alice, "SUBSCRIBE", "Event: presence\r\nExpires: 0\r\n");
    let end = bob.is_asked("SUBSCRIBE");
    bob.answers(&end, "200 OK", "Expires: 0\r\n");
    is_well(&alice.is_answered(&mut of_alice));
    for message in [told, end].iter().filter(|_| wish == Wish::Hidden) {
        names_nobody(message);
    }
}

/// The called one sees who it is when nobody minds, and not when somebody does.
fn sees(request: &Sent, wish: Wish) {
    match wish {
        Wish::Shown => {
            let asserted = request.rows("P-Asserted-Identity").join(", ");
            assert!(asserted.contains("<sip:alice@home1.example>"), "{}", request.text());
        }
        Wish::Hidden => names_nobody(request),
    }
}

/// Neither the name nor the number of the caller, private or public, in any place.
fn names_nobody(message: &Sent) {
    assert!(message.row("P-Asserted-Identity").is_none(), "{}", message.text());
    let private = ALICE.private_identity();
    for secret in ["alice", "+15550000021", &private[..15]] {
        assert!(!message.text().contains(secret), "{secret} in\n{}", message.text());
    }
}

fn is_well(answer: &Sent) {
    assert!(answer.start().starts_with("SIP/2.0 200"), "{}", answer.text());
}
