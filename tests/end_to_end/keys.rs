//! The keys of tokens: exchanged by order, shared by nodes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

use tempfile::TempDir;

use super::load::{Calls, answers_everything, calls_until};
use super::node::Node;
use super::phone::Phone;
use super::{ANYWHERE, CALLER, Dialog, ok, policy};
use crate::world::{Sent, respond};

const OLD: &str = "1 1111111111111111111111111111111111111111111111111111111111111111\n";
const NEW: &str = "2 2222222222222222222222222222222222222222222222222222222222222222\n";

fn write_keys(path: &Path, lines: &str) {
    std::fs::write(path, lines).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

const fn hidden(call_id: &str) -> Dialog<'_> {
    Dialog {
        call_id,
        privacy: "Privacy: user;id\r\n",
    }
}

/// A call that is up: what the callee got, and what the caller.
fn open(dialog: &Dialog<'_>, caller: &mut Phone, callee: &mut Phone) -> (Sent, Sent) {
    caller.send(&dialog.invite(caller));
    let invite = callee.receive_only("INVITE");
    callee.send(&ok(&invite, callee));
    let answer = caller.receive_only("SIP/2.0 200");
    caller.send(&dialog.later(caller, "ACK", 1, &answer));
    callee.receive_only("ACK");
    (invite, answer)
}

/// The caller hangs up: anonymous as before.
fn caller_ends(dialog: &Dialog<'_>, (invite, answer): &(Sent, Sent), caller: &mut Phone, callee: &mut Phone) {
    caller.send(&dialog.later(caller, "BYE", 2, answer));
    let bye = callee.receive_only("BYE");
    assert!(!bye.text().to_lowercase().contains("liddell"), "{}", bye.text());
    assert_eq!(bye.row("From"), invite.row("From"));
    callee.send(&respond(&bye, "200 OK", "b", ""));
    let gone = caller.receive_only("SIP/2.0 200");
    assert!(gone.row("From").unwrap().contains(CALLER), "{}", gone.text());
}

/// The callee hangs up: the caller sees itself as it is.
fn callee_ends(dialog: &Dialog<'_>, (invite, _): &(Sent, Sent), caller: &mut Phone, callee: &mut Phone) {
    callee.send(&dialog.callee_hangs_up(callee, invite));
    let bye = caller.receive_only("BYE");
    assert!(bye.row("To").unwrap().contains(CALLER), "{}", bye.text());
    caller.send(&respond(&bye, "200 OK", "a", ""));
    let gone = callee.receive_only("SIP/2.0 200");
    assert!(!gone.text().to_lowercase().contains("liddell"), "{}", gone.text());
}

//= SEC-002 type=test
#[test]
fn new_keys_seal_and_the_old_ones_still_open() {
    let folder = TempDir::new().unwrap();
    let keys = folder.path().join("hiding.keys");
    write_keys(&keys, OLD);
    let mut callee = Phone::on_udp();
    let text = policy(
        ANYWHERE,
        &format!("sip:{}", callee.address),
        "sip:127.0.0.1:9",
        "key_file = \"hiding.keys\"\n[privacy]\ncall_id = \"map\"\n",
    );
    let mut node = Node::start(folder.path(), &text);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let dialogs = ["before-1", "before-2", "after"].map(hidden);
    let before = [0, 1].map(|at| open(&dialogs[at], &mut caller, &mut callee));
    write_keys(&keys, &format!("{NEW}{OLD}"));
    node.signal("HUP");
    node.waits_for("the new policy is in force");
    caller_ends(&dialogs[0], &before[0], &mut caller, &mut callee);
    let after = open(&dialogs[2], &mut caller, &mut callee);
    // What cannot be read, or is not there, leaves the keys in force.
    for lines in ["", "2 22\n"] {
        write_keys(&keys, lines);
        node.signal("HUP");
        node.waits_for("the running policy stays");
    }
    std::fs::remove_file(&keys).unwrap();
    node.signal("HUP");
    node.waits_for("the running policy stays");
    assert!(!keys.exists(), "no key is made in the place of one that is lost");
    callee_ends(&dialogs[1], &before[1], &mut caller, &mut callee);
    // The old line may go when nothing that it sealed lives any more.
    write_keys(&keys, NEW);
    node.signal("HUP");
    node.waits_for("the new policy is in force");
    callee_ends(&dialogs[2], &after, &mut caller, &mut callee);
    callee.send(&dialogs[0].callee_hangs_up(&callee, &before[0].0));
    assert!(callee.receive().start().starts_with("SIP/2.0 4"), "its key is gone");
    let log = node.stop();
    assert!(!log.contains("1111111111") && !log.contains("2222222222"));
}

/// Two nodes behind one name.
//= PRIV-135 type=test
//= SEC-002 type=test
#[test]
fn when_a_node_is_killed_another_one_carries_on_its_calls() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let keys = folders[0].path().join("shared.keys");
    write_keys(&keys, OLD);
    let mut callee = Phone::on_udp();
    let text = policy(
        ANYWHERE,
        &format!("sip:{}", callee.address),
        "sip:127.0.0.1:9",
        &format!("key_file = \"{}\"\n", keys.display()),
    );
    let text = text
        .replace(
            "name = \"core\",",
            "name = \"core\", advertise = \"core.pair.example:5070\",",
        )
        .replace(
            "name = \"outside\",",
            "name = \"outside\", advertise = \"edge.pair.example:5070\",",
        );
    let [one, other] = folders.each_ref().map(|folder| Node::start(folder.path(), &text));
    let mut caller = Phone::on_udp().calls(one.address("core", "udp"));
    callee = callee.calls(one.address("outside", "udp"));
    let dialogs = ["caller-ends", "callee-ends"].map(hidden);
    let calls = [0, 1].map(|at| open(&dialogs[at], &mut caller, &mut callee));
    // Killed, not ended.
    drop(one);
    caller = caller.calls(other.address("core", "udp"));
    callee = callee.calls(other.address("outside", "udp"));
    caller_ends(&dialogs[0], &calls[0], &mut caller, &mut callee);
    callee_ends(&dialogs[1], &calls[1], &mut caller, &mut callee);
    other.stop();
}

const CALLERS: usize = 3;

/// Nothing of a file that cannot be used gets in, and no call notices that it was tried.
//= TRUST-032 type=test
//= SEC-002 type=test
#[test]
fn bad_files_under_load_lose_no_call() {
    let folder = TempDir::new().unwrap();
    let keys = folder.path().join("hiding.keys");
    write_keys(&keys, OLD);
    let callee = Phone::on_udp();
    let callee_address = callee.address;
    let text = policy(
        ANYWHERE,
        &format!("sip:{callee_address}"),
        "sip:127.0.0.1:9",
        "key_file = \"hiding.keys\"\n",
    );
    let mut node = Node::start(folder.path(), &text);
    let core = node.address("core", "udp");
    let file = folder.path().join("policy.toml");
    let end = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| answers_everything(callee, |invite| invite.row("P-Asserted-Identity").is_some()));
        let mut ended = Vec::new();
        for name in 0..CALLERS {
            let (done, one) = channel();
            let end = &end;
            threads.spawn(move || calls_until(end, || Phone::on_udp().calls(core), name, &done));
            ended.push(one);
        }
        let calls = Calls {
            ended,
            end: &end,
            callee: callee_address,
        };
        for bad in [
            "schema = 1\n",
            "",
            "\u{0}",
            &text.replace("to_untrusted = \"keep\"", "to_untrusted = \"kept\""),
        ] {
            calls.one_more_of_each();
            std::fs::write(&file, bad).unwrap();
            node.signal("HUP");
            node.waits_for("the running policy stays");
        }
        std::fs::write(&file, &text).unwrap();
        for (lines, said) in [
            ("nonsense\n", "the running policy stays"),
            (&format!("{NEW}{OLD}")[..], "the new policy is in force"),
        ] {
            calls.one_more_of_each();
            write_keys(&keys, lines);
            node.signal("HUP");
            node.waits_for(said);
        }
        calls.one_more_of_each();
    });
    node.stop();
}
