//! `[p2p]`, and whether who asks for it can have it.

mod arch;

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::{
    grammar,
    node::file,
    read::{Fault, Written, or_default},
    table::Table,
    topology_hiding::keys_are_apart,
};
use crate::policy::{
    LawfulInterception, Privacy, Proxy, TopologyHiding,
    p2p::{Addresses, Media, P2p, Source, TrackerIs},
    privacy::Provided,
};

/// Manifests, sources, caches, relays and partners of one policy.
const ENTRIES_MAX: usize = 10_000;

/// How long a temporary ID may be the newest of its peer.
//= P2P-033
const EPOCH: std::ops::RangeInclusive<Duration> = Duration::from_secs(900)..=Duration::from_secs(86_400);

//= P2P-001
//= P2P-001 type=exception reason=one key says where the tracker is: with one elsewhere the guard alone works, with none nothing does; a key service is a node of its own
//= P2P-009 type=exception reason=the link to a tracker is one between nodes as any other: secured_by, tls and names of its listener and peers say how it is protected
pub(super) fn p2p(
    table: Table<'_>,
    proxy: &Proxy,
    privacy: &Privacy,
    (lawful, hiding): (&LawfulInterception, &TopologyHiding),
) -> P2p {
    let tracker = table.parsed("tracker", tracker);
    let is_on = tracker.as_ref().is_some_and(|tracker| tracker.value != TrackerIs::Off);
    if let Some(written) = tracker.as_ref().filter(|_| is_on) {
        can_be_had(&table, written, proxy, privacy);
    }
    let built_in = P2p::default();
    let epoch = table.duration("epoch").filter(|epoch| {
        let fits = EPOCH.contains(&epoch.value);
        if !fits {
            let remedy = "write a time from \"15m\" to \"24h\"".to_owned();
            table.reader.error(
                Some(epoch.at.clone()),
                "nobody could go by such an `epoch`",
                Some(remedy),
            );
        }
        fits
    });
    let relays = each(&table, "relays", address);
    let (media, addresses) = (table.word("media"), table.word("addresses"));
    if relays.is_empty() {
        let of_media = media.as_ref().filter(|media| media.value == Media::Relay);
        let of_addresses = addresses
            .as_ref()
            .filter(|addresses| addresses.value == Addresses::Relay);
        let at = [
            of_media.map(|media| &media.at),
            of_addresses.map(|addresses| &addresses.at),
        ];
        for at in at.into_iter().flatten() {
            table.reader.contradiction(
                at.clone(),
                "`relay` without `relays`: nothing would pass",
                "name the relays, such as `relays = [\"192.0.2.7\"]`",
            );
        }
    }
    let auditors = each(&table, "auditors", |text| sip_uri(text, "an auditor"));
    //= P2P-124
    if let ([_], Some((at, _))) = (auditors.as_slice(), table.raw("auditors")) {
        table.reader.contradiction(
            at,
            "one auditor alone convicts nobody: what it found has to be found by another",
            "name a second one, such as `auditors = [\"sip:test1@home1.example\", \"sip:test2@home1.example\"]`",
        );
    }
    let key_file = table.parsed("key_file", file);
    if let Some(key_file) = &key_file {
        let of_audit = lawful.audit.as_ref().map(|audit| &audit.key_file.value);
        let others = [proxy.key_file.value.as_ref(), of_audit, hiding.key_file.value.as_ref()];
        keys_are_apart(&table, key_file, &others);
    }
    let audit_retention = table.duration("audit_retention");
    if let Some(retention) = audit_retention.as_ref().filter(|retention| !retention.value.is_zero())
        && lawful.audit.is_none()
    {
        table.reader.contradiction(
            retention.at.clone(),
            "`audit_retention` without an audit: there is nothing to write to",
            "add `audit = { file = \"audit.log\", key_file = \"audit.key\" }` to [lawful_interception], or take it out",
        );
    }
    let ticket_key = table.parsed("ticket_key", file);
    if let Some(ticket_key) = &ticket_key {
        let of_audit = lawful.audit.as_ref().map(|audit| &audit.key_file.value);
        let others = [
            proxy.key_file.value.as_ref(),
            of_audit,
            hiding.key_file.value.as_ref(),
            key_file.as_ref().map(|key_file| &key_file.value),
        ];
        keys_are_apart(&table, ticket_key, &others);
        if tracker
            .as_ref()
            .is_none_or(|tracker| tracker.value != TrackerIs::Embedded)
        {
            table.reader.contradiction(
                ticket_key.at.clone(),
                "`ticket_key` without a tracker in the proxy: tickets are signed where the tracker is",
                "write `tracker = \"embedded\"`, or take it out",
            );
        }
    }
    let arch = arch::arch(&table);
    let arch_at = arch.as_ref().map(|arch| arch.at.clone());
    let view = table.word("view");
    let p2p = P2p {
        tracker: or_default(tracker, TrackerIs::Off),
        arch: or_default(arch, built_in.arch.value),
        https: arch::https(&table),
        domain: or_default(table.parsed("domain", grammar::host), String::new()),
        key_file: or_default(key_file.map(|file| file.map(Some)), None),
        ticket_key: or_default(ticket_key.map(|file| file.map(Some)), None),
        manifests: each(&table, "manifests", file),
        sources: sources(&table),
        network_peers: each(&table, "network_peers", |text| sip_uri(text, "a cache of the network")),
        cdn: each(&table, "cdn", arch::url),
        startup: or_default(table.word("startup"), built_in.startup.value),
        alto: arch::alto(&table),
        partner_domains: each(&table, "partner_domains", grammar::host),
        auditors,
        on_leak: or_default(table.word("on_leak"), built_in.on_leak.value),
        addresses: or_default(addresses, built_in.addresses.value),
        media: or_default(media, built_in.media.value),
        relays,
        clear_keys: or_default(table.bool("clear_keys"), false),
        view: or_default(view, built_in.view.value),
        expose: or_default(table.word("expose"), built_in.expose.value),
        epoch: or_default(epoch, built_in.epoch.value),
        grace: or_default(table.duration("grace"), built_in.grace.value),
        audit_retention: or_default(audit_retention, built_in.audit_retention.value),
        contents: built_in.contents,
    };
    if is_on {
        arch::check(&table, &p2p, arch_at.as_ref());
    }
    table.close();
    p2p
}

/// What the tracker needs of the other tables.
fn can_be_had(table: &Table<'_>, tracker: &Written<TrackerIs>, proxy: &Proxy, privacy: &Privacy) {
    if table.raw("domain").is_none() {
        table.reader.contradiction(
            tracker.at.clone(),
            "`tracker` without `domain`: temporary IDs have no host",
            "add one of yours, such as `domain = \"p2p.home1.example\"`",
        );
    }
    if tracker.value == TrackerIs::Embedded && proxy.workers.value != 1 {
        table.reader.contradiction(
            tracker.at.clone(),
            "the embedded tracker is in one worker, and there may be several",
            "write `workers = 1` into [proxy]",
        );
    }
    //= P2P-006
    let needed = [Provided::Id, Provided::User, Provided::Header, Provided::History];
    if needed.iter().any(|value| !privacy.values.value.contains(value)) {
        table.reader.contradiction(
            tracker.at.clone(),
            "peers are hidden from each other, and `values` in [privacy] leaves out what that takes",
            "have \"id\", \"user\", \"header\" and \"history\" among `values`",
        );
    }
}

fn each<T>(
    table: &Table<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Vec<crate::policy::Stated<T>> {
    let mut list: Vec<Written<T>> = table.parsed_each(key, parse).map(|list| list.value).unwrap_or_default();
    if let Some(beyond) = list.get(ENTRIES_MAX) {
        let fault = format!("more than {ENTRIES_MAX} entries");
        table
            .reader
            .error(Some(beyond.at.clone()), fault, Some("leave some out".to_owned()));
        list.truncate(ENTRIES_MAX);
    }
    list.into_iter().map(Written::stated).collect()
}

//= P2P-118
fn sources(table: &Table<'_>) -> Vec<Source> {
    let tables = table.tables("sources");
    let sources = tables.iter().map(|source| {
        source.require("name", "\"studio.example\"");
        source.require("key", "\"<43 characters>\"");
        let read = Source {
            name: or_default(source.parsed("name", file), String::new()),
            key: or_default(source.parsed("key", key), [0; 32]),
        };
        source.close();
        read
    });
    sources.collect()
}

fn tracker(text: &str) -> Result<TrackerIs, Fault> {
    match text {
        "off" => Ok(TrackerIs::Off),
        "embedded" => Ok(TrackerIs::Embedded),
        text => grammar::next_hop(text).map(TrackerIs::At).map_err(|_| Fault {
            fault: "`tracker` is no word of its own and no next hop".to_owned(),
            remedy: "write \"off\", \"embedded\" or such as \"sip:tracker.home1.example;lr\"".to_owned(),
        }),
    }
}

fn key(text: &str) -> Result<[u8; 32], Fault> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| Fault {
        fault: "the key of a source is no Ed25519 key".to_owned(),
        remedy: "write its 32 bytes as 43 characters of base64url".to_owned(),
    })
}

fn address(text: &str) -> Result<std::net::IpAddr, Fault> {
    text.parse().map_err(|_| Fault {
        fault: "a relay is no address".to_owned(),
        remedy: "write such as \"192.0.2.7\"".to_owned(),
    })
}

fn sip_uri(text: &str, of: &str) -> Result<String, Fault> {
    match crate::sip::uri::Uri::parse(text.as_bytes()) {
        Ok(_) if !text.contains(['"', '\\']) => Ok(text.to_owned()),
        _ => Err(Fault {
            fault: format!("{of} is no SIP URI"),
            remedy: "write such as \"sip:ccs@p2p.home1.example\"".to_owned(),
        }),
    }
}
