//! The fields that can tell who somebody is, and when each must be hidden: Tables B and C of the catalogue, written down once
//! more and without a look at the proxy's own.
//!
//! A carrier that may be shown is the same in both runs of a dialog; one that must be hidden is another in each.

use super::kind::Kind;
use super::scene::Terms;
use super::wishes::Set;

/// One field, or one kind of value in it.
pub struct Carrier {
    /// The row's name, and what tells it from others of that name.
    pub name: &'static str,
    place: Place,
    hidden: Hidden,
    /// How a row may look.
    pub forms: &'static [&'static str],
}

/// In which messages it stands.
#[derive(Clone, Copy)]
enum Place {
    /// The dialog writes it itself, where it belongs.
    Built,
    Requests,
    Responses,
    Both,
    Of(&'static [&'static str]),
}

/// When nobody outside may see it.
#[derive(Clone, Copy)]
enum Hidden {
    /// Bound to the trust domain.
    Always,
    /// The same, but a served UE may see what comes from inside.
    FromStrangers,
    /// Any of these values was asked for.
    By(Set),
    When(fn(&Sight) -> bool),
}

/// One message on its way out: everything that decides what of it may be seen.
#[derive(Clone, Copy)]
pub struct Sight {
    /// What its sender asked for, now or when it entered the dialog.
    pub asked: Set,
    pub method: &'static str,
    /// `None`: a request.
    pub status: Option<u16>,
    /// Whoever hides is a node of T.
    pub from_inside: bool,
    /// Every receiver outside is a served UE, or none is.
    pub towards: Towards,
    pub terms: Terms,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    Ue,
    Strangers,
}

use Hidden::{Always, By, FromStrangers, When};
use Place::{Both, Built, Of, Requests, Responses};

const ID: Set = Set::ID;
const USER: Set = Set::USER;
const HEADER: Set = Set::HEADER;
const HISTORY: Set = Set::HISTORY;

pub const FROM: usize = 0;
pub const CONTACT: usize = 1;
pub const VIA: usize = 2;
pub const RECORD_ROUTE: usize = 3;
pub const CALL_ID: usize = 4;
pub const REQUEST_URI: usize = 5;
pub const REGISTERED: usize = 6;
pub const CANCEL_REASON: usize = 7;

/// Tables B and C.
pub const CARRIERS: &[Carrier] = &[
    row(
        "From",
        Built,
        When(from),
        &[
            "\"{display}\" <sip:{user}@home1.example>",
            "{display} <sip:{user}@{host}.home1.example>",
            "<tel:{number}>",
            "sip:{user}@home1.example",
        ],
    ),
    row(
        "Contact",
        Built,
        When(contact),
        &[
            "Contact: <sip:{user}@{at}>",
            "m:{display} <sip:{user}@{at}>;+g.3gpp.icsi-ref=\"x\"",
            "Contact: \"{display}\" <sip:{user}@{at};gr=urn:uuid:{hex}>;+sip.instance=\"<urn:uuid:{token}>\";expires=60",
            "Contact: <sip:{number}@{at};x={token}>;reg-id=1;q=0.5",
        ],
    ),
    row(
        "Via",
        Built,
        When(routing),
        &[
            "Via: SIP/2.0/UDP {host}.home1.example:5060;branch=z9hG4bK{token}",
            "v: SIP/2.0/TCP {host}.home1.example;branch=z9hG4bK{token}, SIP/2.0/UDP {user}.example;received=10.9.9.9",
        ],
    ),
    row(
        "Record-Route",
        Built,
        When(routing),
        &["Record-Route: <sip:{token}@10.20.0.77;lr>"],
    ),
    row(
        "Call-ID",
        Built,
        When(call_id),
        &["{token}@{host}.example", "{token}@10.20.0.9", "{token}"],
    ),
    row(
        "Request-URI",
        Built,
        When(towards_strangers),
        &[";oli={token}", ";cpc={token};oli={number}"],
    ),
    row(
        "the identity a UE is registered by",
        Built,
        When(asks_for_itself),
        &[
            "<sip:{user}@home1.example>",
            "\"{display}\" <sip:{user}@home1.example>, <tel:{number}>",
        ],
    ),
    row(
        "Reason of a CANCEL",
        Built,
        Always,
        &["Reason: SIP;cause=200;text=\"{display}\""],
    ),
    // The trust domain's own.
    row(
        "P-Asserted-Identity, sip",
        Both,
        When(asserted),
        &[
            "P-Asserted-Identity: \"{display}\" <sip:{user}@home1.example>",
            "p-asserted-IDENTITY :<sip:{user}@{host}.home1.example>",
            "P-Asserted-Identity:\r\n <sip:{user}@home1.example>",
            "P-Asserted-Identity: <sip:{user}",
        ],
    ),
    row(
        "P-Asserted-Identity, tel",
        Both,
        When(asserted),
        &[
            "P-Asserted-Identity: <tel:{number}>",
            "P-Asserted-Identity: \"{display}\" <tel:{number}>",
        ],
    ),
    row(
        "P-Asserted-Identity, two values",
        Both,
        When(asserted),
        &[
            "P-Asserted-Identity: <sip:{user}@home1.example>, <tel:{number}>",
            "P-Asserted-Identity: <sip:{user}@home1.example>\r\nP-Asserted-Identity: \"{display}\" <tel:{number}>",
        ],
    ),
    row(
        "P-Asserted-Identity, its line",
        Both,
        When(line_of_identity),
        &[
            "P-Asserted-Identity: <tel:+3160000;oli={token}>",
            "P-Asserted-Identity: <sip:+3160000;cpc={token}@home1.example;user=phone>",
        ],
    ),
    row(
        "P-Preferred-Identity",
        Both,
        Always,
        &[
            "P-Preferred-Identity: <sip:{user}@home1.example>",
            "P-Preferred-Identity: \"{display}\" <tel:{number}>",
        ],
    ),
    row(
        "P-Access-Network-Info",
        Both,
        Always,
        &[
            "P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=\"{token}\"",
            "P-Access-Network-Info: IEEE-802.11;i-wlan-node-id={hex};network-provided",
        ],
    ),
    row(
        "Cellular-Network-Info",
        Both,
        Always,
        &["Cellular-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=\"{token}\""],
    ),
    row(
        "P-Charging-Vector",
        Both,
        Always,
        &["P-Charging-Vector: icid-value=\"{token}\";orig-ioi={host}.example"],
    ),
    row(
        "P-Charging-Function-Addresses",
        Both,
        Always,
        &["P-Charging-Function-Addresses: ccf={host}.example;ecf={token}"],
    ),
    row(
        "P-Visited-Network-ID",
        Both,
        Always,
        &["P-Visited-Network-ID: {host}.example"],
    ),
    row(
        "P-Called-Party-ID",
        Requests,
        FromStrangers,
        &["P-Called-Party-ID: <sip:{user}@home1.example>"],
    ),
    row(
        "P-Associated-URI",
        Responses,
        FromStrangers,
        &["P-Associated-URI: <sip:{user}@home1.example>, <tel:{number}>"],
    ),
    row(
        "P-Served-User",
        Both,
        Always,
        &["P-Served-User: <sip:{user}@home1.example>;sescase=orig"],
    ),
    row(
        "P-Profile-Key",
        Both,
        Always,
        &["P-Profile-Key: <sip:{user}@home1.example>"],
    ),
    row(
        "P-Private-Network-Indication",
        Both,
        Always,
        &["P-Private-Network-Indication: {host}.example"],
    ),
    row(
        "P-User-Database",
        Both,
        Always,
        &["P-User-Database: <aaa://{host}.home1.example;transport=tcp>"],
    ),
    row(
        "P-Asserted-Service",
        Both,
        Always,
        &["P-Asserted-Service: urn:urn-7:3gpp-service.{token}"],
    ),
    row("P-Early-Media", Both, FromStrangers, &["P-Early-Media: {token}"]),
    row("P-Media-Authorization", Both, Always, &["P-Media-Authorization: {hex}"]),
    row("Resource-Priority", Both, Always, &["Resource-Priority: {token}.1"]),
    row(
        "Feature-Caps",
        Both,
        FromStrangers,
        &["Feature-Caps: *;+g.3gpp.{token}=\"{user}\""],
    ),
    row("Restoration-Info", Both, Always, &["Restoration-Info: \"{hex}\""]),
    row(
        "Relayed-Charge",
        Both,
        Always,
        &["Relayed-Charge: transit;transit-ioi={host}.example"],
    ),
    row(
        "Service-Interact-Info",
        Both,
        Always,
        &["Service-Interact-Info: {token}"],
    ),
    row(
        "Response-Source",
        Both,
        Always,
        &["Response-Source: fe=\"<urn:3gpp:fe:{token}>\""],
    ),
    row("Attestation-Info", Both, Always, &["Attestation-Info: {token}"]),
    row("Origination-Id", Both, Always, &["Origination-Id: {hex}"]),
    row(
        "Additional-Identity",
        Both,
        Always,
        &["Additional-Identity: <tel:{number}>"],
    ),
    row("Priority-Share", Both, Always, &["Priority-Share: {token}"]),
    row(
        "Resource-Share",
        Both,
        Always,
        &["Resource-Share: {token};sharing-key={hex}"],
    ),
    row(
        "Reason",
        Responses,
        Always,
        &["Reason: Q.850;cause=17;text=\"{display}\""],
    ),
    row(
        "Authorization, integrity-protected",
        Requests,
        When(towards_strangers),
        &["Authorization: Digest username=\"u\", realm=\"r\", integrity-protected=\"{token}\", response=\"0\""],
    ),
    row(
        "WWW-Authenticate, ck and ik",
        Responses,
        Always,
        &["WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", ck=\"{hex}\", ik=\"{hex}\""],
    ),
    // What the Privacy header speaks of.
    row(
        "Call-Info",
        Both,
        By(USER),
        &["Call-Info: <http://home1.example/{user}.png>;purpose=icon"],
    ),
    row("User-Agent", Requests, By(USER), &["User-Agent: {token}/{host}"]),
    row("Organization", Both, By(USER), &["Organization: {display}"]),
    row("Server", Responses, By(USER), &["Server: {token}/{host}"]),
    row(
        "Subject",
        Requests,
        By(USER),
        &["Subject: {display}", "s: {display}", "s:{token}\r\n {display}"],
    ),
    row(
        "Reply-To",
        Both,
        By(USER),
        &[
            "Reply-To: {display} <sip:{user}@home1.example>",
            "Reply-To: <tel:{number}>",
        ],
    ),
    row(
        "In-Reply-To",
        Requests,
        By(USER),
        &["In-Reply-To: {token}@{host}, {hex}"],
    ),
    row(
        "Warning",
        Responses,
        By(USER),
        &[
            "Warning: 399 {host}.home1.example \"busy\", 301 {user} \"odd\"",
            "Warning: 307 {host}:5060 \"a, b\"",
        ],
    ),
    row(
        "Referred-By",
        Of(&["REFER"]),
        By(USER),
        &[
            "Referred-By: \"{display}\" <sip:{user}@home1.example>",
            "b: <tel:{number}>;cid=\"{token}@{host}\"",
        ],
    ),
    row(
        "History-Info",
        Both,
        By(HEADER.and(HISTORY)),
        &[
            "History-Info: <sip:{user}@home1.example>;index=1",
            "History-Info: <sip:olive@far.example>;index=1, \"{display}\" <sip:{number}@home1.example;user=phone?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1",
        ],
    ),
    row(
        "History-Info, an entry that asks",
        Both,
        Always,
        &[
            "History-Info: <sip:{user}@home1.example?Privacy=history>;index=1",
            "History-Info: {display} <sip:{user}@home1.example?Reason=SIP%3Bcause%3D302&privacy=HISTORY>;index=1.2",
        ],
    ),
    row(
        "Diversion",
        Both,
        By(HEADER.and(HISTORY)),
        &[
            "Diversion: <tel:{number}>;reason=unconditional",
            "Diversion: {display} <sip:{user}@home1.example>;privacy=off",
        ],
    ),
    row(
        "Diversion, one that asks",
        Both,
        By(USER.and(HEADER).and(HISTORY)),
        &[
            "Diversion: <tel:{number}>;privacy=full;reason=unconditional",
            "Diversion: <sip:{user}@{host}.example>;privacy=name",
        ],
    ),
    row(
        "Remote-Party-ID",
        Both,
        When(remote_party),
        &[
            "Remote-Party-ID: \"{display}\" <sip:{user}@home1.example>;party=calling;privacy=off",
            "Remote-Party-ID: <tel:{number}>",
        ],
    ),
    row(
        "Remote-Party-ID, one that asks",
        Both,
        Always,
        &["Remote-Party-ID: \"{display}\" <sip:{user}@home1.example>;party=calling;privacy=full"],
    ),
    row(
        "Geolocation",
        Requests,
        By(USER.and(HEADER)),
        &[
            "Geolocation: <sip:{user}@home1.example>",
            "Geolocation: <https://home1.example/{token}>;inserted-by=\"{host}\"",
        ],
    ),
    row(
        "Geolocation-Routing",
        Requests,
        By(USER.and(HEADER)),
        &["Geolocation-Routing: no;x={token}"],
    ),
    row(
        "Identity",
        Requests,
        When(identity),
        &[
            "Identity: \"{token}\"",
            "y: {hex}.{token}.x;info=<https://home1.example/{user}.cer>",
        ],
    ),
    row(
        "Identity-Info",
        Requests,
        When(identity),
        &["Identity-Info: <https://home1.example/{user}.cer>"],
    ),
    row(
        "Session-ID",
        Both,
        When(session_id),
        &["Session-ID: {hex};remote=00000000000000000000000000000000"],
    ),
];

const fn row(name: &'static str, place: Place, hidden: Hidden, forms: &'static [&'static str]) -> Carrier {
    Carrier {
        name,
        place,
        hidden,
        forms,
    }
}

impl Carrier {
    /// Whether it may stand in this message, beside what the dialog writes itself.
    pub fn fits(&self, sight: &Sight) -> bool {
        match self.place {
            Built => false,
            Requests => sight.status.is_none(),
            Responses => sight.status.is_some(),
            Both => true,
            Of(methods) => sight.status.is_none() && methods.contains(&sight.method),
        }
    }

    /// Whether messages of a kind can hold it, by the tables. CANCEL and the ACK of a failure are made of an INVITE.
    pub fn stands_in(&self, kind: Kind) -> bool {
        match (self.place, kind) {
            (Built, Kind::Response { .. }) => false,
            (Built, _) => true,
            (Of(methods), Kind::Request { method, .. }) => methods.contains(&method),
            (Of(_), _) => false,
            (Requests, kind) => !matches!(kind, Kind::Response { .. }),
            (Responses, kind) => matches!(kind, Kind::Response { .. }),
            (Both, _) => true,
        }
    }

    /// Whether nobody outside may learn of it.
    pub fn is_hidden(&self, sight: &Sight) -> bool {
        match self.hidden {
            Always => true,
            FromStrangers => towards_strangers(sight) || !sight.from_inside,
            By(values) => sight.asked.has(values),
            When(holds) => holds(sight),
        }
    }
}

/// Table A.
fn asserted(sight: &Sight) -> bool {
    let carries_none = sight.status.is_none() && matches!(sight.method, "ACK" | "CANCEL");
    let asked = sight.asked;
    !sight.from_inside
        || carries_none
        || (sight.terms.removes_identity && asked != Set::NONE)
        || asks_for_itself(sight)
        || asked == Set::CRITICAL
}

/// Something asks for this by name, and whatever else is said later cannot change that.
fn asks_for_itself(sight: &Sight) -> bool {
    let user = sight.asked.has(USER) && sight.terms.user_removes_identity;
    user || sight.asked.has(ID.and(HEADER).and(Set::UNKNOWN))
}

/// Nobody but T learns of the kind of a calling line, where the identity itself may be shown, too (PRIV-106).
fn line_of_identity(sight: &Sight) -> bool {
    towards_strangers(sight) || asserted(sight)
}

fn towards_strangers(sight: &Sight) -> bool {
    sight.towards == Towards::Strangers
}

fn from(sight: &Sight) -> bool {
    sight.asked.has(USER) || (sight.asked.has(ID) && sight.terms.id_hides_from)
}

fn contact(sight: &Sight) -> bool {
    sight.asked.has(HEADER) || (sight.asked.has(USER) && sight.terms.user_hides_contact)
}

/// The way a request came, to a served UE also with `user` (PRIV-084, 085).
fn routing(sight: &Sight) -> bool {
    let to_ue = sight.towards == Towards::Ue && sight.terms.user_hides_way_from_ue;
    sight.asked.has(HEADER) || (sight.asked.has(USER) && to_ue)
}

fn call_id(sight: &Sight) -> bool {
    sight.terms.maps_call_ids && sight.asked.has(USER)
}

fn remote_party(sight: &Sight) -> bool {
    !sight.terms.passes_remote_party || sight.asked.has(USER) || asserted(sight)
}

fn identity(sight: &Sight) -> bool {
    let by_id = sight.terms.id_strips_identity_to_ue && sight.towards == Towards::Ue;
    sight.asked.has(USER) || (by_id && sight.asked.has(ID))
}

fn session_id(sight: &Sight) -> bool {
    sight.terms.user_strips_session_id && sight.asked.has(USER)
}
