//! Who a certificate says its holder is: RFC 5922 section 7.1.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer, ParsedExtension},
    time::ASN1Time,
};

use crate::{
    policy::CertifiedName,
    sip::uri::{Scheme, Uri},
};

/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 256;

/// The SIP identities of a certificate, in lower case: the hosts of its `sip:` URIs without a user, else its DNS names, else,
/// when it names no subject otherwise, its common name. A wildcard is none. Empty when it cannot be read.
//= TRUST-020
pub(crate) fn identities(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(alternative) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let Some(alternative) = alternative else {
        let common = certificate.subject().iter_common_name().next();
        return common
            .and_then(|name| name.as_str().ok())
            .and_then(host)
            .into_iter()
            .collect();
    };
    let names = || alternative.value.general_names.iter().take(NAMES_MAX);
    let sip: Vec<String> = names().filter_map(sip_domain).collect();
    if !sip.is_empty() {
        return sip;
    }
    let dns = names().filter_map(|name| match name {
        GeneralName::DNSName(name) => host(name),
        _ => None,
    });
    dns.collect()
}

/// The URIs that a certificate names, as written. Empty when it cannot be read.
//= P2P-132
pub(crate) fn uris(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = alternative.value.general_names.iter().take(NAMES_MAX);
    let uris = names.filter_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    uris.collect()
}

/// Whether a certificate is one of the host we asked for.
//= TRUST-029
pub(super) fn is_of(certificate: &[u8], asked: &ServerName<'_>) -> bool {
    match asked {
        ServerName::DnsName(name) => {
            let name = name.as_ref().to_ascii_lowercase();
            identities(certificate).contains(&name)
        }
        ServerName::IpAddress(address) => {
            let address = IpAddr::from(*address);
            addresses(certificate).contains(&address) || identities(certificate).contains(&address.to_string())
        }
        _ => false,
    }
}

/// What to ask a server for that must prove this name. `host` is the text of it where it is no address.
pub(crate) fn server_name(
    certified: CertifiedName,
    remote: IpAddr,
    host: impl FnOnce(CertifiedName) -> Option<String>,
) -> Option<ServerName<'static>> {
    if CertifiedName::of(&remote.to_string()) == certified {
        return Some(ServerName::IpAddress(remote.into()));
    }
    ServerName::try_from(host(certified)?).ok()
}

/// Whether a certificate may issue others.
pub(super) fn is_issuer(certificate: &[u8]) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.is_ca())
}

/// Whether a certificate is in its time, in seconds since 1970.
pub(super) fn is_valid_at(certificate: &[u8], unix: u64) -> bool {
    let time = i64::try_from(unix)
        .ok()
        .and_then(|unix| ASN1Time::from_timestamp(unix).ok());
    let read = X509Certificate::from_der(certificate).ok();
    time.zip(read)
        .is_some_and(|(time, (_, certificate))| certificate.validity().is_valid_at(time))
}

fn sip_domain(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::URI(text) = name else {
        return None;
    };
    let uri = Uri::parse(text.as_bytes()).ok()?;
    let is_domain = uri.scheme() == Scheme::Sip && uri.user().is_none();
    is_domain.then(|| std::str::from_utf8(uri.host()).ok().and_then(host))?
}

fn host(name: &str) -> Option<String> {
    let is_host = !name.is_empty() && !name.contains('*') && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_host.then(|| name.to_ascii_lowercase())
}

fn addresses(certificate: &[u8]) -> Vec<IpAddr> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let extensions = certificate.extensions().iter();
    let names = extensions.filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let octets = names.flatten().take(NAMES_MAX).filter_map(|name| match name {
        GeneralName::IPAddress(octets) => Some(*octets),
        _ => None,
    });
    octets
        .filter_map(|octets| match octets.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)),
            16 => Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)),
            _ => None,
        })
        .collect()
}
