//! What holds for any message, any edit, any token. Damage of any kind is the business of `mutation`.

use bytes::Bytes;
use proptest::prelude::*;
use sipveil::seal::{Keys, Purpose};
use sipveil::sip::headers::list;
use sipveil::sip::parse::{Carrier, parse};
use sipveil::sip::{Draft, Message, Name};
use sipveil::topology::restore;

use crate::mutation::reading;
use crate::world::{POLICY, World, contact_uri, keys, respond, routes};

fn read(text: &str) -> Option<Message> {
    parse(
        Bytes::copy_from_slice(text.as_bytes()),
        Carrier::Datagram,
        &reading::limits(),
    )
    .ok()
}

/// Names the model and the message share, in odd spellings too.
const NAMES: [(&str, Name); 6] = [
    ("Via", Name::Via),
    ("v", Name::Via),
    ("cOnTaCt", Name::Contact),
    ("Subject ", Name::Subject),
    ("Privacy", Name::Privacy),
    ("Route", Name::Route),
];

fn value() -> impl Strategy<Value = String> {
    "[a-z<>:@;=\"., ]{0,12}([a-z]\r\n [a-z]{1,4})?".prop_map(|text| text.trim().to_owned())
}

prop_compose! {
    fn row()(name in 0..NAMES.len(), blanks in "[ \t]{0,2}", value in value()) -> (usize, String, String) {
        (name, blanks, value)
    }
}

fn text_of(rows: &[(usize, String, String)], line_end: &str, body: &str) -> String {
    let mut text = format!("MESSAGE sip:b@x SIP/2.0{line_end}");
    for (name, blanks, value) in rows {
        text += &format!("{}{blanks}:{blanks}{value}{line_end}", NAMES[*name].0);
    }
    text + line_end + body
}

proptest! {
    //= MSG-009 type=test
    #[test]
    fn parse_then_print_is_the_identity(
        rows in prop::collection::vec(row(), 0..12),
        begin in "(\r\n){0,2}",
        line_end in prop_oneof![4 => Just("\r\n"), 1 => Just("\n")],
        body in "\\PC{0,20}",
    ) {
        let text = text_of(&rows, line_end, &body);
        let message = read(&format!("{begin}{text}")).expect("made to be read");
        prop_assert_eq!(message.all_rows().count(), rows.len());
        prop_assert_eq!(Draft::from(message).to_bytes(), text.as_bytes());
    }

    #[test]
    fn any_text_that_is_read_leaves_as_it_came(text in "(OPTIONS|SIP/2.0 200|A) ?[ -~\r\n\t]{0,200}(\r\n\r\n)?[ -~]{0,9}") {
        prop_assert_ne!(reading::read(&Bytes::from(text)), reading::Read::Changed);
    }

    /// A draft against a list of rows that is edited the plain way.
    //= MSG-009 type=test
    #[test]
    fn edits_do_what_they_do_to_a_list(
        rows in prop::collection::vec(row(), 0..8),
        edits in prop::collection::vec((0u8..8, 0..NAMES.len(), any::<prop::sample::Index>(), "[a-z]{1,6}"), 0..12),
    ) {
        let mut draft = Draft::from(read(&text_of(&rows, "\r\n", "body")).expect("made to be read"));
        let mut model: Vec<(Name, String)> = rows.iter().map(|(name, _, value)| (NAMES[*name].1, value.clone())).collect();
        for (edit, name, at, text) in edits {
            let name = NAMES[name].1;
            let of_name: Vec<usize> = (0..model.len()).filter(|row| model[*row].0 == name).collect();
            let chosen = (!of_name.is_empty()).then(|| at.index(of_name.len()));
            let row = chosen.and_then(|nth| draft.rows_at(name).nth(nth).map(|(row, _)| row));
            let place = chosen.map(|nth| of_name[nth]);
            match (edit, row, place) {
                (0, ..) => {
                    draft.remove(name);
                    model.retain(|(other, _)| *other != name);
                }
                (1, Some(row), Some(place)) => {
                    draft.remove_row(row);
                    model.remove(place);
                }
                (2, Some(row), Some(place)) => {
                    draft.set(row, &[text.as_bytes()]);
                    model[place].1 = text;
                }
                (3, ..) => {
                    draft.insert_top(name, &[text.as_bytes()]);
                    let before = of_name.first().copied().unwrap_or(0);
                    model.insert(before, (name, text));
                }
                (4, ..) => {
                    draft.append(name, &[text.as_bytes()]);
                    let behind = of_name.last().map_or(model.len(), |last| last + 1);
                    model.insert(behind, (name, text));
                }
                (5, Some(row), Some(place)) => {
                    draft.insert_after(row, name, &[text.as_bytes()]);
                    model.insert(place + 1, (name, text));
                }
                (6, Some(row), Some(place)) => {
                    let end = at.index(model[place].1.len() + 1);
                    draft.splice(row, 0..end, &[text.as_bytes()]);
                    model[place].1.replace_range(..end, &text);
                }
                (7, ..) => draft.set_request_uri(format!("sip:{text}").as_bytes()),
                _ => {}
            }
            let now: Vec<(Name, String)> =
                draft.all_rows().map(|(_, name, value)| (name, String::from_utf8_lossy(value).into_owned())).collect();
            prop_assert_eq!(&now, &model);
        }
        // What it prints is read the same way again.
        let printed = draft.to_bytes();
        let again = parse(printed, Carrier::Datagram, &reading::limits()).expect("what leaves is readable");
        let rows: Vec<(Name, String)> =
            again.all_rows().map(|(_, name, value)| (name, String::from_utf8_lossy(value).trim().to_owned())).collect();
        let trimmed: Vec<(Name, String)> = model.iter().map(|(name, value)| (*name, value.trim().to_owned())).collect();
        prop_assert_eq!(rows, trimmed);
        prop_assert_eq!(again.body(), b"body");
        prop_assert_eq!(again.request_uri(), draft.request_uri());
    }

    //= MSG-010 type=test
    #[test]
    fn a_list_is_split_where_its_commas_are(
        values in prop::collection::vec("[a-z]{1,5}|<sip:[a-z,;]{1,6}>|\"[a-z,<>]{0,5}(\\\\\")?\" <sip:[a-z]{1,3}>;q=1", 0..6),
        blanks in "[ \t]{0,2}",
        taken in any::<prop::sample::Index>(),
    ) {
        let text = values.join(&format!("{blanks},{blanks}"));
        let split = |text: &str| -> Vec<String> {
            list::values(text.as_bytes()).map(|span| String::from_utf8_lossy(span.of(text.as_bytes())).into_owned()).collect()
        };
        prop_assert_eq!(&split(&text), &values);
        if values.is_empty() {
            return Ok(());
        }
        let taken = taken.index(values.len());
        let span = list::values(text.as_bytes()).nth(taken).expect("as many as values");
        let mut rest = text.clone();
        rest.replace_range(list::removal(text.as_bytes(), span).range(), "");
        let mut left = values.clone();
        left.remove(taken);
        prop_assert_eq!(split(&rest), left);
        prop_assert!(!rest.trim().starts_with(',') && !rest.trim().ends_with(','), "{}", rest);
    }

    //= PRIV-141 type=test
    #[test]
    fn a_sealed_text_opens_only_as_it_was_sealed(
        plain in prop::collection::vec(any::<u8>(), 0..400),
        binding in prop::collection::vec(any::<u8>(), 0..40),
        nonce in any::<[u8; 12]>(),
        place in any::<prop::sample::Index>(),
        other in "[A-Za-z0-9_-]",
    ) {
        let keys = keys();
        let token = keys.seal(Purpose::Contact, &[&binding], nonce, &plain).expect("short enough");
        prop_assert!(restore::looks_sealed(&token));
        prop_assert_eq!(keys.open(Purpose::Contact, &[&binding], &token), Ok(plain));
        prop_assert!(keys.open(Purpose::Dialog, &[&binding], &token).is_err());
        prop_assert!(keys.open(Purpose::Contact, &[&binding, b"x"], &token).is_err());
        let foreign = Keys::new(&[(1, [43; 32])], "T-home1", 7).expect("one secret is enough");
        prop_assert!(foreign.open(Purpose::Contact, &[&binding], &token).is_err());
        let mut changed = token.clone();
        let place = place.index(changed.len());
        changed[place] = other.as_bytes()[0];
        prop_assert_eq!(keys.open(Purpose::Contact, &[&binding], &changed).is_ok(), changed == token);
    }
}

/// A caller in the trust domain that asks for privacy, as anyone could have written it.
#[derive(Debug, Clone)]
struct Caller {
    from: String,
    contact: String,
    vias: Vec<String>,
    record_routes: Vec<String>,
    domain: &'static str,
}

prop_compose! {
    fn caller()(
        display in "(\"[a-z ,;<@]{0,8}\" )?",
        user in "[a-z0-9+]{1,12}",
        from_params in "(;foo(=[a-z]{1,3})?)?",
        tag in "[a-z0-9]{1,8}",
        contact_params in "(;transport=udp)?",
        hops in prop::collection::vec("10\\.20\\.1\\.[1-9](:5070)?", 0..4),
        wide in any::<bool>(),
        domain in prop_oneof![Just("net.example"), Just("ue.example")],
    ) -> Caller {
        let blank = if wide { " \t" } else { " " };
        Caller {
            from: format!("{display}<sip:{user}@home1.example>{from_params};tag={tag}"),
            contact: format!("sip:{user}@10.20.0.9{contact_params}"),
            vias: hops.iter().enumerate().map(|(at, hop)| format!("SIP/2.0/UDP{blank}{hop};branch=z9hG4bKv{at}")).collect(),
            record_routes: hops.iter().map(|hop| format!("<sip:{hop};lr>")).collect(),
            domain,
        }
    }
}

impl Caller {
    fn invite(&self) -> String {
        let mut text = format!(
            "INVITE sip:bob@{} SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKa;rport\r\n",
            self.domain
        );
        self.vias.iter().for_each(|via| text += &format!("Via: {via}\r\n"));
        self.record_routes
            .iter()
            .for_each(|value| text += &format!("Record-Route: {value}\r\n"));
        text + &format!(
            "Max-Forwards: 70\r\nFrom: {}\r\nTo: <sip:bob@{}>\r\nCall-ID: call\r\nCSeq: 1 INVITE\r\nContact: <{}>\r\n\
             Privacy: user;id\r\nContent-Length: 0\r\n\r\n",
            self.from, self.domain, self.contact
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What the callee sees hidden comes back to the caller's side exactly as it was.
    //= PRIV-083 type=test
    //= PRIV-084 type=test
    //= PRIV-085 type=test
    //= PRIV-133 type=test
    #[test]
    fn hide_then_restore_is_the_identity(caller in caller()) {
        let mut world = World::new(POLICY);
        let sent = world.packet("core", "10.20.0.9:5060", &caller.invite());
        let invite = &sent[0];
        prop_assert!(invite.start().starts_with("INVITE sip:bob@"), "{}", invite.text());
        prop_assert!(!invite.text().contains(&caller.contact), "{}", invite.text());
        let (listener, callee) = match caller.domain {
            "ue.example" => ("access", "10.30.0.9:5060"),
            _ => ("net", "192.0.2.9:5060"),
        };
        if listener == "access" {
            prop_assert_eq!(invite.rows("Via").len(), 1, "{}", invite.text());
            prop_assert!(!invite.text().contains("10.20.1."), "{}", invite.text());
        }
        // Its tag is none that the caller could have drawn.
        // The response shows the caller its own rows.
        let host = &callee[..callee.len() - 5];
        let contact = format!("Contact: <sip:bob@{host}>\r\n");
        let sent = world.packet(listener, callee, &respond(invite, "200 OK", "not-b", &contact));
        let ok = Draft::from(parse(sent[0].bytes.clone(), Carrier::Datagram, &reading::limits()).expect("ours is readable"));
        let values = |name: Name| -> Vec<String> {
            ok.rows(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
        };
        prop_assert_eq!(&values(Name::From)[..], std::slice::from_ref(&caller.from));
        let vias = values(Name::Via);
        prop_assert!(vias[0].starts_with("SIP/2.0/UDP 10.20.0.9:5060;branch=z9hG4bKa;rport"), "{:?}", vias);
        prop_assert_eq!(&vias[1..], &caller.vias[..]);
        let record_routes: Vec<String> = values(Name::RecordRoute)
            .iter()
            .flat_map(|row| row.split(", ").map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let theirs = record_routes.len() - caller.record_routes.len();
        prop_assert_eq!(&record_routes[theirs..], &caller.record_routes[..], "{:?}", record_routes);
        // The callee's request in the dialog gets to the caller as if nothing had been hidden.
        let route = routes(&invite.rows("Record-Route"), false);
        let bye = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {callee};branch=z9hG4bKb\r\nMax-Forwards: 70\r\n{route}From: {};tag=not-b\r\n\
             To: {}\r\nCall-ID: call\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
            contact_uri(invite.row("Contact").expect("the INVITE had one")),
            invite.row("To").expect("the INVITE had one"),
            invite.row("From").expect("the INVITE had one"),
        );
        let sent = world.packet(listener, callee, &bye);
        let Some(bye) = sent.iter().find(|sent| sent.start().starts_with("BYE")) else {
            // A UE does not send before it is registered, which is another matter.
            prop_assert_eq!(listener, "access", "{:?}", sent);
            return Ok(());
        };
        prop_assert_eq!(bye.start(), format!("BYE {} SIP/2.0", caller.contact));
        prop_assert_eq!(bye.row("To"), Some(&caller.from[..]));
        let routes: Vec<&str> = bye.rows("Route").iter().flat_map(|row| row.split(", ")).collect();
        prop_assert_eq!(routes, caller.record_routes);
    }
}
