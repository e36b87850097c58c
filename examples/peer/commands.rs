//! What each command does with its words.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sipveil::ppsp::manifest::{CacheServer, Manifest};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::agent::Agent;
use super::content::Whole;
use super::fetch::{self, Wanted};
use super::key_service::{Entitled, Kept, KeyService};
use super::keyfile::{Public, Secret, key_text};
use super::line::Line;
use super::network::{self, Cache};
use super::options::{Misused, Options};
use super::source::{self, Folder, Wish, open_manifest};
use super::ue::{Problem, Ue};
use super::{audit, demo, load, now, random, share, speed};

/// Contents of a cache: each has its tree in memory.
const CACHED_MAX: usize = 64;

/// Why a command ended otherwise than well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Misused(#[from] Misused),
    #[error("{0}")]
    Other(String),
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

pub fn run(command: &str, words: Vec<String>) -> Result<(), Failure> {
    // The keys of a cache are a file; those of the demo are wanted or not.
    let options = Options::read(words, |name| name != "keys" || command == "demo")?;
    match command {
        "keys" => keys(&options),
        "publish" => publish(&options),
        "network" => network(&options),
        "share" => share(&options),
        "fetch" => fetch(&options),
        "audit" => audit(&options),
        "speed" => {
            speed::show();
            Ok(())
        }
        "demo" => demo::run(&options),
        "load" => load::run(&options),
        other => Err(Misused(format!("no command {other:?}")).into()),
    }
}

fn keys(options: &Options) -> Result<(), Failure> {
    let secret = Secret::load_or_make(Path::new(options.word("FILE")?)).map_err(other)?;
    let public = secret.public().ok_or_else(|| other("these keys are none"))?;
    println!("{}", key_text(&public.signs));
    Ok(())
}

fn publish(options: &Options) -> Result<(), Failure> {
    let file = Path::new(options.word("FILE")?);
    let key = Secret::load_or_make(&options.path("key")?).map_err(other)?;
    let cache = match options.get("cache") {
        None => None,
        Some(uri) => {
            let public = Public::load(&options.path("cache-keys")?).map_err(other)?;
            let server = CacheServer {
                key: public.signs,
                uri: uri.to_owned(),
            };
            Some((server, public.opens))
        }
    };
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let tracker_key = match options.has("tracker-key") {
        true => options.key("tracker-key")?,
        // Of a tracker that signs no tickets: nobody has this key's other half.
        false => random::bytes(),
    };
    let wish = Wish {
        title: options.get("title").unwrap_or(&title),
        source: options.must("source")?,
        cache,
        is_encrypted: options.has("encrypt"),
        tracker_key,
        is_closed: options.has("closed"),
        at: now(),
    };
    let folder = Folder::of(&options.path("out")?);
    let manifest = source::publish(file, &folder, &wish, &key.signing).map_err(other)?;
    println!("{}", manifest.root.text());
    Ok(())
}

fn manifest(options: &Options, path: &Path) -> Result<Manifest, Failure> {
    let source = (options.must("source")?, options.key("source-key")?);
    open_manifest(path, Some(source), now()).map_err(|error| other(format!("{}: {error}", path.display())))
}

pub fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(other)
}

/// Standard input is closed by who started this, or by Ctrl-D.
async fn closed() {
    let (teller, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
        let _ = teller.send(());
    });
    let _ = told.await;
}

fn network(options: &Options) -> Result<(), Failure> {
    let cache = match options.get("keys") {
        None => None,
        Some(path) => Some(Arc::new(cache(options, Path::new(path))?)),
    };
    let listen = options.get("listen").unwrap_or("127.0.0.1:0").to_owned();
    runtime()?.block_on(async {
        let listener = TcpListener::bind(&listen).await.map_err(other)?;
        println!("listens at {}", listener.local_addr().map_err(other)?);
        tokio::select! {
            served = network::serve(listener, cache) => served.map_err(other),
            () = closed() => Ok(()),
        }
    })
}

fn cache(options: &Options, keys: &Path) -> Result<Cache, Failure> {
    let secret = Secret::load_or_make(keys).map_err(other)?;
    let uri = options.must("cache")?.to_owned();
    let folders = options.all("content");
    if folders.len() > CACHED_MAX {
        return Err(other(format!(
            "a cache holds {CACHED_MAX} contents at most: leave some out"
        )));
    }
    let (mut held, mut kept) = (Vec::new(), Vec::new());
    for folder in folders {
        let folder = Folder::of(Path::new(folder));
        let manifest = manifest(options, &folder.manifest())?;
        let whole = Whole::open(&folder.content(), &manifest).map_err(other)?;
        held.push((manifest.root, Arc::new(whole)));
        if manifest.encryption.is_some() {
            let text = std::fs::read_to_string(folder.master()).map_err(other)?;
            let master = source::open_master(&text, &manifest.root, &secret.opening);
            let master =
                master.ok_or_else(|| other("content.master is not for these keys: publish with --cache-keys"))?;
            kept.push(Kept { manifest, master });
        }
    }
    let entitled = match options.all("entitled") {
        [] => Entitled::Everybody,
        some => Entitled::Only(some.to_vec()),
    };
    let service = KeyService::new(uri.clone(), secret.signing, &random::bytes(), kept, entitled);
    Ok(Cache {
        uri,
        held,
        service: Mutex::new(service),
    })
}

async fn ue(options: &Options) -> Result<Ue, Failure> {
    let line = Line::open(&options.way()?).await.map_err(other)?;
    let record = options
        .get("record")
        .map(std::fs::File::create)
        .transpose()
        .map_err(other)?;
    let ue = Ue::new(Agent::new(line, record), options.subscriber()?);
    Ok(match options.door()? {
        Some(door) => ue.through(door),
        None => ue,
    })
}

fn share(options: &Options) -> Result<(), Failure> {
    let folder = Folder::of(Path::new(options.word("FOLDER")?));
    let manifest = manifest(options, &folder.manifest())?;
    let content = Arc::new(Whole::open(&folder.content(), &manifest).map_err(other)?);
    let alters = options.parsed("alter-one-in")?;
    runtime()?.block_on(async {
        let mut ue = ue(options).await?;
        let ready = || println!("ready");
        let is_outside = options.has("outside");
        share::share(&mut ue, &manifest, content, alters, is_outside, (ready, closed()))
            .await
            .map_err(other)
    })
}

fn fetch(options: &Options) -> Result<(), Failure> {
    let manifest = manifest(options, Path::new(options.word("MANIFEST")?))?;
    let out = options.path("out")?;
    std::fs::create_dir_all(&out).map_err(other)?;
    let wanted = Wanted {
        manifest,
        content: Folder::of(&out).content(),
        plain: options.get("plain").map(Into::into),
        is_outside: options.has("outside"),
        authority: options.get("authority").map(Into::into),
    };
    runtime()?.block_on(async {
        let mut ue = ue(options).await?;
        let fetching = fetch::fetch(&mut ue, &wanted);
        tokio::select! {
            fetched = fetching => fetched.map_err(other),
            () = closed() => Err(other("its standard input was closed")),
        }
    })
}

/// An auditor with nothing to do asks again.
const IDLE: Duration = Duration::from_secs(60);

fn audit(options: &Options) -> Result<(), Failure> {
    let manifests = options.words.iter().map(|path| manifest(options, Path::new(path)));
    let manifests: Vec<Manifest> = manifests.collect::<Result<_, _>>()?;
    runtime()?.block_on(async {
        let mut ue = ue(options).await?;
        let audits = async {
            ue.register().await?;
            println!("registered");
            loop {
                if audit::visit(&mut ue, &manifests).await?.is_none() {
                    tokio::time::sleep(IDLE).await;
                }
            }
        };
        let ended: Result<(), Problem> = tokio::select! {
            audits = audits => audits,
            () = closed() => Ok(()),
        };
        ended.map_err(other)?;
        ue.leave().await.map_err(other)
    })
}
