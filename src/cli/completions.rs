//! `sipveil completions` and `sipveil man`: the command line, told to a shell and to `man`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell they are for.
    shell: Shell,
}

/// Writes completions to standard output.
pub(super) fn completions(arguments: &Arguments) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "sipveil", &mut text);
    write(&text)
}

/// Writes the manual page, in the language of `man`, to standard output.
pub(super) fn man() -> Exit {
    let mut text = Vec::new();
    match clap_mangen::Man::new(super::Arguments::command()).render(&mut text) {
        Ok(()) => write(&text),
        Err(_) => Exit::CouldNotStart,
    }
}

/// A reader that went away (`| head`) wants no more.
fn write(text: &[u8]) -> Exit {
    let _ = io::stdout().lock().write_all(text);
    Exit::Done
}
