//! Words of SIP and SDP that everybody uses: they tell nobody from anybody.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::sip::{Method, Name};

/// Whether a word is one of them, in any case of letters but for methods.
pub fn is_known(word: &[u8]) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.iter().flat_map(|line| line.split(' ')).collect());
    // None of them is longer.
    if word.is_empty() || word.len() > 40 {
        return false;
    }
    let lower = word.to_ascii_lowercase();
    std::str::from_utf8(&lower).is_ok_and(|lower| KNOWN.contains(lower))
        || Name::from_bytes(word) != Name::Other
        || Method::from_bytes(word) != Method::Other
}

const WORDS: [&str; 14] = [
    // Start lines.
    "sip 2.0 sip sips tel urn service sos im pres",
    "ok trying ringing session progress accepted bad request unauthorized forbidden not found method allowed proxy",
    "authentication required timeout gone unsupported media type extension temporarily unavailable call transaction does exist",
    "loop detected too many hops busy here everywhere terminated acceptable server internal error implemented service decline",
    "conditional failed interval brief anonymity disallowed provide referrer use identity header security agreement",
    // Rows without a name of their own in this crate.
    "accept accept-encoding accept-language allow allow-events date mime-version content-disposition content-encoding priority",
    "subscription-state authentication-info min-expires user-to-user supported timestamp alert-info error-info rseq rack",
    // Parameters and their words.
    "transport user phone lr tag branch rport received maddr ttl method expires q comp sigcomp ob outbound reg-id handling",
    "udp tcp tls sctp ws wss active pending terminated reason timeout rejected noresource cause text",
    "none id critical header session history anonymous anonymous.invalid invalid unknown",
    // Extensions, packages, types.
    "100rel timer path gruu privacy replaces norefersub precondition early-session sec-agree histinfo presence reg dialog \
     message-summary refer conference p2p-content p2p-key application audio video message sdp pidf xml json text plain html \
     multipart mixed alternative isup",
    // SDP.
    "v o s c t m a b i k r z in ip4 ip6 rtp avp avpf savp savpf rtpmap fmtp ptime maxptime sendrecv sendonly recvonly inactive",
    "pcmu pcma g722 g729 gsm opus telephone-event amr amr-wb evs h264 vp8 rtcp rtcp-mux curr des conf qos local remote e2e",
    "mandatory optional crypto inline aes_cm_128_hmac_sha1_80 aes_cm_128_hmac_sha1_32 candidate host srflx relay typ vnd.ppspp",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_and_names_are_not() {
        for word in [
            "INVITE",
            "P-Asserted-Identity",
            "Max-Forwards",
            "anonymous.invalid",
            "rtpmap",
        ] {
            assert!(is_known(word.as_bytes()), "{word}");
        }
        for word in ["alice", "", " ", "home1.example", "1001", "10.20.0.9", "x-alice"] {
            assert!(!is_known(word.as_bytes()), "{word}");
        }
    }
}
