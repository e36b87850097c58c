//! linphone as a UE: it takes no TLS connection, so it registers, and is called over the connection it opened for that.

use super::baresip::Baresip;
use super::edge::{Ground, own_place};
use super::linphone::Linphone;
use super::registrar::Registrar;
use super::softphone::{self, ALICE, BOB, Pair, Softphone};
use super::table::Cell;
use super::{Carrier, Scenario};

const CALLED: &str = "linphone takes no TLS connection: it registers, and is called over the connection it opened";
const CALLED_BY_SIPP: &str = "linphone is called over the connection it opened, by SIPp, who asserts and asks";
const CAROL_IS_BARESIP: &str = "linphone is called over the connection it opened, and transferred to baresip";

/// Bob has registered, and the network reaches him by the Path that the registrar was given.
pub fn show(scenario: Scenario) -> Cell {
    let ground = Ground::new(Carrier::Tls);
    let carol_place = Baresip::place(Carrier::Tls);
    let registrar = Registrar::opens(&ground.way(carol_place), &ground);
    let edge = ground.start_for_ues(registrar.at, carol_place);
    let (at, answers) = (Linphone::place(Carrier::Tls), softphone::answers_in(scenario));
    let mut bob = Linphone::registers("bob", at, BOB, &ground.way(edge.outside), answers, &ground);
    let path = registrar.path();
    bob.sees(&["REGISTER sip:", "SIP/2.0 200"]);
    if scenario == Scenario::Privacy {
        softphone::privacy(&mut bob, [own_place(), own_place()], Some(&path), &edge, &ground);
        edge.node.stop();
        return Cell::ShownWith(CALLED_BY_SIPP);
    }
    let way = path.trim_start_matches('<').trim_end_matches(";lr>");
    let alice_place = Linphone::place(Carrier::Tls);
    let alice = Linphone::start("alice", alice_place, ALICE, way, softphone::Answers::Never, &ground);
    let pair = Pair {
        alice,
        bob,
        carol_place,
        edge,
        ground,
    };
    pair.plays::<Baresip>(scenario);
    match scenario {
        Scenario::Transfer => Cell::ShownWith(CAROL_IS_BARESIP),
        _ => Cell::ShownWith(CALLED),
    }
}
