//! A UE that wants a content: enters its swarm, calls peers one after another, takes what is the content's and nothing else.

use std::path::{Path, PathBuf};

use sipveil::ppsp::ChunkMap;
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::response::{Peer, Role, SwarmResult};

use super::announce;
use super::content::{Incoming, NoContent, Whole};
use super::download::{BadLeaf, Download, Ended};
use super::frame::Frame;
use super::keys::{self, Asking, Granted};
use super::run;
use super::source::decrypt;
use super::ue::{Problem, Ue};
use super::{https, message, now, outside};

/// What did not come, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    #[error(transparent)]
    Ue(#[from] Problem),
    #[error("no peer has the rest of it: {left} of {of} runs of leaves are missing")]
    Incomplete { left: usize, of: u32 },
    #[error("what came is not the content: {0}")]
    Content(#[from] NoContent),
    #[error("the content is encrypted and {0}")]
    Keys(&'static str),
    #[error("cannot write: {0}")]
    File(#[from] std::io::Error),
}

/// What is wanted, and where it goes.
pub struct Wanted {
    pub manifest: Manifest,
    pub content: PathBuf,
    /// As it was before it was published.
    pub plain: Option<PathBuf>,
    /// Whether peers are asked where they are, without the network (architecture 1).
    pub is_outside: bool,
    /// Who issued the certificate of a CDN.
    pub authority: Option<PathBuf>,
}

/// Peers that are asked for.
const PEERS: u8 = 8;

/// Registers, fetches, and leaves again whatever came of it.
pub async fn fetch(ue: &mut Ue, wanted: &Wanted) -> Result<(), NotFetched> {
    ue.register().await?;
    println!("registered");
    let fetched = fetches(ue, wanted).await;
    ue.leave().await?;
    println!("left");
    fetched
}

async fn fetches(ue: &mut Ue, wanted: &Wanted) -> Result<(), NotFetched> {
    let (swarm, layout) = (wanted.manifest.root, wanted.manifest.layout);
    let nothing = ChunkMap::of_ranges(layout.pieces(), &[]).map_err(|_| NoContent::Size)?;
    ue.announce(swarm, None, nothing, Vec::new()).await?;
    println!("joined");
    let SwarmResult {
        mut peers,
        assigned,
        mut ticket,
        ..
    } = ue.find(swarm, PEERS).await?;
    if ticket.is_some() {
        println!("the tracker gave a ticket");
    }
    // What other users have spares the network's own; what a CDN has comes last, and whole.
    peers.sort_by_key(|peer| match peer.role {
        Role::Peer => 0,
        Role::Cache => 1,
        Role::Cdn => 2,
    });
    let hello = assigned
        .first()
        .zip(ticket.as_ref())
        .map(|(name, ticket)| Frame::Hello {
            name: name.clone(),
            ticket: ticket.clone(),
        });
    println!("told of {} peers", peers.len());
    let incoming = Incoming::create(&wanted.content)?;
    let mut left: Vec<u32> = (0..run::runs(layout.shape())).collect();
    for peer in &peers {
        if peer.role == Role::Cdn {
            match of_cdn(wanted, &peer.id).await {
                Ok(()) => {
                    left.clear();
                    break;
                }
                Err(error) => println!("the CDN: {error}"),
            }
            continue;
        }
        let mut download = Download::new(swarm, layout, left);
        let session = match (wanted.is_outside, peer.addresses.first(), &hello) {
            (true, Some(at), Some(hello)) => {
                println!("knocks at {}", peer.id);
                let to = (at.ip, at.port).into();
                let fetched = outside::fetch(to, hello, &mut download, &incoming).await;
                fetched.map(|ended| (ended, None)).map_err(Problem::from)
            }
            _ => session(ue, &peer.id, &mut download, &incoming).await,
        };
        left = download.left();
        match session {
            Ok((Ended::Bad(bad), _)) => report(ue, wanted, peer, &bad).await?,
            Ok((_, told)) => ticket = ticket.or(told),
            // Another one may be there.
            Err(problem) => println!("{problem}"),
        }
        if left.is_empty() {
            break;
        }
    }
    if !left.is_empty() {
        return Err(NotFetched::Incomplete {
            left: left.len(),
            of: run::runs(layout.shape()),
        });
    }
    let whole = Whole::open(&wanted.content, &wanted.manifest)?;
    println!("fetched {} bytes, each leaf verified", layout.shape().size());
    if let Some(plain) = &wanted.plain {
        open(ue, wanted, plain, &peers, ticket).await?;
    }
    drop(whole);
    println!("done");
    Ok(())
}

/// All of a content, of a CDN. It is looked at like what comes from anybody else.
//= P2P-135
async fn of_cdn(wanted: &Wanted, url: &str) -> std::io::Result<()> {
    let authority = wanted
        .authority
        .as_deref()
        .ok_or_else(|| std::io::Error::other("nothing says whose certificate is believed"))?;
    let size = wanted.manifest.layout.shape().size();
    let answer = https::get(url, authority, size).await?;
    if answer.status != 200 || answer.body.len() as u64 != size {
        return Err(std::io::Error::other(format!("it answers {}", answer.status)));
    }
    std::fs::write(&wanted.content, answer.body)?;
    println!("came from {url}");
    Ok(())
}

/// One call, from INVITE to BYE.
pub async fn session(
    ue: &mut Ue,
    peer: &str,
    download: &mut Download,
    incoming: &Incoming,
) -> Result<(Ended, Option<String>), Problem> {
    let (dialog, media) = ue.call(peer).await?;
    println!("called {peer}");
    let fetching = media.fetch(download, incoming);
    tokio::pin!(fetching);
    let fetched = loop {
        let request = tokio::select! {
            fetched = &mut fetching => break fetched,
            request = ue.agent.next() => request?,
        };
        if ue.is_hung_up(&request, &dialog).await? {
            println!("the other side hung up");
            return Ok((Ended::Lost, None));
        }
    };
    ue.hangs_up(dialog).await?;
    if let Ok((Ended::Lost, _)) = fetched {
        println!("it does not answer any more");
    }
    Ok(fetched?)
}

/// The network is told, and looks itself.
//= P2P-123
async fn report(ue: &mut Ue, wanted: &Wanted, peer: &Peer, bad: &BadLeaf) -> Result<(), Problem> {
    println!("leaf {} is not the content's: dropped, the session ended", bad.leaf);
    let manifest = &wanted.manifest;
    let body = announce::tampered(manifest.root, &manifest.layout, bad, &peer.id, now());
    match ue.publishes(manifest.root, body).await {
        Ok(_) => println!("reported {}", message::uri(&peer.id)),
        Err(problem) => println!("the report is not taken: {problem}"),
    }
    Ok(())
}

/// Asks for the keys, where there are any, and writes it as it was.
//= P2P-093
async fn open(
    ue: &mut Ue,
    wanted: &Wanted,
    plain: &Path,
    peers: &[Peer],
    ticket: Option<String>,
) -> Result<(), NotFetched> {
    let manifest = &wanted.manifest;
    if manifest.encryption.is_none() {
        std::fs::copy(&wanted.content, plain)?;
        return Ok(());
    }
    let server = manifest
        .cache_servers
        .first()
        .ok_or(NotFetched::Keys("its manifest names no cache"))?;
    let ticket = match ticket {
        Some(ticket) => ticket,
        None => ticket_of_cache(ue, wanted, &server.uri, peers).await?,
    };
    let (asking, body) = Asking::begin(manifest, ticket).map_err(|_| NotFetched::Keys("no key could be drawn"))?;
    let notice = ue
        .subscribe(&server.uri, keys::EVENT, [keys::ASKED, keys::ANSWERED], body)
        .await?;
    let text = std::str::from_utf8(&notice.body).unwrap_or_default();
    let granted: Granted = asking
        .opens(manifest, text)
        .map_err(|_| NotFetched::Keys("what the cache answered does not open"))?;
    println!("keys of {} groups of pieces", granted.len());
    let at = now();
    Ok(decrypt(&wanted.content, plain, manifest, |group| {
        granted.of(group, at)
    })?)
}

/// A cache gives a ticket to who fetches from it: so it is asked what it holds.
//= P2P-095
async fn ticket_of_cache(ue: &mut Ue, wanted: &Wanted, uri: &str, peers: &[Peer]) -> Result<String, NotFetched> {
    let listed = peers
        .iter()
        .find(|peer| peer.role == Role::Cache)
        .map(|peer| peer.id.as_str());
    let (dialog, media) = ue.call(listed.unwrap_or(uri)).await?;
    // One run is enough to be told.
    let mut download = Download::new(wanted.manifest.root, wanted.manifest.layout, [0]);
    let aside = wanted.content.with_added_extension("aside");
    let fetched = media.fetch(&mut download, &Incoming::create(&aside)?).await;
    ue.hangs_up(dialog).await?;
    std::fs::remove_file(&aside)?;
    let (_, ticket) = fetched?;
    println!("the cache gave a ticket");
    ticket.ok_or(NotFetched::Keys("the cache gives no ticket"))
}
