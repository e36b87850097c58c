//! What a proved name is worth, and what outweighs it.

use sipveil::engine::Input;
use sipveil::policy::{CertifiedName, ListenerId, PeerId};
use sipveil::sip::Transport;
use sipveil::topology::Border;
use sipveil::trust::evidence::recognise;
use sipveil::trust::{Bound, ConnectionId, Destination, Evidence, Hop, Member, Origin, OwnAddresses, Secure};

use super::{ALLY, IDENTITY, ally, believed, cleared, message, with};
use crate::world::{POLICY, World, keys, policy};

const BANK: &str = "192.0.2.10:5061";
const FRIEND: &str = "ibcf.home2.example";

/// The `net` listener speaks TLS too, and there is a peer known by its certificate.
fn tls(peer: &str, secured: &str) -> String {
    with(
        "inter_node_security = [\"physical\"]",
        "inter_node_security = [\"physical\", \"mutual-tls\"]",
    )
    .replacen(
        "bind = [\"udp://192.0.2.1:5060\"]\npeers = \"listed\"\nsecured_by = \"physical\"\n",
        &format!(
            "bind = [\"udp://192.0.2.1:5060\", \"tls://192.0.2.1:5061\"]\npeers = \"listed\"\n{secured}\
                 tls = {{ certificate = \"edge.pem\", key = \"edge.key\", client_ca = \"peers.pem\" }}\n"
        ),
        1,
    )
    .replacen(
        "[[peer]]\n",
        &format!("[[peer]]\nname = \"friend\"\nnames = [\"{FRIEND}\", \"second.example\"]\n{peer}\n[[peer]]\n"),
        1,
    )
}

const MUTUAL: &str = "secured_by = \"mutual-tls\"";

/// Whether what comes over TLS with this name proved is believed, and why.
fn proved(text: &str, from: &str, name: Option<&str>) -> (bool, Evidence) {
    let mut world = World::new(text);
    world.engine.observe();
    let mut flow = world.flow("net", Transport::Tls, from, Some(ConnectionId(1)));
    flow.certified = name.map(CertifiedName::of);
    let bytes = message(from, "home1.example", "").into();
    let sent = world.input(Input::Packet { flow, bytes });
    let judged = cleared(&mut world).swap_remove(0);
    (sent[0].row("P-Asserted-Identity").is_some(), judged.origin.1)
}

//= TRUST-010 type=test
//= TRUST-020 type=test
#[test]
fn a_proved_name_is_both_facts() {
    let text = tls(MUTUAL, "");
    let (believed, evidence) = proved(&text, BANK, Some(FRIEND));
    assert!(believed);
    assert!(matches!(evidence.secure, Secure::Certificate { line } if line > 0));
    assert!(matches!(evidence.member, Member::Name { peer: PeerId(0), line } if line > 0));
    assert_eq!(evidence.reason(), "peer-by-name");
    assert!(proved(&text, BANK, Some("second.example")).0);
    for name in [None, Some("third.example"), Some("x.ibcf.home2.example")] {
        let (believed, evidence) = proved(&text, BANK, name);
        assert!(!believed, "{name:?}");
        assert_eq!(evidence.reason(), "no-member-evidence");
    }
}

//= TRUST-024 type=test
#[test]
fn a_node_for_the_internet_believes_no_certificate_there() {
    let dedicated = |secured: &str| {
        let text = tls(MUTUAL, secured);
        text.replacen("profile = \"ims\"", "profile = \"ims\"\ndedicated_untrusted = true", 1)
    };
    let (believed, evidence) = proved(&dedicated(""), BANK, Some(FRIEND));
    assert!(!believed);
    assert_eq!(evidence.reason(), "stranger-with-terms");
    let (believed, evidence) = proved(&dedicated(""), BANK, None);
    assert!(!believed);
    assert_eq!(evidence.reason(), "untrusted-listener");
    // What is secured towards the core is as it was.
    let secured = dedicated("secured_by = \"physical\"\n");
    assert!(proved(&secured, BANK, Some(FRIEND)).0 && super::believed(&secured, "net", ALLY));
}

//= TRUST-003 type=test
//= TRUST-022 type=test
#[test]
fn a_peer_of_certificates_without_one_is_a_stranger() {
    for secured in ["", "secured_by = \"physical\"\n"] {
        let text = tls(&format!("{MUTUAL}\nprefixes = [\"192.0.2.10/32\"]"), secured);
        assert!(!believed(&text, "net", "192.0.2.10:5060"), "over UDP");
        assert!(!proved(&text, BANK, None).0, "over TLS, with nothing proved");
        assert!(proved(&text, BANK, Some(FRIEND)).0);
        assert!(proved(&text, "203.0.113.1:1", Some(FRIEND)).0, "from anywhere");
    }
}

//= TRUST-011 type=test
#[test]
fn direction_holds_for_names_too() {
    let (believed, evidence) = proved(&tls(&format!("{MUTUAL}\ndirection = \"out\""), ""), BANK, Some(FRIEND));
    assert!(!believed);
    assert!(matches!(evidence.member, Member::WrongDirection { .. }));
    assert!(proved(&tls(&format!("{MUTUAL}\ndirection = \"in\""), ""), BANK, Some(FRIEND)).0);
    let (believed, evidence) = proved(&tls("aliases = { off = \"none\" }", ""), BANK, Some(FRIEND));
    assert!(!believed, "listed for its terms only");
    assert!(matches!(evidence.member, Member::Stranger { .. }));
}

/// It is one of two peers, and nobody knows which: it sees no more of the inside than either may.
//= THIG-001 type=test
//= TRUST-031 type=test
#[test]
fn who_contradicts_itself_sees_no_more_than_either_peer_may() {
    let hides = |thig: bool| {
        let hiding = "[topology_hiding]\nmode = \"aead\"\nkey_file = \"hiding.keys\"\n[[listener]]";
        let text = tls(&format!("{MUTUAL}\nthig = {thig}"), "secured_by = \"physical\"\n");
        let policy = policy(&text.replacen("[[listener]]", hiding, 1));
        let own = OwnAddresses::new(&policy, &Bound::as_written(&policy));
        let hop = Hop::judge(
            &policy,
            Destination {
                listener: ListenerId(1),
                transport: Transport::Tls,
                remote: ALLY.parse().unwrap(),
                connection: None,
                certified: Some(CertifiedName::of(FRIEND)),
            },
        );
        assert_eq!(hop.evidence().reason(), "contradicting-evidence");
        let border = Border {
            policy: &policy,
            keys: &keys(),
            hop,
            own: &own.all()[1],
            other_own: None,
            fresh: [0; 12],
        };
        border.hides()
    };
    assert!(hides(true));
    assert!(!hides(false));
}

/// A certificate says one peer, a protected address another.
//= TRUST-031 type=test
#[test]
fn a_certificate_from_the_secured_address_of_another_peer_contradicts_itself() {
    let secured = "secured_by = \"physical\"\n";
    let (believed, evidence) = proved(&tls(MUTUAL, secured), ALLY, Some(FRIEND));
    assert!(!believed);
    assert_eq!(evidence.reason(), "contradicting-evidence");
    assert_eq!(evidence.peer(), None);
    // Where an address proves nothing there is nothing to contradict.
    assert!(proved(&tls(MUTUAL, ""), ALLY, Some(FRIEND)).0);
    // Nor is a listed stranger a second peer of T.
    let stranger = tls(MUTUAL, secured).replacen(
        "prefixes = [\"192.0.2.64/26\"]\nsecured_by = \"physical\"\n",
        "prefixes = [\"192.0.2.64/26\"]\n",
        1,
    );
    assert!(proved(&stranger, ALLY, Some(FRIEND)).0);
    assert!(ally("").contains("192.0.2.64/26"));
}

//= TRUST-020 type=test
//= TRUST-031 type=test
#[test]
fn of_the_names_of_a_certificate_one_peer_counts() {
    let read =
        policy(&tls(MUTUAL, "").replacen("name = \"ally\"\n", "name = \"ally\"\nnames = [\"ally.example\"]\n", 1));
    let recognised = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        recognise(&read, &names)
    };
    assert_eq!(recognised(&["x.example", FRIEND]), Some(CertifiedName::of(FRIEND)));
    assert_eq!(
        recognised(&["second.example", FRIEND]),
        Some(CertifiedName::of("second.example"))
    );
    assert_eq!(recognised(&["ally.example", FRIEND]), None);
    assert_eq!(recognised(&["x.example"]), None);
    assert_eq!(recognised(&[]), None);
}

/// Evidence is of the connection: where nobody on a listener is in T, or all are, a certificate changes nothing.
//= TRUST-014 type=test
#[test]
fn other_listeners_do_not_look_at_names() {
    let read = policy(&tls(MUTUAL, "").replacen("peers = \"listed\"\ntls", "peers = \"untrusted\"\ntls", 1));
    let world = World::new(POLICY);
    let mut flow = world.flow("net", Transport::Udp, BANK, None);
    flow.certified = Some(CertifiedName::of(FRIEND));
    assert!(!Origin::judge(&read, flow).is_trusted());
    assert!(IDENTITY.starts_with("P-Asserted-Identity"));
}
