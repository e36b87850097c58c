//! The six scenarios for stacks that are telephones: what a person would do, and what the wire of the other one shows.

use std::net::SocketAddr;

use super::edge::{Edge, Ground, own_place};
use super::phone_process::PhoneProcess;
use super::sipp::Sipp;
use super::table::Cell;
use super::{Carrier, Scenario};

/// Whether a telephone takes calls.
#[derive(Clone, Copy)]
pub enum Answers {
    AtOnce,
    /// It rings until the caller gives up.
    Never,
}

/// A telephone that does as it is told and writes down every SIP message it sends and gets.
pub trait Softphone: Sized {
    /// What it writes once a call stands, and can be told the next thing.
    const IN_CALL: &str;
    /// The same once the other side is on hold.
    const HOLDING: &str;

    /// Where one of these can listen.
    fn place(carrier: Carrier) -> SocketAddr;

    /// Returns when it can be called. `way`: the URI of its proxy.
    fn start(name: &str, at: SocketAddr, aor: &str, way: &str, answers: Answers, ground: &Ground) -> Self;

    fn process(&mut self) -> &mut PhoneProcess;
    fn dial(&mut self, uri: &str);
    fn hang_up(&mut self);
    fn hold(&mut self);
    fn take_back(&mut self);
    fn transfer(&mut self, uri: &str);
    fn message(&mut self, uri: &str, text: &str);

    /// Waits until these came by, in this order.
    fn sees(&mut self, words: &[&str]) {
        for words in words {
            self.process().waits_for(words);
        }
    }
}

pub const BOB: &str = "sip:bob@elsewhere.example";
const CAROL: &str = "sip:carol@home1.example";
pub const ALICE: &str = "sip:alice@home1.example";

/// One stack at both ends.
pub fn show<P: Softphone>(carrier: Carrier, scenario: Scenario) -> Cell {
    match scenario {
        Scenario::Privacy => {
            let ground = Ground::new(carrier);
            let (at, caller) = (P::place(carrier), own_place());
            let edge = ground.start(at, caller);
            let mut bob = P::start("bob", at, BOB, &ground.way(edge.outside), Answers::AtOnce, &ground);
            privacy(&mut bob, [caller, own_place()], None, &edge, &ground);
            edge.node.stop();
            Cell::ShownWith("the caller, who asserts and asks, is SIPp")
        }
        _ => {
            Pair::<P>::new(Ground::new(carrier), answers_in(scenario)).plays::<P>(scenario);
            Cell::Shown
        }
    }
}

/// What the one that is called does in a scenario.
pub fn answers_in(scenario: Scenario) -> Answers {
    match scenario {
        Scenario::Call | Scenario::Privacy | Scenario::Hold | Scenario::Transfer => Answers::AtOnce,
        Scenario::Cancel | Scenario::Message => Answers::Never,
    }
}

/// Alice inside, Bob outside, and the proxy between them. A third one, Carol, is inside too.
pub struct Pair<P> {
    pub alice: P,
    pub bob: P,
    pub carol_place: SocketAddr,
    pub edge: Edge,
    pub ground: Ground,
}

impl<P: Softphone> Pair<P> {
    /// Plays a scenario without privacy. Carol has a telephone of type `C`.
    pub fn plays<C: Softphone>(self, scenario: Scenario) {
        match scenario {
            Scenario::Call => self.call(),
            Scenario::Hold => self.hold(),
            Scenario::Transfer => self.transfer::<C>(),
            Scenario::Cancel => self.cancel(),
            Scenario::Message => self.message(),
            Scenario::Privacy => panic!("nobody here asserts an identity"),
        }
    }

    fn new(ground: Ground, bob_answers: Answers) -> Pair<P> {
        let [alice, bob, carol_place] = [(); 3].map(|()| P::place(ground.carrier));
        let edge = ground.start(bob, carol_place);
        let [inside, outside] = [edge.inside, edge.outside].map(|at| ground.way(at));
        Pair {
            bob: P::start("bob", bob, BOB, &outside, bob_answers, &ground),
            alice: P::start("alice", alice, ALICE, &inside, Answers::Never, &ground),
            carol_place,
            edge,
            ground,
        }
    }

    fn set_up(&mut self) {
        self.alice.dial(BOB);
        self.bob.sees(&["INVITE sip:bob@", "ACK sip:"]);
        self.alice.sees(&["INVITE sip:bob@", P::IN_CALL]);
    }

    fn end(mut self) {
        self.alice.hang_up();
        self.bob.sees(&["BYE sip:"]);
        self.alice.sees(&["BYE sip:", "SIP/2.0 200"]);
        self.edge.node.stop();
    }

    fn call(mut self) {
        self.set_up();
        self.end();
    }

    fn hold(mut self) {
        self.set_up();
        self.alice.hold();
        self.bob.sees(&["INVITE sip:", "a=sendonly", "ACK sip:"]);
        self.alice.sees(&["INVITE sip:", "a=sendonly", P::HOLDING]);
        self.alice.take_back();
        self.bob.sees(&["INVITE sip:", "ACK sip:"]);
        self.alice.sees(&["INVITE sip:", P::IN_CALL]);
        self.end();
    }

    /// Bob calls Carol because Alice says so, and tells Alice that it worked.
    fn transfer<C: Softphone>(mut self) {
        self.set_up();
        let mut carol = C::start(
            "carol",
            self.carol_place,
            CAROL,
            &self.ground.way(self.edge.inside),
            Answers::AtOnce,
            &self.ground,
        );
        self.alice.transfer(CAROL);
        self.bob
            .sees(&["REFER sip:", "SIP/2.0 202", "INVITE sip:carol@", "ACK sip:"]);
        carol.sees(&["INVITE sip:carol@", "ACK sip:"]);
        self.alice.sees(&["REFER sip:", "SIP/2.0 202"]);
        self.alice.sees(&["NOTIFY sip:", "terminated", "SIP/2.0 200"]);
        self.edge.node.stop();
    }

    fn cancel(mut self) {
        self.alice.dial(BOB);
        self.alice.sees(&["INVITE sip:bob@", "SIP/2.0 180"]);
        self.alice.hang_up();
        self.bob
            .sees(&["INVITE sip:bob@", "CANCEL sip:", "SIP/2.0 487", "ACK sip:"]);
        self.alice.sees(&["CANCEL sip:", "SIP/2.0 487", "ACK sip:"]);
        self.edge.node.stop();
    }

    fn message(mut self) {
        self.alice.message(BOB, "Good evening");
        self.bob.sees(&["MESSAGE sip:bob@", "Good evening", "SIP/2.0 200"]);
        self.alice.sees(&["MESSAGE sip:bob@", "SIP/2.0 200"]);
        self.edge.node.stop();
    }
}

/// Nothing asserts an identity but a node inside, which SIPp is here, at a place for each call. What the telephone outside is
/// shown, it writes down.
pub fn privacy(bob: &mut impl Softphone, at: [SocketAddr; 2], route: Option<&str>, edge: &Edge, ground: &Ground) {
    Sipp::calls("privacy-caller", at[0], route, edge.inside, ground).ends_well();
    bob.sees(&["INVITE sip:bob@", "Privacy: id", "ACK sip:", "BYE sip:"]);
    let seen = bob.process().text();
    assert!(!seen.contains("P-Asserted-Identity"), "it was shown:\n{seen}");
    // It would have been seen: who asks for nothing is shown.
    Sipp::calls("call-caller", at[1], route, edge.inside, ground).ends_well();
    bob.sees(&[
        "INVITE sip:bob@",
        "P-Asserted-Identity: \"Alice Liddell\"",
        "ACK sip:",
        "BYE sip:",
    ]);
}
