//! The IMS P2P system, to be tried: a content source, a cache with its key service, UEs that share and fetch, and the core they
//! need, each a process of its own around a running proxy.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example peer -- demo --keys
//! ```
//!
//! `demo` starts everything on loopback and tells step by step what happens; the other commands are its parts (`peer --help`). The
//! proxy hides each peer from the other: the demo searches what each received. `load` tells what many UEs cost the proxy.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: sockets, files, the clock and the terminal are here"
)]

mod agent;
mod announce;
mod audit;
mod commands;
mod content;
mod demo;
mod download;
mod fetch;
mod frame;
mod ground;
mod https;
mod key_service;
mod keyfile;
mod keys;
mod line;
mod load;
mod media;
mod message;
mod network;
mod options;
mod outside;
mod process;
mod random;
mod run;
mod sdp;
mod share;
mod source;
mod speed;
mod srtp;
mod ue;
mod upload;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use commands::Failure;
use options::{Misused, USAGE};

/// Seconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    if ["--help", "-h", "help"].contains(&command.as_str()) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match commands::run(&command, words.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("peer: {failure}");
            match failure {
                Failure::Misused(Misused(_)) => ExitCode::from(2),
                Failure::Other(_) => ExitCode::FAILURE,
            }
        }
    }
}
