//! Pages in a real browser: clicked through, by mouse and by keys, light and dark.

pub mod chromium;

use std::fs::{self, File};
use std::path::Path;

use sipveil::cli::replay::{Page, play_to_page};
use tempfile::TempDir;

use self::chromium::Browser;
use crate::replay::policy;

/// The page of a trace, open.
fn opened(trace: &str) -> (Browser, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("page.html");
    let trace = File::open(Path::new("fixtures/traces").join(trace)).unwrap();
    let mut page = Page::create(&path).unwrap();
    play_to_page(trace, &policy(), &mut page, &mut Vec::new()).unwrap();
    (open(&path), folder)
}

fn open(path: &Path) -> Browser {
    let mut browser = Browser::start();
    browser.open(&format!("file://{}", path.display()));
    browser
}

#[test]
fn a_leak_is_on_top_and_every_message_can_be_looked_at() {
    let (mut browser, _folder) = opened("refer-transfer.pcap");
    assert_eq!(
        browser.text_of("#verdict"),
        "6 messages show a stranger what the policy forbids."
    );
    assert_eq!((browser.count("svg .arrow"), browser.count("svg .arrow.leak")), (25, 6));
    assert_eq!(browser.count("svg .boundary"), 1);
    // The first leak is open already, with what would be done of it.
    let message = browser.text_of("#message");
    assert!(
        message.starts_with("message 3: INVITE from B to C, trusted to untrusted, shows a stranger"),
        "{message}"
    );
    assert!(
        message.contains("PRIV-031") && message.contains("RFC 3325 section 7"),
        "{message}"
    );
    assert!(browser.text_of("#message pre .gone").starts_with("− "));
    assert!(browser.text_of("#message pre .come").starts_with("+ "));
    browser.is_pictured("docs/report.png");
    // Another one by mouse, the next by keys.
    browser.clicks("svg .arrow:nth-of-type(1)");
    assert!(
        browser
            .text_of("#message h2")
            .starts_with("message 1: INVITE from A to B")
    );
    assert_eq!(browser.count("svg .arrow[aria-pressed=true]"), 1);
    browser.asks("document.querySelector('svg .arrow').focus()");
    browser.presses("ArrowDown", 40);
    browser.presses("Enter", 13);
    assert!(
        browser
            .text_of("#message h2")
            .starts_with("message 2: 100 to INVITE from B to A")
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn calls_are_found_by_what_is_in_them() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("page.html");
    // Two traces, one behind the other: calls of both.
    let mut page = Page::create(&path).unwrap();
    let both = many_calls(folder.path(), 40);
    play_to_page(File::open(both).unwrap(), &policy(), &mut page, &mut Vec::new()).unwrap();
    let mut browser = open(&path);
    assert_eq!(browser.text_of("#found"), "40 of 40 calls");
    browser.asks("document.getElementById('find').focus()");
    browser.types("options priv-031");
    assert_eq!(browser.text_of("#found"), "20 of 40 calls");
    browser.asks("document.getElementById('find').select()");
    browser.types("options");
    assert_eq!(browser.text_of("#found"), "40 of 40 calls");
    browser.clicks("#leaks");
    assert_eq!(browser.text_of("#found"), "20 of 40 calls");
    assert_eq!(browser.count("#calls button"), 20);
    browser.clicks("#calls li:nth-child(3) button");
    assert_eq!(browser.count("#calls button[aria-current=true]"), 1);
    assert!(browser.text_of("#ladder-title").starts_with("Ladder of call "));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Requests of as many calls, every other one with an identity that a stranger should not see.
fn many_calls(folder: &Path, calls: u32) -> std::path::PathBuf {
    let packet = |call: u32| {
        let asserted = match call % 2 {
            0 => "P-Asserted-Identity: <sip:alice@home1.example>\r\nPrivacy: id\r\n",
            _ => "",
        };
        let text = format!(
            "OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{call}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
             Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{asserted}Content-Length: 0\r\n\r\n"
        );
        udp([10, 20, 0, 7], [192, 0, 2, 9], text.as_bytes())
    };
    // The header of a pcap file without link layer: raw IP.
    let mut bytes = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0,
    ];
    for call in 0..calls {
        let packet = packet(call);
        let length = (packet.len() as u32).to_le_bytes();
        bytes.extend([call.to_le_bytes(), [0; 4], length, length].concat());
        bytes.extend(packet);
    }
    let path = folder.join("calls.pcap");
    fs::write(&path, bytes).unwrap();
    path
}

fn udp(from: [u8; 4], to: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    packet[2..4].copy_from_slice(&(length + 20).to_be_bytes());
    packet.extend([from, to].concat());
    packet.extend(
        [
            5060u16.to_be_bytes(),
            5060u16.to_be_bytes(),
            length.to_be_bytes(),
            [0; 2],
        ]
        .concat(),
    );
    packet.extend(payload);
    packet
}

#[test]
fn it_is_told_to_who_does_not_see_it() {
    let (mut browser, _folder) = opened("call-privacy-id.pcap");
    let told = browser.told();
    let has = |role: &str, name: &str| told.iter().any(|(one, other)| one == role && other.starts_with(name));
    assert!(has("heading", "What this trace shows") && has("navigation", "Calls") && has("searchbox", "Find a call"));
    assert!(has(
        "button",
        "message 3: INVITE from B to C, trusted to untrusted, shows a stranger P-Asserted-Identity"
    ));
    assert!(has("checkbox", "only what leaks") && has("columnheader", "rule") && has("main", ""));
    // Nothing that can be used has no name.
    let nameless = told
        .iter()
        .filter(|(role, name)| ["button", "checkbox", "searchbox"].contains(&role.as_str()) && name.is_empty());
    assert_eq!(nameless.count(), 0);
}

/// Text against what is behind it: 4.5 to 1 at least (WCAG 2.1, 1.4.3), in light and in dark.
#[test]
fn its_colours_can_be_told_apart() {
    let (mut browser, _folder) = opened("refer-transfer.pcap");
    let mut grounds = Vec::new();
    for is_dark in [false, true] {
        browser.is_dark(is_dark);
        let least = browser.asks(
            "(() => {
               const channel = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
               const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => channel(part / 255));
                 return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
               const ground = (element) => { for (let at = element; at; at = at.parentElement) {
                 const colour = getComputedStyle(at).backgroundColor; if (!colour.endsWith(', 0)')) return colour; } };
               let least = [99, ''];
               for (const element of document.querySelectorAll('h1, h2, h3, p, li, label, button, span, th, td, pre, svg text')) {
                 if (!element.textContent.trim()) continue;
                 const style = getComputedStyle(element);
                 const front = element.tagName === 'text' ? style.fill : style.color;
                 const [one, other] = [light(front), light(ground(element))].sort((a, b) => b - a);
                 const ratio = (one + 0.05) / (other + 0.05);
                 if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 80)];
               }
               return least; })()",
        );
        assert!(least[0].as_f64().unwrap() >= 4.5, "{least}");
        grounds.push(browser.asks("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1]);
}

/// Five thousand messages of one call: all of them are drawn, and a click is answered.
#[test]
fn a_large_trace_is_drawn_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("page.html");
    let mut page = Page::create(&path).unwrap();
    let large = many_calls(folder.path(), 5_000);
    play_to_page(File::open(large).unwrap(), &policy(), &mut page, &mut Vec::new()).unwrap();
    let mut browser = open(&path);
    assert_eq!(
        browser.text_of("#found"),
        "5000 of 5000 calls, the first 500 are listed"
    );
    assert_eq!((browser.count("#calls button"), browser.count("svg .arrow")), (500, 1));
    browser.clicks("#calls li:nth-child(500) button");
    assert!(browser.text_of("#ladder-title").contains("call "));
    assert_eq!(browser.complaints(), [""; 0]);
}
