//! The sealed audit: what is written, when, and that nobody sees it from outside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ended};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use sipveil::audit::{Append, AuditFile, AuditKeys, OpenError, Reading, Refused, Sink, Step};
use sipveil::engine::record::{ROWS_MAX, Record, VALUE_BYTES_MAX};
use sipveil::engine::{self, Input, Output};
use sipveil::privacy::PrivacySet;
use sipveil::sip::Transport;
use sipveil::trust::Standing;

use crate::counts::moved;
use crate::legs::{CORE, FROM, NET, PAI, Party, SECRETS, UE, UE_IDENTITY, deliver, request, world_of};
use crate::world::{POLICY, Sent, World, contact_uri, respond, routes};

const AUDIT: &str = "audit = { file = \"audit.log\", key_file = \"audit.key\" }";

fn policy(lines: &str) -> String {
    POLICY.replacen("[[peer]]", &format!("[lawful_interception]\n{lines}\n[[peer]]"), 1)
}

/// What a packet makes the engine do: each record and, as its start line, each sending, in order.
fn outputs(world: &mut World, from: Party, text: &str) -> (Vec<String>, Vec<Record>, Vec<Sent>) {
    let flow = world.flow(from.listener, Transport::Udp, from.address, None);
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let now = world.now;
    world.engine.handle(now, Input::Packet { flow, bytes });
    let (mut order, mut records, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(output) = world.engine.poll_output() {
        match output {
            Output::Record(record) => {
                order.push("record".to_owned());
                records.push(*record);
            }
            Output::Send { id, message } => {
                let message = world.sent(id, &message);
                order.push(message.start().to_owned());
                sent.push(message);
            }
            _ => {}
        }
    }
    (order, records, sent)
}

fn shown(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap()
}

//= LI-006 type=test
#[test]
fn who_hides_is_written_down_before_the_request_leaves() {
    let rows = format!("{PAI}Privacy: user;id\r\n");
    for (to, hop) in [(NET, Standing::Untrusted), (UE, Standing::Served)] {
        let mut world = world_of(&policy(AUDIT), &[to]);
        let (order, records, sent) = outputs(&mut world, CORE, &request(CORE, to, "INVITE", &rows));
        assert_eq!(order.len(), 3, "{order:?}");
        assert_eq!(order[0], "record");
        assert!(order[1].starts_with("INVITE "), "{order:?}");
        let record = &records[0];
        assert_eq!((record.origin, record.hop), (Standing::Trusted, hop));
        assert_eq!((shown(&record.method), record.status), ("INVITE", 0));
        assert_eq!(shown(&record.from), FROM);
        assert!(shown(&record.to).starts_with('<'));
        assert_eq!(shown(&record.contacts[0]), "<sip:al-secret@10.99.0.7>");
        assert_eq!(format!("P-Asserted-Identity: {}\r\n", shown(&record.asserted[0])), PAI);
        assert_eq!(record.privacy, PrivacySet::USER.union(PrivacySet::ID));
        assert_eq!(Some(shown(&record.call_id_received)), sent[0].row("Call-ID"));
        assert_eq!(shown(&record.branch_received), "z9hG4bKreq");
        let via = sent[0].row("Via").unwrap();
        assert!(via.contains(shown(&record.branch_sent)), "{via}");
        assert_eq!(record.unix, world.now.unix);
        assert!(!record.is_required);
        let output: Output = Output::Record(Box::new(record.clone()));
        let debug = format!("{record:?} {output:?}");
        assert!(SECRETS.iter().all(|secret| !debug.contains(secret)), "{debug}");
    }
}

//= LI-006 type=test
#[test]
fn a_response_that_hides_is_written_down_and_what_hides_nothing_is_not() {
    let mut world = world_of(&policy(AUDIT), &[]);
    let (order, _, sent) = outputs(&mut world, NET, &request(NET, CORE, "INVITE", ""));
    assert!(!order.contains(&"record".to_owned()), "{order:?}");
    let ok = respond(
        &sent[0],
        "200 OK",
        "b",
        &format!("{PAI}Privacy: id\r\nContact: <sip:b@10.0.0.1>\r\n"),
    );
    let (order, records, sent) = outputs(&mut world, CORE, &ok);
    assert_eq!(order, ["record", "SIP/2.0 200 OK"]);
    assert_eq!((shown(&records[0].method), records[0].status), ("INVITE", 200));
    assert_eq!(shown(&records[0].branch_sent), "z9hG4bKreq");
    assert!(shown(&records[0].branch_received).starts_with("z9hG4bK"));
    assert_ne!(records[0].branch_received, records[0].branch_sent);
    assert_eq!(sent[0].rows("P-Asserted-Identity").len(), 0);
    for (policy, rows) in [(POLICY, "Privacy: user;id\r\n"), (&policy(AUDIT), "")] {
        let mut world = world_of(policy, &[]);
        let (order, ..) = outputs(&mut world, CORE, &request(CORE, NET, "INVITE", rows));
        assert_eq!(order.len(), 2, "{order:?}");
    }
}

/// Who writes down looks at what is noted, and takes nothing of it away.
//= LI-006 type=test
#[test]
fn what_is_counted_and_told_of_a_message_is_the_same_with_an_audit() {
    let rows = format!("{PAI}Privacy: user;id\r\nAuthorization: Digest username=\"al\"\r\n");
    let told = |lines: &str| {
        let mut world = world_of(&policy(lines), &[]);
        world.engine.observe();
        let before = world.engine.counts();
        deliver(&mut world, CORE, NET, &request(CORE, NET, "INVITE", &rows));
        (moved(&before, &world.engine.counts()), world.events())
    };
    let (counts, events) = told("# as many lines, and no audit");
    assert!(counts.len() > 3 && !events.is_empty(), "{counts:?}");
    assert_eq!(told(AUDIT), (counts, events));
}

/// This node alone stands between a UE and a stranger: it asserts, writes down, and hides, in that order.
//= PRIV-025 type=test
#[test]
fn between_a_ue_and_a_stranger_who_is_hidden_is_asserted_first() {
    let mut world = world_of(&policy(AUDIT), &[UE]);
    let (order, records, sent) = outputs(&mut world, UE, &request(UE, NET, "INVITE", "Privacy: id\r\n"));
    assert_eq!(order[0], "record", "{order:?}");
    assert_eq!(
        (records[0].origin, records[0].hop),
        (Standing::Served, Standing::Untrusted)
    );
    assert_eq!(
        records[0].asserted.iter().map(|one| shown(one)).collect::<Vec<_>>(),
        [UE_IDENTITY]
    );
    assert!(sent[0].row("P-Asserted-Identity").is_none(), "{}", sent[0].text());
}

//= LI-006 type=test
#[test]
fn the_ack_of_a_2xx_is_written_down_as_its_invite_is() {
    let mut world = world_of(&policy(AUDIT), &[]);
    let privacy = "Privacy: user;id\r\n";
    let (_, _, sent) = outputs(&mut world, CORE, &request(CORE, NET, "INVITE", privacy));
    let ok = respond(&sent[0], "200 OK", "b", "Contact: <sip:b@192.0.2.9>\r\n");
    let (_, _, sent) = outputs(&mut world, NET, &ok);
    let mut routes = String::new();
    sent[0]
        .rows("Record-Route")
        .iter()
        .for_each(|row| routes += &format!("Route: {row}\r\n"));
    let ack = format!(
        "ACK sip:b@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKack\r\nMax-Forwards: 70\r\n{routes}From: {FROM}\r\n\
         To: {}\r\nCall-ID: call-1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        CORE.address,
        sent[0].row("To").unwrap(),
    );
    let (order, records, _) = outputs(&mut world, CORE, &ack);
    assert_eq!(order.len(), 2, "{order:?}");
    assert_eq!(order[0], "record");
    assert_eq!(shown(&records[0].method), "ACK");
    assert_eq!(shown(&records[0].from), FROM);
    assert_eq!(shown(&records[0].branch_received), "z9hG4bKack");
}

/// The far side of a mapped dialog knows a token: the record holds both.
//= LI-006 type=test
//= PRIV-087 type=test
#[test]
fn a_mapped_call_id_is_written_down_as_received_and_as_sent() {
    let policy = policy(AUDIT).replacen("[[peer]]", "[privacy]\ncall_id = \"map\"\n[[peer]]", 1);
    let mut world = world_of(&policy, &[]);
    let privacy = "Privacy: user;id\r\n";
    let (_, records, sent) = outputs(&mut world, CORE, &request(CORE, NET, "INVITE", privacy));
    let invite = &sent[0];
    let token = invite.row("Call-ID").unwrap();
    assert_ne!(token, "call-1");
    assert_eq!(call_ids(&records[0]), ("call-1", token));
    let rows = "Contact: <sip:b@192.0.2.9>\r\nPrivacy: id\r\n";
    let (_, records, ok) = outputs(&mut world, NET, &respond(invite, "200 OK", "b", rows));
    assert!(records.is_empty(), "nothing is hidden from a member of T");
    let ack = format!(
        "ACK sip:b@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKack\r\nMax-Forwards: 70\r\n{}From: {FROM}\r\n\
         To: {}\r\nCall-ID: call-1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        CORE.address,
        routes(&ok[0].rows("Record-Route"), true),
        ok[0].row("To").unwrap(),
    );
    let (_, records, sent) = outputs(&mut world, CORE, &ack);
    assert_eq!(sent[0].row("Call-ID"), Some(token));
    assert_eq!(call_ids(&records[0]), ("call-1", token));
    // A request of the far side brings the token, and its response, which hides who answers, goes back with it.
    let info = format!(
        "INFO {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKinfo\r\nMax-Forwards: 70\r\n{}From: {};tag=b\r\n\
         To: {}\r\nCall-ID: {token}\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n",
        contact_uri(invite.row("Contact").unwrap()),
        NET.address,
        routes(&invite.rows("Record-Route"), false),
        invite.row("To").unwrap(),
        invite.row("From").unwrap(),
    );
    let (_, _, sent) = outputs(&mut world, NET, &info);
    let (_, records, back) = outputs(&mut world, CORE, &respond(&sent[0], "200 OK", "", PAI));
    assert_eq!(back[0].row("Call-ID"), Some(token));
    assert_eq!(call_ids(&records[0]), ("call-1", token));
}

fn call_ids(record: &Record) -> (&str, &str) {
    (shown(&record.call_id_received), shown(&record.call_id_sent))
}

//= LI-007 type=test
#[test]
fn nothing_that_is_sent_depends_on_the_audit() {
    let leaves = |policy: &str| {
        let mut world = world_of(policy, &[UE]);
        let mut all = Vec::new();
        for (to, privacy) in [(NET, "user;id;header"), (UE, "user;id"), (NET, "id"), (NET, "none")] {
            let rows = format!("{PAI}Privacy: {privacy}\r\nDiversion: <sip:al-secret@home1.example>\r\n");
            let text = request(CORE, to, "INVITE", &rows).replace("call-1", &format!("call-{}", all.len()));
            let text = text.replace("z9hG4bKreq", &format!("z9hG4bKreq{}", all.len()));
            let sent = world.packet(CORE.listener, CORE.address, &text);
            let answer = respond(
                &sent[0],
                "486 Busy Here",
                "b",
                "Privacy: user\r\nWarning: 399 h \"x\"\r\n",
            );
            let back = world.packet(to.listener, to.address, &answer);
            all.extend(sent.into_iter().chain(back).map(|sent| (sent.to, sent.bytes)));
        }
        all
    };
    let without = leaves(POLICY);
    assert!(without.len() > 8);
    assert_eq!(without, leaves(&policy(AUDIT)));
    assert_eq!(without, leaves(&policy(&format!("{AUDIT}\nsink_required = true"))));
}

//= LI-006 type=test
//= LI-007 type=test
#[test]
fn without_a_sink_that_must_be_there_nobody_opens_anything() {
    let required = policy(&format!("{AUDIT}\nsink_required = true"));
    let start = |policy: &str, text: &str, sink: engine::Sink| {
        let mut world = world_of(policy, &[]);
        world.input(Input::Audit(sink));
        let (order, ..) = outputs(&mut world, CORE, text);
        order.into_iter().next().unwrap()
    };
    for rows in ["", "Privacy: user;id\r\n"] {
        for method in ["INVITE", "MESSAGE"] {
            let text = request(CORE, NET, method, rows);
            let refused = start(&required, &text, engine::Sink::Refuses);
            assert_eq!(refused, "SIP/2.0 503 Service Unavailable");
            let goes = start(&policy(AUDIT), &text, engine::Sink::Refuses);
            assert!(goes == "record" || goes.starts_with(method), "{goes}");
            let goes = start(&required, &text, engine::Sink::Takes);
            assert!(goes == "record" || goes.starts_with(method), "{goes}");
        }
    }
    let mut world = world_of(&required, &[]);
    let (_, records, sent) = outputs(&mut world, CORE, &request(CORE, NET, "INVITE", "Privacy: user;id\r\n"));
    assert!(records[0].is_required);
    world.input(Input::Audit(engine::Sink::Refuses));
    let back = world.input(Input::Unrecorded(sent[0].id));
    let starts: Vec<&str> = back.iter().map(|sent| sent.start()).collect();
    assert_eq!(
        starts,
        ["SIP/2.0 503 Service Unavailable"],
        "the request that was withheld is refused"
    );
    world.input(Input::Audit(engine::Sink::Takes));
    let again = request(CORE, NET, "INVITE", "")
        .replace("call-1", "call-2")
        .replace("z9hG4bKreq", "z9hG4bKtwo");
    deliver(&mut world, CORE, NET, &again);
}

//= LI-006 type=test
#[test]
fn a_record_has_a_size() {
    let mut world = world_of(&policy(AUDIT), &[]);
    let contacts = |count: usize| "Contact: <sip:10.99.0.7>\r\n".repeat(count);
    let long = "x".repeat(VALUE_BYTES_MAX - 100);
    let rows = format!(
        "Privacy: id\r\n{PAI}From: <sip:{long}@x>;tag=7\r\n{}",
        contacts(ROWS_MAX + 1)
    );
    let (_, records, _) = outputs(&mut world, CORE, &request(CORE, NET, "MESSAGE", &rows));
    assert_eq!(records[0].contacts.len(), ROWS_MAX);
    assert!(records[0].from.len() > VALUE_BYTES_MAX - 100);
}

// The file.

fn secrets() -> Vec<(u8, [u8; 32])> {
    vec![(1, [7; 32])]
}

fn keys() -> AuditKeys {
    AuditKeys::new(&secrets()).unwrap()
}

fn record(number: u8) -> Record {
    Record {
        unix: 1_700_000_000 + u64::from(number),
        origin: Standing::Trusted,
        hop: Standing::Untrusted,
        method: b"INVITE".to_vec(),
        status: u16::from(number),
        call_id_received: format!("call-{number}").into_bytes(),
        call_id_sent: format!("call-{number}").into_bytes(),
        branch_received: b"z9hG4bKa".to_vec(),
        branch_sent: b"z9hG4bKb".to_vec(),
        from: FROM.as_bytes().to_vec(),
        to: b"<sip:bob@net.example>\xff".to_vec(),
        contacts: vec![b"<sip:al-secret@10.99.0.7>".to_vec()],
        asserted: vec![b"<tel:+15550001>".to_vec(), Vec::new()],
        privacy: PrivacySet::USER,
        is_required: false,
    }
}

/// A file with records of these numbers, closed.
fn written(path: &Path, numbers: &[u8]) -> Vec<u8> {
    let mut file = AuditFile::open(path, keys()).unwrap();
    for number in numbers {
        file.append(&[Box::new(record(*number))]).unwrap();
    }
    drop(file);
    fs::read(path).unwrap()
}

fn read(bytes: &[u8]) -> (Vec<Record>, Step) {
    read_with(bytes, &keys())
}

fn read_with(bytes: &[u8], keys: &AuditKeys) -> (Vec<Record>, Step) {
    let mut reading = Reading::new(bytes, keys);
    let mut records = Vec::new();
    loop {
        match reading.step().unwrap() {
            Step::Record(record) => records.push(*record),
            end => return (records, end),
        }
    }
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    (folder, path)
}

//= LI-007 type=test
#[test]
fn what_is_written_is_read_by_its_key_alone_and_goes_on_after_a_restart() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = scratch();
    written(&path, &[1, 2]);
    let bytes = written(&path, &[3]);
    assert_eq!(read(&bytes), ((1..=3).map(record).collect(), Step::End));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for secret in SECRETS {
        assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none());
    }
    let other = AuditKeys::new(&[(1, [8; 32])]).unwrap();
    assert_eq!(read_with(&bytes, &other), (Vec::new(), Step::Damaged));
    let rotated = AuditKeys::new(&[(2, [8; 32]), (1, [7; 32])]).unwrap();
    assert_eq!(read_with(&bytes, &rotated).0.len(), 3);
    let held = AuditFile::open(&path, keys()).unwrap();
    assert!(matches!(AuditFile::open(&path, keys()), Err(OpenError::InUse { .. })));
    drop(held);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        AuditFile::open(&path, keys()),
        Err(OpenError::OthersMayRead { .. })
    ));
}

//= LI-006 type=test
#[test]
fn a_file_cut_anywhere_keeps_every_whole_record_and_is_written_on() {
    let (folder, path) = scratch();
    let bytes = written(&path, &[1, 2, 3]);
    let ends: Vec<usize> = (0..=bytes.len())
        .filter(|end| read(&bytes[..*end]).1 == Step::End)
        .collect();
    assert_eq!(ends.len(), 5, "nothing, a header, and after each record");
    for end in 0..bytes.len() {
        let (records, step) = read(&bytes[..end]);
        assert!(matches!(step, Step::End | Step::Torn), "{end}: {step:?}");
        let whole = ends.iter().filter(|whole| **whole <= end).count().saturating_sub(2);
        assert_eq!(records.len(), whole, "{end}");
    }
    // Opening syncs to the disk, so every seventh place and those beside a boundary are enough.
    let near = |end: &usize| end.is_multiple_of(7) || ends.iter().any(|whole| whole.abs_diff(*end) <= 1);
    for end in (0..bytes.len()).filter(near) {
        let path = folder.path().join(format!("cut-{end}"));
        fs::copy(folder.path().join("audit.log"), &path).unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(end as u64)
            .unwrap();
        let (mut whole, _) = read(&bytes[..end]);
        let after = written(&path, &[9]);
        whole.push(record(9));
        assert_eq!(read(&after), (whole, Step::End), "{end}");
    }
}

//= LI-006 type=test
#[test]
fn a_changed_missing_or_moved_byte_is_found_and_the_file_left_as_it_is() {
    let (_folder, path) = scratch();
    let bytes = written(&path, &[1, 2, 3]);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let (records, step) = read(&changed);
        assert!(records.len() < 3, "{at}");
        assert!(matches!(step, Step::Damaged | Step::Foreign), "{at}: {step:?}");
        let mut missing = bytes.clone();
        missing.remove(at);
        assert_ne!(read(&missing).1, Step::End, "{at}");
    }
    let ends: Vec<usize> = (0..=bytes.len())
        .filter(|end| read(&bytes[..*end]).1 == Step::End)
        .collect();
    let part = |from: usize, to: usize| &bytes[ends[from]..ends[to]];
    let moved = [part(0, 1), part(2, 3), part(1, 2), part(3, 4)].concat();
    assert_eq!(read(&moved), (Vec::new(), Step::Damaged));
    let removed = [part(0, 2), part(3, 4)].concat();
    assert_eq!(read(&removed), (vec![record(1)], Step::Damaged));
    let repeated = [part(0, 2), part(1, 2)].concat();
    assert_eq!(read(&repeated), (vec![record(1)], Step::Damaged));
    fs::write(&path, &removed).unwrap();
    let refused = AuditFile::open(&path, keys()).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { records: 1, .. }), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), removed);
    fs::write(&path, "a diary\n").unwrap();
    assert!(matches!(AuditFile::open(&path, keys()), Err(OpenError::Foreign { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"a diary\n");
}

// The queue.

/// Writes when told to, as told.
struct Told {
    to_write: Receiver<io::Result<()>>,
    wrote: SyncSender<usize>,
}

impl Append for Told {
    fn append(&mut self, records: &[Box<Record>]) -> io::Result<()> {
        let _ = self.wrote.send(records.len());
        self.to_write.recv().unwrap_or(Ok(()))
    }
}

//= LI-006 type=test
#[test]
fn a_full_queue_refuses_until_half_of_it_is_written() {
    let (tell, to_write) = sync_channel(0);
    let (wrote, writes) = sync_channel(16);
    let sink = Sink::start(4, Told { to_write, wrote }).unwrap();
    let take = || sink.take(Box::new(record(1)));
    take().unwrap();
    assert_eq!(writes.recv().unwrap(), 1);
    (0..3).for_each(|_| take().unwrap());
    assert_eq!(take(), Err(Refused), "one past the maximum");
    assert!(!sink.takes());
    tell.send(Ok(())).unwrap();
    assert_eq!(writes.recv().unwrap(), 3, "the first is written, three wait");
    assert_eq!(take(), Err(Refused), "still more than half");
    tell.send(Ok(())).unwrap();
    drop(tell);
    while !sink.takes() {
        std::thread::yield_now();
    }
    take().unwrap();
    drop(sink);
    assert_eq!(
        writes.iter().sum::<usize>(),
        1,
        "what was taken is written before the end"
    );
}

//= LI-006 type=test
#[test]
fn a_failing_disk_refuses_and_loses_nothing_it_took() {
    let (tell, to_write) = sync_channel(0);
    let (wrote, writes) = sync_channel(16);
    let sink = Sink::start(4, Told { to_write, wrote }).unwrap();
    sink.take(Box::new(record(1))).unwrap();
    assert_eq!(writes.recv().unwrap(), 1);
    tell.send(Err(io::Error::other("no space left"))).unwrap();
    assert_eq!(writes.recv().unwrap(), 1, "tried again");
    assert_eq!(sink.take(Box::new(record(2))), Err(Refused));
    tell.send(Ok(())).unwrap();
    while !sink.takes() {
        std::thread::yield_now();
    }
    sink.take(Box::new(record(3))).unwrap();
    assert_eq!(writes.recv().unwrap(), 1);
    tell.send(Ok(())).unwrap();
}

// The command.

pub fn sipveil(arguments: &[&str], folder: &Path) -> Ended {
    Command::new(env!("CARGO_BIN_EXE_sipveil"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

pub fn key_file(folder: &Path, name: &str, secret: u8) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    fs::write(&path, format!("1 {}\n", format!("{secret:02x}").repeat(32))).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Who looks is written down as well, with the same keys and before anything is shown.
//= LI-007 type=test
#[test]
fn a_look_up_leaves_a_record_of_its_own() {
    let (folder, path) = scratch();
    written(&path, &[1, 2]);
    let read = |file: &str, key: &str| {
        let ended = sipveil(&["audit", "read", file, "--key-file", key], folder.path());
        (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
    };
    key_file(folder.path(), "audit.key", 7);
    key_file(folder.path(), "other.key", 8);
    let lookups = folder.path().join("audit.log.lookups");
    // Who has not the key sees nothing, and spoils nothing.
    assert_eq!(read("audit.log", "other.key"), (Some(1), String::new()));
    assert!(!lookups.exists());
    for _ in 0..2 {
        assert_eq!(read("audit.log", "audit.key").1.lines().count(), 2);
    }
    let sealed = fs::read(&lookups).unwrap();
    assert!(memchr::memmem::find(&sealed, b"audit.log").is_none());
    // The look at the look-ups is the third.
    let (code, out) = read("audit.log.lookups", "audit.key");
    assert_eq!((code, out.lines().count()), (Some(0), 3), "{out}");
    for line in out.lines() {
        assert!(line.contains(" AUDIT-READ ") && line.contains("from uid "), "{line}");
    }
    assert!(out.lines().nth(2).unwrap().contains("to audit.log.lookups"), "{out}");
    // What cannot be written down is not done.
    fs::remove_file(&lookups).unwrap();
    fs::create_dir(&lookups).unwrap();
    assert_eq!(read("audit.log", "audit.key"), (Some(2), String::new()));
}

//= LI-007 type=test
#[test]
fn a_token_that_is_opened_leaves_a_record_too() {
    let (folder, path) = scratch();
    key_file(folder.path(), "audit.key", 7);
    the_token_tells_in(folder.path(), &policy(AUDIT));
    assert!(!path.exists(), "the audit is the proxy's");
    let ended = sipveil(
        &["audit", "read", "audit.log.lookups", "--key-file", "audit.key"],
        folder.path(),
    );
    let out = String::from_utf8(ended.stdout).unwrap();
    let opened = out.lines().next().unwrap();
    assert!(
        opened.contains(" AUDIT-OPEN ") && opened.contains("call-id call-1") && opened.contains("to bye.sip"),
        "{out}"
    );
}

//= LI-006 type=test
#[test]
fn the_command_prints_what_was_written_and_says_when_it_was_changed() {
    let (folder, path) = scratch();
    let bytes = written(&path, &[1, 2]);
    key_file(folder.path(), "audit.key", 7);
    let read = |more: &[&str]| {
        let arguments = ["audit", "read", "audit.log", "--key-file", "audit.key"];
        let ended = sipveil(&[&arguments, more].concat(), folder.path());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
    };
    let (code, out, err) = read(&[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("2 records") && err.contains("all proved"), "{err}");
    assert!(
        out.starts_with("2023-11-14T22:13:21Z INVITE 1  trusted to untrusted  privacy user  call-id call-1"),
        "{out}"
    );
    assert!(out.contains(FROM) && out.contains("asserted <tel:+15550001>"), "{out}");
    let (code, out, _) = read(&["--json"]);
    assert_eq!(code, Some(0));
    let second: serde_json::Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["sent"]["call_id"], "call-2");
    assert_eq!(second["from"], FROM);
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let (code, _, err) = read(&[]);
    assert_eq!(code, Some(0));
    assert!(err.contains("1 records") && err.contains("not whole"), "{err}");
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, &changed).unwrap();
    let (code, out, err) = read(&[]);
    assert_eq!((code, out.lines().count()), (Some(1), 1));
    assert!(err.contains("1 records") && err.contains("damaged after them"), "{err}");
    key_file(folder.path(), "audit.key", 8);
    assert_eq!(read(&[]).0, Some(1));
    fs::remove_file(folder.path().join("audit.key")).unwrap();
    assert_eq!(read(&[]).0, Some(2));
    assert!(
        !folder.path().join("audit.key").exists(),
        "a key that is looked for is not made"
    );
    key_file(folder.path(), "audit.key", 7);
    fs::write(&path, "a diary\n").unwrap();
    assert_eq!(read(&[]).0, Some(2));
}

//= LI-009 type=test
#[test]
fn the_token_of_a_bye_tells_the_original_from_to_who_has_the_key() {
    let mapped = POLICY.replacen("[[peer]]", "[privacy]\ncall_id = \"map\"\n[[peer]]", 1);
    for policy in [POLICY, &mapped] {
        let folder = tempfile::tempdir().unwrap();
        the_token_tells_in(folder.path(), policy);
    }
}

fn the_token_tells_in(folder: &Path, policy: &str) {
    let mut world = world_of(policy, &[]);
    let invite = request(CORE, NET, "INVITE", "Privacy: user\r\n");
    let sent = deliver(&mut world, CORE, NET, &invite);
    assert_ne!(sent.row("From"), Some(FROM));
    let mut bye = "BYE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKbye\r\n".to_owned();
    for route in sent.rows("Record-Route") {
        bye += &format!("Route: {route}\r\n");
    }
    bye += &format!("From: {};tag=b\r\n", sent.row("To").unwrap());
    bye += &format!(
        "To: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        sent.row("From").unwrap(),
        sent.row("Call-ID").unwrap()
    );
    fs::write(folder.join("bye.sip"), bye).unwrap();
    fs::write(folder.join("trust-domain.toml"), policy).unwrap();
    key_file(folder, "token.keys", 42);
    let open = || sipveil(&["audit", "open", "bye.sip", "--key-file", "token.keys"], folder);
    let ended = open();
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(
        ended.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(out, format!("From: {FROM}\nsent by the other party\n"));
    key_file(folder, "token.keys", 43);
    let ended = open();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stdout.is_empty());
}
