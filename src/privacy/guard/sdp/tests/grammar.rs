//! What stands in a line is what the grammar has there, and no more of it than a limit.

use super::*;

/// What is left of attributes, without the lines before them.
fn left(attributes: &str) -> String {
    let left = read(&stream(&(line(1, 1) + attributes))).unwrap();
    let (_, left) = left.split_once(&line(1, 1)).unwrap();
    left.to_string()
}

fn takes_dtls(sdp: &str) -> Result<Described, Unacceptable> {
    let terms = Terms {
        takes_dtls: true,
        ..DIRECT
    };
    Described::read(sdp.as_bytes(), &terms)
}

fn dtls(fingerprint: &str) -> String {
    stream(&format!("a=fingerprint:{fingerprint}\r\n")).replace("RTP/SAVP", "UDP/TLS/RTP/SAVP")
}

#[test]
fn a_description_has_an_end() {
    let streams = |count| "v=0\r\n".to_string() + &"m=audio 0 RTP/AVP 0\r\n".repeat(count);
    assert!(read(&streams(STREAMS_MAX)).is_ok());
    assert_eq!(read(&streams(STREAMS_MAX + 1)), Err(Unacceptable::Unreadable));
    let lines = |count| "v=0\r\n".repeat(count);
    assert!(read(&lines(LINES_MAX)).is_ok());
    assert_eq!(read(&lines(LINES_MAX + 1)), Err(Unacceptable::Unreadable));
    let bytes = |count| "v=0\r\ni=".to_string() + &"x".repeat(count - 7);
    assert!(read(&bytes(BYTES_MAX)).is_ok());
    assert_eq!(read(&bytes(BYTES_MAX + 1)), Err(Unacceptable::Unreadable));
    let keys = |count: usize| {
        stream(
            &(0..count)
                .map(|number| line(number as u32 + 1, number as u8))
                .collect::<String>(),
        )
    };
    assert!(read(&keys(KEYS_MAX)).is_ok());
    assert_eq!(read(&keys(KEYS_MAX + 1)), Err(Unacceptable::Unreadable));
}

//= P2P-081 type=test
#[test]
fn no_line_has_room_for_a_name() {
    let clean = read(&stream(&line(1, 1))).unwrap();
    let with = |after: &str, more: &str| read(&clean.replace(after, &format!("{after}{more}\r\n"))).unwrap();
    for said in [
        "b=alice@home1.example",
        "b=AS:alice",
        "b=AS:15551230001",
        "b=X-alice:5",
        "b=AS",
        "c=IN alice@home1.example 198.51.100.7",
        "c=IN IP4 198.51.100.7 alice",
        "c=alice IP4 198.51.100.7",
    ] {
        assert_eq!(with("t=0 0\r\n", said), clean, "{said}");
    }
    for said in ["b=AS:512", "b=TIAS:999999999", "c=IN IP6 2001:db8::7"] {
        assert!(with("t=0 0\r\n", said).contains(said), "{said}");
    }
    let again = with("t=0 0\r\n", "v=alice");
    assert!(again.contains("v=0\r\nm=") && !again.contains("alice"), "{again}");
    for said in [
        "rtcp:4001 alice@home1.example IP4 198.51.100.7",
        "rtcp:4001 IN alice IP4 198.51.100.7",
        "rtcp:4001 IN IP4 198.51.100.7 alice",
        "rtcp:4001 IN IP4 alice",
        "rtcp:15551230001",
        "rtcp:alice",
        "rtcp:alice IN IP4 198.51.100.7",
        "rtcp:",
        "ssrc: cname:x",
        "ssrc:15551230001 cname:x",
        "ssrc:+5 cname:x",
        "ssrc:alice cname:x",
        "ssrc:5 label:alice",
    ] {
        assert_eq!(left(&format!("a={said}\r\n")), "", "{said}");
    }
    for said in [
        "rtcp:4001",
        "rtcp:4001 IN IP4 198.51.100.7",
        "ssrc:4294967295 cname:peer",
    ] {
        assert_eq!(left(&format!("a={said}\r\n")), format!("a={said}\r\n"));
    }
}

#[test]
fn formats_in_a_row_are_no_number_to_call() {
    let sdp = stream(&line(1, 1)).replace("SAVP 96", "SAVP 0 8 96 97 98 99 100 101 102");
    assert!(read(&sdp).unwrap().contains("RTP/SAVP 0 8 96 97 98 99 100 101 102\r\n"));
    let sdp = stream(&line(1, 1)).replace("SAVP 96", "SAVP 96 262015000000001");
    assert_eq!(read(&sdp), Err(Unacceptable::Unreadable));
}

//= P2P-081 type=test
#[test]
fn of_a_candidate_the_words_are_left_that_are_known() {
    let host = "1 1 UDP 2130706431 198.51.100.7 4000 typ host";
    for (said, expected) in [
        (host.to_string(), host.to_string()),
        (
            host.replace("1 1 UDP", "4234997325 1 udp"),
            host.replace("1 1 UDP", "4234997325 1 udp"),
        ),
        (
            format!("{host} generation 0 ufrag alice@home1.example network-id 1"),
            host.to_string(),
        ),
        (
            format!("{host} tcptype active owner alice"),
            format!("{host} tcptype active"),
        ),
        (format!("{host} tcptype alice"), host.to_string()),
        (
            format!("{host} raddr 192.0.2.7 rport 9"),
            format!("{host} raddr 192.0.2.7 rport 9"),
        ),
        (format!("{host} raddr alice rport alice"), host.to_string()),
    ] {
        assert_eq!(
            left(&format!("a=candidate:{said}\r\n")),
            format!("a=candidate:{expected}\r\n")
        );
    }
    for said in [
        "",
        "1 1 UDP 2130706431 198.51.100.7 4000 typ",
        &host.replace(" typ ", " type "),
        &host.replace("host", "alice"),
        &host.replace("UDP", "alice"),
        &host.replace("1 1 UDP", "alice@home1.example 1 UDP"),
        &host.replace("1 1 UDP", "15551230001 1 UDP"),
        &host.replace("1 1 UDP", "1 alice UDP"),
        &host.replace("2130706431", "15551230001"),
        &host.replace(" 4000 ", " alice "),
        &host.replace("198.51.100.7", "alice.example"),
    ] {
        assert_eq!(left(&format!("a=candidate:{said}\r\n")), "", "{said}");
    }
    // Where no relay is asked for, a candidate is an address as good as that of `c=`.
    let by_candidate =
        stream(&(line(1, 1) + &format!("a=candidate:{host}\r\n"))).replace("c=IN IP4 198.51.100.7\r\n", "");
    assert!(read(&by_candidate).is_ok());
}

#[test]
fn a_candidate_behind_a_relay_is_one_of_a_known_relay() {
    let relays: [IpAddr; 1] = [[192, 0, 2, 200].into()];
    let terms = Terms {
        media: Media::Relay(&relays),
        ..DIRECT
    };
    let shown = |candidate: &str| {
        let sdp = stream(&(line(1, 1) + &format!("a=candidate:{candidate}\r\n")));
        Described::read(sdp.as_bytes(), &terms).is_ok()
    };
    assert!(shown("1 1 UDP 1 192.0.2.200 4000 typ relay"));
    assert!(!shown("1 1 UDP 1 192.0.2.200 4000 typ host"));
    assert!(!shown("1 1 UDP 1 192.0.2.201 4000 typ relay"));
}

//= P2P-086 type=test
#[test]
fn a_line_of_crypto_says_how_a_key_is_used_and_no_more() {
    let with = |key: &str, parameters: &str| {
        let suite = "AES_CM_128_HMAC_SHA1_80";
        stream(&format!("a=crypto:1 {suite} inline:{key}{parameters}\r\n"))
    };
    let key = key(1);
    for more in [
        "",
        "|2^31",
        "|1:4",
        "|2^31|1:4",
        "|1048576|66:2",
        " KDR=4",
        " WSH=128",
        " KDR=0 WSH=64",
    ] {
        assert!(
            read(&with(&key, more)).unwrap().contains(&format!("{key}{more}\r\n")),
            "{more}"
        );
    }
    for more in [
        "|alice@home1.example",
        "|2^20|alice",
        "|15551230001",
        "|",
        " KDR=",
        " KDR=alice",
        " WSH=alice",
        " WSH=15551230001",
        " KDR",
        " FEC_KEY=1",
    ] {
        assert_eq!(read(&with(&key, more)), Err(Unacceptable::Unprotected), "{more}");
    }
    let two = BASE64.encode(&[3; 30]);
    assert!(read(&with(&key, &format!(";inline:{two}"))).is_ok());
    assert_eq!(
        read(&with(&key, &format!(";inline:{key}"))),
        Err(Unacceptable::KeyReused)
    );
}

#[test]
fn a_fingerprint_is_bytes_of_a_hash_that_is_known() {
    let longest = ["AB"; 64].join(":");
    for good in ["sha-256 AB:cd:09", "sha-384 AB", &format!("sha-512 {longest}")] {
        assert!(takes_dtls(&dtls(good)).is_ok(), "{good}");
    }
    for bad in [
        "sha-256",
        "sha-256 ",
        "sha-256 AB:C",
        "sha-256 AB:CDE",
        "sha-256 AB:XY",
        "sha-256 alice",
        "sha-1 AB:CD",
        &format!("sha-512 {longest}:AB"),
    ] {
        assert_eq!(takes_dtls(&dtls(bad)), Err(Unacceptable::Unprotected), "{bad}");
    }
    // For all streams, before the first of them.
    let of_session = dtls("sha-1 AB").replace("t=0 0\r\n", "t=0 0\r\na=fingerprint:sha-256 AB:CD\r\n");
    assert!(takes_dtls(&of_session).is_ok());
}

//= P2P-087 type=test
#[test]
fn an_answer_keeps_to_the_kind_of_what_was_offered() {
    let described = |sdp: &str| takes_dtls(sdp).unwrap();
    let sdes = |number| described(&stream(&line(1, number)));
    let fingerprint = described(&dtls("sha-256 AB:CD"));
    let off = described(&stream("").replace(" 4000 ", " 0 "));
    for (answer, offer, expected) in [
        (&off, &sdes(1), Ok(())),
        (&off, &fingerprint, Ok(())),
        (&fingerprint, &fingerprint, Ok(())),
        (&sdes(2), &sdes(1), Ok(())),
        (&fingerprint, &sdes(1), Err(Unacceptable::NotOffered)),
        (&sdes(2), &fingerprint, Err(Unacceptable::NotOffered)),
        (&sdes(2), &off, Err(Unacceptable::NotOffered)),
    ] {
        assert_eq!(answer.answers(offer), expected, "{offer:?}");
    }
}
