//! Everything in a message that can tell who somebody is, and what stands beside it, in the ways it is written.

use super::dice::Dice;
use super::party::{Class, Party};
use super::tables::NEVER_OUTSIDE;

struct Carrier {
    name: &'static str,
    compact: &'static str,
    values: &'static [&'static str],
    place: Place,
    /// Values may share a row.
    list: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Requests,
    Responses,
    Both,
}

use Place::{Both, Requests, Responses};

const fn one(name: &'static str, values: &'static [&'static str], place: Place) -> Carrier {
    Carrier {
        name,
        compact: name,
        values,
        place,
        list: false,
    }
}

const fn list(name: &'static str, values: &'static [&'static str], place: Place) -> Carrier {
    Carrier {
        list: true,
        ..one(name, values, place)
    }
}

const fn short(compact: &'static str, carrier: Carrier) -> Carrier {
    Carrier { compact, ..carrier }
}

/// Fields of Table B and Table C, and two that no rule names.
const CARRIERS: &[Carrier] = &[
    list("Call-Info", &["<http://www.example.com/al/>;purpose=card"], Both),
    one("User-Agent", &["al's telephone"], Both),
    one("Organization", &["The house of Al"], Both),
    one("Server", &["a server"], Both),
    short("s", one("Subject", &["a word", "Al, call"], Both)),
    one("Reply-To", &["<sip:al-secret@home1.example>"], Both),
    list("In-Reply-To", &["call-0@al.example", "call-9"], Both),
    list(
        "Warning",
        &["399 ue7.home.example \"x, y\"", "307 10.99.0.7:5060 \"z\""],
        Both,
    ),
    short(
        "b",
        one(
            "Referred-By",
            &["<sip:al-secret@home1.example>", "<sip:al-secret@x>;cid=\"al@x\""],
            Both,
        ),
    ),
    list(
        "History-Info",
        &[
            "<sip:old@home1.example>;index=1",
            "\"Al\" <sip:al-secret@home1.example?Privacy=history>;index=1.1;rc=1",
            "<sip:al-secret@home1.example?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1.2;mp=1",
            "<sip:al-secret@home1.example?Reason=SIP%3Bcause%3D486>;index=1.3",
            "<sip:al-secret@HOME1.example?privacy=none>;index=1.4",
            "<sip:al-secret@home1.example?Privacy=none&Reason=SIP%3Bcause%3D404>;index=1.5",
            "<sip:far@other.example?Privacy=history>;index=2;np=1",
            "<sip:anonymous@anonymous.invalid>;index=3",
            "<tel:+15550009>;index=4",
        ],
        Both,
    ),
    list(
        "Diversion",
        &[
            "<sip:bob@x.example>;privacy=full;reason=unconditional",
            "<sip:carl@x.example>;privacy=\"off\"",
            "<sip:carl@x.example>;Privacy=OFF;counter=1",
            "\"D, D\" <sip:dora@x.example>",
            "<sip:eve@x.example>;reason=no-answer;privacy=name",
        ],
        Both,
    ),
    list(
        "Remote-Party-ID",
        &[
            "\"Al Secret\" <sip:al-secret@home1.example>;party=calling",
            "<sip:al-secret@home1.example>;privacy=full;screen=yes",
            "<sip:al-secret@home1.example>;privacy=off",
        ],
        Both,
    ),
    list(
        "Geolocation",
        &["<cid:place>", "<sip:loc@lis.example>;loc-src=lis.example"],
        Both,
    ),
    one("Geolocation-Routing", &["yes"], Both),
    short("y", one("Identity", &["abc;info=<https://x.example/cert>"], Both)),
    short("n", one("Identity-Info", &["<https://x.example/cert>"], Both)),
    one("Session-ID", &["ab30317f1a784dc48ff824d0d3715d86"], Both),
    list(
        "P-Preferred-Identity",
        &[
            "<sip:ue@home1.example>",
            "\"X\" <tel:+1-555-0007>",
            "<sip:mallory@home1.example>",
            "<sip:+15550007@home1.example;user=phone>",
        ],
        Both,
    ),
    list(
        "P-Access-Network-Info",
        &[
            "3GPP-UTRAN-TDD;utran-cell-id-3gpp=234151D0FCE11",
            "3GPP-UTRAN;utran-cell-id-3gpp=1;network-provided",
        ],
        Both,
    ),
    one(
        "Cellular-Network-Info",
        &["3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=234"],
        Both,
    ),
    one(
        "P-Charging-Vector",
        &["icid-value=1234bc9876e;orig-ioi=home1.example"],
        Both,
    ),
    one("P-Charging-Function-Addresses", &["ccf=192.1.1.1"], Both),
    one("P-Visited-Network-ID", &["\"Visited network number 1\""], Both),
    one(
        "P-Called-Party-ID",
        &[
            "<sip:ue@home1.example>",
            "<tel:+15550007>",
            "<sip:pseudo@home1.example>",
        ],
        Both,
    ),
    one("P-Associated-URI", &["<sip:other@home1.example>"], Both),
    list("P-Early-Media", &["supported", "sendrecv"], Both),
    one("Feature-Caps", &["*;+g.3gpp.atcf"], Both),
    list(
        "Path",
        &["<sip:p@path.example;iotl=a;lr>", "<sip:q@path.example;lr>"],
        Both,
    ),
    list(
        "Service-Route",
        &["<sip:s@home1.example;IOTL=homea;lr>", "<sip:cpc@home1.example;lr>"],
        Both,
    ),
    one(
        "Authorization",
        &[
            "Digest username=\"x\", integrity-protected=\"yes\", uri=\"sip:x\"",
            "Digest username=\"a, b\", uri=\"sip:x\"",
        ],
        Requests,
    ),
    one(
        "WWW-Authenticate",
        &["Digest realm=\"home1.example\", nonce=\"n\", ck=\"00ff\", ik=\"11ee\", qop=\"auth\""],
        Responses,
    ),
    one(
        "Security-Verify",
        &["ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4"],
        Requests,
    ),
    one(
        "Security-Client",
        &["ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4"],
        Requests,
    ),
    one("Reason", &["Q.850;cause=16", "SIP;cause=200;text=\"x\""], Both),
    one("X-Plain", &["al-secret, whatever <it> may \"be"], Both),
    one("Date", &["no date"], Both),
];

/// Where a row is written for: what Table C says does not occur is not written.
pub struct Way<'p> {
    pub from: &'p Party,
    pub to: &'p Party,
    pub request: bool,
}

impl Way<'_> {
    fn occurs(&self, carrier: &Carrier, value: &str) -> bool {
        let place = if self.request { Requests } else { Responses };
        let (from, to) = (self.from.sends_as, self.to.receives_as);
        (carrier.place == Both || carrier.place == place)
            && match carrier.name {
                "P-Associated-URI" => from != Class::Ue,
                "Path" => to != Class::Ue && (self.request || from != Class::Ue),
                "Security-Client" | "Security-Verify" => from != Class::Trusted,
                "Authorization" => from != Class::Trusted || to != Class::Ue || !value.contains("integrity"),
                "WWW-Authenticate" => from != Class::Ue,
                _ => true,
            }
    }

    /// Rows of chance, each with its line end.
    pub fn rows(&self, dice: &mut Dice) -> Vec<String> {
        let mut rows = Vec::new();
        let part = 2 + dice.below(6);
        for carrier in CARRIERS {
            if !dice.one_in(part) {
                continue;
            }
            for _ in 0..1 + usize::from(dice.one_in(6)) {
                let values = 1 + if carrier.list { dice.below(3) } else { 0 };
                let values: Vec<&str> = (0..values).map(|_| *dice.pick(carrier.values)).collect();
                if values.iter().all(|value| self.occurs(carrier, value)) {
                    let comma = *dice.pick(&[", ", ",", " ,\t", ",\r\n "]);
                    rows.push(written(dice, carrier.name, carrier.compact, &values.join(comma)));
                }
            }
        }
        for name in NEVER_OUTSIDE {
            if dice.one_in(8 * part) {
                rows.push(written(dice, name, name, "a value"));
            }
        }
        for _ in 0..dice.below(3) {
            rows.extend(privacy(dice));
        }
        if self.request && dice.one_in(8) {
            let tags = *dice.pick(&["privacy", "privacy", "privacy", "privacy, foo", "Privacy"]);
            rows.push(written(dice, "Proxy-Require", "Proxy-Require", tags));
        }
        if !dice.one_in(3) {
            rows.extend(asserted(dice));
        }
        for at in (1..rows.len()).rev() {
            rows.swap(at, dice.below(at + 1));
        }
        rows
    }
}

/// One of the ways a row may be spelt (MSG-010).
pub fn written(dice: &mut Dice, name: &str, compact: &str, value: &str) -> String {
    let name = match dice.below(8) {
        0 | 1 => compact.to_owned(),
        2 => name.to_ascii_uppercase(),
        3 => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    };
    let colon = *dice.pick(&[": ", ": ", ": ", ": ", ":", " : ", "\t:\t", ":\r\n "]);
    let end = *dice.pick(&["", "", "", "", " "]);
    format!("{name}{colon}{value}{end}\r\n")
}

fn asserted(dice: &mut Dice) -> Vec<String> {
    const SETS: &[&[&str]] = &[
        &["\"Al Secret\" <sip:+15550001@home1.example>"],
        &["\"Al Secret\" <sip:+15550001@home1.example>"],
        &["<tel:+15550001>"],
        &[
            "\"Al Secret\" <sip:+15550001@home1.example;user=phone>",
            "<tel:+1-555-0001>",
        ],
        &[
            "<sip:al-secret@home1.example>",
            "<sip:al-other@home1.example>",
            "<tel:+15550009>",
            "<sips:al@x>",
        ],
        &[
            "<mailto:al@home1.example>",
            "<tel:+15550009>",
            "<sip:al-secret@home1.example>",
        ],
        &[
            "<tel:+15550001;cpc=ordinary>",
            "\"x\" <sip:+1555;OLI=02;phone-context=y@home1.example;iotl=a-b;user=phone>",
        ],
        &["<sip:broken"],
    ];
    let set = *dice.pick(SETS);
    let values = [set.join(", "), set.join(",\r\n ")];
    if dice.one_in(3) {
        return set
            .iter()
            .map(|value| written(dice, "P-Asserted-Identity", "P-Asserted-Identity", value))
            .collect();
    }
    let value = dice.pick(&values).clone();
    vec![written(dice, "P-Asserted-Identity", "P-Asserted-Identity", &value)]
}

/// A Privacy row, mostly one that asks for something.
fn privacy(dice: &mut Dice) -> Option<String> {
    const TOKENS: &[&str] = &[
        "id", "id", "id", "user", "user", "user", "header", "header", "history", "history", "critical", "critical",
        "none", "session", "foo", "full", "name", "off", "yes", "odd", "hidden", "\"id\"", "id=1",
    ];
    if dice.one_in(12) {
        let value = *dice.pick(&["", ";", " ; ;,", "none;id", "none;critical", "none;user;id"]);
        return Some(written(dice, "Privacy", "Privacy", value));
    }
    let mut value = String::new();
    let count = *dice.pick(&[1, 1, 1, 2, 2, 3, 4]);
    for at in 0..count {
        if at > 0 {
            value += *dice.pick(&[";", ";", "; ", " ;", ",", ", ", ";\r\n "]);
        }
        let token = *dice.pick(TOKENS);
        value += &match dice.below(6) {
            0 => token.to_ascii_uppercase(),
            _ => token.to_owned(),
        };
    }
    if dice.one_in(8) {
        value += ";";
    }
    Some(written(dice, "Privacy", "Privacy", &value))
}
