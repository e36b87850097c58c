//! `sipveil audit` of live traffic: judged as `replay` judges a recording, without an end, and each leak told as it happens.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::super::replay::{self, bad, prefix, tell};
use super::super::time::time;
use super::Exit;
use crate::config::{Style, key_file};
use crate::trace::capture::{Capture, CaptureCounts, CaptureError, Captured};
use crate::trace::live::agent::{AgentCounts, Agents};
use crate::trace::live::interface::{Interface, InterfaceCounts, NotHeard};
use crate::trace::live::{Ender, Ending, Pipe};
use crate::trace::playback::text::{Shown, Text};
use crate::trace::playback::{Finding, Kind, Playback, Summary, json};

/// Where traffic comes from, and how it is judged.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Traffic that another program records: `tcpdump -i eth0 -U -w - | sipveil audit -`.
    #[arg(group = "source")]
    capture: Option<PathBuf>,
    /// Listen to a network interface; needs CAP_NET_RAW. Sends nothing and leaves the interface as it is: for a mirror port, make it
    /// promiscuous yourself (`ip link set dev eth1 promisc on`).
    #[arg(long, value_name = "NAME", group = "source")]
    interface: Option<String>,
    /// Listen to HEP3 agents: a node that can mirror to Homer can mirror to this.
    #[arg(long, value_name = "udp:ADDRESS:PORT", value_parser = hep_address, group = "source")]
    hep: Option<SocketAddr>,
    /// The password, on the first line, that every HEP3 agent has to show.
    #[arg(long, value_name = "FILE", requires = "hep", conflicts_with_all = ["capture", "interface"])]
    hep_password_file: Option<PathBuf>,
    /// Judge without a policy file (--config is not read): exactly these addresses are in the trust domain. Can be
    /// repeated.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    inside: Vec<IpNet>,
    /// The keys of [topology_hiding]: what this network hid is opened, as a running node would. Without, it stays as it is.
    #[arg(long, value_name = "KEYS", conflicts_with = "inside")]
    hiding_keys: Option<PathBuf>,
    /// One JSON object a line, the last one with the sums.
    #[arg(long)]
    json: bool,
    /// Every message, not only those that leak.
    #[arg(long)]
    all: bool,
    /// With the addresses of both ends. They can be those of persons.
    #[arg(long)]
    addresses: bool,
}

/// Password files longer than this are something else.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Until a signal, or until there is nothing more. Ends with 1 when there was a leak.
pub(super) fn audit(config: &Path, arguments: &Arguments) -> Exit {
    let Some(policy) = replay::policy(config, &arguments.inside) else {
        return Exit::BadInput;
    };
    let playback = Playback::new(&policy);
    let playback = match arguments.hiding_keys.as_deref().map(key_file::hiding_keys).transpose() {
        Ok(Some(keys)) => playback.opening(keys),
        Ok(None) => playback,
        Err(error) => return bad(&error),
    };
    let style = match io::stdout().is_terminal() {
        true => Style::Coloured,
        false => Style::Plain,
    };
    let form = Form {
        text: Text {
            shown: Shown::All,
            style,
        },
        json: arguments.json,
    };
    let so_far = Arc::<Mutex<SoFar>>::default();
    let ending = match steered_by_signals(Arc::clone(&so_far), form) {
        Ok(ending) => ending,
        Err(error) => {
            tell("error", &format_args!("signals cannot be received: {error}"));
            return Exit::CouldNotStart;
        }
    };
    let source = match Source::open(arguments, ending) {
        Ok(source) => source,
        Err(exit) => return exit,
    };
    let mut telling = Telling {
        playback,
        form,
        all: arguments.all,
        addresses: arguments.addresses,
        so_far,
        out: anstream::AutoStream::auto(io::stdout().lock()),
    };
    let watched = source.watch(&mut telling);
    let told = watched.and_then(|fault| telling.sums().map(|()| fault));
    match told {
        // A reader that went away (`| head`) wants no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => bad(&format_args!("the findings cannot be written: {error}")),
        Ok(_) if telling.playback.summary().leaks() => Exit::Found,
        Ok(Some(fault)) => bad(&fault),
        Ok(None) => Exit::Done,
    }
}

enum Source {
    Interface(Interface),
    Agents(Agents),
    Pipe(Box<dyn Read>),
}

/// What was found, and what there was besides messages.
#[derive(Default)]
struct SoFar {
    summary: Summary,
    capture: CaptureCounts,
    interface: Option<Arc<InterfaceCounts>>,
    agents: Option<AgentCounts>,
}

impl Source {
    fn open(arguments: &Arguments, ending: Ending) -> Result<Source, Exit> {
        let could_not = |error: &dyn std::fmt::Display| {
            tell("error", error);
            Err(Exit::CouldNotStart)
        };
        if let Some(name) = &arguments.interface {
            return match Interface::open(name, ending) {
                Ok(interface) => {
                    tell("audit", &format_args!("listening to the interface {name}"));
                    Ok(Source::Interface(interface))
                }
                Err(error @ NotHeard::Unknown { .. }) => Err(bad(&error)),
                Err(error) => could_not(&error),
            };
        }
        if let Some(at) = arguments.hep {
            let password = match arguments.hep_password_file.as_deref().map(password).transpose() {
                Ok(password) => password,
                Err(error) => return Err(bad(&error)),
            };
            let opened = Agents::open(at, password, ending).and_then(|agents| Ok((agents.address()?, agents)));
            return match opened {
                Ok((at, agents)) => {
                    tell("audit", &format_args!("listening to HEP3 agents at udp:{at}"));
                    Ok(Source::Agents(agents))
                }
                Err(error) => could_not(&format_args!("{at} cannot be listened to: {error}")),
            };
        }
        let Some(path) = &arguments.capture else {
            return Err(bad(
                &"name what to audit: --interface, --hep, or a capture; `-` is standard input",
            ));
        };
        let opened = match path == Path::new("-") {
            // Without a buffer of its own, in which something could be while we wait for more.
            true => io::stdin().as_fd().try_clone_to_owned().map(File::from),
            false => File::open(path),
        };
        match opened {
            Ok(stream) => Ok(Source::Pipe(Box::new(Pipe { stream, ending }))),
            Err(error) => Err(bad(&format_args!("the capture cannot be read: {error}"))),
        }
    }

    /// Until it ends. Gives what ended it, if that was no signal and not the end of the traffic.
    fn watch(self, telling: &mut Telling<impl Write>) -> io::Result<Option<CaptureError>> {
        match self {
            Source::Interface(interface) => {
                telling.so_far().interface = Some(interface.counts());
                telling.capture(interface)
            }
            Source::Pipe(pipe) => telling.capture(pipe),
            Source::Agents(mut agents) => {
                while let Some(captured) = agents.next() {
                    telling.so_far().agents = Some(agents.counts());
                    telling.message(&captured?)?;
                }
                telling.so_far().agents = Some(agents.counts());
                Ok(None)
            }
        }
    }
}

/// How it is told.
#[derive(Clone, Copy)]
struct Form {
    text: Text,
    json: bool,
}

/// Who judges, and to whom it is told.
struct Telling<W> {
    playback: Playback,
    form: Form,
    all: bool,
    addresses: bool,
    so_far: Arc<Mutex<SoFar>>,
    out: W,
}

impl<W: Write> Telling<W> {
    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn capture(&mut self, reader: impl Read) -> io::Result<Option<CaptureError>> {
        let mut capture = Capture::new(reader);
        let mut fault = None;
        while let Some(next) = capture.next() {
            self.so_far().capture = capture.counts().clone();
            match next {
                Ok(captured) => self.message(&captured)?,
                // In the middle of what another program was writing when it was ended.
                Err(CaptureError::CutShort { .. }) => {}
                Err(error) => fault = Some(error),
            }
        }
        self.so_far().capture = capture.counts().clone();
        Ok(fault)
    }

    fn message(&mut self, captured: &Captured) -> io::Result<()> {
        let finding = self.playback.play(captured);
        self.so_far().summary = self.playback.summary();
        if !self.all && !leaks(&finding) {
            return Ok(());
        }
        if self.form.json {
            let mut object = json::object(&finding);
            object.insert("time".to_owned(), time(captured.unix).into());
            if self.addresses {
                object.insert("src".to_owned(), captured.src.to_string().into());
                object.insert("dst".to_owned(), captured.dst.to_string().into());
            }
            writeln!(self.out, "{}", Value::Object(object))?;
        } else {
            write!(self.out, "{}", time(captured.unix))?;
            if self.addresses {
                write!(self.out, " {} > {}", captured.src, captured.dst)?;
            }
            writeln!(self.out)?;
            self.form.text.finding(&mut self.out, &finding)?;
        }
        // Now, and not when there is enough of it.
        self.out.flush()
    }

    fn sums(&mut self) -> io::Result<()> {
        let mut sums = Vec::new();
        self.so_far().write(self.form, &mut sums)?;
        self.out.write_all(&sums)?;
        self.out.flush()
    }
}

impl SoFar {
    fn write(&self, Form { text, json }: Form, out: &mut dyn Write) -> io::Result<()> {
        let unseen = self.unseen();
        if json {
            let mut object = json::summary(&self.summary, &self.capture);
            let unseen: Map<String, Value> = unseen
                .into_iter()
                .map(|(name, count)| (name.replace(' ', "_").to_lowercase(), count.into()))
                .collect();
            object["unseen"] = Value::Object(unseen);
            return writeln!(out, "{}", json!({"summary": object}));
        }
        writeln!(out)?;
        text.summary(out, &self.summary, &self.capture)?;
        for (name, count) in unseen.into_iter().filter(|(_, count)| *count > 0) {
            writeln!(out, "{name:<22}{count:>8}")?;
        }
        Ok(())
    }

    /// What came and was not judged, by why.
    fn unseen(&self) -> Vec<(&'static str, u64)> {
        let interface = self.interface.iter().flat_map(|counts| {
            [
                ("dropped by the kernel", counts.dropped.load(Ordering::Relaxed)),
                ("interface was down", counts.interrupted.load(Ordering::Relaxed)),
            ]
        });
        let agents = self.agents.iter().flat_map(|counts| {
            [
                ("dropped by the kernel", counts.dropped),
                ("not HEP3", counts.unreadable),
                ("without the password", counts.not_let_in),
                ("not SIP", counts.not_sip),
            ]
        });
        interface.chain(agents).collect()
    }
}

fn leaks(finding: &Finding) -> bool {
    match &finding.kind {
        Kind::Judged(step) => step.recorded_leak.is_some() || !step.would_leak().is_empty(),
        Kind::Again(_) | Kind::Unreadable(_) => false,
    }
}

/// SIGINT and SIGTERM end it; what was found so far is summed up then, and for SIGUSR1 in between.
fn steered_by_signals(so_far: Arc<Mutex<SoFar>>, form: Form) -> io::Result<Ending> {
    let (ender, ending) = Ending::new()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user: signal(SignalKind::user_defined1())?,
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(signals.steer(ender, &so_far, form)))?;
    Ok(ending)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    user: Signal,
}

impl Signals {
    async fn steer(mut self, ender: Ender, so_far: &Mutex<SoFar>, form: Form) {
        let mut ender = Some(ender);
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.user.recv() => {
                    let mut sums = Vec::new();
                    let so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
                    // Nobody has to read it.
                    let _ = so_far.write(form, &mut sums).and_then(|()| io::stderr().write_all(&sums));
                    continue;
                }
            }
            if ender.take().is_none() {
                // Whoever asks again does not want to wait for a reader that does not read.
                std::process::exit(Exit::Done as i32);
            }
        }
    }
}

fn hep_address(text: &str) -> Result<SocketAddr, String> {
    let address = text.strip_prefix("udp://").or_else(|| text.strip_prefix("udp:"));
    let address = address.and_then(|address| address.parse().ok());
    address.ok_or_else(|| "write where HEP3 comes in, such as udp:127.0.0.1:9060 or udp:[::]:9060".to_owned())
}

fn password(path: &Path) -> Result<Vec<u8>, String> {
    let unread = |error: io::Error| format!("{}: the password cannot be read: {error}", path.display());
    let mut text = Vec::new();
    let mut file = BufReader::new(File::open(path).map_err(unread)?).take(PASSWORD_BYTES_MAX);
    file.read_to_end(&mut text).map_err(unread)?;
    let line = text
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    match line.is_empty() {
        true => Err(format!("{}: there is no password on the first line", path.display())),
        false => Ok(line.to_vec()),
    }
}
