//! `sipveil replay`: what the policy would do to a recorded trace, and what the trace shows already.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the capture is read here"
)]

use std::fs::File;
use std::hash::RandomState;
use std::io::{self, BufReader, BufWriter, IsTerminal, LineWriter, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ipnet::IpNet;

use super::Exit;
use crate::config::{self, Diagnostic, Style, key_file};
use crate::engine::judge::Outcome;
use crate::policy::admin::Identities;
use crate::policy::{Policy, StatedBy};
use crate::privacy::mirrored::{Glass, Recorded};
use crate::trace::capture::{Capture, CaptureCounts, CaptureError, Captured};
use crate::trace::pcap::Pcap;
use crate::trace::playback::against::{Against, Difference};
use crate::trace::playback::json::Json;
use crate::trace::playback::report::Report;
use crate::trace::playback::text::{Shown, Text};
use crate::trace::playback::{Finding, Kind, Playback, Summary};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A recorded trace: pcap or pcapng. `-` reads standard input.
    capture: PathBuf,
    /// Judge without a policy file (--config is not read): exactly these addresses are in the trust domain. Can be
    /// repeated.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    inside: Vec<IpNet>,
    /// The keys of [topology_hiding]: what this network hid is opened, as a running node would. Without, it stays as it is.
    #[arg(long, value_name = "KEYS", conflicts_with = "inside")]
    hiding_keys: Option<PathBuf>,
    /// Compare with another policy: only messages that it treats otherwise. Ends with 1 when there is one.
    #[arg(long, value_name = "OLD.toml", conflicts_with = "quiet")]
    against: Option<PathBuf>,
    /// A page for a browser as well: a ladder of each call, each message before and after. Shows nobody's name or address.
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    html: Option<PathBuf>,
    /// A capture as well: what would leave, by the same ways, names and addresses hidden. Retransmissions are not in it.
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    pcap: Option<PathBuf>,
    /// End with 1 when a hop outside is, or would be, shown what the policy forbids.
    #[arg(long)]
    deny_leaks: bool,
    /// One JSON object, a line a message.
    #[arg(long)]
    json: bool,
    /// Only messages with a decision, a refusal or a leak.
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
}

/// How findings are written.
pub enum Form {
    Text(Text),
    Json(Json),
}

impl Form {
    fn finding(&mut self, out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
        match self {
            Form::Text(text) => text.finding(out, finding),
            Form::Json(json) => json.finding(out, finding),
        }
    }

    fn difference(&mut self, out: &mut dyn Write, difference: &Difference) -> io::Result<()> {
        match self {
            Form::Text(text) => text.difference(out, difference),
            Form::Json(json) => json.difference(out, difference),
        }
    }

    fn comparison(&mut self, out: &mut dyn Write, against: &Against) -> io::Result<()> {
        match self {
            Form::Text(text) => {
                writeln!(out)?;
                text.comparison(out, against)
            }
            Form::Json(json) => json.comparison(out, against),
        }
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary, counts: &CaptureCounts) -> io::Result<()> {
        match self {
            Form::Text(text) => {
                writeln!(out)?;
                text.summary(out, summary, counts)
            }
            Form::Json(json) => json.summary(out, summary, counts),
        }
    }
}

/// What came of a replay. After an error in the capture everything before it was judged.
#[derive(Debug)]
pub struct Replayed {
    pub summary: Summary,
    /// Messages that another policy treats otherwise.
    pub differing: u64,
    pub error: Option<CaptureError>,
}

/// Files larger than this get a progress bar where there is a terminal.
const LARGE_BYTES: u64 = 1 << 20;

/// The command. Ends with 1 when leaks are denied and there is one, or two policies differ, else with 2 when the capture or the policy is bad.
pub(super) fn replay(config: &Path, arguments: &Arguments) -> Exit {
    let Some(new) = policy(config, &arguments.inside) else {
        return Exit::BadInput;
    };
    let old = match &arguments.against {
        None => None,
        Some(old) => match policy(old, &[]) {
            Some(old) => Some(old),
            None => return Exit::BadInput,
        },
    };
    let hiding_keys = arguments.hiding_keys.as_deref();
    let playback = |policy: &Policy| match hiding_keys.map(key_file::hiding_keys).transpose() {
        Ok(Some(keys)) => Ok(Playback::new(policy).opening(keys)),
        Ok(None) => Ok(Playback::new(policy)),
        Err(error) => Err(bad(&error)),
    };
    let (playback, old) = match (playback(&new), old.as_ref().map(playback).transpose()) {
        (Ok(new), Ok(old)) => (new, old),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let (reader, size): (Box<dyn Read>, u64) = match open(&arguments.capture) {
        Ok(opened) => opened,
        Err(error) => return bad(&format_args!("the capture cannot be read: {error}")),
    };
    let form = if arguments.json {
        Form::Json(Json::default())
    } else {
        Form::Text(Text {
            shown: if arguments.quiet { Shown::Marked } else { Shown::All },
            style: Style::Coloured,
        })
    };
    let mut page = match arguments.html.as_deref().map(Page::create).transpose() {
        Ok(page) => page,
        Err(error) => return bad(&format_args!("the page cannot be written: {error}")),
    };
    let mut leaving = match arguments
        .pcap
        .as_deref()
        .map(|path| Leaving::create(path, &new))
        .transpose()
    {
        Ok(leaving) => leaving,
        Err(error) => return bad(&format_args!("the capture of what leaves cannot be written: {error}")),
    };
    let bar = bar(size);
    let reader = bar.wrap_read(reader);
    let screen = io::stdout();
    let replayed = {
        let terminal = screen.is_terminal();
        let screen = anstream::AutoStream::auto(screen.lock());
        // Whoever denies leaks waits for the exit code, and a page is to be whole, even when nobody reads on.
        let patient = Patient {
            screen,
            bar: &bar,
            goes_on: arguments.deny_leaks || page.is_some() || leaving.is_some(),
        };
        // Whole lines on a terminal, so that the bar never stands within one.
        let mut out: Box<dyn Write> = match terminal {
            true => Box::new(LineWriter::new(patient)),
            false => Box::new(BufWriter::new(patient)),
        };
        let replayed = match old {
            None => {
                let beside = Beside {
                    page: page.as_mut(),
                    leaving: leaving.as_mut(),
                };
                play_on(playback, reader, form, beside, &mut out)
            }
            Some(old) => compare(Against::new(old, playback), reader, form, &mut out),
        };
        replayed.and_then(|replayed| out.flush().map(|()| replayed))
    };
    let left_out = leaving.map(|leaving| leaving.pcap.finish()).transpose();
    bar.finish_and_clear();
    match left_out {
        Ok(None | Some(0)) => {}
        Ok(Some(count)) => tell(
            "warning",
            &format_args!("{count} messages fit into no datagram and are not in the capture"),
        ),
        Err(error) => return bad(&format_args!("the capture of what leaves cannot be written: {error}")),
    }
    let Replayed {
        summary,
        differing,
        error,
    } = match replayed {
        Ok(replayed) => replayed,
        // A reader that went away (`| head`) wants no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
        Err(error) => return bad(&format_args!("the findings cannot be written: {error}")),
    };
    if let Some(error) = &error {
        bad(error);
    } else if summary.messages == 0 {
        tell("warning", &"there is no SIP message in this capture");
    }
    match error {
        _ if arguments.deny_leaks && summary.leaks() => Exit::Found,
        None if differing > 0 => Exit::Found,
        Some(_) => Exit::BadInput,
        None => Exit::Done,
    }
}

/// Judges every message of a capture and writes what was found.
///
/// Fails when the findings cannot be written.
pub fn play(reader: impl Read, policy: &Policy, form: Form, out: &mut dyn Write) -> io::Result<Replayed> {
    play_on(Playback::new(policy), reader, form, Beside::default(), out)
}

/// The same, and writes the page.
///
/// Fails when the page cannot be written.
pub fn play_to_page(reader: impl Read, policy: &Policy, page: &mut Page, out: &mut dyn Write) -> io::Result<Replayed> {
    let form = Form::Json(Json::default());
    let beside = Beside {
        page: Some(page),
        leaving: None,
    };
    play_on(Playback::new(policy), reader, form, beside, out)
}

/// A page that is being written to a file.
pub struct Page {
    report: Report,
    file: BufWriter<File>,
}

impl Page {
    pub fn create(path: &Path) -> io::Result<Page> {
        Ok(Page {
            report: Report::default(),
            file: BufWriter::new(File::create(path)?),
        })
    }
}

/// A capture of what would leave, being written to a file.
struct Leaving {
    glass: Glass,
    /// Knows nobody's address but its own.
    policy: Policy,
    pcap: Pcap<BufWriter<File>>,
    /// When the capture begins, in seconds since 1970.
    begins_at: Option<u64>,
}

impl Leaving {
    fn create(path: &Path, policy: &Policy) -> io::Result<Leaving> {
        let policy = Policy {
            peers: Vec::new(),
            ..policy.clone()
        };
        Ok(Leaving {
            glass: Glass::new(Identities::Hidden, RandomState::new()),
            policy,
            pcap: Pcap::new(BufWriter::new(File::create(path)?))?,
            begins_at: None,
        })
    }

    fn finding(&mut self, captured: &Captured, finding: &Finding) -> io::Result<()> {
        let Kind::Judged(step) = &finding.kind else {
            return Ok(());
        };
        let Outcome::Cleared(outgoing) = &step.judgement.outcome else {
            return Ok(());
        };
        let begins_at = captured.unix.saturating_sub(captured.at.as_secs());
        let begins_at = *self.begins_at.get_or_insert(begins_at);
        let recorded = Recorded {
            transport: captured.transport,
            src: captured.src,
            dst: captured.dst,
            at: Duration::from_secs(begins_at).saturating_add(captured.at),
            bytes: outgoing.bytes(),
        };
        self.pcap.write(&self.glass.shows_recorded(&self.policy, &recorded))
    }
}

/// What is written beside the findings.
#[derive(Default)]
struct Beside<'a> {
    page: Option<&'a mut Page>,
    leaving: Option<&'a mut Leaving>,
}

fn play_on(
    mut playback: Playback,
    reader: impl Read,
    mut form: Form,
    mut beside: Beside<'_>,
    out: &mut dyn Write,
) -> io::Result<Replayed> {
    let mut capture = Capture::new(reader);
    let mut error = None;
    for next in capture.by_ref() {
        match next {
            Ok(captured) => {
                let finding = playback.play(&captured);
                if let Some(leaving) = &mut beside.leaving {
                    leaving.finding(&captured, &finding)?;
                }
                if let Some(page) = &mut beside.page {
                    page.report.finding(&mut page.file, &captured, &finding)?;
                }
                form.finding(out, &finding)?;
            }
            Err(fault) => error = Some(fault),
        }
    }
    let summary = playback.summary();
    if let Some(page) = beside.page {
        page.report.summary(&mut page.file, &summary, capture.counts())?;
        page.file.flush()?;
    }
    form.summary(out, &summary, capture.counts())?;
    Ok(Replayed {
        summary,
        differing: 0,
        error,
    })
}

/// Judges every message of a capture by two policies and writes where they part.
///
/// Fails when that cannot be written.
pub fn compare(mut against: Against, reader: impl Read, mut form: Form, out: &mut dyn Write) -> io::Result<Replayed> {
    let mut capture = Capture::new(reader);
    let mut error = None;
    for next in capture.by_ref() {
        match next {
            Ok(captured) => {
                if let Some(difference) = against.play(&captured) {
                    form.difference(out, &difference)?;
                }
            }
            Err(fault) => error = Some(fault),
        }
    }
    form.comparison(out, &against)?;
    let [_, summary] = against.summaries();
    Ok(Replayed {
        summary,
        differing: against.differing(),
        error,
    })
}

/// The policy in the file, or one that trusts exactly these prefixes.
pub(super) fn policy(config: &Path, inside: &[IpNet]) -> Option<Policy> {
    let read = match inside {
        [] => config::load(config),
        inside => return inside_policy(inside).map_err(|found| super::check::tell(&found)).ok(),
    };
    match read {
        Ok((policy, warnings)) => {
            super::check::tell(&warnings);
            Some(policy)
        }
        Err(found) => {
            super::check::tell(&found);
            None
        }
    }
}

/// A policy in which these prefixes are trusted and nobody else is; an identity nobody asked to hide is kept.
///
/// Nothing in it was written by the operator, so no decision cites a line.
pub fn inside_policy(inside: &[IpNet]) -> Result<Policy, Vec<Diagnostic>> {
    // It is never run, so what a running one should be warned of does not matter.
    let (mut policy, _) = config::read(&inside_text(inside), "--inside")?;
    policy.spec_t.default_privacy_to_ue.by = StatedBy::Default;
    policy.spec_t.default_privacy_to_untrusted.by = StatedBy::Default;
    let prefixes = policy.peers.iter_mut().flat_map(|peer| &mut peer.prefixes);
    prefixes.for_each(|prefix| prefix.by = StatedBy::Default);
    Ok(policy)
}

fn inside_text(inside: &[IpNet]) -> String {
    let prefixes: Vec<String> = inside.iter().map(|prefix| format!("\"{prefix}\"")).collect();
    format!(
        "schema = 1\nprofile = \"ims\"\n[domain]\nid = \"inside\"\n[spec_t]\nuser_authentication = [\"none\"]\n\
         inter_node_security = [\"physical\"]\nue_security = [\"physical\"]\n\
         default_privacy = {{ to_ue = \"keep\", to_untrusted = \"keep\" }}\n\
         [[listener]]\nname = \"replay\"\nbind = \"udp://0.0.0.0:5060\"\npeers = \"listed\"\nsecured_by = \"physical\"\n\
         [[peer]]\nname = \"inside\"\nprefixes = [{}]\nsecured_by = \"physical\"\n",
        prefixes.join(", ")
    )
}

pub(super) fn prefix(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    let net = text.parse::<IpNet>().or_else(|_| one());
    net.map(|net| net.trunc())
        .map_err(|_| "write an address or a prefix, such as 10.20.0.0/24 or 2001:db8:20::/64".to_owned())
}

fn open(path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), 0));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((Box::new(BufReader::new(file)), size))
}

fn bar(size: u64) -> ProgressBar {
    if size < LARGE_BYTES || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Standard output beside a progress bar; its end may be ignored.
struct Patient<'a, W> {
    screen: W,
    bar: &'a ProgressBar,
    goes_on: bool,
}

impl<W: Write> Patient<'_, W> {
    fn or_ignore<T>(&self, result: io::Result<T>, ignored: T) -> io::Result<T> {
        match result {
            Err(error) if self.goes_on && error.kind() == io::ErrorKind::BrokenPipe => Ok(ignored),
            result => result,
        }
    }
}

impl<W: Write> Write for Patient<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (bar, screen) = (self.bar, &mut self.screen);
        let written = bar.suspend(|| screen.write(bytes));
        self.or_ignore(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.screen.flush();
        self.or_ignore(flushed, ())
    }
}

pub(super) fn bad(error: &dyn std::fmt::Display) -> Exit {
    tell("error", error);
    Exit::BadInput
}

pub(super) fn tell(word: &str, what: &dyn std::fmt::Display) {
    // Nobody may read it; the exit code says it too.
    let _ = writeln!(io::stderr(), "{word}: {what}");
}
