//! What was recorded, and what we would send, against what the hop may see.

use bytes::Bytes;

use super::finding::{Leak, SecondReader, Step};
use crate::engine::event::What;
use crate::engine::judge::{Judgement, Outcome};
use crate::engine::reject::Reject;
use crate::policy::Policy;
use crate::policy::privacy::Provided;
use crate::privacy::wanted::{IdentityFate, identity_fate};
use crate::privacy::{Action, PrivacySet, anonymous};
use crate::sip::second_reader::{self, Seen};
use crate::sip::{Method, Name};
use crate::trust::{Hop, Standing};

/// A judgement with the leaks in it.
pub(super) fn step(policy: &Policy, recorded: &Bytes, judgement: Judgement) -> Step {
    let recorded_leak = recorded_leak(&judgement);
    let second_reader = match &judgement.outcome {
        Outcome::Cleared(outgoing) if !judgement.hop.is_trusted() => {
            match (
                second_reader::identities(recorded),
                second_reader::identities(outgoing.bytes()),
            ) {
                (Some(before), Some(after)) => SecondReader::Read(would_leak(policy, &judgement, &before, &after)),
                _ => SecondReader::NotCompared,
            }
        }
        _ => SecondReader::NotAsked,
    };
    Step {
        judgement,
        recorded_leak,
        second_reader,
    }
}

/// What the recording shows a hop outside T: every header the rules take out or replace on this very hop. The bookkeeping of
/// privacy itself names nobody.
fn recorded_leak(judgement: &Judgement) -> Option<Leak> {
    if judgement.hop.is_trusted() {
        return None;
    }
    if let Outcome::Refused(Reject::Privacy(_)) = judgement.outcome {
        return Some(Leak::Whole);
    }
    // What a node of T may not pass on is taken out on arrival, whoever is next; here, a stranger was. What a stranger claims
    // of itself is nobody's secret.
    let passed_on = judgement.admitted.iter().filter(|decision| {
        let of_ours = match judgement.origin.standing() {
            Standing::Trusted => true,
            Standing::Served => decision.header == Name::PPreferredIdentity,
            Standing::Untrusted => false,
        };
        of_ours && decision.action == Action::Removed
    });
    let mut shown: Vec<Name> = Vec::new();
    for decision in passed_on.chain(&judgement.cleared) {
        let hides = matches!(
            decision.action,
            Action::Removed | Action::Anonymised | Action::Hidden | Action::Rewritten
        );
        let bookkeeping = matches!(decision.header, Name::Privacy | Name::ProxyRequire);
        if hides && !bookkeeping && !shown.contains(&decision.header) {
            shown.push(decision.header);
        }
    }
    (!shown.is_empty()).then_some(Leak::Headers(shown))
}

/// What another parser still finds in our output. Must be empty.
fn would_leak(policy: &Policy, judgement: &Judgement, before: &Seen, after: &Seen) -> Vec<Name> {
    let mut found = Vec::new();
    if identity_fate(policy, judgement.set) == IdentityFate::Remove && !after.asserted.is_empty() {
        found.push(Name::PAssertedIdentity);
    }
    if !after.preferred.is_empty() {
        found.push(Name::PPreferredIdentity);
    }
    let host = &policy.privacy.anonymous_host.value;
    if hides_from(policy, judgement)
        && let Some(uri) = &after.from_uri
        && before.from_uri.as_ref() == Some(uri)
        && !anonymous::is_anonymous(uri.as_bytes(), host)
    {
        found.push(Name::From);
    }
    let contact_hidden = judgement
        .cleared
        .iter()
        .any(|decision| decision.header == Name::Contact && decision.action == Action::Hidden);
    let same = |uri: &Option<String>| uri.is_some() && before.contact_uris.contains(uri);
    if contact_hidden && after.contact_uris.iter().all(same) && !after.contact_uris.is_empty() {
        found.push(Name::Contact);
    }
    found
}

/// Whether From of this message is to be anonymous: asked for, provided, and agreed with the peer.
fn hides_from(policy: &Policy, judgement: &Judgement) -> bool {
    let What::Request(method) = judgement.what else {
        return false;
    };
    let provides = policy.privacy.values.value.contains(&Provided::User);
    let Hop::Untrusted(hop) = &judgement.hop else {
        return false;
    };
    let peer = hop.peer().and_then(|peer| policy.peers.get(peer.0 as usize));
    let agreed = peer.is_none_or(|peer| peer.anonymise_from_for_legacy.value);
    method != Method::Register && provides && agreed && judgement.set.has(PrivacySet::USER)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::trace::capture::Captured;
    use crate::trace::playback::{Kind, Playback};

    #[test]
    fn the_second_reader_would_notice() {
        let policy = "domain.id = \"T\"\n[spec_t]\nuser_authentication = [\"none\"]\n\
                      inter_node_security = [\"physical\"]\nue_security = [\"physical\"]\n\
                      default_privacy = { to_ue = \"keep\", to_untrusted = \"keep\" }\n\
                      [[listener]]\nname = \"l\"\nbind = \"udp://10.0.0.9:5060\"\npeers = \"listed\"\n\
                      secured_by = \"physical\"\n\
                      [[peer]]\nname = \"in\"\nprefixes = [\"10.0.0.0/8\"]\nsecured_by = \"physical\"\n";
        let (policy, _) = crate::config::read(policy, "test.toml").unwrap();
        let text = "MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nFrom: <sip:al@x>;tag=1\r\n\
                    To: <sip:b@x>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nContact: <sip:al@h>\r\nPrivacy: user;id\r\n\
                    P-Asserted-Identity: <sip:al@x>\r\nContent-Length: 0\r\n\r\n";
        let captured = Captured {
            number: 1,
            at: Default::default(),
            unix: 0,
            transport: crate::sip::Transport::Udp,
            src: SocketAddr::from(([10, 0, 0, 1], 5060)),
            dst: SocketAddr::from(([192, 0, 2, 1], 5060)),
            bytes: Bytes::from_static(text.as_bytes()),
            truncated: false,
        };
        let Kind::Judged(step) = Playback::new(&policy).play(&captured).kind else {
            panic!("not judged")
        };
        assert_eq!(step.second_reader, SecondReader::Read(Vec::new()));
        // Had we sent it as it was recorded:
        let seen = second_reader::identities(&captured.bytes).unwrap();
        let found = would_leak(&policy, &step.judgement, &seen, &seen);
        assert_eq!(found, [Name::PAssertedIdentity, Name::From, Name::Contact]);
    }
}
