//! Who gets in, who does not, and who has to go.

use super::hss::Command;
use super::network::Network;
use super::subscriber::Subscriber;
use super::ue::{Ue, Wish};
use super::usim::Verdict;
use crate::world::Sent;

pub const SUBSCRIBERS: [Subscriber; 8] = [ANN, BEA, CEM, DAN, EVE, FIN, GUS, HAL];

const ANN: Subscriber = Subscriber::new("ann", 11);
const BEA: Subscriber = Subscriber::new("bea", 12);
const CEM: Subscriber = Subscriber::new("cem", 13);
const DAN: Subscriber = Subscriber::new("dan", 14);
const EVE: Subscriber = Subscriber::new("eve", 15);
const FIN: Subscriber = Subscriber::new("fin", 16);
const GUS: Subscriber = Subscriber::new("gus", 17);
const HAL: Subscriber = Subscriber::new("hal", 18);

//= PCSCF-005 type=test
//= PCSCF-007 type=test
//= PCSCF-008 type=test
//= AKA-001 type=test
pub fn registers(network: &Network) {
    let mut ann = Ue::new(ANN, network);
    let challenged = ann.registers();
    shows_no_key(&challenged);
    assert_eq!(ann.associated, ANN.public_identities().map(|uri| format!("<{uri}>")));
    assert_eq!(ann.service_route, [format!("<sip:orig@{};lr>", network.scscf)]);
    let done = |command| network.hss.count(ANN, command);
    // Who asks and who proves: each is looked up. Kamailio may ask more than once; that it serves it says once.
    assert!(done(Command::Authorized) >= 2 && done(Command::Challenged) >= 1);
    assert_eq!(done(Command::Assigned), 1);
}

/// What the S-CSCF asks for again is new, and the service goes on.
//= PCSCF-007 type=test
pub fn registers_again(network: &Network) {
    let mut bea = Ue::registered(BEA, network);
    let (_, answer) = bea.asks("MESSAGE", &GUS.sip_identity(), Wish::Shown, "");
    assert!(answer.start().starts_with("SIP/2.0 480"), "{}", answer.text());
    shows_no_key(&bea.registers());
    assert!(network.hss.count(BEA, Command::Challenged) >= 2);
    assert_eq!(network.hss.count(BEA, Command::Assigned), 2);
    let (_, answer) = bea.asks("MESSAGE", &GUS.sip_identity(), Wish::Shown, "");
    assert!(answer.start().starts_with("SIP/2.0 480"), "{}", answer.text());
}

/// The HSS counts from a number the card has seen: the card says where it stands, and all is well.
//= PCSCF-005 type=test
//= AKA-001 type=test
pub fn resynchronises(network: &Network) {
    let mut cem = Ue::registered(CEM, network);
    network.hss.loses_count(CEM);
    let challenged = cem.asks_in();
    let Verdict::LostCount(auts) = cem.reads(&challenged) else {
        panic!("the card has not noticed");
    };
    let challenged = cem.resynchronises(&challenged, &auts);
    assert!(challenged.start().starts_with("SIP/2.0 401"), "{}", challenged.text());
    shows_no_key(&challenged);
    assert_eq!(network.hss.count(CEM, Command::Resynchronised), 1);
    cem.is_accepted(&challenged);
}

/// Somebody asks who does not know the key. The card computes nothing for them; the true network is answered.
//= PCSCF-005 type=test
//= AKA-001 type=test
pub fn refuses_a_false_network(network: &Network) {
    let mut dan = Ue::new(DAN, network);
    network.hss.forges_next(DAN);
    let challenged = dan.asks_in();
    assert!(matches!(dan.reads(&challenged), Verdict::ForeignNetwork));
    let answer = dan.refuses(&challenged);
    assert!(answer.start().starts_with("SIP/2.0 40"), "{}", answer.text());
    assert_eq!(network.hss.count(DAN, Command::Assigned), 0);
    dan.registers();
}

/// Who does not know the key is refused, and has no service.
//= AKA-001 type=test
//= PCSCF-020 type=test
pub fn is_refused(network: &Network) {
    let mut eve = Ue::new(EVE, network);
    let challenged = eve.asks_in();
    let Verdict::Answer(mut res) = eve.reads(&challenged) else {
        panic!("the card refuses");
    };
    res[0] ^= 1;
    let answer = eve.proves(&challenged, &res, 600);
    // Refused for good, or asked anew.
    assert!(
        ["SIP/2.0 403", "SIP/2.0 401"].contains(&&answer.start()[..11]),
        "{}",
        answer.text()
    );
    assert_eq!(network.hss.count(EVE, Command::Assigned), 0);
    has_no_service(&mut eve);
    eve.registers();
}

//= PCSCF-011 type=test
//= PCSCF-020 type=test
pub fn leaves(network: &Network) {
    let mut fin = Ue::registered(FIN, network);
    fin.leaves();
    assert_eq!(network.hss.count(FIN, Command::Assigned), 2);
    has_no_service(&mut fin);
    fin.registers();
}

/// The network ends the registration: who follows it is told, and is served again after coming back.
pub fn is_sent_away(network: &Network) {
    let (mut gus, mut hal) = (Ue::registered(GUS, network), Ue::registered(HAL, network));
    let rows = "Event: reg\r\nAccept: application/reginfo+xml\r\nExpires: 600\r\n";
    let (_, answer) = gus.asks("SUBSCRIBE", &GUS.sip_identity(), Wish::Shown, rows);
    assert!(answer.start().starts_with("SIP/2.0 200"), "{}", answer.text());
    is_told(&mut gus, "state=\"active\"");
    network.hss.deregisters(GUS);
    is_told(&mut gus, "state=\"terminated\"");
    gus.registers();
    hal.begins("MESSAGE", &GUS.sip_identity(), Wish::Shown, "");
    let message = gus.is_asked("MESSAGE");
    gus.answers(&message, "200 OK", "");
}

fn is_told(ue: &mut Ue, state: &str) {
    loop {
        let notify = ue.is_asked("NOTIFY");
        ue.answers(&notify, "200 OK", "");
        let of_the_registration = notify.text().split("<registration ").nth(1);
        if of_the_registration.is_some_and(|text| text.split('>').next().is_some_and(|tag| tag.contains(state))) {
            return;
        }
    }
}

fn has_no_service(ue: &mut Ue) {
    let (_, answer) = ue.asks("MESSAGE", &ANN.sip_identity(), Wish::Shown, "");
    assert!(answer.start().starts_with("SIP/2.0 403"), "{}", answer.text());
}

/// CK and IK are for the P-CSCF: the S-CSCF sends them, and no UE may see them.
fn shows_no_key(challenged: &Sent) {
    let challenge = challenged.row("WWW-Authenticate").unwrap().to_lowercase();
    assert!(
        challenge.contains("nonce=") && !challenge.contains("ck=") && !challenge.contains("ik="),
        "{challenge}"
    );
}
