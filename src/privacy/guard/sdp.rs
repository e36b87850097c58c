//! What peers say of their media: lines that say who they are go, and what is not protected does not pass.
//!
//! Reads SDP (RFC 8866) line by line and writes it anew from those lines that are known. Keys in it (RFC 4568) are looked at and
//! passed on; nothing here keeps or shows one.

use std::net::IpAddr;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::names::names_somebody;

/// Bytes, lines and streams of a description at most.
const BYTES_MAX: usize = 65_536;
const LINES_MAX: usize = 1024;
const STREAMS_MAX: usize = 32;
/// Keys of one description at most.
const KEYS_MAX: usize = 64;

/// What a description is held against.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub media: Media<'a>,
    /// Whether DTLS with fingerprints is taken beside SDES.
    pub takes_dtls: bool,
    /// Stands for the session in `o=`: the same for all descriptions of one dialog, and of no other.
    pub session: u32,
    /// What versions in `o=` are counted from in that dialog: nobody else knows it.
    pub version: u32,
}

/// Which addresses of media peers see of each other.
//= P2P-080
#[derive(Debug, Clone, Copy)]
pub enum Media<'a> {
    /// Their own.
    Direct,
    /// Those of relays that are known, and no others.
    Relay(&'a [IpAddr]),
}

/// Why a description does not pass: 488 for who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    #[error("the description is no SDP, or too large")]
    Unreadable,
    #[error("a stream is not protected, or only by what is not taken")]
    Unprotected,
    #[error("a key stands twice")]
    KeyReused,
    #[error("no address is left that peers may see of each other")]
    NoAddress,
    #[error("the answer chose what was not offered")]
    NotOffered,
}

/// A description that may pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Described {
    pub sdp: Vec<u8>,
    /// Of each stream, in order: what it is protected by.
    streams: Vec<Stream>,
}

/// What protects one stream.
#[derive(Clone, PartialEq, Eq)]
enum Stream {
    /// Not used.
    Off,
    Sdes(Vec<Protection>),
    Dtls,
}

/// Tag and suite of a line, and a key of it.
type Protection = (u32, Suite, Key);
type Key = Zeroizing<Vec<u8>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suite {
    AesCm128HmacSha1_80,
    AeadAes128Gcm,
}

impl Suite {
    //= P2P-085
    fn of_name(name: &str) -> Option<Suite> {
        match name {
            "AES_CM_128_HMAC_SHA1_80" => Some(Suite::AesCm128HmacSha1_80),
            "AEAD_AES_128_GCM" => Some(Suite::AeadAes128Gcm),
            _ => None,
        }
    }

    /// Bytes of key and salt.
    fn bytes(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 => 30,
            Suite::AeadAes128Gcm => 28,
        }
    }
}

impl Described {
    /// A description as it may reach the other peer.
    //= P2P-081
    //= P2P-084
    //= P2P-085
    //= P2P-086
    //= P2P-089
    pub fn read(sdp: &[u8], terms: &Terms<'_>) -> Result<Described, Unacceptable> {
        let lines = lines(sdp).ok_or(Unacceptable::Unreadable)?;
        let begins: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].0 == b'm').collect();
        if begins.len() > STREAMS_MAX || lines.first().is_none_or(|line| *line != (b'v', "0")) {
            return Err(Unacceptable::Unreadable);
        }
        let mut out = Vec::with_capacity(sdp.len());
        let session_end = begins.first().copied().unwrap_or(lines.len());
        let of_session = section(&lines[..session_end], terms, &mut out)?;
        let mut streams = Vec::with_capacity(begins.len());
        for (number, begin) in begins.iter().enumerate() {
            let end = begins.get(number + 1).copied().unwrap_or(lines.len());
            let of_stream = section(&lines[*begin..end], terms, &mut out)?;
            streams.push(stream(lines[*begin].1, of_stream, &of_session, terms)?);
        }
        keys_are_unique(&streams)?;
        Ok(Described { sdp: out, streams })
    }

    /// Whether keys stand in it.
    pub fn has_keys(&self) -> bool {
        self.streams.iter().any(|stream| matches!(stream, Stream::Sdes(_)))
    }

    /// Whether this answers an offer: one of its lines for each stream, with a key of its own.
    //= P2P-087
    //= P2P-089
    pub fn answers(&self, offer: &Described) -> Result<(), Unacceptable> {
        if self.streams.len() != offer.streams.len() {
            return Err(Unacceptable::NotOffered);
        }
        for (answered, offered) in self.streams.iter().zip(&offer.streams) {
            match (answered, offered) {
                (Stream::Off, _) | (Stream::Dtls, Stream::Dtls) => {}
                (Stream::Sdes(chosen), Stream::Sdes(offered)) => {
                    let [(tag, suite, _)] = chosen.as_slice() else {
                        return Err(Unacceptable::NotOffered);
                    };
                    if !offered.iter().any(|(other, of, _)| other == tag && of == suite) {
                        return Err(Unacceptable::NotOffered);
                    }
                }
                _ => return Err(Unacceptable::NotOffered),
            }
        }
        let all: Vec<Stream> = self.streams.iter().chain(&offer.streams).cloned().collect();
        keys_are_unique(&all)
    }
}

/// What was found in one section, and is said nowhere.
#[derive(Default)]
struct Found {
    crypto: Vec<Protection>,
    has_fingerprint: bool,
    addresses: usize,
}

/// Type and value of each line.
fn lines(sdp: &[u8]) -> Option<Vec<(u8, &str)>> {
    let text = std::str::from_utf8(sdp).ok().filter(|text| text.len() <= BYTES_MAX)?;
    let mut lines = Vec::new();
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        if line.is_empty() {
            continue;
        }
        let value = line.get(1..)?.strip_prefix('=')?;
        let kind = line.as_bytes()[0];
        let is_plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !kind.is_ascii_lowercase() || !is_plain || lines.len() == LINES_MAX {
            return None;
        }
        lines.push((kind, value));
    }
    Some(lines)
}

/// Writes the lines of a section that may be said.
//= P2P-081
fn section(lines: &[(u8, &str)], terms: &Terms<'_>, out: &mut Vec<u8>) -> Result<Found, Unacceptable> {
    let mut found = Found::default();
    for (kind, value) in lines {
        match kind {
            b'v' => line(out, b'v', "0"),
            b'b' if is_bandwidth(value) => line(out, b'b', value),
            b'o' => line(out, b'o', &origin(value, terms).ok_or(Unacceptable::Unreadable)?),
            b's' => line(out, b's', "-"),
            b't' => line(out, b't', "0 0"),
            // Word by word: formats are numbers, one after the other.
            b'm' if !value.split(' ').any(|word| names_somebody(word.as_bytes())) => line(out, b'm', value),
            b'm' => return Err(Unacceptable::Unreadable),
            b'c' if connection(value).is_some_and(|ip| terms.shows(ip)) => {
                found.addresses += 1;
                line(out, b'c', value);
            }
            b'a' => attribute(value, terms, &mut found, out)?,
            // i, u, e, p, k, r, z: words for people, and keys of old.
            _ => {}
        }
    }
    Ok(found)
}

fn line(out: &mut Vec<u8>, kind: u8, value: &str) {
    out.extend_from_slice(&[kind, b'=']);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `o=` without a user and a host, under the number of the session; its version goes on counting, from elsewhere: it could be
/// the number of a subscriber or of a device. No media go to its address, which may be one of a home behind the relay that
/// they go to.
fn origin(value: &str, terms: &Terms<'_>) -> Option<String> {
    let words: Vec<&str> = value.split(' ').collect();
    let [_, _, version, "IN", family @ ("IP4" | "IP6"), _] = words[..] else {
        return None;
    };
    let version: u64 = version.parse().ok()?;
    // Ten digits always, so that no length tells.
    let version = terms.version.wrapping_add(version as u32) | 1 << 31;
    let nowhere = if family == "IP4" { "0.0.0.0" } else { "::" };
    Some(format!("- {} {version} IN {family} {nowhere}", terms.session))
}

fn connection(value: &str) -> Option<IpAddr> {
    let words: Vec<&str> = value.split(' ').collect();
    let ["IN", "IP4" | "IP6", address] = words[..] else {
        return None;
    };
    address.parse().ok()
}

/// A kind and a number.
fn is_bandwidth(value: &str) -> bool {
    value
        .split_once(':')
        .is_some_and(|(kind, rate)| matches!(kind, "CT" | "AS" | "TIAS" | "RS" | "RR") && is_short(rate))
}

/// Shorter than what names a subscriber or a device.
fn is_short(text: &str) -> bool {
    is_number(text) && text.len() < 10
}

fn is_port(text: &str) -> bool {
    is_number(text) && text.parse::<u16>().is_ok()
}

/// Of 32 bits, where numbers of sources and priorities may have as many.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

impl Terms<'_> {
    fn shows(&self, ip: IpAddr) -> bool {
        match self.media {
            Media::Direct => true,
            Media::Relay(relays) => relays.contains(&ip),
        }
    }
}

/// Attributes of which the value is a word of the grammar.
const PLAIN: [&str; 15] = [
    "rtpmap",
    "fmtp",
    "ptime",
    "maxptime",
    "rtcp-mux",
    "rtcp-rsize",
    "rtcp-fb",
    "end-of-candidates",
    "ice-lite",
    "ice-options",
    "setup",
    "mid",
    "group",
    "ice-ufrag",
    "ice-pwd",
];
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

//= P2P-090
fn attribute(value: &str, terms: &Terms<'_>, found: &mut Found, out: &mut Vec<u8>) -> Result<(), Unacceptable> {
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    match name {
        "crypto" => {
            if let Some((tag, suite, keys)) = crypto(rest) {
                line(out, b'a', value);
                found.crypto.extend(keys.into_iter().map(|key| (tag, suite, key)));
                if found.crypto.len() > KEYS_MAX {
                    return Err(Unacceptable::Unreadable);
                }
            }
        }
        "fingerprint" if is_fingerprint(rest) => {
            found.has_fingerprint = true;
            line(out, b'a', value);
        }
        "candidate" => {
            if let Some(said) = candidate(rest, terms) {
                found.addresses += 1;
                line(out, b'a', &format!("candidate:{said}"));
            }
        }
        "rtcp" => {
            let (port, at) = rest.split_once(' ').map_or((rest, None), |(port, at)| (port, Some(at)));
            let is_shown = |at| connection(at).is_some_and(|ip| terms.shows(ip));
            if is_port(port) && at.is_none_or(is_shown) {
                line(out, b'a', value);
            }
        }
        // Of a source its number is needed, and that it has a name: the same for all.
        "ssrc" => {
            if let Some((number, _)) = rest.split_once(" cname:").filter(|(number, _)| is_number(number)) {
                line(out, b'a', &format!("ssrc:{number} cname:peer"));
            }
        }
        _ if DIRECTIONS.contains(&value) => line(out, b'a', value),
        _ if PLAIN.contains(&name) && !names_somebody(value.as_bytes()) => line(out, b'a', value),
        _ => {}
    }
    Ok(())
}

/// Tag, suite and keys of a line that is taken. `None`: it is not.
//= P2P-085
//= P2P-086
fn crypto(value: &str) -> Option<(u32, Suite, Vec<Key>)> {
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    let tag = words.next()?.parse().ok()?;
    let suite = Suite::of_name(words.next()?)?;
    let keys = words.next()?.split(';').map(|key| {
        let mut parts = key.strip_prefix("inline:")?.split('|');
        let key = Zeroizing::new(BASE64.decode(parts.next()?.as_bytes()).ok()?);
        // How long it is good, and how packets say that they use it.
        let of_numbers = |part: &str| part.split(['^', ':']).all(is_number);
        (key.len() == suite.bytes() && parts.all(of_numbers)).then_some(key)
    });
    let keys = keys.collect::<Option<Vec<_>>>()?;
    // Parameters of the session: none of them may take protection away, and what is not known might.
    let is_harmless = |word: &str| {
        word.split_once('=')
            .is_some_and(|(name, number)| matches!(name, "KDR" | "WSH") && is_number(number))
    };
    words.all(is_harmless).then_some((tag, suite, keys))
}

/// Hash function and colons: `sha-256 AB:CD`.
fn is_fingerprint(value: &str) -> bool {
    let Some((hash, bytes)) = value.split_once(' ') else {
        return false;
    };
    let is_byte = |byte: &str| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit());
    matches!(hash, "sha-256" | "sha-384" | "sha-512") && bytes.len() <= 191 && bytes.split(':').all(is_byte)
}

/// What may be said of a candidate: those of its words that are known (RFC 8839). `None`: nothing.
//= P2P-080
//= P2P-081
fn candidate(value: &str, terms: &Terms<'_>) -> Option<String> {
    let words: Vec<&str> = value.split(' ').collect();
    let (known, more) = words.split_at_checked(8)?;
    let [foundation, component, transport, priority, address, port, "typ", kind] = known else {
        return None;
    };
    let is_known = [component, priority].into_iter().all(|number| is_number(number))
        && is_port(port)
        && matches!(transport.to_ascii_uppercase().as_str(), "UDP" | "TCP")
        && matches!(*kind, "host" | "srflx" | "prflx" | "relay")
        && (is_number(foundation) || !names_somebody(foundation.as_bytes()));
    let is_direct = matches!(terms.media, Media::Direct);
    let is_shown = (is_direct || *kind == "relay") && terms.shows(address.parse().ok()?);
    let mut said = known.to_vec();
    for pair in more.chunks_exact(2) {
        let is_said = match pair {
            // Behind a relay stands the peer: what is related is not said.
            ["raddr", ip] => is_direct && ip.parse::<IpAddr>().is_ok(),
            ["rport", port] => is_direct && is_port(port),
            ["tcptype", "active" | "passive" | "so"] => true,
            _ => false,
        };
        said.extend(pair.iter().filter(|_| is_said));
    }
    (is_known && is_shown).then(|| said.join(" "))
}

/// What protects a stream.
//= P2P-084
fn stream(media: &str, found: Found, session: &Found, terms: &Terms<'_>) -> Result<Stream, Unacceptable> {
    let mut words = media.split(' ');
    let (_, port, protocol) = (words.next(), words.next(), words.next());
    let port = port
        .and_then(|port| port.split('/').next())
        .ok_or(Unacceptable::Unreadable)?;
    if port == "0" {
        return Ok(Stream::Off);
    }
    if found.addresses + session.addresses == 0 {
        return Err(Unacceptable::NoAddress);
    }
    match protocol {
        Some("RTP/SAVP" | "RTP/SAVPF") if !found.crypto.is_empty() => Ok(Stream::Sdes(found.crypto)),
        Some("UDP/TLS/RTP/SAVP" | "UDP/TLS/RTP/SAVPF")
            if terms.takes_dtls && (found.has_fingerprint || session.has_fingerprint) =>
        {
            Ok(Stream::Dtls)
        }
        _ => Err(Unacceptable::Unprotected),
    }
}

//= P2P-089
fn keys_are_unique(streams: &[Stream]) -> Result<(), Unacceptable> {
    let mut keys: Vec<&[u8]> = Vec::new();
    for stream in streams {
        let Stream::Sdes(lines) = stream else { continue };
        keys.extend(lines.iter().map(|(_, _, key)| key.as_slice()));
    }
    keys.sort_unstable();
    match keys.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(Unacceptable::KeyReused),
        false => Ok(()),
    }
}

//= P2P-101
//= P2P-101 type=exception reason=a message that passes is bytes in memory like any other and is given back as such; keys that are used here are zeroised
impl std::fmt::Debug for Described {
    /// Shows no key and nobody's address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Described")
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
