//! `[spec_t]`: the eight items of SPEC(T).

use std::ops::Range;

use super::{
    grammar,
    later::unless,
    node::values,
    read::{Fault, from_word, or_default, or_profile, shown},
    table::Table,
};
use crate::policy::{
    IdHandling, Profile, SpecT, Stated, StatedBy, Word,
    spec_t::{ConflictNone, DefaultPrivacy, MalformedPrivacy, TokenMeaning, UnknownToken},
};

/// Values of the Privacy header that have a meaning of their own (PRIV-001).
const STANDARD_TOKENS: &[&str] = &["none", "id", "critical", "user", "header", "session", "history"];

/// What `inter_node_security` and `ue_security` were written as, for the tables that must agree with them.
pub(super) struct Places {
    pub(super) ue_security: Option<Range<usize>>,
}

pub(super) fn spec_t(table: Table<'_>, profile: Profile) -> (SpecT, Places) {
    table.require("user_authentication", "[\"ims-aka\"]");
    table.require("inter_node_security", "[\"mutual-tls\"]");
    table.require("ue_security", "[\"ipsec-3gpp\"]");
    //= TRUST-002
    let user_authentication = table.words("user_authentication").map(values);
    //= TRUST-003
    let inter_node_security = table.words("inter_node_security").map(values);
    //= TRUST-004
    let ue_security = table.words("ue_security").map(values);
    let places = Places {
        ue_security: ue_security.as_ref().map(|list| list.at.clone()),
    };
    let i_accept_unprotected_access = or_default(table.bool("i_accept_unprotected_access"), false);
    let (default_privacy_to_ue, default_privacy_to_untrusted) = default_privacy(&table);
    let Compliance {
        sip: compliance_sip,
        asserted_identity: compliance_asserted_identity,
        violation_limit,
    } = compliance(table.table("compliance"));
    let id_handling = id_handling(table.table("id_handling"), profile);
    table.close();
    let spec_t = SpecT {
        user_authentication: or_default(user_authentication, Vec::new()),
        inter_node_security: or_default(inter_node_security, Vec::new()),
        ue_security: or_default(ue_security, Vec::new()),
        i_accept_unprotected_access,
        default_privacy_to_ue,
        default_privacy_to_untrusted,
        compliance_sip,
        compliance_asserted_identity,
        violation_limit,
        id_handling,
    };
    (spec_t, places)
}

/// Item 5. RFC 3325 section 7 leaves the choice to the domain, so there is no default.
//= PRIV-030
//= TRUST-006
fn default_privacy(spec_t: &Table<'_>) -> (Stated<DefaultPrivacy>, Stated<DefaultPrivacy>) {
    let table = spec_t.table("default_privacy");
    table.require("to_ue", "\"keep\"` or `to_ue = \"remove\"");
    table.require("to_untrusted", "\"keep\"` or `to_untrusted = \"remove\"");
    let to_ue = or_default(table.word("to_ue"), DefaultPrivacy::Remove);
    let to_untrusted = or_default(table.word("to_untrusted"), DefaultPrivacy::Remove);
    table.close();
    (to_ue, to_untrusted)
}

struct Compliance {
    sip: Stated<Vec<String>>,
    asserted_identity: Stated<Vec<String>>,
    violation_limit: Stated<u32>,
}

/// Items 6 and 7.
//= TRUST-007
//= TRUST-008
fn compliance(table: Table<'_>) -> Compliance {
    let sip = table.parsed_each("sip", |text| {
        let number = text.strip_prefix("rfc").unwrap_or_default();
        match !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(text.to_owned()),
            false => Err(Fault {
                fault: format!("`{}` is no RFC", shown(text)),
                remedy: "write it like \"rfc3261\"".to_owned(),
            }),
        }
    });
    if let Some(list) = &sip
        && !list.value.iter().any(|rfc| rfc.value == "rfc3261")
    {
        let fault = "nodes of a trust domain follow RFC 3261 (RFC 3325 section 11), but `sip` does not list it";
        let remedy = Some("add \"rfc3261\"".to_owned());
        table.reader.error(Some(list.at.clone()), fault, remedy);
    }
    let asserted_identity = table.parsed_each("asserted_identity", |text| match text {
        "rfc3325" | "rfc5876" => Ok(text.to_owned()),
        _ => Err(Fault {
            fault: format!("`asserted_identity` cannot list `{}`", shown(text)),
            remedy: match grammar::nearest(text, ["rfc3325", "rfc5876"].into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "it lists rfc3325, and rfc5876 where the domain follows it".to_owned(),
            },
        }),
    });
    let violation_limit = or_default(table.number("violation_limit", 1..=u32::MAX), 10);
    unless(&table, "demote_on_violation", "false");
    table.close();
    let owned = |list: &[&str]| list.iter().map(|rfc| (*rfc).to_owned()).collect::<Vec<_>>();
    Compliance {
        sip: or_default(sip.map(values), owned(&["rfc3261", "rfc6026", "rfc5393"])),
        asserted_identity: or_default(asserted_identity.map(values), owned(&["rfc3325", "rfc5876"])),
        violation_limit,
    }
}

/// Item 8.
//= TRUST-009
//= ROLE-002
fn id_handling(table: Table<'_>, profile: Profile) -> IdHandling {
    let ims = profile == Profile::Ims;
    let conflict_none = match profile {
        Profile::Ims => ConflictNone::PrivacyWins,
        Profile::Rfc => ConflictNone::NoneWins,
    };
    let legacy_tokens = match table.raw("legacy_tokens") {
        Some((at, _)) => Stated {
            value: meanings(table.table("legacy_tokens"))
                .into_iter()
                .map(|(token, meaning)| (token, meaning.value))
                .collect(),
            by: StatedBy::File {
                line: table.reader.line(&at),
            },
        },
        //= PRIV-013
        None => Stated {
            value: [
                ("full", TokenMeaning::Id),
                ("name", TokenMeaning::Id),
                ("uri", TokenMeaning::Id),
                ("yes", TokenMeaning::Id),
                ("off", TokenMeaning::Absent),
                ("no", TokenMeaning::Absent),
            ]
            .map(|(token, meaning)| (token.to_owned(), meaning))
            .to_vec(),
            by: StatedBy::Default,
        },
    };
    let id_handling = IdHandling {
        user_removes_pai: or_profile(table.bool("user_removes_pai"), ims),
        retain_id: or_profile(table.bool("retain_id"), ims),
        //= PRIV-010
        unknown_token: or_default(table.word("unknown_token"), UnknownToken::AsId),
        //= PRIV-011
        malformed_privacy: or_default(table.word("malformed_privacy"), MalformedPrivacy::AsUnknown),
        //= PRIV-008
        conflict_none: or_profile(table.word("conflict_none"), conflict_none),
        legacy_tokens,
    };
    table.close();
    id_handling
}

/// A map from tokens of the Privacy header that are no standard to what they mean, in the order written.
///
/// A standard value keeps its meaning: `{ id = "none" }` would undo somebody's request for privacy.
pub(super) fn meanings(table: Table<'_>) -> Vec<(String, Stated<TokenMeaning>)> {
    let mut meanings: Vec<(String, Stated<TokenMeaning>)> = Vec::new();
    for (key, meaning) in table.own_keys() {
        let error = |at, Fault { fault, remedy }: Fault| table.reader.error(Some(at), fault, Some(remedy));
        let token = match grammar::privacy_token(key.value) {
            Ok(token) => token,
            Err(fault) => {
                error(key.at, fault);
                continue;
            }
        };
        if STANDARD_TOKENS.contains(&token.as_str()) {
            let fault = format!("`{token}` is a standard privacy value and keeps its meaning");
            let remedy = "take it out; only tokens outside the standard can be given one".to_owned();
            error(key.at, Fault { fault, remedy });
        } else if meanings.iter().any(|(other, _)| *other == token) {
            let fault = format!("`{token}` stands twice; tokens are compared without regard to case");
            let remedy = "take one out".to_owned();
            error(key.at, Fault { fault, remedy });
        } else if meanings.len() == MEANINGS_MAX {
            let fault = format!("more than {MEANINGS_MAX} tokens");
            let remedy = "list the ones really seen".to_owned();
            error(key.at, Fault { fault, remedy });
            break;
        } else {
            match from_word::<TokenMeaning>(&token, meaning.value) {
                Ok(value) => meanings.push((token, meaning.map(|_| value).stated())),
                Err(fault) => error(meaning.at, fault),
            }
        }
    }
    meanings
}

/// Tokens with a meaning of their own, of one peer or of the domain.
const MEANINGS_MAX: usize = 64;

/// The words of a list, for a message.
pub(super) fn list<T: Word>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.word()).collect();
    match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(", "),
    }
}
