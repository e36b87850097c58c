//! The commands. Arguments in, an exit code out; a file a command.

mod audit;
mod check;
mod completions;
mod explain;
mod page;
pub mod replay;
pub mod run;
mod spec;
mod time;
mod tracker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// What every command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The thing looked for was found: a leak, a difference.
    Found = 1,
    /// Bad arguments, input or policy.
    BadInput = 2,
    /// A port in use, a key unreadable.
    CouldNotStart = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A SIP/IMS edge proxy that keeps identities inside the trust domain, and proves what it hides.
#[derive(Debug, Parser)]
#[command(name = "sipveil", version)]
struct Arguments {
    /// The policy.
    #[arg(long, global = true, value_name = "FILE", default_value = "trust-domain.toml")]
    config: PathBuf,

    #[command(subcommand)]
    command: Option<Command>,
}

// One variant a command, in the order of the manual: run, check, spec, explain, replay, audit,
// tracker, completions, man.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy; what happens without a command, too.
    Run,
    /// Read the policy and point at every mistake; opens nothing, resolves nothing.
    Check(check::Arguments),
    /// Write the SPEC(T) of the policy, all eight items, as Markdown.
    Spec,
    /// What the policy would do to a recorded trace, and what the trace shows already.
    Replay(replay::Arguments),
    /// Tell what would happen to one message, header by header, and why.
    Explain(explain::Arguments),
    /// Judge live traffic and tell of each leak, touching nothing; or read the sealed audit of hidden identities.
    Audit(audit::Arguments),
    /// What the tracker knows: contents, and who was behind a temporary ID.
    Tracker(tracker::Arguments),
    /// Write completions for a shell.
    Completions(completions::Arguments),
    /// Write the manual page.
    Man,
}

/// Runs the command the process was started with.
pub fn main() -> ExitCode {
    // Ends the process with 2 and the reason where the arguments make no sense.
    let Arguments { config, command } = Arguments::parse();
    match command {
        None | Some(Command::Run) => run::main(&config),
        Some(Command::Check(arguments)) => check::check(&config, &arguments).into(),
        Some(Command::Spec) => spec::spec(&config).into(),
        Some(Command::Replay(arguments)) => replay::replay(&config, &arguments).into(),
        Some(Command::Explain(arguments)) => explain::explain(&config, &arguments).into(),
        Some(Command::Audit(arguments)) => audit::audit(&config, &arguments).into(),
        Some(Command::Tracker(arguments)) => tracker::tracker(&config, &arguments).into(),
        Some(Command::Completions(arguments)) => completions::completions(&arguments).into(),
        Some(Command::Man) => completions::man().into(),
    }
}
