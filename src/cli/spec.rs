//! `sipveil spec`: the operator's SPEC(T), as one would hand it to another operator.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
};

use super::{Exit, check::tell};
use crate::config;
use crate::policy::{
    Direction, Peer, PeersAre, Policy, Stated, Word,
    spec_t::{ConflictNone, DefaultPrivacy, MalformedPrivacy, UnknownToken},
};

/// Writes the eight items as Markdown on standard output, warnings and mistakes on standard error.
//= TRUST-009
pub(super) fn spec(config: &Path) -> Exit {
    match config::load(config) {
        Ok((policy, warnings)) => {
            tell(&warnings);
            // A reader that went away (`| head`) wants no more.
            let _ = io::stdout().lock().write_all(statement(&policy).as_bytes());
            Exit::Done
        }
        Err(found) => {
            tell(&found);
            Exit::BadInput
        }
    }
}

fn statement(policy: &Policy) -> String {
    let mut text = String::new();
    let id = &policy.domain.id.value;
    let _ = writeln!(text, "# SPEC(T) of the trust domain {id}\n");
    let _ = writeln!(
        text,
        "What every node of this domain follows, in the eight items of RFC 3325 section 11. Profile: `{}`. Administrative \
         domains: {}.",
        policy.profile.value.word(),
        list(&policy.domain.admin_domains.value)
    );
    let spec = &policy.spec_t;
    let mut item = |number: u8, title: &str, words: String| {
        let _ = write!(text, "\n## {number}. {title}\n\n{words}");
    };
    item(
        1,
        "How users are authenticated",
        format!("By {}.\n", words(&spec.user_authentication)),
    );
    item(
        2,
        "How nodes are secured among each other",
        format!("By {}.\n", words(&spec.inter_node_security)),
    );
    let mut access = format!("By {}.\n", words(&spec.ue_security));
    if spec.i_accept_unprotected_access.value {
        access.push_str("Access without protection is accepted, knowingly.\n");
    }
    item(3, "How users' equipment is secured towards nodes", access);
    item(4, "Who is a member", members(policy));
    item(
        5,
        "A message without a Privacy header",
        format!(
            "Towards a served user the asserted identity is {}; towards everybody else outside it is {}.\n",
            fate(spec.default_privacy_to_ue.value),
            fate(spec.default_privacy_to_untrusted.value)
        ),
    );
    item(
        6,
        "What of SIP is followed",
        format!("{}.\n", list(&spec.compliance_sip.value)),
    );
    item(
        7,
        "What of asserted identity is followed",
        format!("{}.\n", list(&spec.compliance_asserted_identity.value)),
    );
    item(8, "How privacy of identity is handled", handling(policy));
    text
}

/// Item 4. A stranger with terms of its own is no member, so it does not stand here.
fn members(policy: &Policy) -> String {
    let mut text = String::new();
    for listener in &policy.listeners {
        let name = &listener.name.value;
        let secured = listener.secured_by.map_or("by nothing", |by| by.value.word());
        let who = match listener.peers.value {
            PeersAre::Trusted => "everybody who can be there is a member",
            PeersAre::Listed if listener.implicit_member.value => "who is not listed below is a member, too",
            //= TRUST-026
            PeersAre::Listed if policy.evidence.reverse_dns.value && listener.may_have_members_by_name() => {
                "members are those listed below, and whoever has an address that DNS names within the administrative domains, \
                 and that this name leads back to"
            }
            PeersAre::Listed => "members are those listed below",
            PeersAre::Untrusted => "nobody there is a member",
            PeersAre::Ue => "served users, who are never members",
        };
        let _ = writeln!(text, "- On the listener `{name}`, secured by {secured}: {who}.");
    }
    for peer in &policy.peers {
        let Some(secured) = peer.secured_by else { continue };
        let _ = writeln!(
            text,
            "- `{}`, secured by {}, {}: {}.",
            peer.name.value,
            secured.value.word(),
            match peer.direction.value {
                Direction::Both => "in both directions",
                Direction::In => "when it sends",
                Direction::Out => "when it receives",
            },
            list(&known_by(peer))
        );
    }
    text.push_str("\nWhoever is not proved by one of these, over a way that is secured, is outside.\n");
    text
}

fn known_by(peer: &Peer) -> Vec<String> {
    let names = peer.names.iter().map(|name| name.value.clone());
    let prefixes = peer.prefixes.iter().map(|prefix| prefix.value.to_string());
    names.chain(prefixes).collect()
}

/// Item 8.
fn handling(policy: &Policy) -> String {
    let handling = &policy.spec_t.id_handling;
    let either = |yes: bool, one: &'static str, other: &'static str| if yes { one } else { other };
    let lines = [
        format!("Provided are {}.", words(&policy.privacy.values)),
        "`id` takes the asserted identity out of every message that leaves the domain; `none` leaves it in.".to_owned(),
        either(
            handling.user_removes_pai.value,
            "`user` alone takes it out as well.",
            "`user` alone leaves it as if nothing had been asked for.",
        )
        .to_owned(),
        either(
            handling.retain_id.value,
            "`id` stays in the Privacy header of what leaves, so that the receiver can tell asked for from lost.",
            "`id` is taken out of the Privacy header of what leaves, like every value that was performed.",
        )
        .to_owned(),
        match handling.unknown_token.value {
            UnknownToken::AsId => "A value nobody knows counts as `id`.",
            UnknownToken::Ignore => "A value nobody knows counts for nothing.",
            UnknownToken::Reject500 => "A request with a value nobody knows is refused with 500.",
        }
        .to_owned(),
        match handling.malformed_privacy.value {
            MalformedPrivacy::AsUnknown => "A Privacy header that cannot be read counts as such a value.",
            MalformedPrivacy::Reject400 => "A request whose Privacy header cannot be read is refused with 400.",
        }
        .to_owned(),
        match handling.conflict_none.value {
            ConflictNone::PrivacyWins => "`none` beside other values counts for nothing.",
            ConflictNone::NoneWins => "`none` beside other values counts, and they do not.",
            ConflictNone::Reject400 => "A request with `none` beside other values is refused with 400.",
        }
        .to_owned(),
    ];
    lines.iter().fold(String::new(), |text, line| text + "- " + line + "\n")
}

fn fate(default: DefaultPrivacy) -> &'static str {
    match default {
        DefaultPrivacy::Keep => "kept",
        DefaultPrivacy::Remove => "removed",
    }
}

fn words<T: Word>(stated: &Stated<Vec<T>>) -> String {
    let words: Vec<String> = stated.value.iter().map(|word| word.word().to_owned()).collect();
    list(&words)
}

fn list(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}
