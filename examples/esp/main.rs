//! IPsec for real: a UE and the proxy in a booted Linux kernel with XFRM, for machines whose own kernel has no ESP.
//!
//! ```text
//! apt-get install --no-install-recommends qemu-system-x86 busybox-static cpio kmod iproute2
//! cargo run --release --example esp [-- --legacy]
//! ```
//!
//! Boots the kernel of the Debian package `linux-image-cloud-amd64` (fetched by `apt-get download`, not installed) under qemu,
//! which emulates the machine. Inside, the proxy runs in a network of its own. The UE, which sets its own security
//! associations, and the home network of the UE are this program; everything between UE and proxy is captured. Prints what
//! was shown, and exits 1 when something of it did not hold. `--legacy`: with the algorithms that `legacy_algorithms` adds,
//! too. What is protected, and how: `docs/ipsec.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that asserts: it starts others, opens sockets and tells"
)]

mod boot;
mod capture;
mod guest;
mod home;
mod rows;
mod ue;
mod wire;

#[path = "../../tests/ims/ue/dialog.rs"]
#[allow(dead_code, reason = "answers are told from each other by their method")]
mod dialog;
#[path = "../../tests/ims/digest.rs"]
#[allow(dead_code, reason = "no card loses count here")]
mod digest;
#[path = "../../tests/ims/milenage.rs"]
#[allow(dead_code, reason = "what is published is held against it in its own tests")]
mod milenage;
#[path = "../../tests/ims/subscriber.rs"]
#[allow(dead_code, reason = "the keys as text are for SIPp")]
mod subscriber;
#[path = "../../tests/ims/usim.rs"]
#[allow(dead_code, reason = "no card loses count here")]
mod usim;
#[path = "../../tests/world.rs"]
#[allow(dead_code, reason = "its messages are used, its engine is not")]
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

/// How this program is called by the machine that it boots.
const GUEST: &str = "--guest";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => boot::main(""),
        ["--legacy"] => boot::main(LEGACY),
        [GUEST] => guest::main(""),
        [GUEST, LEGACY] => guest::main(LEGACY),
        _ => {
            eprintln!("usage: esp [--legacy]");
            ExitCode::from(2)
        }
    }
}

const LEGACY: &str = "--legacy";

/// A word nobody else in this run uses.
fn unique(prefix: &str) -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}", LAST.fetch_add(1, Ordering::Relaxed))
}
