//! The audit of a proxy that runs, and of one that was ended without a word.

use super::*;
use std::process::Command;

//= LI-006 type=test
//= LI-007 type=test
#[test]
fn what_was_hidden_is_read_with_the_key_also_after_a_sudden_end() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (core, outside) = (own_address().to_string(), own_address().to_string());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (log, key) = (path("audit.log"), path("audit.key"));
    let audit =
        format!("[lawful_interception]\nsink_required = true\naudit = {{ file = \"{log}\", key_file = \"{key}\" }}");
    let text = policy(
        [&core, &outside],
        &format!("sip:{}", callee.address),
        "sip:127.0.0.1:9",
        &audit,
    );
    let read = || {
        let sipveil = env!("CARGO_BIN_EXE_sipveil");
        let ended = Command::new(sipveil)
            .args(["audit", "read", &log, "--key-file", &key, "--json"])
            .output();
        let ended = ended.unwrap();
        assert_eq!(
            ended.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        String::from_utf8(ended.stdout).unwrap()
    };
    let hide = |call_id| Dialog {
        call_id,
        privacy: "Privacy: user;id\r\n",
    };
    let mut node = Node::start(folder.path(), &text);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    call(&hide("first"), &mut caller, &mut callee);
    node.signal("KILL");
    node.ends();
    // Nobody says how much of it was written by then; what was is whole, and more goes behind it.
    let before = read();
    let node = Node::start(folder.path(), &text);
    call(&hide("second"), &mut caller, &mut callee);
    let logged = node.stop();
    let after = read();
    assert!(after.starts_with(&before));
    let invite = after
        .lines()
        .find(|line| line.contains("\"second\"") && line.contains("\"INVITE\""));
    let invite = invite.unwrap_or_else(|| panic!("{after}"));
    assert!(invite.contains(CALLER), "{invite}");
    let sealed = std::fs::read(&log).unwrap();
    assert!(memchr::memmem::find(&sealed, b"liddell").is_none());
    assert!(!logged.contains("liddell"));
}
