//! All of it around the built proxy: a UE shares, another fetches, a cache has the keys.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sipveil::ppsp::manifest::CacheServer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::agent::Agent;
use super::content::Whole;
use super::fetch::{self, NotFetched, Wanted};
use super::ground::{CACHE, Ground, NAME, SOURCE};
use super::key_service::{Entitled, Kept, KeyService};
use super::keyfile::Secret;
use super::line::{Line, Tls, Way};
use super::network::{self, Cache};
use super::source::{Folder, Wish, open_master, publish};
use super::ue::{Subscriber, Ue};
use super::{now, random, share};
use crate::end_to_end::node::Node;

const SHARES: &str = "sip:alice.liddell@home1.example";
const FETCHES: &str = "sip:charles.dodgson@home1.example";
/// Two groups of keys.
const BYTES: usize = 17 * (256 << 10) + 777;

struct Scene {
    entitled: Entitled,
    alters_one_in: Option<u32>,
    lists_cache: bool,
}

/// What came of it.
struct Played {
    folder: TempDir,
    fetched: Result<(), NotFetched>,
}

impl Played {
    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    fn heard(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.file(name)).to_lowercase()
    }
}

fn play(scene: Scene) -> Played {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_owned();
    let nobody = Path::new("");
    let ground = Ground::new(&path, nobody, nobody).unwrap();
    let plain: Vec<u8> = (0..BYTES).map(|at| (at / 1024 + at) as u8).collect();
    std::fs::write(path.join("film"), plain).unwrap();
    let [source, cache] = ["source.key", "ccs.key"].map(|name| Secret::load_or_make(&path.join(name)).unwrap());
    let public = cache.public().unwrap();
    let server = CacheServer {
        key: public.signs,
        uri: CACHE.into(),
    };
    let wish = Wish {
        title: "film",
        source: SOURCE,
        cache: Some((server, public.opens)),
        is_encrypted: true,
        tracker_key: random::bytes(),
        at: now(),
    };
    let files = Folder::of(&path.join("published"));
    let manifest = publish(&path.join("film"), &files, &wish, &source.signing).unwrap();
    let content = Arc::new(Whole::open(&files.content(), &manifest).unwrap());
    let text = std::fs::read_to_string(files.master()).unwrap();
    let kept = vec![Kept {
        manifest: manifest.clone(),
        master: open_master(&text, &manifest.root, &cache.opening).unwrap(),
    }];
    let service = KeyService::new(CACHE.into(), cache.signing, &random::bytes(), kept, scene.entitled);
    let cache = Cache {
        uri: CACHE.into(),
        held: vec![(manifest.root, Arc::clone(&content))],
        service: Mutex::new(service),
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let fetched = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let core = listener.local_addr().unwrap().to_string();
        tokio::spawn(network::serve(listener, Some(Arc::new(cache))));
        let node = Node::start(&path, &ground.policy(&core, scene.lists_cache));
        let mut shares = ue(&path, &node, SHARES, "shares").await;
        let (ends, ended) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel::<()>();
        let of_sharing = manifest.clone();
        let sharing = tokio::spawn(async move {
            let ready = || ready.send(()).unwrap();
            let ended = async { drop(ended.await) };
            share::share(&mut shares, &of_sharing, content, scene.alters_one_in, (ready, ended)).await
        });
        is_ready.await.unwrap();
        let mut fetches = ue(&path, &node, FETCHES, "fetches").await;
        let wanted = Wanted {
            manifest,
            content: path.join("incoming"),
            plain: Some(path.join("fetched")),
        };
        let fetched = fetch::fetch(&mut fetches, &wanted).await;
        ends.send(()).unwrap();
        sharing.await.unwrap().unwrap();
        node.stop();
        fetched
    });
    Played { folder, fetched }
}

async fn ue(folder: &Path, node: &Node, identity: &str, name: &str) -> Ue {
    let way = Way {
        to: node.address("access", "tls"),
        from: None,
        tls: Some(Tls {
            authority: folder.join("ca.pem"),
            name: NAME.into(),
        }),
    };
    let record = File::create(folder.join(name)).unwrap();
    let agent = Agent::new(Line::open(&way).await.unwrap(), Some(record));
    let who = Subscriber {
        identity: identity.into(),
        home: "home1.example".into(),
        p2p: "p2p.home1.example".into(),
    };
    Ue::new(agent, who)
}

//= P2P-072 type=test
//= P2P-073 type=test
//= P2P-093 type=test
#[test]
fn a_film_goes_from_one_to_another_and_neither_hears_who_the_other_is() {
    let played = play(Scene {
        entitled: Entitled::Only(vec![FETCHES.into()]),
        alters_one_in: None,
        lists_cache: false,
    });
    played.fetched.as_ref().unwrap();
    assert!(played.file("fetched") == played.file("film"));
    for (who, own, others) in [("shares", "liddell", "dodgson"), ("fetches", "dodgson", "liddell")] {
        let heard = played.heard(who);
        assert!(heard.contains(own), "{who} heard nothing");
        assert!(!heard.contains(others), "{who} heard {others}");
    }
    assert!(played.heard("shares").contains("from: \"anonymous\" <sip:t1."));
}

/// The network's own cache has the rest of what a peer spoilt.
//= P2P-121 type=test
//= P2P-123 type=test
#[test]
fn what_a_peer_spoils_is_reported_and_comes_from_the_cache() {
    let played = play(Scene {
        entitled: Entitled::Everybody,
        alters_one_in: Some(2_000),
        lists_cache: true,
    });
    played.fetched.as_ref().unwrap();
    assert!(played.file("fetched") == played.file("film"));
    // Join, report, leave: each is taken.
    let publications = played.heard("fetches").matches(" publish\r\n").count();
    assert_eq!(publications, 3, "{}", played.heard("fetches"));
}

//= P2P-095 type=test
#[test]
fn who_has_not_paid_gets_what_is_encrypted_and_no_key() {
    let played = play(Scene {
        entitled: Entitled::Only(vec![SHARES.into()]),
        alters_one_in: None,
        lists_cache: false,
    });
    let refused = played.fetched.as_ref().unwrap_err().to_string();
    assert_eq!(refused, "the network says no: the peer may not have these keys");
    assert!(played.heard("fetches").contains("sip/2.0 403 forbidden"));
    assert!(!played.folder.path().join("fetched").exists());
}
