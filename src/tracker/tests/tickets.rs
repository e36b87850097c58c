use super::*;
use crate::ppsp::jws::{SigningKey, VerifyingKey};
use crate::ppsp::ticket::{LIFETIME_SECONDS, Ticket, TicketError, viewer_of};

fn key() -> SigningKey {
    SigningKey::from_seed(&[4; 32]).unwrap()
}

/// A world whose tracker signs, and a content of four pieces.
fn signing(settings: Settings) -> (World, Content) {
    let (mut world, content) = (world(settings), Content::new(1, 4));
    world.tracker.sign_tickets(Some(key()));
    world.tracker.register(content.swarm, content.layout);
    (world, content)
}

fn none(pieces: u32) -> ChunkMap {
    ChunkMap::of_ranges(pieces, &[]).unwrap()
}

fn opened(world: &World, text: &str, content: &Content, name: &str) -> Result<Ticket, TicketError> {
    let VerifyingKey::Ed25519(public) = key().verifying_key() else {
        panic!("it signs with Ed25519");
    };
    let key = VerifyingKey::Ed25519(public);
    Ticket::open(text, &key, &content.swarm, &viewer_of(name), world.now.unix)
}

//= P2P-082 type=test
//= P2P-095 type=test
#[test]
fn a_member_hears_with_a_list_that_it_is_one_and_what_there_is_to_be_had() {
    let (mut world, content) = signing(settings());
    world.holds(ALICE, &content, &ChunkMap::of_ranges(4, &[(1, 2)]).unwrap());
    let joined = world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none(4))]);
    let name = swarm(&joined).assigned.remove(0);
    assert_eq!(swarm(&joined).ticket, None, "with a list, and with a proof");
    let list = swarm(&world.find(BOB, content.swarm, 8));
    assert_eq!(
        list.assigned,
        std::slice::from_ref(&name),
        "whom it is for goes with it"
    );
    let text = list.ticket.unwrap();
    let ticket = opened(&world, &text, &content, &name).unwrap();
    assert_eq!((ticket.ranges, ticket.expires), (vec![(1, 2)], NOW + LIFETIME_SECONDS));
    let of_other = opened(&world, &text, &content, "sip:t1.other@tid.p2p.home1.example");
    assert_eq!(of_other, Err(TicketError::OtherViewer));
    // Who proved something hears it with that, and by the name others know it by.
    let tag = world.holds(CAROL, &content, &ChunkMap::full(4));
    let text = swarm(&world.find(BOB, content.swarm, 8)).ticket.unwrap();
    assert_eq!(opened(&world, &text, &content, &name).unwrap().ranges, [(0, 3)]);
    // What nobody holds any more is not to be had any more.
    world.publish(CAROL, Some(&tag), Some(0), None);
    let text = swarm(&world.find(BOB, content.swarm, 8)).ticket.unwrap();
    assert_eq!(opened(&world, &text, &content, &name).unwrap().ranges, [(1, 2)]);
}

#[test]
fn who_says_that_it_holds_something_has_to_prove_it_first() {
    let (mut world, content) = signing(settings());
    let reply = world.connect(ALICE, None, vec![join(content.swarm, Mode::Seeder, &ChunkMap::full(4))]);
    assert_eq!(swarm(&world.find(ALICE, content.swarm, 8)).ticket, None);
    let proof = content.proof(&swarm(&reply).challenge.unwrap(), &ChunkMap::full(4));
    let report = StatReport {
        proof: Some(proof),
        ..StatReport::default()
    };
    let proved = swarm(&world.report(ALICE, &tag(&reply), report));
    let ticket = opened(&world, &proved.ticket.unwrap(), &content, &proved.assigned[0]).unwrap();
    assert_eq!(ticket.ranges, [(0, 3)]);
}

/// A cache of the network has all of it, whoever else has.
//= P2P-095 type=test
#[test]
fn what_a_cache_has_is_to_be_had() {
    let cache = NetworkPeer {
        id: "sip:ccs@p2p.home1.example".into(),
        role: Role::Cache,
    };
    let (mut world, content) = signing(Settings {
        network_peers: vec![cache],
        ..settings()
    });
    let joined = world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none(4))]);
    let text = swarm(&world.find(BOB, content.swarm, 8)).ticket.unwrap();
    let ticket = opened(&world, &text, &content, &swarm(&joined).assigned[0]).unwrap();
    assert_eq!(ticket.ranges, [(0, 3)]);
}

#[test]
fn without_a_key_or_by_datagrams_there_is_none() {
    let (mut world, content) = signing(settings());
    world.connect(BOB, None, vec![join(content.swarm, Mode::Leech, &none(4))]);
    let what = What::Find(Find {
        swarm: content.swarm,
        peer_count: None,
    });
    let body = world.body(what, None);
    let by_datagram = Member {
        path: Path::Datagram,
        ..member(BOB)
    };
    let reply = world.tracker.find(world.now, by_datagram, &body, 4, &mut world.random);
    assert_eq!(swarm(&reply).ticket, None);
    assert!(swarm(&world.find(BOB, content.swarm, 8)).ticket.is_some());
    world.tracker.sign_tickets(None);
    assert_eq!(swarm(&world.find(BOB, content.swarm, 8)).ticket, None);
}
