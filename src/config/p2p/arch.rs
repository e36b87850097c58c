//! `arch` of `[p2p]`: which of the five architectures there are, and whether each has what it takes.

use std::net::SocketAddr;
use std::ops::Range;

use super::super::{
    node::file,
    read::{Fault, Written, or_default},
    table::Table,
};
use crate::policy::p2p::{Addresses, Alto, Arch, Https, P2p, TrackerIs, View};
use crate::policy::{ClientCertificate, Stated, StatedBy, Tls, Url};

/// The numbers as written.
//= P2P-131
pub(super) fn arch(table: &Table<'_>) -> Option<Written<Vec<Arch>>> {
    let numbers = table.numbers("arch", 1..=5)?;
    let arch = Arch::ALL
        .into_iter()
        .filter(|arch| numbers.value.iter().any(|number| number.value == arch.number()));
    Some(Written {
        value: arch.collect(),
        at: numbers.at,
        line: numbers.line,
    })
}

/// The direct interface: nobody is asked who it is but by a certificate.
//= P2P-132
pub(super) fn https(p2p: &Table<'_>) -> Option<Https> {
    let table = p2p.table("https");
    table.at()?;
    table.require("bind", "\"127.0.0.1:8443\"");
    table.require("certificate", "\"edge.pem\"");
    table.require("key", "\"edge.key\"");
    table.require("client_ca", "\"ue-ca.pem\"");
    let text = |key: &'static str| or_default(table.parsed(key, file), String::new());
    let https = Https {
        bind: or_default(table.parsed("bind", bind), SocketAddr::from(([127, 0, 0, 1], 0))),
        tls: Tls {
            certificate: text("certificate"),
            key: text("key"),
            client_ca: Some(text("client_ca")),
            client_certificate: Stated {
                value: ClientCertificate::Required,
                by: StatedBy::Default,
            },
            ca: None,
        },
    };
    table.close();
    Some(https)
}

/// What each architecture takes, and what is there without one that uses it. `written`: where `arch` is, when it is.
//= P2P-131
pub(super) fn check(table: &Table<'_>, p2p: &P2p, written: Option<&Range<usize>>) {
    let at = |key: &'static str| table.raw(key).map(|(at, _)| at);
    let place = |key: &'static str| at(key).or_else(|| written.cloned());
    let refuse = |at: Option<Range<usize>>, fault: &str, remedy: &str| {
        if let Some(at) = at.or_else(|| table.at()) {
            table.reader.contradiction(at, fault, remedy);
        }
    };
    let arch = |arch| p2p.has(arch);
    if !arch(Arch::Outside) && !arch(Arch::Core) {
        let remedy = "have 2 in `arch`: they call each other through the network, or 1: outside of it";
        refuse(written.cloned(), "peers have no way to each other", remedy);
    }
    let is_embedded = p2p.tracker.value == TrackerIs::Embedded;
    if arch(Arch::Outside) {
        if p2p.addresses.value == Addresses::None {
            let remedy = "write `addresses = \"real\"` or \"relay\", or take 1 out of `arch`";
            refuse(
                place("addresses"),
                "peers that meet outside of the network need addresses, and lists have none",
                remedy,
            );
        }
        if p2p.view.value == View::Pairwise {
            let remedy = "write `view = \"shared\"`, or take 1 out of `arch`";
            refuse(
                place("view"),
                "peers that meet outside of the network have to know their own name",
                remedy,
            );
        }
        if is_embedded && p2p.ticket_key.value.is_none() {
            let remedy = "add `ticket_key = \"ticket.key\"`, or take 1 out of `arch`";
            refuse(
                place("ticket_key"),
                "peers that meet outside of the network know each other by tickets, and none are signed",
                remedy,
            );
        }
    } else if !arch(Arch::Direct) && p2p.addresses.value == Addresses::Real {
        let remedy = "have 1 in `arch`, or take `addresses` out";
        refuse(
            place("addresses"),
            "lists would tell addresses to peers that need none",
            remedy,
        );
    }
    for (one, key, is_there, remedy) in [
        (
            Arch::Direct,
            "https",
            p2p.https.is_some(),
            "add `https = { bind = \"127.0.0.1:8443\", certificate = \"edge.pem\", key = \"edge.key\", client_ca = \"ue-ca.pem\" }`",
        ),
        (
            Arch::Cdn,
            "cdn",
            !p2p.cdn.is_empty(),
            "add `cdn = [\"https://cdn.example/film\"]`",
        ),
        (
            Arch::Alto,
            "alto",
            p2p.alto.is_some(),
            "add `alto = { network_map = \"networkmap.json\", cost_map = \"costmap.json\" }`",
        ),
    ] {
        let number = one.number();
        match (arch(one), is_there) {
            (true, false) => refuse(written.cloned(), &format!("{number} in `arch` without `{key}`"), remedy),
            (false, true) => refuse(
                at(key),
                &format!("`{key}` without {number} in `arch`"),
                &format!("add {number} to `arch`, or take `{key}` out"),
            ),
            // A list of another tracker may name a CDN that is known here.
            (true, true) if !is_embedded && one != Arch::Cdn => refuse(
                at(key),
                &format!("`{key}` is the tracker's, which is elsewhere"),
                "write `tracker = \"embedded\"`, or take it out",
            ),
            _ => {}
        }
    }
}

/// Where an ALTO server's documents are.
//= P2P-134
pub(super) fn alto(p2p: &Table<'_>) -> Option<Alto> {
    let table = p2p.table("alto");
    table.at()?;
    table.require("network_map", "\"http://192.0.2.7/networkmap\"");
    table.require("cost_map", "\"http://192.0.2.7/costmap\"");
    let text = |key: &'static str| or_default(table.parsed(key, file), String::new());
    let alto = Alto {
        network_map: text("network_map"),
        cost_map: text("cost_map"),
        ca: table.parsed("ca", file).map(Written::stated),
        refresh: or_default(table.duration("refresh"), Alto::REFRESH),
    };
    for key in ["network_map", "cost_map"] {
        let text = table.text(key);
        if let Some(text) = text
            .as_ref()
            .filter(|text| text.value.contains("://") && Url::parse(text.value).is_none())
        {
            let fault = format!("`{key}` is no URL of HTTP, and no file");
            let remedy = "write such as \"https://alto.home1.example/costmap\"".to_owned();
            table.reader.error(Some(text.at.clone()), fault, Some(remedy));
        }
        if let Some(text) = text.filter(|text| text.value.starts_with("https://") && alto.ca.is_none()) {
            table.reader.contradiction(
                text.at,
                "an ALTO server with TLS, and nothing says whose certificate is believed",
                "add `ca = \"alto-ca.pem\"`",
            );
        }
    }
    table.close();
    Some(alto)
}

/// Where a CDN has a content.
//= P2P-135
pub(super) fn url(text: &str) -> Result<String, Fault> {
    let is_url = text.len() > "https://".len()
        && text.starts_with("https://")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'@'));
    match is_url {
        true => Ok(text.to_owned()),
        false => Err(Fault {
            fault: "an entry of `cdn` is no URL of HTTPS without a user".to_owned(),
            remedy: "write such as \"https://cdn.example/film\"".to_owned(),
        }),
    }
}

fn bind(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault {
        fault: "`bind` of `https` is no address with a port".to_owned(),
        remedy: "write such as \"192.0.2.1:8443\"".to_owned(),
    })
}
