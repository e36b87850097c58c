//! All of it around the built proxy: a UE shares, another fetches, a cache has the keys.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sipveil::ppsp::manifest::{CacheServer, Manifest};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::agent::Agent;
use super::content::Whole;
use super::fetch::{self, NotFetched, Wanted};
use super::ground::{CACHE, FETCHES, Ground, NAME, SHARES, SOURCE};
use super::https::Door;
use super::key_service::{Entitled, Kept, KeyService};
use super::keyfile::Secret;
use super::line::{Line, Own, Tls, Way};
use super::network::{self, Cache};
use super::source::{Folder, Wish, open_master, publish};
use super::ue::{Subscriber, Ue};
use super::{now, random, share};
use crate::end_to_end::node::Node;

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Two groups of keys.
const BYTES: usize = 17 * (256 << 10) + 777;

pub(super) struct Scene {
    pub entitled: Entitled,
    pub alters_one_in: Option<u32>,
    pub lists_cache: bool,
    /// More of `[p2p]`.
    pub lines: String,
    /// Peers meet without the network.
    pub is_outside: bool,
    /// The tracker is asked by HTTPS.
    pub is_direct: bool,
    /// Who shares beside Alice: a name, an identity, and where it is.
    pub others: Vec<(&'static str, &'static str, IpAddr)>,
    /// What the log says before anybody comes.
    pub awaits: Option<&'static str>,
}

impl Default for Scene {
    fn default() -> Scene {
        Scene {
            entitled: Entitled::Everybody,
            alters_one_in: None,
            lists_cache: false,
            lines: String::new(),
            is_outside: false,
            is_direct: false,
            others: Vec::new(),
            awaits: None,
        }
    }
}

/// What came of it.
pub(super) struct Played {
    folder: TempDir,
    pub fetched: Result<(), NotFetched>,
}

impl Played {
    pub fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    pub fn heard(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.file(name)).to_lowercase()
    }
}

/// A folder with keys and a film, before anything runs.
pub(super) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let plain: Vec<u8> = (0..BYTES).map(|at| (at / 1024 + at) as u8).collect();
    std::fs::write(folder.path().join("film"), plain).unwrap();
    folder
}

/// What there is before anybody registers: a film that is published, and the proxy with a network behind it.
pub(super) struct Stage {
    pub folder: TempDir,
    pub node: Node,
    pub manifest: Manifest,
    content: Arc<Whole>,
    is_outside: bool,
    is_direct: bool,
}

/// Somebody who serves it: told to end, and when that is done.
pub(super) struct Sharing {
    ends: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Sharing {
    pub async fn end(self) {
        self.ends.send(()).unwrap();
        self.task.await.unwrap();
    }
}

impl Stage {
    /// `scene`: made of the ground, when the content is published there.
    pub async fn set(folder: TempDir, scene: impl FnOnce(&Ground<'_>) -> Scene) -> (Stage, Scene) {
        let path = folder.path().to_owned();
        let nobody = Path::new("");
        let ground = Ground::new(&path, nobody, nobody).unwrap();
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
            tracker_key: ground.tracker_key,
            is_closed: true,
            at: now(),
        };
        let files = Folder::of(&path.join("published"));
        let manifest = publish(&path.join("film"), &files, &wish, &source.signing).unwrap();
        let content = Arc::new(Whole::open(&files.content(), &manifest).unwrap());
        let text = std::fs::read_to_string(files.master()).unwrap();
        let mut scene = scene(&ground);
        let kept = vec![Kept {
            manifest: manifest.clone(),
            master: open_master(&text, &manifest.root, &cache.opening).unwrap(),
        }];
        let entitled = std::mem::replace(&mut scene.entitled, Entitled::Everybody);
        let service = KeyService::new(CACHE.into(), cache.signing, &random::bytes(), kept, entitled);
        let cache = Cache {
            uri: CACHE.into(),
            held: vec![(manifest.root, Arc::clone(&content))],
            service: Mutex::new(service),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let core = listener.local_addr().unwrap().to_string();
        tokio::spawn(network::serve(listener, Some(Arc::new(cache))));
        let mut node = Node::start(&path, &ground.policy_with(&core, scene.lists_cache, &scene.lines));
        if let Some(words) = scene.awaits {
            node.waits_for(words);
        }
        let stage = Stage {
            folder,
            node,
            manifest,
            content,
            is_outside: scene.is_outside,
            is_direct: scene.is_direct,
        };
        (stage, scene)
    }

    /// A UE; what it hears is in the file of its name.
    pub async fn ue(&self, identity: &str, name: &str, from: IpAddr) -> Ue {
        ue(self.folder.path(), &self.node, identity, name, from, self.is_direct).await
    }

    /// Somebody who has all of it.
    pub async fn shares(&self, (name, identity, from): (&str, &str, IpAddr), alters_one_in: Option<u32>) -> Sharing {
        let mut shares = self.ue(identity, name, from).await;
        let (ends, ended) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel::<()>();
        let (manifest, content, is_outside) = (self.manifest.clone(), Arc::clone(&self.content), self.is_outside);
        let task = tokio::spawn(async move {
            let ready = || ready.send(()).unwrap();
            let ended = async { drop(ended.await) };
            let ways = (ready, ended);
            let shared = share::share(&mut shares, &manifest, content, alters_one_in, is_outside, ways).await;
            shared.unwrap();
        });
        is_ready.await.unwrap();
        Sharing { ends, task }
    }

    pub fn wanted(&self) -> Wanted {
        let path = self.folder.path();
        Wanted {
            manifest: self.manifest.clone(),
            content: path.join("incoming"),
            plain: Some(path.join("fetched")),
            is_outside: self.is_outside,
            authority: Some(path.join("ca.pem")),
        }
    }
}

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn play(scene: Scene) -> Played {
    play_in(folder(), |_| scene)
}

/// One fetches it from all who share.
pub(super) fn play_in(folder: TempDir, scene: impl FnOnce(&Ground<'_>) -> Scene) -> Played {
    runtime().block_on(async {
        let (stage, scene) = Stage::set(folder, scene).await;
        let mut sharing = Vec::new();
        for who in [("shares", SHARES, LOOPBACK)].into_iter().chain(scene.others) {
            sharing.push(stage.shares(who, scene.alters_one_in).await);
        }
        let mut fetches = stage.ue(FETCHES, "fetches", LOOPBACK).await;
        let fetched = fetch::fetch(&mut fetches, &stage.wanted()).await;
        for one in sharing {
            one.end().await;
        }
        stage.node.stop();
        Played {
            folder: stage.folder,
            fetched,
        }
    })
}

async fn ue(folder: &Path, node: &Node, identity: &str, name: &str, from: IpAddr, is_direct: bool) -> Ue {
    let authority = folder.join("ca.pem");
    let way = Way {
        to: node.address("access", "tls"),
        tls: Some(Tls {
            authority: authority.clone(),
            name: NAME.into(),
        }),
        from: Some(from),
    };
    let record = File::create(folder.join(name)).unwrap();
    let agent = Agent::new(Line::open(&way).await.unwrap(), Some(record));
    let who = Subscriber {
        identity: identity.into(),
        home: "home1.example".into(),
        p2p: "p2p.home1.example".into(),
    };
    let ue = Ue::new(agent, who);
    match is_direct {
        false => ue,
        true => ue.through(Door {
            to: node.address("tracker", "https"),
            authority,
            name: NAME.into(),
            own: Own {
                certificate: folder.join(format!("{name}.pem")),
                key: folder.join(format!("{name}.key")),
            },
        }),
    }
}

//= P2P-072 type=test
//= P2P-073 type=test
//= P2P-093 type=test
#[test]
fn a_film_goes_from_one_to_another_and_neither_hears_who_the_other_is() {
    let played = play(Scene {
        entitled: Entitled::Only(vec![FETCHES.into()]),
        ..Scene::default()
    });
    played.fetched.as_ref().unwrap();
    assert!(played.file("fetched") == played.file("film"));
    for (who, own, others) in [("shares", "liddell", "dodgson"), ("fetches", "dodgson", "liddell")] {
        let heard = played.heard(who);
        assert!(heard.contains(own), "{who} heard nothing");
        assert!(!heard.contains(others), "{who} heard {others}");
    }
    assert!(played.heard("shares").contains("from: \"anonymous\" <sip:t1."));
    // The keys came for the ticket of the tracker: nobody called the cache for one of its own.
    assert!(played.heard("fetches").contains("\"ims_ticket\":\"ey"));
    assert_eq!(played.heard("fetches").matches("sip/2.0 100 trying").count(), 1);
}

/// The network's own cache has the rest of what a peer spoilt.
//= P2P-121 type=test
//= P2P-123 type=test
#[test]
fn what_a_peer_spoils_is_reported_and_comes_from_the_cache() {
    let played = play(Scene {
        alters_one_in: Some(2_000),
        lists_cache: true,
        ..Scene::default()
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
        ..Scene::default()
    });
    let refused = played.fetched.as_ref().unwrap_err().to_string();
    assert_eq!(refused, "the network says no: the peer may not have these keys");
    assert!(played.heard("fetches").contains("sip/2.0 403 forbidden"));
    assert!(!played.folder.path().join("fetched").exists());
}
