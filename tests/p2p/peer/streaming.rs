//! Content over sockets: two ends of SRTP on loopback.

use std::net::{IpAddr, Ipv4Addr};

use sipveil::privacy::guard::sdp::{Described, Media, Terms};
use tokio::runtime::Builder;

use super::content::{Incoming, Whole};
use super::download::{Download, Ended};
use super::media::Half;
use super::published::Published;
use super::sdp::End;
use super::srtp::Master;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A session as two UEs have it: descriptions exchanged, then content.
fn session(published: &Published, alters_one_in: Option<u32>, ticket: Option<&str>) -> (Ended, Option<String>) {
    let mut upload = published.upload(alters_one_in);
    upload.ticket = ticket.map(str::to_owned);
    let mut download = Download::new(published.manifest.root, published.manifest.layout, published.runs());
    let incoming = Incoming::create(&published.path().join("incoming")).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (server, client) = (Half::open(LOOPBACK).await.unwrap(), Half::open(LOOPBACK).await.unwrap());
        let [of_server, of_client] = [&server, &client].map(|half| End::read(half.described().as_bytes()).unwrap());
        assert!(of_server.master != of_client.master, "each sends with a key of its own");
        let server = server.joined(&of_client).await.unwrap();
        let client = client.joined(&of_server).await.unwrap();
        let serving = tokio::spawn(server.serve(upload));
        let fetched = client.fetch(&mut download, &incoming).await.unwrap();
        serving.abort();
        fetched
    })
}

/// What two peers write passes the guard between them, and means the same behind it.
//= P2P-081 type=test
#[test]
fn what_peers_describe_passes_the_guard() {
    let terms = Terms {
        media: Media::Direct,
        takes_dtls: false,
        session: 7,
        version: 0,
    };
    let described = |port: u16, master: u8| {
        let end = End {
            address: (LOOPBACK, port).into(),
            master: Master::new([master; 30]),
        };
        let guarded = Described::read(end.write(1).as_bytes(), &terms).unwrap();
        assert_eq!(End::read(&guarded.sdp), Some(end));
        guarded
    };
    let offer = described(4000, 1);
    assert_eq!(described(4001, 2).answers(&offer), Ok(()));
    assert!(described(4001, 1).answers(&offer).is_err(), "the same key");
}

//= P2P-085 type=test
//= P2P-091 type=test
#[test]
fn a_content_comes_over_srtp() {
    let published = Published::new(3_000_001, false);
    assert_eq!(session(&published, None, None), (Ended::Done, None));
    assert!(Whole::open(&published.path().join("incoming"), &published.manifest).is_ok());
    assert!(std::fs::read(published.path().join("incoming")).unwrap() == published.plain);
}

#[test]
fn a_ticket_comes_with_the_map_and_a_bad_leaf_ends_it() {
    let published = Published::new(300_000, false);
    let (ended, ticket) = session(&published, Some(7), Some("a.b.c"));
    assert!(matches!(ended, Ended::Bad(bad) if bad.leaf == 6), "{ended:?}");
    assert_eq!(ticket.as_deref(), Some("a.b.c"));
}

/// What either way to protect a content costs can be told.
//= P2P-092 type=test
#[test]
fn both_ways_to_protect_a_content_are_measured() {
    let rates = super::speed::measured(std::time::Duration::from_millis(1));
    for rate in [rates.sealed, rates.sealed_and_opened, rates.decrypted, rates.looked_at] {
        assert!(rate.is_finite() && rate > 0.0, "{rate}");
    }
}
