//! What a policy says, as plain facts, and the same as the text that an operator would write.

use super::dice::Dice;
use super::party::{PARTIES, Party};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    PrivacyWins,
    NoneWins,
    Reject400,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    AsId,
    Ignore,
    Reject500,
}

/// Every key that changes what becomes of a message (Appendix B of the catalogue).
#[derive(Debug, Clone)]
pub struct Facts {
    pub rfc: bool,
    pub removes_to_ue: bool,
    pub removes_to_untrusted: bool,
    pub rfc5876: bool,
    pub user_removes_pai: bool,
    pub retain_id: bool,
    pub conflict: Conflict,
    pub unknown: Unknown,
    pub malformed_rejects: bool,
    pub legacy: &'static [(&'static str, &'static str)],
    pub values: Vec<&'static str>,
    pub anonymous_host: &'static str,
    pub maps_call_ids: bool,
    pub sticky: bool,
    pub honours_downgrade: bool,
    pub scrubs_contact: bool,
    pub hides_routing_to_ue: bool,
    pub id_anonymises_from: bool,
    pub rejects_unprovidable: bool,
    pub passes_remote_party_id: bool,
    pub strips_session_id: bool,
    pub strips_identity_to_ue: bool,
    pub agreements: &'static [Agreement],
    /// What an anonymous stranger is answered.
    pub anonymous_rejected: Option<u16>,
    pub unidentified_rejected: bool,
}

/// `[[privacy.on_behalf]]`.
#[derive(Debug)]
pub struct Agreement {
    pub identity: &'static str,
    pub values: &'static [&'static str],
    /// Empty: all.
    pub methods: &'static [&'static str],
}

pub const ADMIN_DOMAIN: &str = "home1.example";

const LEGACY: &[(&str, &str)] = &[
    ("full", "id"),
    ("name", "id"),
    ("uri", "id"),
    ("yes", "id"),
    ("off", "absent"),
    ("no", "absent"),
];

const OTHER_LEGACY: &[(&str, &str)] = &[
    ("full", "user"),
    ("name", "header"),
    ("off", "none"),
    ("yes", "critical"),
];

/// Only where all of their values are provided.
const AGREEMENTS: &[Agreement] = &[
    Agreement {
        identity: "sip:ue@home1.example",
        values: &["user", "id"],
        methods: &["INVITE", "MESSAGE"],
    },
    Agreement {
        identity: "tel:+15550001",
        values: &["header"],
        methods: &[],
    },
];

impl Facts {
    /// A policy, and the text of it.
    pub fn draw(dice: &mut Dice) -> (Facts, String) {
        let rfc = dice.one_in(3);
        let (mut id_handling, mut privacy) = (String::new(), String::new());
        let by_profile = |dice: &mut Dice, table: &mut String, key: &str| {
            let written = dice.one_in(4).then(|| dice.one_in(2));
            if let Some(value) = written {
                *table += &format!("{key} = {value}\n");
            }
            written.unwrap_or(!rfc)
        };
        let user_removes_pai = by_profile(dice, &mut id_handling, "user_removes_pai");
        let retain_id = by_profile(dice, &mut id_handling, "retain_id");
        let sticky = by_profile(dice, &mut privacy, "dialog_sticky");
        let scrubs_contact = by_profile(dice, &mut privacy, "scrub_contact_user_on_user");
        let hides_routing_to_ue = by_profile(dice, &mut privacy, "hide_routing_to_ue");
        let conflict = match dice.below(6) {
            0 => written(&mut id_handling, "conflict_none", "reject-400", Conflict::Reject400),
            1 => written(&mut id_handling, "conflict_none", "none-wins", Conflict::NoneWins),
            2 => written(&mut id_handling, "conflict_none", "privacy-wins", Conflict::PrivacyWins),
            _ if rfc => Conflict::NoneWins,
            _ => Conflict::PrivacyWins,
        };
        let unknown = match dice.below(6) {
            0 => written(&mut id_handling, "unknown_token", "reject-500", Unknown::Reject500),
            1 => written(&mut id_handling, "unknown_token", "ignore", Unknown::Ignore),
            _ => Unknown::AsId,
        };
        let seldom = |dice: &mut Dice, table: &mut String, line: &str| {
            let is = dice.one_in(5);
            if is {
                *table += line;
            }
            is
        };
        let malformed_rejects = seldom(dice, &mut id_handling, "malformed_privacy = \"reject-400\"\n");
        let other_legacy = seldom(
            dice,
            &mut id_handling,
            "legacy_tokens = { full = \"user\", name = \"header\", off = \"none\", yes = \"critical\" }\n",
        );
        let map = seldom(dice, &mut privacy, "call_id = \"map\"\n");
        let other_host = seldom(dice, &mut privacy, "anonymous_host = \"home1.example\"\n");
        let honours_downgrade = seldom(dice, &mut privacy, "dialog_downgrade = \"honour\"\n");
        let id_anonymises_from = seldom(dice, &mut privacy, "id_anonymises_from = true\n");
        let rejects_unprovidable = seldom(dice, &mut privacy, "unprovidable_without_critical = \"reject-500\"\n");
        let passes_remote_party_id = dice.one_in(2);
        if passes_remote_party_id {
            privacy += "remote_party_id = \"pass\"\n";
        }
        let strips_session_id = seldom(dice, &mut privacy, "strip_session_id_on_user = true\n");
        let strips_identity_to_ue = seldom(dice, &mut privacy, "strip_identity_on_id_to_ue = true\n");
        let mut has_agreements = dice.one_in(5);
        let mut values = vec!["none", "id", "critical", "user", "header", "history"];
        match dice.below(5) {
            // What is built in.
            0 => {
                values.retain(|value| *value != "header");
                has_agreements = false;
            }
            1 => {
                // `none`, `id` and `critical` are no extras (PRIV-001, PRIV-062).
                values.retain(|value| ["none", "id", "critical"].contains(value) || !dice.one_in(3));
                has_agreements = false;
                privacy += &format!("values = {values:?}\n");
            }
            _ => privacy += &format!("values = {values:?}\n"),
        }
        let facts = Facts {
            rfc,
            removes_to_ue: dice.one_in(2),
            removes_to_untrusted: dice.one_in(2),
            rfc5876: !dice.one_in(4),
            user_removes_pai,
            retain_id,
            conflict,
            unknown,
            malformed_rejects,
            legacy: if other_legacy { OTHER_LEGACY } else { LEGACY },
            values,
            anonymous_host: if other_host {
                "home1.example"
            } else {
                "anonymous.invalid"
            },
            maps_call_ids: map,
            sticky,
            honours_downgrade,
            scrubs_contact,
            hides_routing_to_ue,
            id_anonymises_from,
            rejects_unprovidable,
            passes_remote_party_id,
            strips_session_id,
            strips_identity_to_ue,
            agreements: if has_agreements { AGREEMENTS } else { &[] },
            anonymous_rejected: match dice.below(8) {
                0 => Some(433),
                1 => Some(403),
                _ => None,
            },
            unidentified_rejected: dice.one_in(8),
        };
        let text = facts.text(&id_handling, &privacy);
        (facts, text)
    }

    fn text(&self, id_handling: &str, privacy: &str) -> String {
        let default = |removes: bool| if removes { "remove" } else { "keep" };
        let compliance = if self.rfc5876 {
            "\"rfc3325\", \"rfc5876\""
        } else {
            "\"rfc3325\""
        };
        let mut text = format!(
            "schema = 1\nprofile = \"{}\"\n[domain]\nid = \"T-home1\"\nadmin_domains = [\"{ADMIN_DOMAIN}\"]\n\
             [spec_t]\nuser_authentication = [\"none\"]\ninter_node_security = [\"physical\"]\nue_security = [\"none\"]\n\
             i_accept_unprotected_access = true\ndefault_privacy = {{ to_ue = \"{}\", to_untrusted = \"{}\" }}\n\
             compliance = {{ sip = [\"rfc3261\"], asserted_identity = [{compliance}] }}\n\
             [spec_t.id_handling]\n{id_handling}\n[privacy]\n{privacy}\n",
            if self.rfc { "rfc" } else { "ims" },
            default(self.removes_to_ue),
            default(self.removes_to_untrusted),
        );
        for Agreement {
            identity,
            values,
            methods,
        } in self.agreements
        {
            text += &format!("[[privacy.on_behalf]]\nidentity = \"{identity}\"\nvalues = {values:?}\n");
            if !methods.is_empty() {
                text += &format!("methods = {methods:?}\n");
            }
        }
        text += "[lawful_interception]\n";
        if let Some(code) = self.anonymous_rejected {
            text += &format!("anonymous_without_identity = \"reject\"\nreject_code = {code}\n");
        }
        if self.unidentified_rejected {
            text += "unidentified = \"reject\"\n";
        }
        text + LISTENERS + &peers_and_routes()
    }
}

fn written<T>(table: &mut String, key: &str, word: &str, value: T) -> T {
    *table += &format!("{key} = \"{word}\"\n");
    value
}

const LISTENERS: &str = r#"
[[listener]]
name = "core"
bind = ["udp://10.20.0.1:5060"]
peers = "trusted"
secured_by = "physical"
[[listener]]
name = "net"
bind = ["udp://192.0.2.1:5060"]
peers = "listed"
secured_by = "physical"
[[listener]]
name = "access"
bind = ["udp://10.30.0.1:5060"]
peers = "ue"
"#;

fn peers_and_routes() -> String {
    let peer = |party: &&Party| !party.peer.is_empty();
    let mut text: String = PARTIES.iter().filter(peer).map(|party| party.peer.to_owned()).collect();
    for from in ["core", "net", "access"] {
        for Party {
            listener,
            address,
            domain,
            ..
        } in &PARTIES
        {
            text += &format!(
                "[[route]]\nfrom = \"{from}\"\ndomain = [\"{domain}\"]\nnext_hop = [\"sip:{address}\"]\nvia = \"{listener}\"\n"
            );
        }
    }
    text + "[[route]]\nfrom = \"access\"\nnext_hop = [\"sip:10.20.0.9:5060\"]\nvia = \"core\"\n"
}
