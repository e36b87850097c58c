//! What a text in the policy may look like: durations, addresses, hosts, URIs.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;

use super::read::{Fault, shown};
use crate::{
    policy::Bind,
    sip::{Method, Transport},
};

/// The longest time a policy can ask for: a year. Keeps every sum of times far from the end of the clock.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Names longer than this are not compared with the valid ones.
const COMPARED_MAX: usize = 64;

/// The word meant by a misspelt one, if one is near enough.
pub(super) fn nearest<'a>(wrong: &str, valid: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.is_empty() || wrong.len() > COMPARED_MAX {
        return None;
    }
    let wrong = wrong.to_ascii_lowercase().replace(' ', "_");
    valid
        .filter_map(|word| likeness(&wrong, &word.to_ascii_lowercase()).map(|likeness| (likeness, word)))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, word)| word)
}

/// How like two words are, from 0 to 1, if they are: few slips of the finger, or the one inside the other.
fn likeness(wrong: &str, word: &str) -> Option<f64> {
    let slips = strsim::osa_distance(wrong, word);
    let few = slips <= (word.len() / 3).max(1) && slips < word.len();
    let inside = wrong.len() >= 4 && word.contains(wrong) || word.len() >= 4 && wrong.contains(word);
    (few || inside).then(|| strsim::normalized_damerau_levenshtein(wrong, word))
}

/// `500ms`, `30s`, `5m`, `24h`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, Fault> {
    let wrong = |fault: String| Fault {
        fault,
        remedy: "write a whole number and ms, s, m, h or d, such as \"30s\" or \"24h\"".to_owned(),
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong(format!("`{}` is no duration", shown(text)))),
    };
    if number.is_empty() {
        return Err(wrong(format!("`{}` is no duration", shown(text))));
    }
    let duration = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        .map(Duration::from_millis);
    match duration {
        Some(duration) if duration <= DURATION_MAX => Ok(duration),
        _ => Err(wrong(format!("`{}` is longer than a year", shown(text)))),
    }
}

/// `udp://127.0.0.1:5060`, `tcp://[::1]:5060`; without a scheme the given transport.
pub(super) fn bind(text: &str, unwritten: Transport) -> Result<Bind, Fault> {
    let (transport, address) = match text.split_once("://") {
        None => (unwritten, text),
        Some((scheme, address)) => (transport(scheme)?, address),
    };
    let name = transport.uri_name();
    match address.parse::<SocketAddr>() {
        Ok(address) => Ok(Bind { transport, address }),
        Err(_) => Err(Fault {
            fault: format!("`{}` is no address to listen on", shown(text)),
            remedy: match address.parse::<IpAddr>() {
                Ok(IpAddr::V4(ip)) => format!("add the port: \"{name}://{ip}:5060\""),
                Ok(IpAddr::V6(ip)) => format!("add brackets and the port: \"{name}://[{ip}]:5060\""),
                Err(_) => {
                    format!("write an IP address and a port: \"{name}://127.0.0.1:5060\" or \"{name}://[::1]:5060\"")
                }
            },
        }),
    }
}

/// The transport of this name.
pub(super) fn transport(text: &str) -> Result<Transport, Fault> {
    Transport::from_name(text.as_bytes()).ok_or_else(|| Fault {
        fault: format!("unknown transport `{}`", shown(text)),
        remedy: match nearest(text, ["udp", "tcp", "tls", "ws", "wss"].into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "one of: udp, tcp, tls, ws, wss".to_owned(),
        },
    })
}

/// `192.0.2.32/28`, or one address; bits behind the prefix are an error, because they hide a slip.
pub(super) fn prefix(text: &str) -> Result<IpNet, Fault> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    match text.parse::<IpNet>() {
        Ok(prefix) if prefix == prefix.trunc() => Ok(prefix),
        Ok(prefix) => Err(Fault {
            fault: format!("`{}` has bits set behind its prefix", shown(text)),
            remedy: format!(
                "write \"{}\" for the network or \"{}\" for the address",
                prefix.trunc(),
                prefix.addr()
            ),
        }),
        Err(_) => Err(Fault {
            fault: format!("`{}` is no address prefix", shown(text)),
            remedy: "write it like \"192.0.2.32/28\" or \"2001:db8:20::/48\"".to_owned(),
        }),
    }
}

/// A DNS name or an IP address as it stands in a URI, in lower case.
pub(super) fn host(text: &str) -> Result<String, Fault> {
    if is_host(text) {
        Ok(text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase())
    } else {
        Err(Fault {
            fault: format!("`{}` is no host", shown(text)),
            remedy: "write a DNS name such as \"home1.example\" or an IP address, IPv6 in brackets".to_owned(),
        })
    }
}

/// `host` or `host:port`, as it may stand in a Via.
pub(super) fn host_port(text: &str) -> Result<String, Fault> {
    if is_host_port(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Fault {
            fault: format!("`{}` is no host with an optional port", shown(text)),
            remedy: "write \"edge.home1.example\" or \"192.0.2.1:5060\"".to_owned(),
        })
    }
}

/// A method name. Methods are case-sensitive, so a known one in small letters is a slip.
pub(super) fn method(text: &str) -> Result<String, Fault> {
    let upper = text.to_ascii_uppercase();
    let known = |name: &str| Method::from_bytes(name.as_bytes()) != Method::Other;
    if text.is_empty() || !text.bytes().all(is_token) || (known(&upper) && !known(text)) {
        return Err(Fault {
            fault: format!("`{}` is no method", shown(text)),
            remedy: if known(&upper) {
                format!("did you mean `{upper}`?")
            } else {
                "write it as it stands in a request, such as \"INVITE\"".to_owned()
            },
        });
    }
    Ok(text.to_owned())
}

/// A value of the Privacy header (RFC 3323 section 4.2), in lower case.
pub(super) fn privacy_token(text: &str) -> Result<String, Fault> {
    if !text.is_empty() && text.bytes().all(is_token) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Fault {
        fault: format!("`{}` cannot stand in a Privacy header", shown(text)),
        remedy: "write one token: letters, digits and -.!%*_+`'~".to_owned(),
    })
}

/// A place to send requests to: `sip:10.20.0.5:5060;transport=udp;lr`.
pub(super) fn next_hop(text: &str) -> Result<String, Fault> {
    let wrong = |remedy: String| {
        Err(Fault {
            fault: format!("`{}` is no SIP URI of a next hop", shown(text)),
            remedy,
        })
    };
    let Some((scheme, rest)) = text.split_once(':') else {
        return wrong(match is_host(text) {
            true => format!("write \"sip:{text};lr\""),
            false => "write it like \"sip:10.20.0.5:5060;lr\"".to_owned(),
        });
    };
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return wrong(match is_host_port(text) {
            true => format!("write \"sip:{text};lr\""),
            false => "write it like \"sip:10.20.0.5:5060;lr\"".to_owned(),
        });
    }
    if rest.contains('?') {
        return wrong("take out the header part behind `?`".to_owned());
    }
    let (address, parameters) = rest.split_once(';').unwrap_or((rest, ""));
    if address.contains('@') {
        return wrong("a next hop is a node: take out the user part before `@`".to_owned());
    }
    if !is_host_port(address) {
        return wrong(
            "behind `sip:` stands a host or an IP address, IPv6 in brackets, and an optional port".to_owned(),
        );
    }
    let valid = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, "-"));
        !name.is_empty() && !value.is_empty() && name.bytes().chain(value.bytes()).all(is_parameter)
    };
    if rest.contains(';') && !parameters.split(';').all(valid) {
        return wrong("parameters are written `;name` or `;name=value`".to_owned());
    }
    Ok(text.to_owned())
}

/// The transport a valid next hop names, and the words that name it; `None` when it is left to DNS and defaults.
pub(super) fn transport_named(next_hop: &str) -> Option<(Result<Transport, Fault>, &str)> {
    let (scheme, rest) = next_hop.split_once(':')?;
    let parameter = rest.split(';').find(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        parameter.contains('=') && name.eq_ignore_ascii_case("transport")
    });
    match parameter.and_then(|parameter| Some((parameter, parameter.split_once('=')?.1))) {
        Some((parameter, value)) => Some((transport(value), parameter)),
        None => scheme
            .eq_ignore_ascii_case("sips")
            .then_some((Ok(Transport::Tls), "sips")),
    }
}

fn is_host_port(text: &str) -> bool {
    let host_ends = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').map(|end| end + 2),
        None => Some(text.find(':').unwrap_or(text.len())),
    };
    let Some((host, port)) = host_ends.and_then(|end| text.split_at_checked(end)) else {
        return false;
    };
    let port_fits = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0),
    };
    is_host(host) && port_fits
}

fn is_host(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok();
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse::<Ipv4Addr>().is_ok();
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

fn is_parameter(byte: u8) -> bool {
    is_token(byte) || b"[]/:&$()".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("500ms").ok(), Some(Duration::from_millis(500)));
        assert_eq!(duration("24h").ok(), Some(Duration::from_secs(86_400)));
        assert_eq!(duration("366d").ok(), Some(DURATION_MAX));
        for wrong in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            "367d",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binds_are_addresses() {
        let v6 = bind("tcp://[::1]:5060", Transport::Udp)
            .ok()
            .map(|bind| (bind.transport, bind.address.to_string()));
        assert_eq!(v6, Some((Transport::Tcp, "[::1]:5060".to_owned())));
        assert_eq!(
            bind("127.0.0.1:0", Transport::Udp).ok().map(|bind| bind.transport),
            Some(Transport::Udp)
        );
        for wrong in [
            "udp://localhost:5060",
            "udp://127.0.0.1",
            "udp://::1:5060x",
            "upd://1.2.3.4:5",
        ] {
            assert!(bind(wrong, Transport::Udp).is_err(), "{wrong}");
        }
    }

    #[test]
    fn next_hops_are_sip_uris_of_nodes() {
        for right in [
            "sip:127.0.0.1:5080",
            "sip:127.0.0.3:5070;transport=udp;lr",
            "SIPS:edge.example",
            "sip:[2001:db8::1]:5060;lr",
        ] {
            assert!(next_hop(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "sip:",
            "tel:+1",
            "127.0.0.1:5080",
            "sip:a@b",
            "sip:host:0",
            "sip:host:70000",
            "sip:host;",
            "sip:ho st",
            "sip:host;a=\r\n",
            "sip:host?Subject=x",
            "sip:1.2.3.4.5",
            "sip:[::1",
            "sip:[]:1",
            "sip:é",
        ] {
            assert!(next_hop(wrong).is_err(), "{wrong}");
        }
        let named = |hop| transport_named(hop).map(|(named, words)| (named.ok(), words));
        assert_eq!(named("sips:edge.example"), Some((Some(Transport::Tls), "sips")));
        assert_eq!(
            named("sip:edge.example;transport=TLS"),
            Some((Some(Transport::Tls), "transport=TLS"))
        );
        assert_eq!(
            named("sip:edge.example;transport=TCP;lr"),
            Some((Some(Transport::Tcp), "transport=TCP"))
        );
        assert_eq!(named("sip:edge.example;transport=x"), Some((None, "transport=x")));
        assert_eq!(named("sip:edge.example;lr"), None);
    }

    #[test]
    fn prefixes_name_networks() {
        assert_eq!(
            prefix("192.0.2.7").ok().map(|prefix| prefix.to_string()),
            Some("192.0.2.7/32".to_owned())
        );
        assert!(prefix("192.0.2.33/28").is_err());
        assert!(prefix("192.0.2.32/33").is_err());
    }

    #[test]
    fn the_nearest_word_is_offered_only_when_near() {
        let words = ["next_hop", "method", "domain"];
        assert_eq!(nearest("nexthop", words.into_iter()), Some("next_hop"));
        assert_eq!(nearest("Domains", words.into_iter()), Some("domain"));
        assert_eq!(nearest("zzz", words.into_iter()), None);
    }
}
