//! A reader of Via and Route values by the letters of RFC 3261 section 25.1, apart from the one that made them.

use super::networks::values;
use crate::world::Sent;

/// Whether every value that may hold a token is one that any reader takes.
#[track_caller]
pub fn reads(sent: &Sent) {
    for value in values(sent, "Via") {
        via(&value).unwrap_or_else(|| panic!("{value} in\n{}", sent.text()));
    }
    for name in ["Record-Route", "Route", "Path", "Service-Route"] {
        for value in values(sent, name) {
            route(&value).unwrap_or_else(|| panic!("{name}: {value} in\n{}", sent.text()));
        }
    }
}

/// `SIP/2.0/UDP host[:port];params`: the host.
pub fn via(value: &str) -> Option<&str> {
    let rest = value.strip_prefix("SIP/2.0/UDP ")?;
    let (sent_by, params) = rest.split_once(';').unwrap_or((rest, ""));
    let branch = params
        .split(';')
        .find_map(|param| param.strip_prefix("branch=z9hG4bK"))?;
    let host = sent_by.split_once(':').map_or(sent_by, |(host, _)| host);
    (is_host(host) && !branch.is_empty() && are_params(params)).then_some(host)
}

/// `<sip:user@host[:port];params>`: the user part.
pub fn route(value: &str) -> Option<&str> {
    let uri = value.strip_prefix("<sip:")?.strip_suffix('>')?;
    let (address, params) = uri.split_once(';')?;
    let (user, host) = address.split_once('@').unwrap_or(("", address));
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let is_user = user
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "-_.!~*'()".contains(letter));
    let is_loose = params.split(';').any(|param| param == "lr");
    (is_user && is_host(host) && is_loose && are_params(params)).then_some(user)
}

/// Labels of letters, digits and inner dashes, the last one beginning with a letter; or an IPv4 address.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let top = host.rsplit('.').next().unwrap_or_default();
    let is_name = top.starts_with(|letter: char| letter.is_ascii_alphabetic());
    host.split('.').all(is_label) && (is_name || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// `name` or `name=value` of token letters, between semicolons.
fn are_params(params: &str) -> bool {
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(letter))
    };
    params.is_empty()
        || params.split(';').all(|param| match param.split_once('=') {
            Some((name, value)) => is_token(name) && is_token(value),
            None => is_token(param),
        })
}
