//! Documents, good and hostile.

use super::*;

/// Elements within a document.
fn document(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<reginfo xmlns=\"{NAMESPACE}\" version=\"7\" state=\"full\">{inside}</reginfo>\n"
    )
}

fn registration(inside: &str) -> String {
    document(&format!(
        "<registration aor=\"sip:ue@home1.example\" id=\"a7\" state=\"active\">{inside}</registration>"
    ))
}

fn read(text: &str) -> Result<RegInfo, Unreadable> {
    super::read(text.as_bytes())
}

const CONTACT: &str = "<contact id=\"76\" state=\"active\" event=\"registered\"><uri>sip:ue@192.0.2.7</uri></contact>";

//= PCSCF-013 type=test
#[test]
fn a_document_is_read_whatever_stands_beside_what_counts() {
    let inside = "<!-- x --><contact id=\"76\" state=\"active\" event=\"shortened\" expires=\"300\" duration-registered=\"7\">\n\
                  <uri> sip:ue@192.0.2.7;a=1&amp;b&#x3d;2 </uri><display-name xml:lang=\"en\">U &lt;E&gt;</display-name>\
                  <unknown-param name=\"q\">&quot;x&quot;</unknown-param></contact>\
                  <e:gruu xmlns:e=\"urn:x\"><contact state=\"?\"/></e:gruu>\
                  <contact id=\"77\" state=\"terminated\" event=\"expired\"><uri><![CDATA[sip:ue@192.0.2.8]]></uri></contact>";
    let second = "<registration aor=\"tel:+15550007\" id=\"a8\" state=\"terminated\"/>";
    let text = registration(inside).replace("</reginfo>", &format!("{second}</reginfo>"));
    let mut prefixed = text.replace("xmlns=\"urn:ietf", "xmlns:r=\"urn:ietf");
    for name in ["reginfo ", "registration ", "contact ", "uri>"] {
        let end = name.trim_end_matches([' ', '>']);
        prefixed = prefixed.replace(&format!("<{name}"), &format!("<r:{name}"));
        prefixed = prefixed.replace(&format!("</{end}>"), &format!("</r:{end}>"));
    }
    for text in [text, prefixed] {
        let info = read(&text).unwrap_or_else(|unreadable| panic!("{unreadable}: {text}"));
        assert_eq!((info.version, info.registrations.len()), (7, 2));
        let [first, second] = &info.registrations[..] else {
            panic!()
        };
        assert_eq!(
            (&first.identity[..], first.state),
            (&b"sip:ue@home1.example"[..], State::Active)
        );
        assert_eq!(
            (&second.identity[..], second.state),
            (&b"tel:+15550007"[..], State::Terminated)
        );
        let [one, other] = &first.contacts[..] else {
            panic!("{text}")
        };
        assert_eq!(one.uri, b"sip:ue@192.0.2.7;a=1&b=2");
        assert_eq!((one.is_active, one.is_shortened, one.expires), (true, true, Some(300)));
        assert_eq!(other.uri, b"sip:ue@192.0.2.8");
        assert_eq!(
            (other.is_active, other.is_shortened, other.expires),
            (false, false, None)
        );
    }
}

//= PCSCF-013 type=test
#[test]
fn what_is_no_such_document_says_nothing() {
    let good = registration(CONTACT);
    assert!(read(&good).is_ok());
    for (text, why) in [
        (String::new(), Unreadable::NotXml),
        ("reginfo".to_owned(), Unreadable::NotXml),
        (good.replace("</reginfo>", ""), Unreadable::NotXml),
        (good.replace("</registration>", ""), Unreadable::NotXml),
        (format!("{good}<more/>"), Unreadable::NotRegInfo),
        (format!("{good}{good}"), Unreadable::NotRegInfo),
        (good.replace("ns:reginfo", "ns:other"), Unreadable::NotRegInfo),
        (
            good.replace(&format!(" xmlns=\"{NAMESPACE}\""), ""),
            Unreadable::NotRegInfo,
        ),
        (
            good.replace("reginfo", "RegInfo").replace("ns:RegInfo", "ns:reginfo"),
            Unreadable::NotRegInfo,
        ),
        (good.replace("version=\"7\"", ""), Unreadable::Malformed),
        (good.replace("version=\"7\"", "version=\"-7\""), Unreadable::Malformed),
        (
            good.replace("version=\"7\"", "version=\"4294967296\""),
            Unreadable::Malformed,
        ),
        (
            good.replace("version=\"7\"", "version=\"7\" version=\"8\""),
            Unreadable::NotXml,
        ),
        (good.replace("state=\"full\"", "state=\"half\""), Unreadable::Malformed),
        (good.replace("aor=\"sip:ue@home1.example\"", ""), Unreadable::Malformed),
        (good.replace("event=\"registered\"", ""), Unreadable::Malformed),
        (good.replace("<uri>sip:ue@192.0.2.7</uri>", ""), Unreadable::Malformed),
        (good.replace("</uri>", "</uri><uri>sip:x</uri>"), Unreadable::Malformed),
        (good.replace("sip:ue@192.0.2.7", "&secret;"), Unreadable::NotXml),
        (good.replace("sip:ue@192.0.2.7", "&#0;"), Unreadable::NotXml),
        (good.replace("sip:ue@home1.example", "&secret;"), Unreadable::NotXml),
        (good.replace("sip:ue@192.0.2.7", "a & b"), Unreadable::NotXml),
    ] {
        assert_eq!(read(&text).err(), Some(why), "{text}");
    }
    assert_eq!(super::read(b"\xff\xfe<").err(), Some(Unreadable::NotXml));
}

//= PCSCF-013 type=test
#[test]
fn a_document_type_is_not_looked_at() {
    let good = registration("<contact state=\"active\" event=\"registered\"><uri>&a;</uri></contact>");
    for doctype in [
        "<!DOCTYPE reginfo [<!ENTITY a \"sip:x\">]>",
        "<!DOCTYPE reginfo SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE a [<!ENTITY b \"&c;&c;&c;\"><!ENTITY c \"&d;&d;&d;\"><!ENTITY a SYSTEM \"http://x/\">]>",
    ] {
        let text = good.replace("?>\n", &format!("?>\n{doctype}\n"));
        assert_eq!(read(&text).err(), Some(Unreadable::DocumentType), "{doctype}");
    }
}

//= PCSCF-013 type=test
#[test]
fn each_ceiling_holds() {
    let nested = |depth: usize| {
        let (open, close) = ("<x>".repeat(depth - 1), "</x>".repeat(depth - 1));
        read(&document(&format!("{open}{close}"))).err()
    };
    assert_eq!(
        (nested(REGINFO_DEPTH_MAX), nested(REGINFO_DEPTH_MAX + 1)),
        (None, Some(Unreadable::TooLarge))
    );
    let registrations = |count: usize| {
        let one = "<registration aor=\"sip:a@b\" state=\"init\"/>";
        read(&document(&one.repeat(count))).map(|info| info.registrations.len())
    };
    assert_eq!(registrations(REGINFO_REGISTRATIONS_MAX), Ok(REGINFO_REGISTRATIONS_MAX));
    assert_eq!(registrations(REGINFO_REGISTRATIONS_MAX + 1), Err(Unreadable::TooLarge));
    let contacts = |count: usize| read(&registration(&CONTACT.repeat(count))).err();
    let max = REGINFO_CONTACTS_MAX;
    assert_eq!((contacts(max), contacts(max + 1)), (None, Some(Unreadable::TooLarge)));
    let uri = |length: usize| {
        let text = registration(CONTACT).replace("sip:ue@192.0.2.7", &"u".repeat(length));
        read(&text).err()
    };
    assert_eq!(
        (uri(URI_BYTES_MAX), uri(URI_BYTES_MAX + 1)),
        (None, Some(Unreadable::TooLarge))
    );
    let attributes = |count: usize| {
        let more: String = (3..=count).map(|number| format!(" a{number}=\"\"")).collect();
        read(&document(&format!(
            "<registration aor=\"sip:a@b\" state=\"init\"{more}/>"
        )))
        .err()
    };
    let max = ATTRIBUTES_MAX;
    assert_eq!(
        (attributes(max), attributes(max + 1)),
        (None, Some(Unreadable::TooLarge))
    );
    let padded = |length: usize| {
        let text = registration(CONTACT);
        let padding = " ".repeat(length - text.len());
        read(&(text + &padding)).err()
    };
    let max = REGINFO_BYTES_MAX;
    assert_eq!((padded(max), padded(max + 1)), (None, Some(Unreadable::TooLarge)));
}

#[test]
fn what_is_printed_names_nobody() {
    let info = read(&registration(CONTACT)).unwrap();
    assert_eq!(format!("{info:?}"), "RegInfo { .. }");
}

proptest::proptest! {
    //= PCSCF-013 type=test
    #[test]
    fn no_text_does_harm(
        junk in proptest::collection::vec(proptest::sample::select(vec![
            "<", ">", "</", "/>", "reginfo", "registration", "contact", "uri", " xmlns=\"urn:ietf:params:xml:ns:reginfo\"", " version=\"1\"",
            " state=\"full\"", " state=\"active\"", " aor=\"sip:a@b\"", " event=\"created\"", "&amp;", "&#x41;", "&a;", "<![CDATA[", "]]>",
            "<!--", "-->", "<!DOCTYPE x [", "<?xml?>", "\"", "'", "=", "\u{0}", "x:", " xmlns:x=\"u\"", "é",
        ]), 0..60),
    ) {
        let junk = junk.concat();
        let _ = read(&junk);
        let _ = read(&registration(&junk));
    }
}
