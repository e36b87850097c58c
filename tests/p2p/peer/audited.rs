//! A peer that is accused, rightly or not, and the auditors that go and look.

use sipveil::ppsp::ChunkMap;
use sipveil::ppsp::visit::Found;

use super::announce;
use super::audit::visit;
use super::download::BadLeaf;
use super::fetch::{self, NotFetched, Wanted};
use super::ground::{AUDITORS, FETCHES, SHARES};
use super::now;
use super::ue::{Problem, Ue};
use super::whole::{LOOPBACK, Scene, Stage, folder, runtime};

const OTHER: &str = "sip:edith.liddell@home1.example";

/// In, without any of it; what peers it hears of.
async fn enters(stage: &Stage, ue: &mut Ue) -> Vec<String> {
    let nothing = ChunkMap::of_ranges(stage.manifest.layout.pieces(), &[]).unwrap();
    ue.register().await.unwrap();
    ue.announce(stage.manifest.root, None, nothing, Vec::new())
        .await
        .unwrap();
    listed(stage, ue).await
}

async fn listed(stage: &Stage, ue: &mut Ue) -> Vec<String> {
    let told = ue.find(stage.manifest.root, 20).await.unwrap();
    told.peers.into_iter().map(|peer| peer.id).collect()
}

/// Both auditors, one after the other, as long as there is somewhere to go.
async fn audit(stage: &Stage) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, identity) in AUDITORS.into_iter().enumerate() {
        let mut ue = stage.ue(identity, &format!("auditor{number}"), LOOPBACK).await;
        ue.register().await.unwrap();
        let manifests = [stage.manifest.clone()];
        found.extend(visit(&mut ue, &manifests).await.unwrap());
        ue.leave().await.unwrap();
    }
    found
}

//= P2P-122 type=test
//= P2P-124 type=test
//= P2P-125 type=test
//= P2P-127 type=test
#[test]
fn who_alters_what_it_serves_is_found_and_is_out() {
    runtime().block_on(async {
        let (stage, _) = Stage::set(folder(), |_| Scene::default()).await;
        let sharing = stage.shares(("shares", SHARES, LOOPBACK), Some(2_000)).await;
        for (number, identity) in [FETCHES, OTHER].into_iter().enumerate() {
            let mut ue = stage.ue(identity, &format!("fetches{number}"), LOOPBACK).await;
            let wanted = Wanted {
                plain: None,
                ..stage.wanted()
            };
            let fetched = fetch::fetch(&mut ue, &wanted).await;
            assert!(matches!(fetched, Err(NotFetched::Incomplete { .. })), "{fetched:?}");
        }
        let mut looks_on = stage.ue(OTHER, "looks-on", LOOPBACK).await;
        assert_eq!(enters(&stage, &mut looks_on).await.len(), 1, "claims convict nobody");
        assert_eq!(audit(&stage).await, [Found::Bad, Found::Bad]);
        assert_eq!(listed(&stage, &mut looks_on).await, [""; 0]);
        // It was called by auditors as it was called by the others, and heard no name.
        let heard = std::fs::read_to_string(stage.folder.path().join("shares")).unwrap();
        assert_eq!(heard.matches("INVITE sip:").count(), 4);
        assert!(!heard.contains("test1") && !heard.contains("dodgson"));
        sharing.end().await;
        stage.node.stop();
    });
}

//= P2P-124 type=test
#[test]
fn who_is_slandered_is_looked_at_and_stays() {
    runtime().block_on(async {
        let (stage, _) = Stage::set(folder(), |_| Scene::default()).await;
        let sharing = stage.shares(("shares", SHARES, LOOPBACK), None).await;
        for (number, identity) in [FETCHES, OTHER].into_iter().enumerate() {
            let mut ue = stage.ue(identity, &format!("slanders{number}"), LOOPBACK).await;
            let peer = enters(&stage, &mut ue).await.remove(0);
            let (dialog, _) = ue.call(&peer).await.unwrap();
            ue.hangs_up(dialog).await.unwrap();
            let bad = BadLeaf { leaf: 3, seen: [7; 32] };
            let (root, layout) = (stage.manifest.root, stage.manifest.layout);
            let slander = announce::tampered(root, &layout, &bad, &peer, now());
            ue.publishes(root, slander).await.unwrap();
        }
        // If the second one comes it does so by chance.
        let found = audit(&stage).await;
        assert!(
            !found.is_empty() && found.iter().all(|found| *found == Found::Good),
            "{found:?}"
        );
        let mut looks_on = stage.ue(OTHER, "looks-on", LOOPBACK).await;
        assert_eq!(enters(&stage, &mut looks_on).await.len(), 1);
        // Nobody but an auditor is told where to look.
        let refused = looks_on.is_sent().await.err();
        assert!(matches!(refused, Some(Problem::Status { .. })), "{refused:?}");
        sharing.end().await;
        stage.node.stop();
    });
}
