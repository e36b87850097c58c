use data_encoding::BASE64;

use super::*;

//= P2P-060 type=test
#[test]
fn a_name_is_seen_in_each_of_its_dresses() {
    let url = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let name = "sip:alice@home1.example";
    let mut dresses: Vec<String> = [
        name,
        "SIP:alice@home1.example",
        "sips:alice@home1.example",
        "tel:+15551230001",
        "TeL:+1-555-123-0001",
        "alice@home1.example",
        "+1 555 123 0001",
        "+1(555)123-0001",
        "262015000000001",
        "a262015000000001b",
        "490154203237518",
        "4901-5420-3237-518",
        "urn:gsma:imei:90420156-025763-0",
        "URN:UUID:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "id urn:uuid:f81d4fae",
        "sip%3aalice%40home1.example",
        "alice%40home1.example",
        "%73%69%70%3Aalice",
        "%2540alice",
        "alice%2540home1.example",
        "{sip:alice@home1.example}",
        "x;y=sip:alice@home1.example",
        "imei:490154203237518",
    ]
    .map(str::to_string)
    .into();
    for name in [name, "tel:+15551230001", "262015000000001", "alice@home1.example"] {
        dresses.push(BASE64.encode(name.as_bytes()));
        dresses.push(BASE64_NOPAD.encode(name.as_bytes()));
        dresses.push(url(name));
        dresses.push(url(&url(name)));
        dresses.push(hex(name));
        dresses.push(hex(name).to_ascii_uppercase());
        dresses.push(percent(name));
        dresses.push(percent(&url(name)));
        dresses.push(url(&percent(name)));
        dresses.push(format!("id={};", url(name)));
    }
    assert!(dresses.len() >= 40);
    for dress in dresses {
        assert!(names_somebody(dress.as_bytes()), "{dress}");
    }
}

#[test]
fn what_names_nobody_is_left_alone() {
    for text in [
        "a8f3c1d2",
        "12345",
        "123456789",
        "refresh",
        "AbCdEfGhIjKlMnOpQrStUvWxYz",
        "kZ3v0m1lqX9sT7yQ4cR2bA",
        "100%",
        "",
    ] {
        assert!(!names_somebody(text.as_bytes()), "{text}");
    }
}

#[test]
fn other_bytes_cover_no_name() {
    for hidden in [
        &b"\xffsip:alice@home1.example"[..],
        b"alice@home1.example\x00",
        b"\xc3\xa9 +15551230001 \xc3",
        b"\x01alice@h.io\x02",
    ] {
        let token = BASE64URL_NOPAD.encode(hidden);
        assert!(names_somebody(token.as_bytes()), "{hidden:?}");
        // Nor do characters behind it, which are no base64 of their own.
        assert!(names_somebody(format!("{token}xxxxx").as_bytes()), "{hidden:?}");
        let token = BASE64_NOPAD.encode(&[b"???>>>???>>>", hidden].concat());
        assert!(names_somebody(format!("{token}xxxxx").as_bytes()), "{token}");
    }
    assert!(names_somebody(b"NDkwMTU0MjAzMjM3NTE4NDkw"));
    // Where all of it is text, a short one is a name as well.
    assert!(names_somebody(BASE64URL_NOPAD.encode(b"al@h.io").as_bytes()));
}

/// Sealed bytes hold an `@` in one token of ten.
#[test]
fn chance_names_nobody() {
    for drawn in [
        &b"\x8c\x01@\x9f\x80\x90\xaa\xbb\xcc\xdd\xee\x01\x02\x03\x04\x05"[..],
        b"\x8c\x01a@h.io\x9f\x80\x90\xaa\xbb\xcc\xdd\xee",
        b"\x01lice@h.io\x02",
    ] {
        let token = BASE64URL_NOPAD.encode(drawn);
        assert!(!names_somebody(token.as_bytes()), "{drawn:?}");
    }
}

#[test]
fn a_text_is_decoded_three_times() {
    let base64 = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
    let percent = |text: String| text.replace('%', "%25").replace('@', "%40");
    for dress in [&base64 as &dyn Fn(String) -> String, &percent] {
        let dressed = |times| (0..times).fold("alice@home1.example".to_string(), |text, _| dress(text));
        assert!(names_somebody(dressed(3).as_bytes()), "{}", dressed(3));
        assert!(!names_somebody(dressed(4).as_bytes()), "{}", dressed(4));
    }
}
