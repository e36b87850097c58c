//! `sipveil tracker`: what the operator of a tracker may look at. Who was behind a temporary ID is answered from the sealed audit
//! alone, to those who have its key, and never without a record of who asked.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: reads the files it is told to, and the clock"
)]

use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Exit;
use super::audit::line::shown;
use super::audit::lookups::{self, LookUp};
use super::audit::{bad_input, opened};
use super::time;
use crate::audit::{AuditKeys, Reading, Step};
use crate::config::{self, contents};
use crate::engine::record::{Bindings, Found, Record};
use crate::policy::Policy;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the contents that can be announced, as the manifests of the policy have them.
    Contents,
    /// Tell who was behind a temporary ID at a time, out of the sealed audit; needs its key. That somebody asked is written down
    /// before anything is shown.
    Resolve {
        /// The ID, such as sip:t1.<36 characters>@tid.p2p.home1.example.
        id: String,
        /// When it was in use, such as 2026-11-28T09:30:00Z.
        #[arg(long, value_name = "TIME")]
        at: String,
        /// The audit; default: `lawful_interception.audit.file` of the policy.
        #[arg(long, value_name = "FILE")]
        audit: Option<PathBuf>,
        /// Its keys. They are not taken from the policy: who may look somebody up has them.
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn tracker(config: &Path, arguments: &Arguments) -> Exit {
    let mut policy = match config::load(config) {
        Ok((policy, _)) => policy,
        Err(found) => {
            super::check::tell(&found);
            return Exit::BadInput;
        }
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    match &arguments.command {
        Command::Contents => {
            if let Err(error) = contents::load(&mut policy.p2p, now) {
                return bad_input(&error);
            }
            list(&policy)
        }
        Command::Resolve {
            id,
            at,
            audit,
            key_file,
            json,
        } => {
            let of_policy = policy.lawful_interception.audit.as_ref();
            let of_policy = of_policy.map(|audit| Path::new(&audit.file.value));
            let Some(audit) = audit.as_deref().or(of_policy) else {
                return bad_input(&"the policy names no audit; write --audit FILE");
            };
            let Some(at) = time::read(at) else {
                return bad_input(&"--at is no time; write such as 2026-11-28T09:30:00Z");
            };
            if at < now.saturating_sub(policy.p2p.audit_retention.value.as_secs()) {
                return bad_input(
                    &"that is longer ago than p2p.audit_retention of the policy: it is not answered any more",
                );
            }
            resolve(audit, key_file, (id, at), *json)
        }
    }
}

fn list(policy: &Policy) -> Exit {
    let mut screen = io::stdout().lock();
    for content in policy.p2p.contents.iter() {
        let layout = &content.layout;
        let _ = writeln!(screen, "{}  {} pieces", content.swarm, layout.pieces());
    }
    Exit::Done
}

/// Reads all of the audit. What is told was proved; damage behind it is told as well, and the exit code is 1.
//= P2P-149
//= P2P-149 type=exception reason=what is older than the retention is not answered, and stays in the file, sealed, until the operator moves file or keys away: a chain of records has no hole
fn resolve(audit: &Path, key_file: &Path, (id, at): (&str, u64), json: bool) -> Exit {
    let mut bindings = Bindings::of(id.as_bytes(), at);
    // Twice: who stands somewhere may have come before the run that told of it.
    if let Err(exit) = walk(audit, key_file, |record| bindings.learn(record)) {
        return exit;
    }
    let (for_noting, end, records) = match walk(audit, key_file, |record| bindings.take(record)) {
        Ok(walked) => walked,
        Err(exit) => return exit,
    };
    let file = audit.display();
    let exit = match end {
        Step::Foreign => return bad_input(&format_args!("{file}: this file is no audit")),
        Step::Damaged if records == 0 => {
            return bad_input(&format_args!(
                "{file}: the audit is written with another key, or damaged"
            ));
        }
        Step::Damaged => Exit::Found,
        Step::Torn | Step::End | Step::Record(_) => Exit::Done,
    };
    let of = LookUp {
        command: "TRACKER-RESOLVE",
        file: audit,
        about: Some(id.as_bytes()),
    };
    if let Err(error) = lookups::note(audit, for_noting, &of) {
        return bad_input(&error);
    }
    let found = bindings.found();
    let text = match json {
        true => in_json(id, at, &found),
        false => in_words(&found),
    };
    let _ = writeln!(io::stdout(), "{text}");
    if exit == Exit::Found {
        let _ = writeln!(
            io::stderr(),
            "{file}: damaged after {records} records; what is behind is not known"
        );
    }
    exit
}

/// Reads an audit to its end; how it ended, after how many records.
fn walk(audit: &Path, key_file: &Path, mut take: impl FnMut(&Record)) -> Result<(AuditKeys, Step, u64), Exit> {
    let ([keys, for_noting], input) = opened(audit, key_file)?;
    let mut reading = Reading::new(BufReader::new(input), &keys);
    loop {
        match reading.step() {
            Ok(Step::Record(record)) => take(&record),
            Ok(end) => return Ok((for_noting, end, reading.records())),
            Err(error) => {
                let unread = format_args!("{}: the audit cannot be read: {error}", audit.display());
                return Err(bad_input(&unread));
            }
        }
    }
}

fn in_words(found: &Found) -> String {
    let mut lines = match &found.bound {
        None => vec!["nobody: the audit has no binding of this ID up to that time".to_owned()],
        Some(since) => {
            let mut line = format!("{} since {}", shown(&since.identity), time::time(since.unix));
            if !since.device.is_empty() {
                line += &format!("  device {}", shown(&since.device));
            }
            vec![line]
        }
    };
    lines.extend(found.sessions.iter().map(|session| {
        format!(
            "asked for at {} by {}, seen as {}  call-id {}  led to {}",
            time::time(session.unix),
            shown(&session.caller),
            match &session.called[..] {
                [] => "-".to_owned(),
                called => shown(called),
            },
            shown(&session.call_id),
            shown(&session.identity),
        )
    }));
    lines.join("\n")
}

fn in_json(id: &str, at: u64, found: &Found) -> String {
    let text = |value: &[u8]| Value::from(String::from_utf8_lossy(value));
    let sessions = found.sessions.iter().map(|session| {
        json!({
            "time": time::time(session.unix),
            "caller": text(&session.caller),
            "seen_as": text(&session.called),
            "call_id": text(&session.call_id),
            "identity": text(&session.identity),
        })
    });
    let bound = found.bound.as_ref().map(|since| {
        json!({ "since": time::time(since.unix), "identity": text(&since.identity), "device": text(&since.device) })
    });
    json!({ "id": id, "at": time::time(at), "bound": bound, "sessions": sessions.collect::<Vec<_>>() }).to_string()
}
