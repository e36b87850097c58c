use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::ppsp::address::{Kind, PeerAddress};
use crate::ppsp::alto::Alto;

const NEAR: &str = "10.1.0.7";
const FAR: &str = "10.2.0.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl World {
    /// Joins from an address, and proves what it holds.
    fn joins_from(&mut self, name: &str, from: &str, content: &Content, map: &ChunkMap, told: &[PeerAddress]) {
        let mode = if map.is_full() { Mode::Seeder } else { Mode::Leech };
        let what = What::Connect(Connect {
            swarms: vec![join(content.swarm, mode, map)],
            peer_count: None,
            addresses: told.to_vec(),
        });
        let body = self.body(what, None);
        let member = Member {
            address: Some(ip(from)),
            ..member(name)
        };
        let reply = self.tracker.post(self.now, member, &body, 29, &mut self.random);
        if let Some(asked) = swarm(&reply).challenge {
            let report = StatReport {
                proof: Some(content.proof(&asked, map)),
                ..StatReport::default()
            };
            let body = self.body(What::StatReport(report), None);
            let reply = self.tracker.post(self.now, member, &body, 29, &mut self.random);
            assert_eq!(swarm(&reply).state, Some(response::State::Verified));
        }
    }

    fn who(&self, id: &str) -> String {
        let (slot, _) = self.tracker.place_of(id.as_bytes()).unwrap();
        String::from_utf8(self.tracker.table.peer(slot).identity.to_vec()).unwrap()
    }

    /// Which of the listed are near, in order.
    fn are_near(&mut self, content: &Content, count: u8) -> Vec<bool> {
        let peers = swarm(&self.find(BOB, content.swarm, count)).peers;
        let is_near = |peer: &response::Peer| self.who(&peer.id).starts_with("sip:near");
        peers.iter().map(is_near).collect()
    }
}

fn costs() -> Arc<Alto> {
    let network = r#"{"meta":{"vtag":{"resource-id":"m","tag":"1"}},"network-map":{
        "here":{"ipv4":["10.1.0.0/16"]},"there":{"ipv4":["10.2.0.0/16"]}}}"#;
    let costs = r#"{"meta":{"dependent-vtags":[{"resource-id":"m","tag":"1"}],
        "cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"}},
        "cost-map":{"here":{"here":1,"there":5},"there":{"here":5,"there":1}}}"#;
    Arc::new(Alto::read(network.as_bytes(), costs.as_bytes()).unwrap())
}

fn full_of(content: &Content) -> ChunkMap {
    ChunkMap::full(content.layout.pieces())
}

//= P2P-050 type=test
//= P2P-134 type=test
#[test]
fn who_is_near_comes_first_while_somebody_knows_who_is() {
    let (mut world, content) = (
        world(Settings {
            has_costs: true,
            ..settings()
        }),
        Content::new(1, 4),
    );
    world.tracker.register(content.swarm, content.layout);
    let full = full_of(&content);
    for number in 0..6 {
        world.joins_from(&format!("sip:near{number}@x"), NEAR, &content, &full, &[]);
        world.joins_from(&format!("sip:far{number}@x"), FAR, &content, &full, &[]);
    }
    // Behind a node of the network: nobody knows where.
    world.holds("sip:somewhere@x", &content, &full);
    world.joins_from(BOB, "10.1.0.9", &content, &ChunkMap::of_ranges(4, &[]).unwrap(), &[]);
    let mut orders = BTreeSet::new();
    for _ in 0..8 {
        orders.insert(world.are_near(&content, 13));
    }
    assert!(orders.len() > 1, "unranked, and by chance: {orders:?}");
    world.tracker.rank_by(Some(costs()));
    world.pass(60);
    let order = world.are_near(&content, 13);
    assert_eq!(order, [vec![true; 6], vec![false; 7]].concat());
    let last = swarm(&world.find(BOB, content.swarm, 13)).peers.pop().unwrap();
    assert_eq!(world.who(&last.id), "sip:somewhere@x");
    assert_eq!(world.are_near(&content, 4), [true; 4], "who is far is left out");
    // Among those that are as near as each other chance decides.
    let first: BTreeSet<String> = (0..12).map(|_| world.list(BOB, content.swarm).remove(0)).collect();
    assert!(first.len() > 1);
    world.pass(60);
    world.tracker.rank_by(None);
    let lists: BTreeSet<Vec<bool>> = (0..8).map(|_| world.are_near(&content, 13)).collect();
    assert!(lists.len() > 1, "nobody knows any more: {lists:?}");
}

fn address(ip: IpAddr, kind: Kind) -> PeerAddress {
    PeerAddress {
        ip,
        port: 7000,
        kind,
        priority: 0,
    }
}

/// Otherwise a peer could have others knock at whatever door it names.
//= P2P-064 type=test
#[test]
fn lists_tell_where_a_peer_is_and_not_what_it_makes_up() {
    let relay = ip("192.0.2.7");
    let told = [
        address(ip(NEAR), Kind::Host),
        address(ip("203.0.113.9"), Kind::Host),
        address(relay, Kind::Proxy),
        address(ip("203.0.113.9"), Kind::Proxy),
    ];
    let listed = |addresses: Addresses| {
        let (mut world, content) = (
            world(Settings {
                addresses,
                relays: vec![relay],
                ..settings()
            }),
            Content::new(1, 4),
        );
        world.tracker.register(content.swarm, content.layout);
        world.joins_from(ALICE, NEAR, &content, &full_of(&content), &told);
        world.connect(
            BOB,
            None,
            vec![join(content.swarm, Mode::Leech, &ChunkMap::of_ranges(4, &[]).unwrap())],
        );
        let peers = swarm(&world.find(BOB, content.swarm, 8)).peers;
        peers[0].addresses.iter().map(|one| one.ip).collect::<Vec<IpAddr>>()
    };
    assert_eq!(listed(Addresses::None), Vec::<IpAddr>::new());
    assert_eq!(listed(Addresses::Relay), [relay]);
    assert_eq!(listed(Addresses::Real), [ip(NEAR), relay]);
}
