//! An auditor of the network, to peers a UE like any other: goes where the tracker sends it, fetches a little, says what it found.

use std::collections::BTreeSet;

use sipveil::ppsp::ChunkMap;
use sipveil::ppsp::layout::Layout;
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::visit::{Accused, Found};
use tempfile::TempDir;

use super::content::Incoming;
use super::download::{Download, Ended};
use super::fetch::session;
use super::random;
use super::run::RUN_LEAVES;
use super::ue::{Problem, Ue};

/// Pieces that are looked at beside the one that somebody complained of.
const PIECES: usize = 7;

/// Makes one visit, if there is one to make. `manifests`: of what it can tell whether it is as it should be.
//= P2P-122
//= P2P-125
pub async fn visit(ue: &mut Ue, manifests: &[Manifest]) -> Result<Option<Found>, Problem> {
    let Some((mut visit, mut tag)) = ue.is_sent().await? else {
        return Ok(None);
    };
    let Some(manifest) = manifests.iter().find(|manifest| manifest.root == visit.swarm) else {
        return Ok(None);
    };
    if visit.accused.is_none() {
        let nothing = ChunkMap::of_ranges(manifest.layout.pieces(), &[]).map_err(|_| Problem::NotHeld)?;
        ue.announce(manifest.root, None, nothing, Vec::new()).await?;
        match ue.is_sent().await? {
            Some(sent) => (visit, tag) = sent,
            None => return Ok(None),
        }
    }
    let Some(accused) = visit.accused else {
        return Ok(None);
    };
    let found = looks(ue, manifest, &accused).await?;
    ue.comes_back(&tag, found).await?;
    println!("visited {}: {found:?}", accused.peer);
    Ok(Some(found))
}

/// Fetches the piece that was complained of, and others by chance.
async fn looks(ue: &mut Ue, manifest: &Manifest, accused: &Accused) -> Result<Found, Problem> {
    let layout = manifest.layout;
    let runs = runs_of(&layout, pieces(&layout, accused.piece));
    let wanted = runs.len();
    let mut download = Download::new(manifest.root, layout, runs);
    let aside = TempDir::new()?;
    let incoming = Incoming::create(&aside.path().join("aside"))?;
    let ended = session(ue, &accused.peer, &mut download, &incoming).await;
    Ok(match ended {
        Ok((Ended::Bad(_), _)) => Found::Bad,
        Ok((Ended::Done, _)) if download.left().len() < wanted => Found::Good,
        // Not there, or has nothing of it any more.
        Ok((Ended::Done | Ended::Lost, _)) | Err(_) => Found::Nothing,
    })
}

fn pieces(layout: &Layout, complained_of: Option<u32>) -> BTreeSet<u32> {
    let of = layout.pieces();
    let by_chance = (0..PIECES).map(|_| u32::from_be_bytes(random::bytes()) % of);
    by_chance.chain(complained_of.filter(|piece| *piece < of)).collect()
}

fn runs_of(layout: &Layout, pieces: BTreeSet<u32>) -> Vec<u32> {
    let runs = pieces.into_iter().flat_map(|piece| {
        let leaves = layout.leaves_of((piece, piece));
        leaves.start / RUN_LEAVES..leaves.end.div_ceil(RUN_LEAVES)
    });
    runs.collect::<BTreeSet<u32>>().into_iter().collect()
}
