//! What docs/p2p.md shows of policies loads, and is what it says.

use sipveil::policy::Policy;
use sipveil::policy::p2p::Arch;

use crate::tree;

/// All but `[p2p]`.
const REST: &str = r#"schema = 1
profile = "ims"
domain = { id = "T-home1", admin_domains = ["home1.example"] }
[[listener]]
name = "core"
bind = ["tcp://127.0.0.1:5070"]
peers = "trusted"
secured_by = "physical"
[spec_t]
user_authentication = ["sip-digest"]
inter_node_security = ["physical"]
ue_security = ["tls"]
default_privacy = { to_ue = "keep", to_untrusted = "keep" }
"#;

const AROUND: &str = "[proxy]\nworkers = 1\n\
    [privacy]\nvalues = [\"none\", \"id\", \"critical\", \"user\", \"header\", \"history\"]\n";

/// This and all the rest, without a mistake or a warning.
fn loaded(p2p: &str) -> Policy {
    let (policy, warnings) = sipveil::config::read(&format!("{REST}{p2p}"), "p2p.toml").unwrap_or_else(|mistakes| {
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}\n{p2p}", told.join("\n"))
    });
    assert!(warnings.is_empty(), "{p2p}");
    policy
}

/// The guard has to know which CDN a list of another tracker may name.
//= P2P-054 type=test
//= P2P-131 type=test
#[test]
fn a_cdn_may_be_that_of_a_tracker_elsewhere() {
    let p2p = "[p2p]\ntracker = \"sip:tracker.home1.example;lr\"\ndomain = \"p2p.home1.example\"\narch = [2, 4]\n\
               cdn = [\"https://cdn.example/film\"]\n";
    assert_eq!(loaded(&format!("{AROUND}{p2p}")).p2p.cdn.len(), 1);
}

//= P2P-131 type=test
#[test]
fn each_architecture_is_a_policy() {
    let page = tree::file("docs/p2p.md").expect("it is there").text;
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
        .collect();
    assert_eq!(
        blocks.len(),
        6,
        "one with all there is to it, and one for each architecture"
    );
    let mut shown = Vec::new();
    for block in blocks {
        // What the page leaves open for the reader to fill in.
        let block = block.replace("<43 characters of base64url>", &"A".repeat(43));
        let around = if block.contains("[proxy]") { "" } else { AROUND };
        shown.extend(loaded(&format!("{around}{block}")).p2p.arch.value);
    }
    let shows = |arch: &Arch| shown.contains(arch);
    assert!(Arch::ALL.iter().all(shows), "{shown:?}");
}
