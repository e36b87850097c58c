use super::*;

mod grammar;

const DIRECT: Terms<'static> = Terms {
    media: Media::Direct,
    takes_dtls: false,
    session: 7,
    version: 0,
};

/// 30 bytes of key and salt, told apart by their first.
fn key(number: u8) -> String {
    let mut bytes = [9; 30];
    bytes[0] = number;
    BASE64.encode(&bytes)
}

fn stream(attributes: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=application 4000 RTP/SAVP 96\r\n{attributes}"
    )
}

fn line(tag: u32, number: u8) -> String {
    format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", key(number))
}

fn read(sdp: &str) -> Result<String, Unacceptable> {
    Described::read(sdp.as_bytes(), &DIRECT).map(|described| String::from_utf8(described.sdp).unwrap())
}

//= P2P-081 type=test
//= P2P-101 type=test
#[test]
fn lines_that_say_who_it_is_go_and_the_rest_stays() {
    let said = format!(
        "v=0\no=alice 3907654321 12 IN IP4 198.51.100.7\ns=Alice's phone\ni=alice@home1.example\nu=http://alice.example\n\
         e=alice@home1.example\np=+1 555 123 0001\nc=IN IP4 198.51.100.7\nb=AS:512\nt=3907654321 0\nk=clear:secret\n\
         a=tool:phone 1.0 alice\na=group:BUNDLE 0\nm=application 4000 RTP/SAVP 96\ni=alice\na=rtpmap:96 vnd.ppspp/90000\n\
         a=fmtp:96 owner=sip:alice@home1.example\na=fmtp:96 mode=1\n{}\na=sendrecv\na=mid:0\n\
         a=ssrc:314159 cname:alice@198.51.100.7\na=ssrc:314159 msid:alice video\na=msid:alice x\na=x-owner:alice\n\
         a=rtcp:4001 IN IP4 198.51.100.7\n",
        line(1, 1).trim_end()
    );
    let expected = format!(
        "v=0\r\no=- 7 2147483660 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nb=AS:512\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=application 4000 RTP/SAVP 96\r\na=rtpmap:96 vnd.ppspp/90000\r\na=fmtp:96 mode=1\r\n{}a=sendrecv\r\na=mid:0\r\n\
         a=ssrc:314159 cname:peer\r\na=rtcp:4001 IN IP4 198.51.100.7\r\n",
        line(1, 1)
    );
    assert_eq!(read(&said).unwrap(), expected);
    // Once more changes nothing.
    assert_eq!(read(&expected).unwrap(), expected);
    let described = Described::read(expected.as_bytes(), &DIRECT).unwrap();
    assert_eq!(format!("{described:?}"), "Described { streams: 1, .. }");
}

/// A version counts on within its dialog, and does not say what it was.
//= P2P-081 type=test
#[test]
fn a_version_tells_no_number_and_counts_on() {
    let terms = Terms {
        version: 4_000_000_000,
        ..DIRECT
    };
    let version = |said: &str| {
        let sdp = stream(&line(1, 1)).replace("o=- 1 1 ", &format!("o=- 1 {said} "));
        let sdp = String::from_utf8(Described::read(sdp.as_bytes(), &terms).unwrap().sdp).unwrap();
        let value = sdp.split(' ').nth(2).unwrap();
        value.parse::<u32>().unwrap()
    };
    assert_eq!(version("12"), 4_000_000_012);
    for said in [15_551_230_001_u64, 262_011_234_567_890, 3_907_654_321] {
        let told = version(&said.to_string());
        assert_ne!(told, said as u32);
        assert_eq!(version(&(said + 1).to_string()), told.wrapping_add(1));
    }
}

//= P2P-081 type=test
#[test]
fn where_a_small_number_stands_no_subscriber_does() {
    for said in [
        "b=AS:2025550123",
        "a=rtcp:2025550123",
        "a=candidate:1 1 UDP 1 192.0.2.1 2025550123 typ host",
    ] {
        let passed = read(&stream(&format!("{}{said}\r\n", line(1, 1)))).unwrap();
        assert!(!passed.contains("2025550123"), "{passed}");
    }
}

//= P2P-084 type=test
//= P2P-085 type=test
//= P2P-086 type=test
#[test]
fn what_is_not_protected_does_not_pass() {
    let short = BASE64.encode(&[1; 29]);
    let gcm = BASE64.encode(&[1; 28]);
    for (lines, expected) in [
        (line(1, 1), Ok(())),
        (format!("a=crypto:1 AEAD_AES_128_GCM inline:{gcm}\r\n"), Ok(())),
        (
            format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}|2^20|1:4\r\n", key(1)),
            Ok(()),
        ),
        (
            format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{} WSH=128 KDR=4\r\n", key(1)),
            Ok(()),
        ),
        (String::new(), Err(Unacceptable::Unprotected)),
        (line(1, 1).replace("_80", "_32"), Err(Unacceptable::Unprotected)),
        (
            line(1, 1).replace("AES_CM_128", "F8_128"),
            Err(Unacceptable::Unprotected),
        ),
        (line(1, 1).replace(&key(1), &short), Err(Unacceptable::Unprotected)),
        (
            line(1, 1).replace("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"),
            Err(Unacceptable::Unprotected),
        ),
        (
            line(1, 1).replace("\r\n", " UNENCRYPTED_SRTP\r\n"),
            Err(Unacceptable::Unprotected),
        ),
        (
            line(1, 1).replace("\r\n", " UNENCRYPTED_SRTCP\r\n"),
            Err(Unacceptable::Unprotected),
        ),
        (
            line(1, 1).replace("\r\n", " KDR=1 UNAUTHENTICATED_SRTP\r\n"),
            Err(Unacceptable::Unprotected),
        ),
        (
            line(1, 1).replace("\r\n", " SOMETHING_NEW\r\n"),
            Err(Unacceptable::Unprotected),
        ),
        (line(1, 1).replace("inline:", "uri:"), Err(Unacceptable::Unprotected)),
    ] {
        assert_eq!(read(&stream(&lines)).map(|_| ()), expected, "{lines}");
    }
    for plain in ["RTP/AVP", "RTP/AVPF", "TCP/RTP/AVP", "UDP/TLS/RTP/SAVPF", "RTP/SAVPX"] {
        let sdp = stream(&line(1, 1)).replace("RTP/SAVP", plain);
        assert_eq!(read(&sdp), Err(Unacceptable::Unprotected), "{plain}");
    }
    // A stream that is not used needs no protection.
    assert!(read(&stream("").replace(" 4000 ", " 0 ").replace("SAVP", "AVP")).is_ok());
    // One line that is not taken beside one that is: it goes.
    let both = stream(&(line(1, 1).replace("_80", "_32") + &line(2, 2)));
    let left = read(&both).unwrap();
    assert!(!left.contains("crypto:1") && left.contains("crypto:2"));
}

#[test]
fn fingerprints_are_taken_where_the_policy_takes_them() {
    let sdp = stream("a=fingerprint:sha-256 AB:CD:EF\r\na=setup:actpass\r\n").replace("RTP/SAVP", "UDP/TLS/RTP/SAVPF");
    let takes = Terms {
        takes_dtls: true,
        ..DIRECT
    };
    assert!(Described::read(sdp.as_bytes(), &takes).is_ok());
    assert_eq!(read(&sdp), Err(Unacceptable::Unprotected));
    let none = sdp.replace("sha-256", "sha-1");
    assert_eq!(Described::read(none.as_bytes(), &takes), Err(Unacceptable::Unprotected));
}

//= P2P-087 type=test
//= P2P-089 type=test
#[test]
fn an_answer_chooses_one_line_and_brings_its_own_key() {
    let described = |lines: &str| Described::read(stream(lines).as_bytes(), &DIRECT).unwrap();
    let offer = described(&(line(1, 1) + &line(2, 2)));
    for (lines, expected) in [
        (line(1, 3), Ok(())),
        (line(2, 3), Ok(())),
        (line(3, 3), Err(Unacceptable::NotOffered)),
        (line(1, 3) + &line(2, 4), Err(Unacceptable::NotOffered)),
        (line(1, 1), Err(Unacceptable::KeyReused)),
        (line(2, 1), Err(Unacceptable::KeyReused)),
    ] {
        assert_eq!(described(&lines).answers(&offer), expected, "{lines}");
    }
    let gcm = format!("a=crypto:1 AEAD_AES_128_GCM inline:{}\r\n", BASE64.encode(&[5; 28]));
    assert_eq!(described(&gcm).answers(&offer), Err(Unacceptable::NotOffered));
    let two = stream(&line(1, 3)) + "m=application 0 RTP/AVP 96\r\n";
    let two = Described::read(two.as_bytes(), &DIRECT).unwrap();
    assert_eq!(two.answers(&offer), Err(Unacceptable::NotOffered));
    assert_eq!(read(&stream(&(line(1, 1) + &line(2, 1)))), Err(Unacceptable::KeyReused));
}

//= P2P-080 type=test
#[test]
fn behind_a_relay_nobody_sees_where_a_peer_is() {
    let relays: [IpAddr; 1] = [[192, 0, 2, 200].into()];
    let terms = Terms {
        media: Media::Relay(&relays),
        ..DIRECT
    };
    let candidates = "a=candidate:1 1 UDP 2130706431 198.51.100.7 4000 typ host\r\n\
        a=candidate:2 1 UDP 1694498815 203.0.113.9 4000 typ srflx raddr 198.51.100.7 rport 4000\r\n\
        a=candidate:3 1 UDP 16777215 192.0.2.200 5000 typ relay raddr 198.51.100.7 rport 4000\r\n\
        a=candidate:4 1 UDP 16777215 192.0.2.201 5000 typ relay\r\n";
    let sdp = stream(&(line(1, 1) + candidates));
    let left = String::from_utf8(Described::read(sdp.as_bytes(), &terms).unwrap().sdp).unwrap();
    assert!(
        !left.contains("198.51.100.7") && !left.contains("203.0.113.9") && !left.contains("192.0.2.201"),
        "{left}"
    );
    assert!(
        left.contains("192.0.2.200 5000 typ relay\r\n") && left.contains("IN IP4 0.0.0.0"),
        "{left}"
    );
    let none = stream(&line(1, 1));
    assert_eq!(Described::read(none.as_bytes(), &terms), Err(Unacceptable::NoAddress));
    assert!(read(&sdp).unwrap().contains("203.0.113.9"));
}

#[test]
fn what_is_no_sdp_does_not_pass() {
    let good = stream(&line(1, 1));
    assert!(read(&good).is_ok());
    for sdp in [
        String::new(),
        "sip:alice@home1.example".into(),
        good.replace("v=0", "v=1"),
        good.replace("o=- 1 1 IN IP4", "o=- 1 x IN IP4"),
        good.replace("s=-", "S=-"),
        good.replace("s=-", "s -"),
        good.replace("s=-", "s=\u{1}"),
        good.replace("RTP/SAVP 96", "RTP/SAVP sip:alice@home1.example"),
        good.clone() + &"a=mid:0\r\n".repeat(1024),
        good.clone() + &"m=audio 0 RTP/AVP 0\r\n".repeat(32),
        good.clone() + "a=x:" + &"y".repeat(70_000),
    ] {
        assert_eq!(
            read(&sdp),
            Err(Unacceptable::Unreadable),
            "{}",
            &sdp[..sdp.len().min(300)]
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), at in 0usize..300) {
        let _ = Described::read(&bytes, &DIRECT);
        let mut damaged = stream(&line(1, 1)).into_bytes();
        let at = at % damaged.len();
        damaged.splice(at..at, bytes.iter().take(3).copied());
        let _ = Described::read(&damaged, &DIRECT);
    }
}
