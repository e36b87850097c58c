//! `sipveil audit`: judges live traffic ([`live`]), and reads what the sealed audit holds, for those who have its key.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "shell: reads the files it is told to"
)]

pub(super) mod line;
mod live;
pub(super) mod lookups;
mod token;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use self::lookups::LookUp;
use super::Exit;
use crate::audit::{AuditKeys, Reading, Step};
use crate::config::key_file;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    live: live::Arguments,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the records of an audit and prove that none was changed.
    Read {
        /// The audit, `lawful_interception.audit.file` of the policy.
        file: PathBuf,
        /// Its keys.
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Open the token that a recorded message of a dialog carries in its Route: whose dialog it is.
    Open {
        /// The message as it was recorded.
        message: PathBuf,
        /// The keys of sealed tokens; default: `proxy.key_file` of the policy.
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
}

pub(super) fn audit(config: &Path, arguments: &Arguments) -> Exit {
    match &arguments.command {
        Some(Command::Read { file, key_file, json }) => read(file, key_file, *json),
        Some(Command::Open { message, key_file }) => token::open(config, message, key_file.as_deref()),
        None => live::audit(config, &arguments.live),
    }
}

fn read(path: &Path, key_file: &Path, json: bool) -> Exit {
    let ([keys, for_noting], file) = match opened(path, key_file) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let mut reading = Reading::new(BufReader::new(file), &keys);
    let mut for_noting = Some(for_noting);
    let mut screen = io::BufWriter::new(io::stdout().lock());
    let end = loop {
        match reading.step() {
            Ok(Step::Record(record)) => {
                // The first one shows that these are the keys.
                let of = LookUp {
                    command: "AUDIT-READ",
                    file: path,
                    about: None,
                };
                let noted = for_noting.take().map(|keys| lookups::note(path, keys, &of));
                if let Some(Err(error)) = noted {
                    return bad_input(&error);
                }
                let line = match json {
                    true => line::json(&record),
                    false => line::text(&record),
                };
                // A reader that went away (`| head`) wants no more; what is left is proved all the same.
                let _ = writeln!(screen, "{line}");
            }
            Ok(end) => break end,
            Err(error) => return bad_input(&format_args!("{}: the audit cannot be read: {error}", path.display())),
        }
    };
    let _ = screen.flush();
    let digest = reading
        .digest()
        .map(|digest| data_encoding::HEXLOWER.encode(&digest[..8]));
    let sum = format!(
        "{} records, digest {}",
        reading.records(),
        digest.as_deref().unwrap_or("-")
    );
    let (exit, verdict) = match end {
        Step::Damaged => (Exit::Found, "damaged after them, or written with another key"),
        Step::Foreign => return bad_input(&format_args!("{}: this file is no audit", path.display())),
        Step::Torn => (
            Exit::Done,
            "then one that is not whole: cut short by a sudden end, or just being written",
        ),
        Step::End | Step::Record(_) => (Exit::Done, "all proved"),
    };
    let _ = writeln!(io::stderr(), "{}: {sum}; {verdict}", path.display());
    exit
}

/// An audit, with its keys: to read it, and to write down who did.
pub(super) fn opened(path: &Path, key_file: &Path) -> Result<([AuditKeys; 2], File), Exit> {
    let keys = match (keys(key_file), keys(key_file)) {
        (Ok(keys), Ok(again)) => [keys, again],
        (Err(error), _) | (_, Err(error)) => return Err(bad_input(&error)),
    };
    let unread = |error| bad_input(&format_args!("{}: the audit cannot be read: {error}", path.display()));
    Ok((keys, File::open(path).map_err(unread)?))
}

fn keys(path: &Path) -> Result<AuditKeys, key_file::KeyFileError> {
    Ok(AuditKeys::new(&key_file::existing_secrets(path)?)?)
}

pub(super) fn bad_input(error: &dyn std::fmt::Display) -> Exit {
    let _ = writeln!(io::stderr(), "error: {error}");
    Exit::BadInput
}
