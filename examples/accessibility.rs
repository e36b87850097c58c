//! What axe-core finds of the pages that a browser reads: the report of a capture, and pages given by URL.
//!
//! ```text
//! cargo run --example accessibility -- axe.min.js [http://127.0.0.1:8060/ …]
//! ```
//!
//! `axe.min.js` is that of axe-core (MPL-2.0), which does not come with this project: npm has it, and PyPI in `axe-core-python`.
//! Looks at each page in light and in dark. Exits 1 when a fault is serious or critical.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "a program: it reads its arguments and tells; and it shares a file with the tests, which use more of it"
)]

#[path = "../tests/browser/chromium.rs"]
mod chromium;

use std::fs::{self, File};
use std::process::ExitCode;

use chromium::Browser;
use sipveil::cli::replay::{Page, play_to_page};
use sipveil::config;
use tempfile::TempDir;

const TRACE: &str = "fixtures/traces/refer-transfer.pcap";
const POLICY: &str = "fixtures/traces/policy.toml";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(axe) = arguments.next() else {
        eprintln!("name the file of axe-core: axe.min.js");
        return ExitCode::from(2);
    };
    let axe = match fs::read_to_string(&axe) {
        Ok(axe) => axe,
        Err(error) => {
            eprintln!("{axe}: {error}");
            return ExitCode::from(2);
        }
    };
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.html");
    let (policy, _) = config::load(POLICY.as_ref()).unwrap();
    let mut page = Page::create(&report).unwrap();
    play_to_page(File::open(TRACE).unwrap(), &policy, &mut page, &mut Vec::new()).unwrap();
    drop(page);
    let mut browser = Browser::start();
    browser.command("Page.setBypassCSP", serde_json::json!({"enabled": true}));
    let mut serious = 0;
    for url in std::iter::once(format!("file://{}", report.display())).chain(arguments) {
        for is_dark in [false, true] {
            browser.is_dark(is_dark);
            browser.open(&url);
            browser.asks(&format!("{axe}; true"));
            for tab in 0..browser.count("[role=tab]").max(1) {
                browser.asks(&format!("document.querySelectorAll('[role=tab]')[{tab}]?.click()"));
                let found = browser.asks(
                    "axe.run().then((found) => found.violations.map((one) => \
                 `${one.impact}: ${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`))",
                );
                let found: Vec<&str> = found
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|one| one.as_str())
                    .collect();
                let shade = if is_dark { "dark" } else { "light" };
                println!("{url} (view {}, {shade}): {} faults", tab + 1, found.len());
                for fault in found {
                    println!("  {fault}");
                    serious += u32::from(fault.starts_with("serious") || fault.starts_with("critical"));
                }
            }
        }
    }
    println!("{serious} of them serious or critical");
    ExitCode::from(u8::from(serious > 0))
}
