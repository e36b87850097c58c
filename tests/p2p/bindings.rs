//! Who was behind a temporary ID: in the sealed audit, for those who have its key, and for nobody else.

use std::fs;
use std::path::Path;

use sipveil::audit::{Append, AuditFile, AuditKeys};
use sipveil::engine::record::{BOUND, KEYS, LED, Record};

use super::scene::{ALICE, BOB, CAROL, Kept, Scene, one, policy};
use super::sessions::{KEY, invite, met, sdp};
use crate::audit::{key_file, sipveil};

const START: &str = "2027-01-15T08:00:01Z";
const LATER: &str = "2027-01-18T08:30:00Z";

fn text(lines: &str) -> String {
    let lawful = "[lawful_interception]\naudit = { file = \"audit.log\", key_file = \"audit.key\" }\n[[peer]]";
    policy(lines).replace("[[peer]]", lawful)
}

fn of_peers(records: &[Record]) -> Vec<&str> {
    let methods = records
        .iter()
        .map(|record| std::str::from_utf8(&record.method).unwrap());
    methods.filter(|method| method.starts_with("P2P-")).collect()
}

/// A folder with a policy, an audit of these records, its key and another one.
fn folder(records: &[Record]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    key_file(folder.path(), "audit.key", 7);
    key_file(folder.path(), "other.key", 8);
    fs::write(
        folder.path().join("trust-domain.toml"),
        text("audit_retention = \"90d\""),
    )
    .unwrap();
    let keys = AuditKeys::new(&[(1, [7; 32])]).unwrap();
    let mut file = AuditFile::open(&folder.path().join("audit.log"), keys).unwrap();
    let records: Vec<Box<Record>> = records.iter().cloned().map(Box::new).collect();
    file.append(&records).unwrap();
    folder
}

fn asked(folder: &Path, id: &str, at: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let arguments = ["tracker", "resolve", id, "--at", at];
    let ended = sipveil(&[&arguments, more].concat(), folder);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

const WITH_KEY: &[&str] = &["--key-file", "audit.key"];

//= P2P-149 type=test
#[test]
fn an_id_of_three_days_ago_is_answered_to_who_has_the_key() {
    let mut scene = Scene::under(&text("audit_retention = \"90d\"\nclear_keys = true"));
    let uri = met(&mut scene);
    one(invite(&mut scene, BOB, &uri, "", &sdp(BOB, KEY)));
    assert_eq!(
        of_peers(&scene.world.records),
        ["P2P-KEYS", "P2P-BOUND", "P2P-BOUND", "P2P-LED"]
    );
    // Days later somebody else stands where she stood.
    scene.pass(3 * 86_400);
    for ue in [CAROL, BOB] {
        scene.register(ue, 600);
        scene.joins(ue);
    }
    let folder = folder(&scene.world.records);
    let (code, out, _) = asked(folder.path(), &uri, START, WITH_KEY);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(
        lines[0],
        "sip:alice@home1.example since 2027-01-15T08:00:00Z  device sip:alice@10.30.0.7:41007;transport=tcp"
    );
    assert!(
        lines[1].starts_with("asked for at 2027-01-15T08:00:00Z by sip:bob@home1.example, seen as sip:t1.")
            && lines[1].ends_with("led to sip:alice@home1.example"),
        "{out}"
    );
    let json = asked(folder.path(), &uri, LATER, &[WITH_KEY, &["--json"]].concat()).1;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["bound"]["identity"], "sip:alice@home1.example");
    assert_eq!(json["sessions"][0]["caller"], "sip:bob@home1.example");
    // Both look-ups are written down, with the ID they were about; nobody else reads them.
    let lookups = fs::read(folder.path().join("audit.log.lookups")).unwrap();
    assert!(memchr::memmem::find(&lookups, uri.as_bytes()).is_none());
    let read = ["audit", "read", "audit.log.lookups", "--key-file", "audit.key"];
    let out = String::from_utf8(sipveil(&read, folder.path()).stdout).unwrap();
    let looks: Vec<&str> = out.lines().filter(|line| line.contains(" TRACKER-RESOLVE ")).collect();
    assert_eq!(looks.len(), 2);
    assert!(
        looks
            .iter()
            .all(|line| line.contains(&uri) && line.contains("from uid ")),
        "{out}"
    );
}

//= P2P-149 type=test
#[test]
fn without_the_key_nothing_is_told_and_nothing_looked_up() {
    let mut scene = Scene::under(&text("audit_retention = \"90d\""));
    let uri = met(&mut scene);
    let folder = folder(&scene.world.records);
    let bytes = fs::read(folder.path().join("audit.log")).unwrap();
    for told in ["alice", "bob", "10.30.0.7", &uri] {
        assert!(memchr::memmem::find(&bytes, told.as_bytes()).is_none(), "{told}");
    }
    let (code, out, error) = asked(folder.path(), &uri, START, &["--key-file", "other.key"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.contains("written with another key"), "{error}");
    assert!(!folder.path().join("audit.log.lookups").exists());
    // Nor is what cannot be written down.
    fs::create_dir(folder.path().join("audit.log.lookups")).unwrap();
    let (code, out, _) = asked(folder.path(), &uri, START, WITH_KEY);
    assert_eq!((code, out.as_str()), (Some(2), ""));
}

//= P2P-149 type=test
#[test]
fn who_is_asked_for_at_another_time_or_never_was_is_nobody() {
    let mut scene = Scene::under(&text("audit_retention = \"90d\""));
    let uri = met(&mut scene);
    let folder = folder(&scene.world.records);
    let nobody = "nobody: the audit has no binding of this ID up to that time\n";
    let made_up = format!("sip:t1.{}@tid.p2p.home1.example", "A".repeat(36));
    for (id, at) in [
        (&*uri, "2027-01-15T07:59:59Z"),
        (&made_up, START),
        ("sip:alice@home1.example", START),
    ] {
        assert_eq!(asked(folder.path(), id, at, WITH_KEY).1, nobody, "{id}");
    }
    for (at, told) in [
        ("2025-01-15T08:00:00Z", "longer ago than p2p.audit_retention"),
        ("noon", "--at is no time"),
    ] {
        let (code, out, error) = asked(folder.path(), &uri, at, WITH_KEY);
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(error.contains(told), "{error}");
    }
    // Damage at the end does not take away what is before it, and is not left unsaid.
    let path = folder.path().join("audit.log");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (code, _, error) = asked(folder.path(), &uri, START, WITH_KEY);
    assert_eq!(code, Some(1));
    assert!(error.contains("damaged after 2 records"), "{error}");
}

/// Whoever enters is written down before the answer tells what it is called; and nobody is where the policy says so.
//= P2P-149 type=test
#[test]
fn nothing_is_written_down_where_the_policy_keeps_nothing() {
    for lines in ["audit_retention = \"0s\"", ""] {
        let mut scene = Scene::under(&text(lines));
        let uri = met(&mut scene);
        scene.request(BOB, "OPTIONS", &uri, "", b"");
        assert_eq!(of_peers(&scene.world.records), Vec::<&str>::new());
    }
    let mut scene = Scene::under(&text("audit_retention = \"1h\""));
    scene.joins(BOB);
    let methods: Vec<&[u8]> = scene.world.records.iter().map(|record| &record.method[..]).collect();
    assert_eq!(
        methods
            .iter()
            .filter(|method| **method == KEYS || **method == BOUND)
            .count(),
        2
    );
    assert!(!methods.contains(&LED));
    let told = format!("{:?}", scene.world.records);
    assert!(!told.contains("bob"), "{told}");
}

/// A name that a peer drew, and that others see, is answered as any other.
//= P2P-149 type=test
#[test]
fn a_drawn_name_is_answered_too() {
    let mut scene = Scene::under(&text("audit_retention = \"90d\"\nexpose = \"ue\""));
    let drawn = "kZ3v0m1lqX9sT7yQ4cR2bA";
    let body = String::from_utf8(scene.join()).unwrap();
    let body = body.replacen(
        "\"request_type\"",
        &format!("\"peer_id\":\"{drawn}\",\"request_type\""),
        1,
    );
    let answer = scene.publish(ALICE, "", body.as_bytes());
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
    let folder = folder(&scene.world.records);
    let id = format!("sip:t2.{drawn}@tid.p2p.home1.example");
    let (_, out, error) = asked(folder.path(), &id, START, WITH_KEY);
    assert!(out.starts_with("sip:alice@home1.example since "), "{out}{error}");
}

/// `sipveil audit read` shows the records, and not what IDs are made with.
//= P2P-149 type=test
#[test]
fn the_secret_of_ids_reaches_no_screen() {
    let mut scene = Scene::under(&text("audit_retention = \"90d\""));
    scene.joins(BOB);
    let secret = scene.world.records.iter().find(|record| record.method == KEYS).unwrap();
    let secret = String::from_utf8(secret.from.clone()).unwrap();
    assert_eq!(secret.len(), 43);
    let folder = folder(&scene.world.records);
    for more in [&[][..], &["--json"]] {
        let read = ["audit", "read", "audit.log", "--key-file", "audit.key"];
        let out = String::from_utf8(sipveil(&[&read, more].concat(), folder.path()).stdout).unwrap();
        assert!(
            out.contains("P2P-KEYS") && out.contains("sip:bob@home1.example") && !out.contains(&secret),
            "{out}"
        );
    }
}

/// The process was started again in between: IDs of before and of after are answered, and of a peer that was not written down anew.
//= P2P-149 type=test
#[test]
fn an_id_of_a_run_after_its_peer_came_is_answered_too() {
    let text = text("audit_retention = \"90d\"") + "\n[store]\nurl = \"file:never-opened.redb\"\n";
    let mut scene = Scene::on(&text, &Kept::default(), 7);
    for ue in [ALICE, BOB] {
        scene.register(ue, 600);
    }
    let before = met(&mut scene);
    let mut records = scene.world.records.clone();
    let mut scene = Scene::on(&text, &scene.kept.clone().unwrap(), 8);
    for ue in [ALICE, BOB] {
        scene.register(ue, 600);
    }
    let after = met(&mut scene);
    assert_ne!(before, after);
    records.extend(scene.world.records.iter().cloned());
    let folder = folder(&records);
    for id in [before, after] {
        let (_, out, error) = asked(folder.path(), &id, START, WITH_KEY);
        assert!(out.starts_with("sip:alice@home1.example since "), "{out}{error}");
    }
}
