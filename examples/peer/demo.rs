//! All of it at once, on loopback: published, announced, proved, listed, called by temporary ID, fetched, and searched for names.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use tempfile::TempDir;

use super::commands::Failure;
use super::ground::{FETCHES, Ground, Proxy, SHARES};
use super::options::{Misused, Options};
use super::process::Process;
use super::random;

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

/// What is to be shown.
struct Wish {
    arch: u8,
    mib: u64,
    keys: bool,
    tamper: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let arch = options.parsed("arch")?.unwrap_or(2);
    if !(1..=3).contains(&arch) {
        let shown = "--arch: 1 (peers meet outside of the network), 2 (they call through it) or 3 (the tracker is asked by HTTPS)";
        return Err(Misused(shown.into()).into());
    }
    let wish = Wish {
        arch,
        mib: options.parsed("mib")?.unwrap_or(64),
        keys: options.has("keys"),
        tamper: options.has("tamper"),
    };
    let [own, program] = programs(options)?;
    let folder = TempDir::new().map_err(other)?;
    let ground = Ground::new(folder.path(), &own, &program).map_err(other)?;
    let shown = Demo {
        ground,
        wish,
        begin: Instant::now(),
    }
    .show();
    if options.has("keep") || shown.is_err() {
        println!("left behind: {}", folder.keep().display());
    }
    shown.map_err(Failure::Other)
}

/// This program, and the proxy's.
pub fn programs(options: &Options) -> Result<[PathBuf; 2], Failure> {
    let own = std::env::current_exe().map_err(other)?;
    let built = own.parent().and_then(Path::parent).map(|folder| folder.join("sipveil"));
    let program = options
        .get("proxy-program")
        .map(PathBuf::from)
        .or(built)
        .unwrap_or_default();
    if !program.is_file() {
        let build = "build it (`cargo build --release`) or name it with --proxy-program";
        return Err(other(format!("there is no proxy at {}: {build}", program.display())));
    }
    Ok([own, program])
}

struct Demo<'a> {
    ground: Ground<'a>,
    wish: Wish,
    begin: Instant,
}

impl Demo<'_> {
    fn says(&self, who: &str, what: &str) {
        println!("{:>7.2} s  {who:<8} {what}", self.begin.elapsed().as_secs_f64());
    }

    fn show(&self) -> Result<(), String> {
        let ground = &self.ground;
        let film = ground.path("film");
        write_random(&film, self.wish.mib)?;
        let digest = sha256(&film)?;
        self.says("source", &format!("a film of {} MiB", self.wish.mib));
        let encrypt = self.wish.keys.then_some("--encrypt");
        let swarm = ground.publish(encrypt)?;
        let how = if self.wish.keys {
            "encrypted, cut and signed"
        } else {
            "cut and signed"
        };
        self.says("source", &format!("{how}: ni:///sha-256;{swarm}"));
        let (network, core) = ground.network()?;
        self.says("core", &format!("registrar and cache at {core}"));
        let proxy = ground.proxy(&core, self.wish.tamper, self.wish.arch, &[])?;
        self.says("proxy", &format!("UEs come in at {} by TLS", proxy.access));
        if let Some(tracker) = &proxy.tracker {
            self.says("proxy", &format!("the tracker is asked at {tracker} by HTTPS"));
        }
        let shares = self.shares(&proxy)?;
        let fetched = self.fetches(&proxy, &shares)?;
        let left = shares.stop(|line| self.says("shares", line))?;
        let (left, ended) = (left.success(), proxy.process.terminate()?);
        network.stop(|_| {})?;
        if !(fetched && left && ended.success()) {
            return Err("not everybody ended well: the .log files tell more".into());
        }
        if sha256(&ground.path("fetched"))? != digest {
            return Err("what was fetched is not what was published".into());
        }
        self.says("demo", "what was fetched is what was published (SHA-256)");
        self.nobody_is_named()
    }

    fn shares(&self, proxy: &Proxy) -> Result<Process, String> {
        let mut words = vec!["share".to_owned(), self.ground.text("published")];
        words.extend(self.ground.ue(proxy, SHARES, "shares", self.wish.arch));
        if self.wish.tamper {
            // The last leaf of the first half.
            words.extend(["--alter-one-in".to_owned(), (self.wish.mib * 512).to_string()]);
        }
        let process = self.ground.start("shares", &words)?;
        process.until("ready", |line| self.says("shares", line))?;
        Ok(process)
    }

    fn fetches(&self, proxy: &Proxy, shares: &Process) -> Result<bool, String> {
        let ground = &self.ground;
        let mut words = [
            "fetch",
            &ground.text("published/content.manifest"),
            "--out",
            &ground.text("incoming"),
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend(["--plain".to_owned(), ground.text("fetched")]);
        words.extend(ground.ue(proxy, FETCHES, "fetches", self.wish.arch));
        let process = ground.start("fetches", &words)?;
        let (mut called, mut reported) = (None, false);
        let ended = process.ends(|line| {
            shares.said().for_each(|line| self.says("shares", &line));
            if line.starts_with("called ") || line.starts_with("knocks ") {
                called = Some(Instant::now());
            }
            if let (Some(called), true) = (called, line.starts_with("fetched ")) {
                let seconds = Instant::now().duration_since(called).as_secs_f64();
                let rate = self.wish.mib as f64 / seconds;
                self.says("fetches", &format!("{line}, {seconds:.2} s, {rate:.0} MiB/s"));
            } else {
                self.says("fetches", line);
            }
            reported |= line.starts_with("reported ");
        })?;
        if self.wish.tamper && !reported {
            return Err("a peer altered what it served, and nobody reported it".into());
        }
        Ok(ended.success())
    }

    /// Neither UE received the name of the other, and each its own: so what was searched is what would show it.
    //= P2P-072
    //= P2P-073
    fn nobody_is_named(&self) -> Result<(), String> {
        for (who, own, others) in [("shares", SHARES, FETCHES), ("fetches", FETCHES, SHARES)] {
            let record = self.ground.path(&format!("{who}.sip"));
            let heard = std::fs::read(&record).map_err(|error| format!("{}: {error}", record.display()))?;
            let heard = String::from_utf8_lossy(&heard).to_lowercase();
            let user = |identity: &str| identity[4..].split('@').next().unwrap_or_default().to_owned();
            let names = |identity: &str| user(identity).split('.').any(|part| heard.contains(part));
            if !names(own) {
                return Err(format!("the record of {who} does not even name itself"));
            }
            if names(others) {
                return Err(format!("{who} received the identity of the other"));
            }
            self.says(
                "demo",
                &format!(
                    "{who} received {} bytes of SIP, none of them the other's name",
                    heard.len()
                ),
            );
        }
        Ok(())
    }
}

pub fn write_random(path: &Path, mib: u64) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = std::fs::File::create(path).map_err(failed)?;
    for _ in 0..mib * 16 {
        file.write_all(&random::bytes::<{ 64 << 10 }>()).map_err(failed)?;
    }
    Ok(())
}

fn sha256(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut context = Context::new(&SHA256);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut portion = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut portion).map_err(failed)? {
            0 => return Ok(context.finish().as_ref().to_vec()),
            length => context.update(&portion[..length]),
        }
    }
}
