//! What two peers agree on in SDP (RFC 8866): one stream, protected by SDES (RFC 4568). What it carries is said inside.

use std::net::SocketAddr;

use super::srtp::{Master, PAYLOAD_TYPE};

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

/// One side's end of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub address: SocketAddr,
    /// What this side sends with.
    pub master: Master,
}

impl End {
    //= P2P-084
    //= P2P-091
    pub fn write(&self, session: u32) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=- {session} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=application {port} RTP/SAVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} vnd.ppspp/90000\r\n\
             a=crypto:1 {SUITE} inline:{}\r\na=sendrecv\r\n",
            self.master.text()
        )
    }

    /// `None`: the stream is not there, not protected by a key of ours, or has no address.
    //= P2P-084
    //= P2P-086
    pub fn read(sdp: &[u8]) -> Option<End> {
        let text = std::str::from_utf8(sdp).ok()?;
        let value = |kind: &str| text.lines().find_map(|line| line.trim_end().strip_prefix(kind));
        let mut stream = value("m=application ")?.split(' ');
        let port = stream.next()?.parse().ok().filter(|port| *port != 0)?;
        let is_known = stream.next()? == "RTP/SAVP" && stream.next()? == PAYLOAD_TYPE.to_string();
        let ip = value("c=IN IP4 ").or(value("c=IN IP6 "))?.parse().ok()?;
        let crypto = value("a=crypto:1 ")?.strip_prefix(SUITE)?.strip_prefix(" inline:")?;
        // A lifetime may stand behind; parameters of the session would take protection away.
        let (key, _lifetime) = crypto.split_once('|').unwrap_or((crypto, ""));
        (is_known && !crypto.contains(' ')).then_some(())?;
        Some(End {
            address: SocketAddr::new(ip, port),
            master: Master::read(key)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end() -> End {
        End {
            address: "127.0.0.1:4000".parse().unwrap(),
            master: Master::new([9; 30]),
        }
    }

    #[test]
    fn an_end_reads_as_it_was_written() {
        assert_eq!(End::read(end().write(1).as_bytes()), Some(end()));
        let six = End {
            address: "[::1]:4000".parse().unwrap(),
            ..end()
        };
        assert_eq!(End::read(six.write(1).as_bytes()), Some(six));
    }

    #[test]
    fn nothing_in_it_names_anybody() {
        for forbidden in ["i=", "u=", "e=", "p=", "a=cname", "a=ssrc", "a=tool"] {
            assert!(!end().write(1).contains(forbidden), "{forbidden}");
        }
    }

    //= P2P-084 type=test
    //= P2P-086 type=test
    #[test]
    fn a_stream_without_protection_is_refused() {
        let changed = |from: &str, to: &str| {
            let text = end().write(1);
            assert!(text.contains(from), "{from}");
            End::read(text.replace(from, to).as_bytes())
        };
        assert_eq!(changed("RTP/SAVP", "RTP/AVP"), None);
        assert_eq!(changed("a=crypto:1", "a=other:1"), None);
        assert_eq!(changed("SHA1_80", "SHA1_32"), None);
        assert_eq!(changed("\r\na=sendrecv", " UNENCRYPTED_SRTP\r\n"), None);
        assert_eq!(changed("inline:", "inline:AAAA"), None);
        assert_eq!(changed("application 4000", "application 0"), None);
        assert_eq!(changed("\r\na=sendrecv", "|2^48\r\n"), Some(end()));
    }
}
