//! The decision itself: one message on one leg, out of the tables and rules of the catalogue.

use super::facts::{ADMIN_DOMAIN, Conflict, Facts, Unknown};
use super::party::{Class, Party, UE_IDENTITIES};
use super::rows::{self, Message, Row};
use super::tables::{self, B, Cell, Tables};
use super::wish::{self, Done, Said, Wish};

/// One message on its way from one party to another.
#[derive(Debug, Clone)]
pub struct Leg<'l> {
    pub facts: &'l Facts,
    pub from: &'static Party,
    pub to: &'static Party,
    /// Of the request, or of the one that is answered.
    pub method: &'l str,
    /// `None`: a request.
    pub status: Option<u16>,
    pub in_dialog: bool,
    pub message: &'l Message,
    /// What its originator asked for when it entered the dialog.
    pub remembered: Option<&'l Wish>,
    /// The Call-ID it leaves with, if that is decided already.
    pub call_id: Option<&'l str>,
    /// Whom the answered request called, when it was the first one and its receiver is a UE (PAI-010).
    pub called: Option<&'l str>,
}

#[derive(Debug)]
pub enum Verdict {
    Refused(u16),
    Passed(Box<Passage>),
}

/// What leaves.
#[derive(Debug)]
pub struct Passage {
    /// The rows that no other field here is about, in order.
    pub rows: Vec<Expected>,
    pub asserted: Values,
    pub privacy: Values,
    pub contact: Contact,
    pub anonymises_from: bool,
    pub hides_via: bool,
    pub hides_record_route: bool,
    pub maps_call_id: bool,
    /// What is remembered of its originator, if this is the message by which it enters the dialog.
    pub wish: Wish,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// Byte for byte.
    Same(Row),
    /// Under this name, this value.
    Value(String, String),
}

/// The values of a field that may leave in another form.
#[derive(Debug, PartialEq, Eq)]
pub enum Values {
    /// The rows as they are, byte for byte.
    Same(Vec<Row>),
    Are(Vec<String>),
    /// Tokens, however they are spread over rows.
    Tokens(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    Same,
    /// An address of this node that leads to the real one.
    Hidden,
    /// Nobody needs it, and it may not be seen.
    Unseen,
}

/// Fields that are looked at one by one, or that are this node's own.
pub const APART: &[&str] = &[
    "via",
    "record-route",
    "route",
    "max-forwards",
    "max-breadth",
    "content-length",
    "from",
    "to",
    "call-id",
    "cseq",
    "privacy",
    "contact",
    "p-asserted-identity",
];

/// Requests by which a session ends or a transaction is closed: never refused for privacy (PRIV-065).
const RELEASES: &[&str] = &["ACK", "CANCEL", "BYE", "PRACK"];
/// Methods in which RFC 3325 has the asserted identity.
const IN_RFC_3325: &[&str] = &["BYE", "INVITE", "OPTIONS", "SUBSCRIBE", "NOTIFY", "REFER"];
/// Requests whose Contact is where the other side sends later ones.
const TARGETS: &[&str] = &["INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE", "FOO"];

impl Leg<'_> {
    /// What its receiver is to this node. A response goes back to what sent the request (TRUST-030), and is sent (TRUST-011).
    fn hop(&self) -> Class {
        match (self.status, self.to.sends_as) {
            (Some(_), Class::Untrusted) => Class::Untrusted,
            _ => self.to.receives_as,
        }
    }
}

pub fn decide(tables: &Tables, leg: &Leg<'_>) -> Verdict {
    let Leg {
        facts, from, message, ..
    } = *leg;
    let entered = Entered::new(tables, leg);
    let received = Said::read(message, facts, from);
    let mut said = received.clone();
    let agreed = wish::agreed(facts, &entered.asserted, leg.method);
    // Nothing is added beside `none`.
    let agreed = if received.wish(Conflict::NoneWins).none {
        Vec::new()
    } else {
        agreed
    };
    let writes = from.sends_as == Class::Ue && leg.status.is_none();
    let lacking = if writes { received.lacking(&agreed) } else { Vec::new() };
    if !lacking.is_empty() {
        said = said.with(&lacking, facts, from);
    }
    let conflict = match facts.conflict {
        Conflict::Reject400 => Conflict::PrivacyWins,
        decided => decided,
    };
    let own = said.wish(conflict).with_agreed(&agreed);
    if let Some(code) = unwelcome(leg, &said, &own, &entered) {
        return Verdict::Refused(code);
    }
    let wish = match leg.remembered {
        Some(_) if facts.honours_downgrade && received.asks() => own.clone(),
        Some(before) if facts.sticky => own.and(before),
        _ => own.clone(),
    };
    if leg.hop() == Class::Trusted {
        return Verdict::Passed(Box::new(inwards(leg, &said, !lacking.is_empty(), entered, wish)));
    }
    let border = Border::new(tables, leg, &own, &wish);
    if let Some(code) = border.refusal() {
        return Verdict::Refused(code);
    }
    let anomalous = said.anomalous(!agreed.is_empty());
    let privacy = border.privacy(&said, anomalous, !lacking.is_empty());
    Verdict::Passed(Box::new(border.outwards(privacy, entered, wish.clone())))
}

/// PROXY-002, PRIV-039; PRIV-008, PRIV-011; LI-001, 002, 004, 005.
fn unwelcome(leg: &Leg<'_>, said: &Said, own: &Wish, entered: &Entered) -> Option<u16> {
    let facts = leg.facts;
    if leg.status.is_some() || ["ACK", "CANCEL"].contains(&leg.method) {
        return None;
    }
    let understood = |tag: &String| tag.eq_ignore_ascii_case("privacy") && !facts.values.is_empty();
    if !leg.message.values("proxy-require").iter().all(understood) {
        return Some(420);
    }
    let unreadable =
        (said.conflict() && facts.conflict == Conflict::Reject400) || (said.malformed() && facts.malformed_rejects);
    if unreadable && !RELEASES.contains(&leg.method) {
        return Some(400);
    }
    if leg.from.sends_as != Class::Untrusted || leg.in_dialog || !entered.asserted.is_empty() {
        return None;
    }
    let from = leg.message.value("from").unwrap_or_default();
    let host = rows::host(rows::uri(&from));
    let display = from
        .split('<')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"')
        .to_ascii_lowercase();
    let anonymous = host == "anonymous.invalid" || display == "anonymous" || own.id || own.user;
    match facts.anonymous_rejected {
        Some(code) if anonymous => Some(code),
        _ => facts.unidentified_rejected.then_some(403),
    }
}

/// A message inside: what its sender may not say is out, who it is is in.
struct Entered {
    rows: Vec<Expected>,
    /// Values of P-Asserted-Identity.
    asserted: Vec<String>,
    /// The rows as they came, if all of their values count.
    untouched: Option<Vec<Row>>,
}

impl Entered {
    fn new(tables: &Tables, leg: &Leg<'_>) -> Entered {
        let mut rows = Vec::new();
        for row in &leg.message.rows {
            let name = row.name();
            let kept = match (&*name, leg.from.sends_as) {
                (name, _) if APART.contains(&name) => None,
                // PAI-003, PAI-007.
                ("p-preferred-identity", Class::Trusted) => None,
                // PRIV-097.
                ("remote-party-id", Class::Trusted) if leg.facts.passes_remote_party_id => same(row),
                ("remote-party-id", _) => None,
                (_, class) => trust_domain(tables, leg, tables::entering(class), Expected::Same(row.clone())),
            };
            rows.extend(kept);
        }
        let (asserted, untouched) = asserted(leg);
        Entered {
            rows,
            asserted,
            untouched,
        }
    }
}

fn same(row: &Row) -> Option<Expected> {
    Some(Expected::Same(row.clone()))
}

impl Expected {
    pub fn name(&self) -> String {
        match self {
            Expected::Same(row) => row.name(),
            Expected::Value(name, _) => name.clone(),
        }
    }

    pub fn value(&self) -> String {
        match self {
            Expected::Same(row) => row.value(),
            Expected::Value(_, value) => value.clone(),
        }
    }

    /// With another value; as it was when that is the same.
    fn become_value(self, value: String) -> Option<Expected> {
        if value.is_empty() {
            return None;
        }
        if value == self.value() {
            return Some(self);
        }
        Some(Expected::Value(self.name(), value))
    }
}

/// Table C.
fn trust_domain(tables: &Tables, leg: &Leg<'_>, side: Option<usize>, row: Expected) -> Option<Expected> {
    let (name, value) = (row.name(), row.value());
    let found = tables.c.iter().find(|other| other.name == name);
    let (Some(side), Some(found)) = (side, found) else {
        return Some(row);
    };
    if leg.status.is_none() && !found.requests {
        return Some(row);
    }
    match found.cell(side) {
        Cell::Keep | Cell::Na => Some(row),
        Cell::Drop => None,
        Cell::Part => {
            let left = match &*name {
                "authorization" => without(&value, "integrity-protected"),
                "www-authenticate" => without(&without(&value, "ck"), "ik"),
                "geolocation" => each(&value, |entry| rows::without_parameter(entry, "loc-src")),
                "p-access-network-info" => {
                    entries(&value, |entry| rows::parameter(entry, "network-provided").is_none())
                }
                "p-early-media" => {
                    let may = leg.status.is_none() && ["INVITE", "PRACK", "UPDATE"].contains(&leg.method);
                    entries(&value, |entry| may && entry == "supported")
                }
                _ => value,
            };
            row.become_value(left)
        }
    }
}

/// The credentials or the challenge without a parameter of it.
fn without(value: &str, name: &str) -> String {
    let (scheme, parameters) = value.split_once(' ').unwrap_or((value, ""));
    let parameters = rows::split(parameters, ',').into_iter();
    let left: Vec<String> = parameters
        .filter(|one| !one.to_ascii_lowercase().starts_with(&format!("{name}=")))
        .collect();
    format!("{scheme} {}", left.join(", "))
}

fn entries(value: &str, keeps: impl Fn(&str) -> bool) -> String {
    let all = rows::split(value, ',');
    let left: Vec<String> = all.iter().filter(|entry| keeps(entry)).cloned().collect();
    if left.len() == all.len() {
        value.to_owned()
    } else {
        left.join(", ")
    }
}

/// Every value of a list as it is to be; the same text when none changes.
fn each(value: &str, becomes: impl Fn(&str) -> String) -> String {
    let before = rows::split(value, ',');
    let after: Vec<String> = before.iter().map(|entry| becomes(entry)).collect();
    if before == after {
        value.to_owned()
    } else {
        after.join(", ")
    }
}

/// Who the sender is said to be: PAI-001, 002, 004, 007 to 010.
fn asserted(leg: &Leg<'_>) -> (Vec<String>, Option<Vec<Row>>) {
    match leg.from.sends_as {
        Class::Untrusted => (Vec::new(), None),
        Class::Ue if leg.status.is_none() => (of_ue(leg), None),
        Class::Ue => (of_answering_ue(leg), None),
        Class::Trusted => {
            let rows: Vec<Row> = leg.message.of("p-asserted-identity").into_iter().cloned().collect();
            let values = leg.message.values("p-asserted-identity");
            let counting = counting(&values);
            let untouched = (counting.len() == values.len()).then_some(rows);
            (counting, untouched)
        }
    }
}

/// PAI-008: the first of each scheme, and one of sip and sips.
fn counting(values: &[String]) -> Vec<String> {
    let mut seen: Vec<&str> = Vec::new();
    let mut counting = Vec::new();
    for value in values {
        let kind = match &*rows::scheme(rows::uri(value)) {
            "sip" | "sips" => "sip",
            "tel" => "tel",
            // What cannot be read is for a later node, or goes where it must not be seen.
            "" => "",
            _ => continue,
        };
        if kind.is_empty() || !seen.contains(&kind) {
            seen.push(kind);
            counting.push(value.clone());
        }
    }
    counting
}

fn of_ue(leg: &Leg<'_>) -> Vec<String> {
    if ["ACK", "CANCEL"].contains(&leg.method) {
        return Vec::new();
    }
    let mut chosen = Vec::new();
    let mut schemes = Vec::new();
    for preferred in leg.message.values("p-preferred-identity") {
        let registered = UE_IDENTITIES
            .iter()
            .find(|own| wish::same_identity(own, rows::uri(&preferred)));
        if let Some(own) = registered
            && !schemes.contains(&rows::scheme(own))
        {
            schemes.push(rows::scheme(own));
            chosen.push(format!("<{own}>"));
        }
    }
    if chosen.is_empty() {
        chosen.push(format!("<{}>", UE_IDENTITIES[0]));
    }
    chosen
}

fn of_answering_ue(leg: &Leg<'_>) -> Vec<String> {
    let status = leg.status.unwrap_or_default();
    let forms_dialogs = ["INVITE", "SUBSCRIBE", "REFER", "FOO"].contains(&leg.method);
    let answers = if forms_dialogs { status < 300 } else { true };
    leg.called.filter(|_| answers).map(str::to_owned).into_iter().collect()
}

/// On an inner leg nothing is done for privacy (PRIV-021), but what was agreed with a UE is written down (LI-010).
fn inwards(leg: &Leg<'_>, said: &Said, written: bool, entered: Entered, wish: Wish) -> Passage {
    let privacy = match written {
        true => Values::Tokens(said.tokens()),
        false => Values::Same(leg.message.of("privacy").into_iter().cloned().collect()),
    };
    let knows = leg.to.rfc5876.unwrap_or(leg.facts.rfc5876);
    // PAI-014: in requests.
    let hidden = !knows && leg.status.is_none() && wish.id && !IN_RFC_3325.contains(&leg.method);
    Passage {
        rows: entered.rows,
        asserted: match entered.untouched {
            _ if hidden => Values::Are(Vec::new()),
            Some(rows) => Values::Same(rows),
            None => Values::Are(entered.asserted),
        },
        privacy,
        contact: Contact::Same,
        anonymises_from: false,
        hides_via: false,
        hides_record_route: false,
        maps_call_id: false,
        wish,
    }
}

/// A leg to E or U, and what is done on it.
struct Border<'b> {
    tables: &'b Tables,
    leg: &'b Leg<'b>,
    /// Of this message alone.
    own: &'b Wish,
    wish: &'b Wish,
    to_ue: bool,
    from_changes: bool,
}

impl<'b> Border<'b> {
    fn new(tables: &'b Tables, leg: &'b Leg<'b>, own: &'b Wish, wish: &'b Wish) -> Border<'b> {
        let to_ue = leg.hop() == Class::Ue;
        let mut border = Border {
            tables,
            leg,
            own,
            wish,
            to_ue,
            from_changes: false,
        };
        let from = leg.message.value("from").unwrap_or_default();
        // PRIV-028, PRIV-140.
        let may = leg.to.from_may_change && !is_anonymous(rows::uri(&from), leg.facts);
        border.from_changes = may && border.acts("from");
        border
    }

    fn row(&self, name: &str) -> Option<&'b B> {
        let row = self.tables.b.iter().find(|row| row.name == name)?;
        let there = if self.leg.status.is_some() {
            row.responses
        } else {
            row.requests
        };
        there.then_some(row)
    }

    fn cells(&self) -> tables::Leg<'b> {
        tables::Leg {
            facts: self.leg.facts,
            to_ue: self.to_ue,
            from_changes: self.from_changes,
        }
    }

    /// Whether Table B does something to the field.
    fn acts(&self, name: &str) -> bool {
        let row = self.row(name);
        row.is_some_and(|row| row.acts(self.wish, &self.cells()))
    }

    /// PRIV-062, what cannot be given: unknown and disabled values, `session`, `user` where Call-ID or peer forbid it, `header`
    /// where the way of a responder is shown.
    fn user_given(&self) -> bool {
        self.leg.to.from_may_change && !self.call_id_tells()
    }

    fn header_given(&self) -> bool {
        self.leg.status.is_none() || !self.shows_way_of_responder()
    }

    /// The nodes on a responder's side are above our own Record-Route (PRIV-085, of which this much is not done).
    fn shows_way_of_responder(&self) -> bool {
        let top = self.leg.message.values("record-route");
        let proxy = self.leg.from.proxy;
        !proxy.is_empty() && top.first().is_some_and(|top| top.contains(proxy))
    }

    fn call_id_tells(&self) -> bool {
        let message = self.leg.message;
        let own = message.value("call-id").unwrap_or_default();
        let call_id = self.leg.call_id.unwrap_or(&own);
        let Some((_, host)) = call_id.split_once('@') else {
            return false;
        };
        let becomes_token = self.leg.call_id.is_none() && self.acts("call-id");
        if self.leg.status.is_some() || becomes_token {
            return false;
        }
        if host.parse::<std::net::IpAddr>().is_ok() {
            return true;
        }
        let mut domains: Vec<String> = message
            .values("via")
            .last()
            .map(|via| via_host(via))
            .into_iter()
            .collect();
        let addresses = message.value("contact").into_iter().chain(message.value("from"));
        domains.extend(addresses.map(|value| rows::host(rows::uri(&value))));
        domains
            .iter()
            .any(|domain| host == domain || host.ends_with(&format!(".{domain}")))
    }

    /// Whether all functions in this set can be given. What nobody knows counts in the message that says it.
    fn everything_given(&self, wish: &Wish) -> bool {
        let user = !wish.user || self.user_given();
        let header = !wish.header || self.header_given();
        !self.own.unknown && !self.own.session && user && header
    }

    /// PRIV-010, 060, 063, 064, 065.
    fn refusal(&self) -> Option<u16> {
        if self.leg.status.is_some() || RELEASES.contains(&self.leg.method) {
            return None;
        }
        let facts = self.leg.facts;
        let strict = self.wish.critical || facts.rejects_unprovidable;
        let unknown = self.own.unknown && facts.unknown == Unknown::Reject500;
        (unknown || (strict && !self.everything_given(self.wish))).then_some(500)
    }

    fn outwards(&self, privacy: Values, entered: Entered, wish: Wish) -> Passage {
        let asserted = self.asserted(&entered);
        let gone = asserted.is_none();
        let remote_party_asks = entered.rows.iter().any(remote_party_asks);
        let diverted_in_private = entered.rows.iter().any(diverted_in_private);
        let whole_privacy_goes = privacy == Values::Are(Vec::new());
        let mut rows = Vec::new();
        let mut referred = false;
        for row in entered.rows {
            let kept = match &*row.name() {
                // There is to be one.
                "referred-by" if std::mem::replace(&mut referred, true) && self.hides_referrer() => None,
                "remote-party-id" if gone || remote_party_asks => None,
                "diversion" if diverted_in_private && self.by("diversion", 1) => None,
                _ => self.field(row, whole_privacy_goes),
            };
            let side = tables::leaving(self.leg.hop());
            let kept = kept.and_then(|row| trust_domain(self.tables, self.leg, side, row));
            rows.extend(kept.and_then(|row| self.without_domain_parameters(row)));
        }
        Passage {
            rows,
            asserted: asserted.unwrap_or(Values::Are(Vec::new())),
            privacy,
            contact: self.contact(),
            anonymises_from: self.from_changes,
            hides_via: self.acts("via"),
            hides_record_route: self.acts("record-route"),
            maps_call_id: self.acts("call-id"),
            wish,
        }
    }

    /// Table A; `None`: removed.
    fn asserted(&self, entered: &Entered) -> Option<Values> {
        let facts = self.leg.facts;
        // PRIV-041.
        if ["ACK", "CANCEL"].contains(&self.leg.method) && self.leg.status.is_none() {
            return None;
        }
        let default = if self.to_ue {
            facts.removes_to_ue
        } else {
            facts.removes_to_untrusted
        };
        if self.tables.a[usize::from(!self.to_ue)].removes(self.wish, facts, default) {
            return None;
        }
        let readable = |value: &&String| !rows::scheme(rows::uri(value)).is_empty();
        let valid: Vec<String> = entered.asserted.iter().filter(readable).cloned().collect();
        let values: Vec<String> = valid.iter().map(|value| self.outside(value)).collect();
        match &entered.untouched {
            Some(rows) if values == entered.asserted => Some(Values::Same(rows.clone())),
            _ => Some(Values::Are(values)),
        }
    }

    /// PRIV-037.
    fn privacy(&self, said: &Said, anomalous: bool, written: bool) -> Values {
        let facts = self.leg.facts;
        let as_said = || match written {
            true => Values::Tokens(said.tokens()),
            false => Values::Same(self.leg.message.of("privacy").into_iter().cloned().collect()),
        };
        if anomalous {
            return as_said();
        }
        let done = Done {
            id: !facts.retain_id,
            user: self.user_given(),
            header: self.header_given(),
            history: true,
            everything: self.everything_given(self.own),
        };
        match said.left(&done) {
            None => as_said(),
            Some(left) if left.is_empty() => Values::Are(Vec::new()),
            Some(left) => Values::Are(vec![left]),
        }
    }

    /// One row under Table B.
    fn field(&self, row: Expected, whole_privacy_goes: bool) -> Option<Expected> {
        let name = row.name();
        match &*name {
            "warning" if self.acts(&name) => row.become_warning(),
            "referred-by" if self.hides_referrer() => row.become_value("<sip:anonymous@anonymous.invalid>".to_owned()),
            "referred-by" | "warning" => Some(row),
            "history-info" => self.history(row),
            "diversion" => {
                let gone = [0, 2, 3].into_iter().any(|value| self.by("diversion", value));
                (!gone).then_some(row)
            }
            "proxy-require" if whole_privacy_goes && self.leg.status.is_none() => {
                let left = entries(&row.value(), |tag| !tag.eq_ignore_ascii_case("privacy"));
                row.become_value(left)
            }
            _ => (!self.acts(&name)).then_some(row),
        }
    }

    fn by(&self, name: &str, value: usize) -> bool {
        let row = self.row(name);
        row.is_some_and(|row| row.acts_by(value, self.wish, &self.cells()))
    }

    /// PRIV-091.
    fn hides_referrer(&self) -> bool {
        self.leg.method == "REFER" && self.acts("referred-by")
    }

    /// PRIV-096.
    fn history(&self, row: Expected) -> Option<Expected> {
        let all = self.acts("history-info");
        if !all && !self.leg.facts.values.contains(&"history") {
            return Some(row);
        }
        let entries = each(&row.value(), |entry| self.history_entry(entry, all));
        row.become_value(entries)
    }

    fn history_entry(&self, entry: &str, all: bool) -> String {
        let uri = rows::uri(entry);
        if rows::host(uri) != ADMIN_DOMAIN || rows::user(uri) == Some("anonymous") {
            return entry.to_owned();
        }
        let is_privacy = |(name, _): &(String, String)| name.eq_ignore_ascii_case("privacy");
        let embedded = rows::embedded(uri);
        let asks = embedded.iter().filter(|pair| is_privacy(pair)).any(|(_, value)| {
            let value = value.to_ascii_lowercase().replace("%3b", ";");
            value.split(';').any(|token| token == "history")
        });
        let parameters = entry.split_once('>').map_or("", |(_, parameters)| parameters);
        let (address, kept): (&str, Vec<&(String, String)>) = if all || asks {
            let reason = |pair: &&(String, String)| pair.0.eq_ignore_ascii_case("reason");
            (
                "sip:anonymous@anonymous.invalid",
                embedded.iter().filter(reason).collect(),
            )
        } else if embedded.iter().any(is_privacy) {
            let address = uri.split('?').next().unwrap_or_default();
            (address, embedded.iter().filter(|pair| !is_privacy(pair)).collect())
        } else {
            return entry.to_owned();
        };
        let headers: Vec<String> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = if headers.is_empty() {
            String::new()
        } else {
            format!("?{}", headers.join("&"))
        };
        let display = if all || asks {
            ""
        } else {
            entry.split('<').next().unwrap_or_default()
        };
        format!("{display}<{address}{headers}>{parameters}")
    }

    /// PRIV-082, 083, 043.
    fn contact(&self) -> Contact {
        let Some(row) = self.leg.message.of("contact").first().copied() else {
            return Contact::Same;
        };
        let value = row.value();
        let header = [0, 2, 3].into_iter().any(|column| self.by("contact", column));
        let user = self.by("contact", 1) && identifies(&value);
        let redirects = self.leg.status.is_some_and(|status| (300..400).contains(&status));
        if !(header || user) || redirects {
            return Contact::Same;
        }
        let answers = self.leg.status.is_none_or(|status| status < 300);
        match TARGETS.contains(&self.leg.method) && answers {
            true => Contact::Hidden,
            false => Contact::Unseen,
        }
    }

    /// PRIV-106.
    fn without_domain_parameters(&self, row: Expected) -> Option<Expected> {
        if self.to_ue || !["path", "service-route"].contains(&&*row.name()) {
            return Some(row);
        }
        let values = each(&row.value(), |value| self.outside(value));
        row.become_value(values)
    }

    fn outside(&self, value: &str) -> String {
        if self.to_ue {
            return value.to_owned();
        }
        value.replace(rows::uri(value), &uri_outside(rows::uri(value)))
    }
}

/// PRIV-106: a URI as a stranger may see it.
pub fn uri_outside(uri: &str) -> String {
    const OF_NUMBERS: [&str; 2] = ["cpc", "oli"];
    let strip = |text: &str, names: &[&str]| {
        let keeps = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            !names.iter().any(|other| name.eq_ignore_ascii_case(other))
        };
        let parts: Vec<&str> = text.split(';').filter(keeps).collect();
        parts.join(";")
    };
    match uri.split_once('@') {
        Some((user, rest)) => format!("{}@{}", strip(user, &OF_NUMBERS), strip(rest, &["iotl"])),
        None if uri.starts_with("tel:") => strip(uri, &["cpc", "oli", "iotl"]),
        None => strip(uri, &["iotl"]),
    }
}

impl Expected {
    /// PRIV-090.
    fn become_warning(self) -> Option<Expected> {
        let hide = |warning: &String| {
            let mut words = warning.splitn(3, ' ');
            let code = words.next().unwrap_or_default();
            let text = words.nth(1).unwrap_or_default();
            format!("{code} anonymous {text}")
        };
        let warnings: Vec<String> = rows::split(&self.value(), ',').iter().map(hide).collect();
        self.become_value(warnings.join(", "))
    }
}

/// PRIV-097.
fn remote_party_asks(row: &Expected) -> bool {
    let hides = |value: &String| {
        let own = rows::parameter(value, "privacy").unwrap_or_default();
        ["full", "name", "uri"].contains(&&*own)
    };
    row.name() == "remote-party-id" && rows::split(&row.value(), ',').iter().any(hides)
}

/// PRIV-097: a diversion that asks for itself. The whole field goes then.
fn diverted_in_private(row: &Expected) -> bool {
    let hides = |value: &String| rows::parameter(value, "privacy").is_some_and(|own| own != "off");
    row.name() == "diversion" && rows::split(&row.value(), ',').iter().any(hides)
}

fn is_anonymous(uri: &str, facts: &Facts) -> bool {
    let host = rows::host(uri);
    rows::user(uri) == Some("anonymous") && (host == "anonymous.invalid" || host == facts.anonymous_host)
}

fn via_host(via: &str) -> String {
    let sent_by = via.split_whitespace().nth(1).unwrap_or_default();
    let end = sent_by.find([':', ';']).unwrap_or(sent_by.len());
    sent_by[..end].to_ascii_lowercase()
}

/// PRIV-082: whether a Contact could tell who somebody is, its host aside.
fn identifies(value: &str) -> bool {
    let uri = rows::uri(value);
    let display = value.split('<').next().unwrap_or_default().trim();
    let parameters: Vec<&str> = uri.split(';').skip(1).collect();
    let temporary = parameters.contains(&"gr");
    if temporary {
        return false;
    }
    let instance = rows::parameter(value, "+sip.instance").is_some();
    let gruu = parameters.iter().any(|parameter| parameter.starts_with("gr="));
    (value.contains('<') && !display.is_empty()) || rows::user(uri).is_some() || instance || gruu
}
