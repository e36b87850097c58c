//! What a registration costs: bytes that stay, and how many are made in a second on one core.
//!
//! ```text
//! cargo run --release --example registrations -- [REGISTRATIONS [KIND]]
//! ```
//!
//! An engine as it runs in the proxy, a registrar and so many UEs (100,000), each with an address of its own, without sockets.
//! Every UE registers by AKA as TS 24.229 has it: REGISTER, 401 with CK and IK, REGISTER with the answer, 200 with three
//! identities and a Service-Route. KIND: `udp`, `ipsec` or `tls` alone; for the instructions of one kind under callgrind. Or the
//! path of a built proxy (`target/release/sipveil`): it is started, and 800 UEs register there over a connection each.
//!
//! Bytes are what the process grows by (its resident size, with the allocator of the proxy) from the end of a first round, when
//! tables that live shortly have their size, to the end of the last: all transactions are over by then.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program: it counts, measures time and tells"
)]

mod connections;
mod network;
mod resident;
mod tls_session;
#[path = "../../tests/world.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod world;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

#[cfg(feature = "mimalloc")]
use mimalloc as _;
use network::{Access, Network};

/// Registrations between two looks at the deadlines: no more transactions than these live at a time.
const ROUND: u32 = 1_000;
/// Until every transaction of a round is over.
const OVER: Duration = Duration::from_secs(40);

/// Connections at a program that runs: as many as a process may hold files without being asked.
const CONNECTIONS: u32 = 800;

enum What {
    Every,
    One(Access),
    Program(PathBuf),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let what = match words.get(1).map(String::as_str) {
        None => What::Every,
        Some(word) => match Access::of(word) {
            Some(access) => What::One(access),
            None => What::Program(word.into()),
        },
    };
    let count = words.first().map_or(Some(100_000), |word| word.parse::<u32>().ok());
    match (what, count) {
        (What::Every, Some(count)) => {
            println!("{count} registrations");
            Access::ALL.into_iter().for_each(|access| alone(count, access));
        }
        (What::One(access), Some(count)) if count > ROUND => measure(access, count),
        (What::Program(program), Some(count)) if program.is_file() => {
            let count = count.min(CONNECTIONS);
            let bytes = connections::bytes_of_one(&program, count as usize);
            println!("{count} registrations over TLS\n       {bytes:>6} bytes each with all of its connection");
        }
        _ => {
            eprintln!("usage: registrations [REGISTRATIONS [udp|ipsec|tls|PROGRAM]]; more than {ROUND} registrations");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// In a process of its own: what one kind gives back, the next would take.
fn alone(count: u32, access: Access) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ended = command.arg(count.to_string()).arg(access.name()).status().unwrap();
    assert!(ended.success(), "{} does not end well", access.name());
}

fn measure(access: Access, count: u32) {
    let mut network = Network::of(access, count);
    // Buffers of the network itself have their size, too.
    network.register(0..ROUND);
    network.world.pass(OVER);
    let before = resident::bytes();
    let mut busy = Duration::ZERO;
    let mut next = ROUND;
    while next < count {
        let round = next..count.min(next + ROUND);
        next = round.end;
        let begin = Instant::now();
        network.register(round);
        busy += begin.elapsed();
        network.world.pass(OVER);
        network.world.changes.clear();
    }
    let measured = count - ROUND;
    let bytes = resident::bytes().saturating_sub(before) / measured as usize;
    let rate = f64::from(measured) / busy.as_secs_f64();
    println!(
        "{:<6} {bytes:>6} bytes each, {rate:>7.0} a second on one core, UE and registrar included",
        access.name()
    );
    for ue in [0, count / 2, count - 1] {
        assert!(network.serves(ue), "they are registered");
    }
    if access == Access::Tls {
        let bytes = tls_session::bytes_of_one();
        println!("       {bytes:>6} bytes each of a TLS 1.3 session beside, without its socket");
    }
}
