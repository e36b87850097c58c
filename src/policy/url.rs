//! Where a document of an ALTO server is.

/// A URL of HTTP, taken apart; a user, a query's fragment and other schemes are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub is_tls: bool,
    /// A name or an address; of IPv6 without brackets.
    pub host: String,
    pub port: u16,
    /// As it stands in Host.
    pub authority: String,
    pub path: String,
}

impl Url {
    pub fn parse(text: &str) -> Option<Url> {
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'\\'));
        let (is_tls, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port {
            "" => [80, 443][usize::from(is_tls)],
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let is_host = !host.is_empty() && !host.contains(['@', '[', ']']);
        (is_plain && is_host).then(|| Url {
            is_tls,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: match path.starts_with('/') {
                true => path.to_owned(),
                false => format!("/{path}"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_scheme_host_port_and_path() {
        let read = |text: &str| {
            let url = Url::parse(text)?;
            Some((url.is_tls, url.host, url.port, url.authority, url.path))
        };
        let of = |is_tls, host: &str, port, authority: &str, path: &str| {
            Some((is_tls, host.to_owned(), port, authority.to_owned(), path.to_owned()))
        };
        assert_eq!(
            read("http://alto.example"),
            of(false, "alto.example", 80, "alto.example", "/")
        );
        assert_eq!(
            read("https://alto.example:8443/map?of=1"),
            of(true, "alto.example", 8443, "alto.example:8443", "/map?of=1")
        );
        assert_eq!(
            read("http://[2001:db8::1]:81/m"),
            of(false, "2001:db8::1", 81, "[2001:db8::1]:81", "/m")
        );
        assert_eq!(
            read("https://192.0.2.7?x"),
            of(true, "192.0.2.7", 443, "192.0.2.7", "/?x")
        );
        for bad in [
            "alto.json",
            "ftp://alto.example",
            "http://",
            "http://:80/",
            "http://user@alto.example/",
            "http://alto.example:99999/",
            "http://alto.example:8x/",
            "http://[alto]/",
            "http://[::1]x/",
            "http://alto.example/a b",
            "http://alto.example/#x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
