//! What stands instead of a name.

/// The anonymous URI of RFC 3323 section 4.1.1.3, which every node can tell apart.
pub const ANONYMOUS_URI: &[u8] = b"sip:anonymous@anonymous.invalid";

/// The pseudonym of a Warning agent.
pub const WARN_AGENT: &[u8] = b"anonymous";

/// The name-addr of an anonymous From: `"Anonymous" <sip:anonymous@HOST>`.
//= PRIV-080
pub fn from(host: &str) -> [&[u8]; 3] {
    [b"\"Anonymous\" <sip:anonymous@", host.as_bytes(), b">"]
}

/// Whether a URI is anonymous already, so that nothing needs doing.
//= PRIV-028
pub fn is_anonymous(uri: &[u8], anonymous_host: &str) -> bool {
    let Some(rest) = uri
        .get(..14)
        .filter(|head| head.eq_ignore_ascii_case(b"sip:anonymous@"))
        .map(|_| &uri[14..])
    else {
        return false;
    };
    [anonymous_host.as_bytes(), b"anonymous.invalid"]
        .iter()
        .any(|host| rest.eq_ignore_ascii_case(host))
}
