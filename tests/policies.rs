//! Policies that load, and policies that do not, with the words an operator then reads.
//!
//! `fixtures/policies/bad/NAME.toml` stands beside `NAME.expected`; one called `warns-…` loads and warns, any other is
//! refused. `SIPVEIL_BLESS=1 cargo test policies` writes the expected words anew; review them like code.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use proptest::prelude::*;
use sipveil::{
    config::{self, Diagnostic, Severity, Style},
    policy::{
        Bind, Direction, ListenerId, PeersAre, Policy, Profile, Stated, StatedBy, Undetermined,
        privacy::Provided,
        spec_t::{ConflictNone, DefaultPrivacy, TokenMeaning},
    },
    sip::Transport,
};

//= TRUST-001 type=test
//= TRUST-003 type=test
//= TRUST-004 type=test
//= TRUST-023 type=test
#[test]
fn every_mistake_has_its_words() {
    let bless = std::env::var_os("SIPVEIL_BLESS").is_some();
    let mut wrong = Vec::new();
    let policies = policies("bad");
    assert!(policies.len() >= 65, "only {} bad policies", policies.len());
    for path in policies {
        let name = path.file_name().expect("listed by name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a fixture");
        let (found, refused) = match config::read(&text, &name) {
            Ok((_, warnings)) => (warnings, false),
            Err(found) => (found, true),
        };
        let has_error = found.iter().any(|one| one.severity == Severity::Error);
        assert!(!found.is_empty(), "{name}: nothing found");
        assert_eq!(
            has_error, refused,
            "{name}: refused without an error, or used in spite of one"
        );
        assert_eq!(name.starts_with("warns-"), !refused, "{name}: refused or not");
        let words = rendered(&found);
        let expected = path.with_extension("expected");
        if bless {
            fs::write(&expected, &words).expect("the fixtures can be written");
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(words.as_str()) {
            wrong.push(format!("{name} now says:\n{words}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_loads_without_a_warning() {
    for path in policies("good").into_iter().chain([shipped()]) {
        match config::load(&path) {
            Ok((_, warnings)) => assert!(warnings.is_empty(), "{}", rendered(&warnings)),
            Err(found) => panic!("{}", rendered(&found)),
        }
    }
}

#[test]
fn the_shipped_policy_is_the_first_walk() {
    let policy = load(&shipped());
    let [core, outside] = policy.listeners.as_slice() else {
        panic!("two listeners");
    };
    assert_eq!(binds(&core.bind), ["udp://127.0.0.1:5070", "tcp://127.0.0.1:5070"]);
    assert_eq!(core.peers.value, PeersAre::Trusted);
    assert!(
        core.implicit_member.value,
        "everybody on a trusted listener is a member"
    );
    assert_eq!(core.implicit_member.by, core.peers.by);
    assert_eq!(binds(&outside.bind), ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"]);
    assert_eq!(outside.peers.value, PeersAre::Untrusted);
    let routes: Vec<_> = policy
        .routes
        .iter()
        .map(|route| (route.from.value, route.next_hop[0].value.as_str(), route.via.value))
        .collect();
    assert_eq!(
        routes,
        [
            (ListenerId(0), "sip:127.0.0.1:5080", ListenerId(1)),
            (ListenerId(1), "sip:127.0.0.1:5090", ListenerId(0)),
        ]
    );
    let text = fs::read_to_string(shipped()).expect("shipped");
    let effective = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    assert!(effective.count() <= 30, "the shipped policy is short");
}

//= ROLE-002 type=test
#[test]
fn the_profile_decides_six_keys() {
    let ims = load(&good("preset-seed.toml"));
    assert_eq!(ims.profile.value, Profile::Ims);
    let rfc = read(&fs::read_to_string(good("minimal.toml")).expect("a fixture").replacen(
        "[domain]",
        "profile = \"rfc\"\n[domain]",
        1,
    ));
    for (policy, expected, conflict) in [
        (load(&good("minimal.toml")), true, ConflictNone::PrivacyWins),
        (rfc, false, ConflictNone::NoneWins),
    ] {
        let id_handling = &policy.spec_t.id_handling;
        for value in [
            id_handling.user_removes_pai,
            id_handling.retain_id,
            policy.privacy.dialog_sticky,
            policy.privacy.scrub_contact_user_on_user,
            policy.privacy.hide_routing_to_ue,
        ] {
            assert_eq!((value.value, value.by), (expected, StatedBy::Profile));
        }
        assert_eq!(id_handling.conflict_none.value, conflict);
    }
    let overridden = load(&good("pbx-edge.toml"));
    assert_eq!(
        overridden.spec_t.id_handling.conflict_none.value,
        ConflictNone::PrivacyWins
    );
    assert!(matches!(
        overridden.spec_t.id_handling.conflict_none.by,
        StatedBy::File { .. }
    ));
}

//= TRUST-006 type=test
#[test]
fn both_presets_load_and_differ_in_one_value() {
    let seed = load(&good("preset-seed.toml"));
    let ts_33203 = load(&good("preset-33203.toml"));
    assert_eq!(seed.spec_t.default_privacy_to_untrusted.value, DefaultPrivacy::Keep);
    assert_eq!(
        ts_33203.spec_t.default_privacy_to_untrusted.value,
        DefaultPrivacy::Remove
    );
    let printed = |policy: &Policy| config::effective(policy).replace(&policy.file, "FILE");
    let (seed, ts_33203) = (printed(&seed), printed(&ts_33203));
    let differences: Vec<_> = seed
        .lines()
        .zip(ts_33203.lines())
        .filter(|(one, other)| one != other)
        .collect();
    assert_eq!(
        differences,
        [(
            "to_untrusted = \"keep\"  (FILE:16)",
            "to_untrusted = \"remove\"  (FILE:16)"
        )]
    );
}

//= PRIV-030 type=test
#[test]
fn default_privacy_has_no_default() {
    for missing in ["to_ue = \"keep\"", "to_untrusted = \"remove\""] {
        let text = fs::read_to_string(good("minimal.toml")).expect("a fixture");
        let found = refused(&text.replacen(missing, "", 1).replace("{ ,", "{").replace(",  }", "}"));
        let key = missing.split(' ').next().expect("a key");
        assert!(
            found
                .iter()
                .any(|one| one.fault.contains("lacks") && one.fault.contains(key)),
            "{}",
            rendered(&found)
        );
    }
}

//= TPT-001 type=test
#[test]
fn udp_implies_tcp() {
    let policy = load(&good("minimal.toml"));
    assert_eq!(
        binds(&policy.listeners[0].bind),
        ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"]
    );
    assert_eq!(policy.listeners[0].bind[0].by, policy.listeners[0].bind[1].by);
    let policy = load(&good("preset-seed.toml"));
    assert_eq!(
        binds(&policy.listeners[1].bind),
        ["tcp://198.51.100.10:5060"],
        "tcp implies nothing"
    );
    let chosen_later = read(&minimal().replace("\"127.0.0.1:5060\"", "[\"udp://127.0.0.1:0\", \"udp://[::1]:0\"]"));
    assert_eq!(
        binds(&chosen_later.listeners[0].bind),
        [
            "udp://127.0.0.1:0",
            "udp://[::1]:0",
            "tcp://127.0.0.1:0",
            "tcp://[::1]:0"
        ]
    );
}

//= TRUST-005 type=test
//= TRUST-008 type=test
//= TRUST-011 type=test
//= TRUST-013 type=test
#[test]
fn peers_are_what_the_file_says_and_nobody_else_is() {
    let policy = load(&good("interconnect.toml"));
    let [home2, transit, wholesale] = policy.peers.as_slice() else {
        panic!("three peers");
    };
    assert_eq!(
        (home2.direction.value, transit.direction.value),
        (Direction::Both, Direction::In)
    );
    assert_eq!((home2.rfc5876.value, transit.rfc5876.value), (true, false));
    assert_eq!(home2.prefixes[1].by, StatedBy::File { line: 48 });
    assert!(wholesale.secured_by.is_none(), "a stranger with terms of its own");
    let aliases: Vec<_> = wholesale
        .aliases
        .iter()
        .map(|(token, alias)| (token.as_str(), alias.value))
        .collect();
    assert_eq!(
        aliases,
        [("off", TokenMeaning::Absent), ("restricted", TokenMeaning::Id)]
    );
    assert_eq!(policy.evidence.undetermined.value, Undetermined::Refuse);
    let nobody = load(&good("minimal.toml"));
    assert!(nobody.peers.is_empty());
    assert_eq!(nobody.listeners[0].peers.value, PeersAre::Listed);
    assert!(!nobody.listeners[0].implicit_member.value);
    let without_5876 = load(&good("pbx-edge.toml"));
    let known: Vec<_> = without_5876.peers.iter().map(|peer| peer.rfc5876.value).collect();
    assert_eq!(known, [true, false], "a peer may differ from its domain");
}

#[test]
fn durations_and_limits_are_read_in_their_units() {
    let policy = load(&good("p-cscf.toml"));
    assert_eq!(policy.privacy.max_dialog_age.value, Duration::from_secs(12 * 3600));
    assert_eq!(policy.proxy.drain.value, Duration::from_secs(30));
    assert_eq!(policy.proxy.drain.by, StatedBy::Default);
    let edge = load(&good("pbx-edge.toml"));
    assert_eq!(
        (edge.limits.transactions_max, edge.limits.body_bytes_max),
        (50_000, 65_536)
    );
    assert_eq!(edge.privacy.values.value.len(), 4);
    let nothing = read(&(minimal() + "[privacy]\nvalues = []\n"));
    assert_eq!(nothing.privacy.values.value, Vec::<Provided>::new());
}

#[test]
fn tables_of_later_versions_may_ask_for_nothing() {
    let nothing = "[evidence]\nreverse_dns = false\n[topology_hiding]\nmode = \"off\"\n[p2p]\ntracker = \"off\"\n\
                   [lawful_interception]\nanonymous_without_identity = \"accept\"\n[dns]\n[admin]\n\
                   [store]\nurl = \"file:sipveil.redb\"\n";
    read(&(minimal() + nothing));
}

/// At the maximum a policy loads, one past it says so.
#[test]
fn what_can_grow_has_a_maximum() {
    let listeners = |count: usize| {
        let one = |index: usize| {
            format!(
                "[[listener]]\nname = \"{index}\"\nbind = \"127.0.0.1:{}\"\n",
                10_000 + index
            )
        };
        minimal() + &(1..count).map(one).collect::<String>()
    };
    let peers = |count: u32| {
        let one = |index: u32| {
            format!(
                "[[peer]]\nname = \"{index}\"\nprefixes = [\"{}\"]\n",
                std::net::Ipv4Addr::from(index)
            )
        };
        minimal() + &(0..count).map(one).collect::<String>()
    };
    let routes = |count: u32| {
        let one = |index: u32| {
            format!("[[route]]\nfrom = \"outside\"\nvia = \"outside\"\nnext_hop = \"sip:a\"\ndomain = \"d{index}\"\n")
        };
        minimal() + &(0..count).map(one).collect::<String>()
    };
    let next_hops = |count: usize| {
        let hops = vec!["\"sip:a\""; count].join(",");
        format!(
            "{}[[route]]\nfrom = \"outside\"\nvia = \"outside\"\nnext_hop = [{hops}]\n",
            minimal()
        )
    };
    let binds = |count: usize| {
        let binds: Vec<_> = (1..=count).map(|port| format!("\"udp://127.0.0.1:{port}\"")).collect();
        minimal().replace("\"127.0.0.1:5060\"", &format!("[{}]", binds.join(",")))
    };
    let tokens = |count: usize| {
        let tokens: Vec<_> = (0..count).map(|token| format!("t{token} = \"id\"")).collect();
        let tokens = tokens.join(",");
        minimal() + &format!("[[peer]]\nname = \"p\"\nprefixes = [\"192.0.2.1\"]\naliases = {{ {tokens} }}\n")
    };
    for (most, one_more) in [
        (listeners(256), listeners(257)),
        (peers(10_000), peers(10_001)),
        (routes(10_000), routes(10_001)),
        (next_hops(16), next_hops(17)),
        (binds(64), binds(65)),
        (tokens(64), tokens(65)),
    ] {
        read(&most);
        let found = refused(&one_more);
        assert!(
            found.iter().any(|one| one.fault.starts_with("more than ")),
            "{}",
            rendered(&found)
        );
    }
    let padding = config::FILE_BYTES_MAX as usize - minimal().len();
    let largest = minimal() + "#" + &" ".repeat(padding - 1);
    read(&largest);
    assert_eq!(refused(&(largest + " ")).len(), 1);
}

#[test]
fn a_thousand_mistakes_are_a_hundred_and_a_number() {
    let mistakes: String = (0..1000).map(|index| format!("zz{index} = 1\n")).collect();
    let found = refused(&(mistakes + &minimal()));
    assert_eq!(found.len(), 101);
    assert_eq!(found.last().map(|one| one.fault.as_str()), Some("and 900 more"));
}

/// All on one line, so that every place is far from the start of its line.
#[test]
fn a_long_line_of_mistakes_is_read_in_one_go() {
    let mistakes: Vec<_> = (0..200_000).map(|index| format!("z{index}=1")).collect();
    let text = format!(
        "x = {{{}}}\nproxy = {{{}}}\n{}",
        mistakes.join(","),
        mistakes.join(","),
        minimal()
    );
    let found = refused(&text);
    assert_eq!(found.len(), 101);
    assert!(rendered(&found).len() < 20_000, "no line of megabytes is quoted");
}

#[test]
fn a_finding_knows_its_place() {
    let found = refused(&minimal().replace("name = \"outside\"", "name = \"é\", nmae = 1"));
    assert!(found[0].fault.contains("TOML"), "{}", rendered(&found));
    let found = refused(&minimal().replace("[domain]", "[domain]\nx = { \"é\" = 1 }"));
    let place = found[0].place.as_ref().expect("a place");
    assert_eq!((place.line, place.column), (3, 1));
    assert!(
        found[0].to_string().starts_with("x.toml:3:1: unknown key `x`"),
        "{}",
        found[0]
    );
}

//= ROLE-003 type=test
//= TRUST-009 type=test
#[test]
fn check_prints_what_is_in_force() {
    let output = sipveil(&["check", "--print", "--config", "fixtures/policies/good/pbx-edge.toml"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).expect("text");
    let file = "fixtures/policies/good/pbx-edge.toml";
    for line in [
        "user_removes_pai = false  (profile rfc)".to_owned(),
        format!("conflict_none = \"privacy-wins\"  ({file}:22)"),
        format!("profile = \"rfc\"  ({file}:8)"),
        "malformed_privacy = \"as-unknown\"  (default)".to_owned(),
        "dialog_sticky = false  (profile rfc)".to_owned(),
        format!("body_bytes_max = 65536  ({file}:93)"),
        "header_rows_max = 512  (default)".to_owned(),
        format!("{file}: ok"),
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} is not in:\n{printed}"
        );
    }
    let items: Vec<_> = (1..=8)
        .map(|item| printed.find(&format!("SPEC(T) item {item}:")))
        .collect();
    assert!(
        items.iter().all(Option::is_some) && items.is_sorted(),
        "the eight items in order: {items:?}"
    );
}

#[test]
fn check_ends_with_0_or_2_and_says_why() {
    let ok = sipveil(&["check"]);
    assert_eq!(ok.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ok.stdout), "trust-domain.toml: ok\n");
    assert!(ok.stderr.is_empty());

    let warns = sipveil(&["check", "--config", "fixtures/policies/bad/warns-id-not-provided.toml"]);
    assert_eq!(warns.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&warns.stderr).starts_with("warning: "));

    let bad = sipveil(&["check", "--config", "fixtures/policies/bad/several.toml"]);
    let words = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert_eq!(bad.status.code(), Some(2));
    assert!(bad.stdout.is_empty());
    assert_eq!(words.matches("error: ").count(), 6, "{words}");
    assert!(!words.contains('\x1b'), "no colours in a pipe");

    let absent = sipveil(&["check", "--config", "no-such-file.toml"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("no-such-file.toml"));

    let scratch = tempfile::tempdir().expect("a scratch folder");
    let file = scratch.path().join("latin1.toml");
    fs::write(&file, b"[domain]\nid = \"caf\xe9\"\n").expect("written");
    let latin1 = sipveil(&["check", "--config", &file.to_string_lossy()]);
    assert_eq!(latin1.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&latin1.stderr).contains("line 2 is not UTF-8"));
}

proptest! {
    /// Any text is a policy or a list of errors with renderable places; nothing panics.
    #[test]
    fn any_text_gets_an_answer(text in mangled()) {
        match config::read(&text, "x.toml") {
            Ok((_, warnings)) => {
                prop_assert!(warnings.iter().all(|one| one.severity == Severity::Warning));
                rendered(&warnings);
            }
            Err(found) => {
                prop_assert!(found.iter().any(|one| one.severity == Severity::Error));
                for one in &found {
                    prop_assert!(one.place.as_ref().is_none_or(|place| place.span.end <= text.len()));
                }
                rendered(&found);
            }
        }
    }
}

/// A good policy with something put in the place of something else.
fn mangled() -> impl Strategy<Value = String> {
    let whole = fs::read_to_string(good("interconnect.toml")).expect("a fixture");
    let positions: Vec<usize> = (0..whole.len()).filter(|at| whole.is_char_boundary(*at)).collect();
    let last = positions.len() - 1;
    let piece = prop_oneof![
        "\\PC{0,8}",
        "[\\[\\]{}=\"'.,#\\n\\r\\t0-9a-z é]{0,12}",
        Just("\n\n".to_owned())
    ];
    (0..=last, 0usize..40, piece).prop_map(move |(from, length, piece)| {
        let to = (from + length).min(last);
        [&whole[..positions[from]], &piece, &whole[positions[to]..]].concat()
    })
}

fn read(text: &str) -> Policy {
    match config::read(text, "x.toml") {
        Ok((policy, _)) => policy,
        Err(found) => panic!("{}", rendered(&found)),
    }
}

fn refused(text: &str) -> Vec<Diagnostic> {
    config::read(text, "x.toml").expect_err("a policy with mistakes")
}

fn load(path: &Path) -> Policy {
    match config::load(path) {
        Ok((policy, _)) => policy,
        Err(found) => panic!("{}", rendered(&found)),
    }
}

fn rendered(found: &[Diagnostic]) -> String {
    found.iter().map(|one| one.render(Style::Plain) + "\n\n").collect()
}

fn binds(binds: &[Stated<Bind>]) -> Vec<String> {
    let one = |Bind { transport, address }: Bind| match transport {
        Transport::Udp => format!("udp://{address}"),
        Transport::Tcp => format!("tcp://{address}"),
        other => panic!("{other:?} is not served"),
    };
    binds.iter().map(|bind| one(bind.value)).collect()
}

fn minimal() -> String {
    fs::read_to_string(good("minimal.toml")).expect("a fixture")
}

fn policies(name: &str) -> Vec<PathBuf> {
    let folder = root().join("fixtures/policies").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    paths
}

fn good(name: &str) -> PathBuf {
    root().join("fixtures/policies/good").join(name)
}

fn shipped() -> PathBuf {
    root().join("trust-domain.toml")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sipveil(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sipveil"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the program under test")
}

//= AKA-003 type=test
//= AKA-005 type=test
//= ROLE-003 type=test
#[test]
fn protected_ports_are_listeners_of_their_own_and_printed_with_theirs() {
    let text = r#"
schema = 1
[domain]
id = "T-home1"
admin_domains = ["home1.example"]
[spec_t]
user_authentication = ["ims-aka"]
inter_node_security = ["physical"]
ue_security = ["ipsec-3gpp"]
default_privacy = { to_ue = "keep", to_untrusted = "keep" }
[proxy]
workers = 1
[[listener]]
name = "access"
bind = ["udp://127.0.0.1:5060", "udp://[::1]:5060"]
peers = "ue"
advertise = "pcscf.example:5060"
protected = { server_port = 6101, client_ports = [6102, 6103, 6104] }
[[listener]]
name = "core"
bind = ["udp://127.0.0.1:5070"]
peers = "trusted"
secured_by = "physical"
"#;
    let (policy, warnings) = config::read(text, "protected.toml").expect("a policy");
    assert!(warnings.is_empty(), "{warnings:?}");
    let ports = policy.listeners[2..].iter().map(|listener| {
        let binds = listener.bind.iter().map(|bind| bind.value);
        let binds = binds.map(|bind| format!("{} {}", bind.transport.uri_name(), bind.address));
        (listener.name.value.clone(), binds.collect::<Vec<_>>())
    });
    let of = |port: u16| vec![format!("udp 127.0.0.1:{port}"), format!("udp [::1]:{port}")];
    assert_eq!(
        ports.collect::<Vec<_>>(),
        [
            (
                "access 6101".to_owned(),
                [
                    "udp 127.0.0.1:6101",
                    "tcp 127.0.0.1:6101",
                    "udp [::1]:6101",
                    "tcp [::1]:6101"
                ]
                .map(str::to_owned)
                .to_vec()
            ),
            ("access 6102".to_owned(), of(6102)),
            ("access 6103".to_owned(), of(6103)),
            ("access 6104".to_owned(), of(6104)),
        ]
    );
    assert_eq!(policy.listeners[2].advertise.as_ref().unwrap().value, "pcscf.example");
    assert!((2..6).all(|id| policy.entry_of(ListenerId(id)) == ListenerId(0)));
    let printed = config::effective(&policy);
    assert_eq!(printed.matches("[[listener]]").count(), 2);
    for line in [
        "protected.server_port = 6101  (protected.toml:14)",
        "protected.client_ports = [6102, 6103, 6104]  (protected.toml:14)",
        "protected.legacy_algorithms = false  (protected.toml:14)",
        "protected.require_encryption = false  (protected.toml:14)",
        "protected.unacceptable_code = 494  (protected.toml:14)",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
}
