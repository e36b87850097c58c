//! `sipveil check`: reads the policy and points at every mistake.

use std::{
    io::{self, Write},
    path::Path,
};

use super::Exit;
use crate::config::{self, Diagnostic, Style};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Show every value in force and who stated it: the file, the profile or the default.
    #[arg(long)]
    print: bool,
}

/// Says `FILE: ok` on standard output, findings on standard error.
pub(super) fn check(config: &Path, arguments: &Arguments) -> Exit {
    match config::load(config) {
        Ok((policy, warnings)) => {
            tell(&warnings);
            let mut text = String::new();
            if arguments.print {
                text.push_str(&config::effective(&policy));
                text.push('\n');
            }
            text.push_str(&format!("{}: ok\n", policy.file));
            // A reader that went away (`| head`) wants no more.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            Exit::Done
        }
        Err(found) => {
            tell(&found);
            Exit::BadInput
        }
    }
}

/// Findings on standard error, with colours only where a terminal shows them.
pub(super) fn tell(found: &[Diagnostic]) {
    let mut screen = anstream::stderr().lock();
    for one in found {
        let _ = writeln!(screen, "{}\n", one.render(Style::Coloured));
    }
}
