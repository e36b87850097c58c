//! `[pcscf]` of the policy file.

use super::policy_with;

fn faults(lines: &str) -> Vec<String> {
    match sipveil::config::read(&policy_with(lines), "test.toml") {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(|one| one.fault.clone()).collect(),
    }
}

#[test]
fn what_is_no_value_is_refused_by_name() {
    for (lines, fault) in [
        ("path_unsupported = \"reject\"", "`path_unsupported` cannot be `reject`"),
        (
            "service_route = \"reject-403\"",
            "`service_route` cannot be `reject-403`",
        ),
        (
            "unprotected_action = \"reject\"",
            "`unprotected_action` cannot be `reject`",
        ),
        (
            "oob_in_dialog_code = 404",
            "`oob_in_dialog_code` is no answer of that kind",
        ),
        ("visited_network_id = \"\"", "`` is no name of a network"),
        (
            "visited_network_id = \"a\\r\\nb\"",
            "`a\\r\\nb` is no name of a network",
        ),
        (
            "pani_network_provided = \"IEEE 802\"",
            "`IEEE 802` is no access network",
        ),
        (
            "pani_network_provided = \"IEEE-802.11;network-provided\"",
            "`IEEE-802.11;network-provided` is no access network",
        ),
        ("pani_network_provided = \"a, b\"", "`a, b` is no access network"),
        ("reg_event = \"on\"", "reg_event"),
        ("ioi = \"two words\"", "`two words` is no host"),
        (
            "pseudonyms = [\"sip:home1.example\"]",
            "`sip:home1.example` is no identity",
        ),
        (
            "require_protected_pseudonyms = true",
            "`require_protected_pseudonyms`, but no pseudonym is listed",
        ),
        (
            "dialog_release = true",
            "`dialog_release` needs to know the dialogs, and `dialog_memory` keeps none",
        ),
        ("min_se = \"89s\"", "`min_se` is out of range"),
        ("min_se = 90", "min_se"),
        ("servce_route = \"enforce\"", "unknown key `servce_route` in [pcscf]"),
    ] {
        let faults = faults(lines);
        assert_eq!(faults.len(), 1, "{lines}: {faults:?}");
        assert!(faults[0].contains(fault), "{lines}: {faults:?}");
    }
}

//= ROLE-003 type=test
#[test]
fn every_value_in_force_is_printed() {
    let page = |lines: &str| sipveil::config::effective(&crate::world::policy(&policy_with(lines)));
    let built_in = page("");
    for line in [
        "[pcscf]",
        "path_unsupported = \"insert\"  (profile ims)",
        "service_route = \"enforce\"  (default)",
        "unprotected_action = \"reject-403\"  (default)",
        "oob_in_dialog_code = 403  (default)",
        "visited_network_id = -  (default)",
        "pani_network_provided = -  (default)",
        "reg_event = false  (default)",
        "ioi = \"home1.example\"  (default)",
        "require_protected_pseudonyms = false  (default)",
        "dialog_release = false  (default)",
        "min_se = -  (default)",
    ] {
        assert!(built_in.lines().any(|other| other == line), "{line}");
    }
    let written = page(
        "service_route = \"reject-400\"\nioi = \"op.example\"\nmin_se = \"2m\"\npseudonyms = [\"sip:nobody@home1.example\"]",
    );
    assert!(written.contains("min_se = \"2m\"  (test.toml:"), "{written}");
    assert!(written.contains("pseudonyms = \"sip:nobody@home1.example\"  (test.toml:"));
    assert!(written.contains("service_route = \"reject-400\"  (test.toml:"));
    assert!(written.contains("ioi = \"op.example\"  (test.toml:"));
}
