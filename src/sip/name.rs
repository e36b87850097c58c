//! Header names: long and compact forms, any case, one value.

use wide::u8x16;

/// A header name that some rule is keyed on, or `Other`. Compared after parsing, never as text (CVE-2020-28361).
//= MSG-010
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Name {
    Other,
    Via,
    Route,
    RecordRoute,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    MaxBreadth,
    Contact,
    ContentLength,
    ContentType,
    Privacy,
    PAssertedIdentity,
    PPreferredIdentity,
    ProxyRequire,
    Require,
    Supported,
    Path,
    ServiceRoute,
    Subject,
    CallInfo,
    UserAgent,
    Organization,
    Server,
    ReplyTo,
    InReplyTo,
    Warning,
    Reason,
    ReferredBy,
    ReferTo,
    Replaces,
    Join,
    TargetDialog,
    Diversion,
    HistoryInfo,
    RemotePartyId,
    Geolocation,
    GeolocationRouting,
    Identity,
    IdentityInfo,
    SessionId,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    Expires,
    Event,
    RetryAfter,
    Unsupported,
    SecurityClient,
    SecurityVerify,
    SecurityServer,
    PAccessNetworkInfo,
    CellularNetworkInfo,
    PChargingVector,
    PChargingFunctionAddresses,
    PVisitedNetworkId,
    PCalledPartyId,
    PAssociatedUri,
    PServedUser,
    PProfileKey,
    PPrivateNetworkIndication,
    PUserDatabase,
    PAssertedService,
    PPreferredService,
    PEarlyMedia,
    PMediaAuthorization,
    ResourcePriority,
    FeatureCaps,
    RestorationInfo,
    RelayedCharge,
    ServiceInteractInfo,
    ResponseSource,
    AttestationInfo,
    OriginationId,
    AdditionalIdentity,
    PriorityShare,
    ResourceShare,
    Accept,
    Allow,
    SessionExpires,
    MinSe,
    SipEtag,
    SipIfMatch,
    MinExpires,
}

/// Every known spelling, lower case.
const NAMES: &[(&str, Name)] = &[
    ("b", Name::ReferredBy),
    ("d", Name::Other),
    ("f", Name::From),
    ("i", Name::CallId),
    ("k", Name::Supported),
    ("l", Name::ContentLength),
    ("m", Name::Contact),
    ("o", Name::Event),
    ("r", Name::ReferTo),
    ("s", Name::Subject),
    ("t", Name::To),
    ("v", Name::Via),
    ("y", Name::Identity),
    ("n", Name::IdentityInfo),
    ("c", Name::ContentType),
    ("x", Name::SessionExpires),
    ("to", Name::To),
    ("via", Name::Via),
    ("from", Name::From),
    ("cseq", Name::CSeq),
    ("path", Name::Path),
    ("join", Name::Join),
    ("route", Name::Route),
    ("event", Name::Event),
    ("server", Name::Server),
    ("reason", Name::Reason),
    ("min-se", Name::MinSe),
    ("call-id", Name::CallId),
    ("contact", Name::Contact),
    ("privacy", Name::Privacy),
    ("allow", Name::Allow),
    ("accept", Name::Accept),
    ("require", Name::Require),
    ("subject", Name::Subject),
    ("expires", Name::Expires),
    ("warning", Name::Warning),
    ("refer-to", Name::ReferTo),
    ("reply-to", Name::ReplyTo),
    ("replaces", Name::Replaces),
    ("identity", Name::Identity),
    ("supported", Name::Supported),
    ("call-info", Name::CallInfo),
    ("diversion", Name::Diversion),
    ("user-agent", Name::UserAgent),
    ("sip-etag", Name::SipEtag),
    ("session-id", Name::SessionId),
    ("referred-by", Name::ReferredBy),
    ("max-breadth", Name::MaxBreadth),
    ("session-expires", Name::SessionExpires),
    ("min-expires", Name::MinExpires),
    ("sip-if-match", Name::SipIfMatch),
    ("in-reply-to", Name::InReplyTo),
    ("geolocation", Name::Geolocation),
    ("retry-after", Name::RetryAfter),
    ("unsupported", Name::Unsupported),
    ("max-forwards", Name::MaxForwards),
    ("content-type", Name::ContentType),
    ("record-route", Name::RecordRoute),
    ("organization", Name::Organization),
    ("history-info", Name::HistoryInfo),
    ("feature-caps", Name::FeatureCaps),
    ("proxy-require", Name::ProxyRequire),
    ("service-route", Name::ServiceRoute),
    ("authorization", Name::Authorization),
    ("target-dialog", Name::TargetDialog),
    ("identity-info", Name::IdentityInfo),
    ("p-served-user", Name::PServedUser),
    ("p-profile-key", Name::PProfileKey),
    ("p-early-media", Name::PEarlyMedia),
    ("content-length", Name::ContentLength),
    ("relayed-charge", Name::RelayedCharge),
    ("origination-id", Name::OriginationId),
    ("priority-share", Name::PriorityShare),
    ("resource-share", Name::ResourceShare),
    ("remote-party-id", Name::RemotePartyId),
    ("security-client", Name::SecurityClient),
    ("security-verify", Name::SecurityVerify),
    ("security-server", Name::SecurityServer),
    ("p-user-database", Name::PUserDatabase),
    ("response-source", Name::ResponseSource),
    ("www-authenticate", Name::WwwAuthenticate),
    ("p-associated-uri", Name::PAssociatedUri),
    ("restoration-info", Name::RestorationInfo),
    ("attestation-info", Name::AttestationInfo),
    ("p-charging-vector", Name::PChargingVector),
    ("p-called-party-id", Name::PCalledPartyId),
    ("resource-priority", Name::ResourcePriority),
    ("proxy-authenticate", Name::ProxyAuthenticate),
    ("p-asserted-service", Name::PAssertedService),
    ("p-asserted-identity", Name::PAssertedIdentity),
    ("geolocation-routing", Name::GeolocationRouting),
    ("proxy-authorization", Name::ProxyAuthorization),
    ("p-preferred-service", Name::PPreferredService),
    ("additional-identity", Name::AdditionalIdentity),
    ("p-preferred-identity", Name::PPreferredIdentity),
    ("p-visited-network-id", Name::PVisitedNetworkId),
    ("p-media-authorization", Name::PMediaAuthorization),
    ("cellular-network-info", Name::CellularNetworkInfo),
    ("service-interact-info", Name::ServiceInteractInfo),
    ("p-access-network-info", Name::PAccessNetworkInfo),
    ("p-private-network-indication", Name::PPrivateNetworkIndication),
    ("p-charging-function-addresses", Name::PChargingFunctionAddresses),
];

/// Every name a set can hold.
const ALL: &[Name] = &[
    Name::Via,
    Name::Route,
    Name::RecordRoute,
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::MaxForwards,
    Name::MaxBreadth,
    Name::Contact,
    Name::ContentLength,
    Name::ContentType,
    Name::Privacy,
    Name::PAssertedIdentity,
    Name::PPreferredIdentity,
    Name::ProxyRequire,
    Name::Require,
    Name::Supported,
    Name::Path,
    Name::ServiceRoute,
    Name::Subject,
    Name::CallInfo,
    Name::UserAgent,
    Name::Organization,
    Name::Server,
    Name::ReplyTo,
    Name::InReplyTo,
    Name::Warning,
    Name::Reason,
    Name::ReferredBy,
    Name::ReferTo,
    Name::Replaces,
    Name::Join,
    Name::TargetDialog,
    Name::Diversion,
    Name::HistoryInfo,
    Name::RemotePartyId,
    Name::Geolocation,
    Name::GeolocationRouting,
    Name::Identity,
    Name::IdentityInfo,
    Name::SessionId,
    Name::Authorization,
    Name::ProxyAuthorization,
    Name::WwwAuthenticate,
    Name::ProxyAuthenticate,
    Name::Expires,
    Name::Event,
    Name::RetryAfter,
    Name::Unsupported,
    Name::SecurityClient,
    Name::SecurityVerify,
    Name::SecurityServer,
    Name::PAccessNetworkInfo,
    Name::CellularNetworkInfo,
    Name::PChargingVector,
    Name::PChargingFunctionAddresses,
    Name::PVisitedNetworkId,
    Name::PCalledPartyId,
    Name::PAssociatedUri,
    Name::PServedUser,
    Name::PProfileKey,
    Name::PPrivateNetworkIndication,
    Name::PUserDatabase,
    Name::PAssertedService,
    Name::PPreferredService,
    Name::PEarlyMedia,
    Name::PMediaAuthorization,
    Name::ResourcePriority,
    Name::FeatureCaps,
    Name::RestorationInfo,
    Name::RelayedCharge,
    Name::ServiceInteractInfo,
    Name::ResponseSource,
    Name::AttestationInfo,
    Name::OriginationId,
    Name::AdditionalIdentity,
    Name::PriorityShare,
    Name::ResourceShare,
    Name::Accept,
    Name::Allow,
    Name::SessionExpires,
    Name::MinSe,
    Name::SipEtag,
    Name::SipIfMatch,
    Name::MinExpires,
];

/// Slots of [`PLACES`]; a power of two, and enough that most names have one of their own.
const SLOTS: usize = 512;
/// An empty slot.
const NOBODY: u8 = u8::MAX;

/// Where in [`NAMES`] each spelling stands, by the hash of its length and of three of its letters; the next slot when two
/// meet.
static PLACES: [u8; SLOTS] = {
    let mut places = [NOBODY; SLOTS];
    let mut at = 0;
    while at < NAMES.len() {
        let mut slot = slot_of(NAMES[at].0.as_bytes());
        while places[slot] != NOBODY {
            slot = (slot + 1) % SLOTS;
        }
        places[slot] = at as u8;
        at += 1;
    }
    places
};

/// The long form, in its usual capitals, of each of [`NAMES`].
static USUAL: [&str; NAMES.len()] = {
    let mut usual = [""; NAMES.len()];
    let mut at = 0;
    while at < NAMES.len() {
        usual[at] = NAMES[at].1.as_str();
        at += 1;
    }
    usual
};

/// Names as most senders write them, each with its colon, at [`usual_slot`]: the first of those that meet there.
static USUAL_HEADS: [[u8; 16]; SLOTS] = usual_table().0;
static USUAL_NAMES: [Name; SLOTS] = usual_table().1;

const fn usual_table() -> ([[u8; 16]; SLOTS], [Name; SLOTS]) {
    let (mut heads, mut names) = ([[0; 16]; SLOTS], [Name::Other; SLOTS]);
    let mut place = 0;
    while place < NAMES.len() {
        let (spelling, name) = NAMES[place];
        let text = if spelling.len() == 1 { spelling } else { USUAL[place] }.as_bytes();
        if text.len() < 16 {
            let slot = usual_slot(text[0], text[text.len() - 1], text.len());
            if heads[slot][0] == 0 {
                let mut at = 0;
                while at < text.len() {
                    heads[slot][at] = text[at];
                    at += 1;
                }
                heads[slot][at] = b':';
                names[slot] = name;
            }
        }
        place += 1;
    }
    (heads, names)
}

const fn usual_slot(first: u8, last: u8, length: usize) -> usize {
    (first as usize ^ (last as usize) << 2 ^ length << 5) % SLOTS
}

/// The slot of a name in any case; it is not empty.
const fn slot_of(name: &[u8]) -> usize {
    let (first, middle, last) = (name[0], name[name.len() / 2], name[name.len() - 1]);
    let letters = (first as usize | 0x20) * 7 + (middle as usize | 0x20) * 31 + (last as usize | 0x20) * 13;
    (name.len() * 61 + letters) % SLOTS
}

impl Name {
    /// The bit of this name in a set of names.
    pub const fn bit(self) -> u128 {
        1 << (self as u8)
    }

    /// The names of a set.
    pub fn of_set(set: u128) -> impl Iterator<Item = Name> {
        ALL.iter().copied().filter(move |name| set & name.bit() != 0)
    }

    /// The name a row begins with, and its length, when it is written as most senders do it: the usual capitals, and the colon
    /// at once. `None` says nothing.
    #[inline]
    pub(super) fn usual(row: &[u8]) -> Option<(Name, usize)> {
        let head = row.first_chunk::<16>()?;
        let lanes = u8x16::new(*head);
        let colons = lanes.simd_eq(u8x16::splat(b':')).to_bitmask();
        let length = colons.trailing_zeros() as usize;
        let slot = usual_slot(head[0], head[length.wrapping_sub(1) % 16], length);
        let equal = lanes.simd_eq(u8x16::new(USUAL_HEADS[slot])).to_bitmask();
        // The first difference comes behind the colon.
        ((!equal).trailing_zeros() as usize > length).then(|| (USUAL_NAMES[slot], length))
    }

    /// The name written so, long or compact, in any case.
    pub fn from_bytes(name: &[u8]) -> Name {
        if name.is_empty() {
            return Name::Other;
        }
        let mut slot = slot_of(name);
        // Ends at an empty slot: there are many more slots than names.
        while PLACES[slot] != NOBODY {
            let place = PLACES[slot] as usize;
            let (known, value) = NAMES[place];
            if known.len() == name.len() && name.eq_ignore_ascii_case(known.as_bytes()) {
                return value;
            }
            slot = (slot + 1) % SLOTS;
        }
        Name::Other
    }

    /// The long form in its usual capitals, for headers we write and for explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Name::Other => "(other)",
            Name::Via => "Via",
            Name::Route => "Route",
            Name::RecordRoute => "Record-Route",
            Name::From => "From",
            Name::To => "To",
            Name::CallId => "Call-ID",
            Name::CSeq => "CSeq",
            Name::MaxForwards => "Max-Forwards",
            Name::MaxBreadth => "Max-Breadth",
            Name::Contact => "Contact",
            Name::ContentLength => "Content-Length",
            Name::ContentType => "Content-Type",
            Name::Privacy => "Privacy",
            Name::PAssertedIdentity => "P-Asserted-Identity",
            Name::PPreferredIdentity => "P-Preferred-Identity",
            Name::ProxyRequire => "Proxy-Require",
            Name::Require => "Require",
            Name::Supported => "Supported",
            Name::Path => "Path",
            Name::ServiceRoute => "Service-Route",
            Name::Subject => "Subject",
            Name::CallInfo => "Call-Info",
            Name::UserAgent => "User-Agent",
            Name::Organization => "Organization",
            Name::Server => "Server",
            Name::ReplyTo => "Reply-To",
            Name::InReplyTo => "In-Reply-To",
            Name::Warning => "Warning",
            Name::Reason => "Reason",
            Name::ReferredBy => "Referred-By",
            Name::ReferTo => "Refer-To",
            Name::Replaces => "Replaces",
            Name::Join => "Join",
            Name::TargetDialog => "Target-Dialog",
            Name::Diversion => "Diversion",
            Name::HistoryInfo => "History-Info",
            Name::RemotePartyId => "Remote-Party-ID",
            Name::Geolocation => "Geolocation",
            Name::GeolocationRouting => "Geolocation-Routing",
            Name::Identity => "Identity",
            Name::IdentityInfo => "Identity-Info",
            Name::SessionId => "Session-ID",
            Name::Authorization => "Authorization",
            Name::ProxyAuthorization => "Proxy-Authorization",
            Name::WwwAuthenticate => "WWW-Authenticate",
            Name::ProxyAuthenticate => "Proxy-Authenticate",
            Name::Expires => "Expires",
            Name::Event => "Event",
            Name::RetryAfter => "Retry-After",
            Name::Unsupported => "Unsupported",
            Name::SecurityClient => "Security-Client",
            Name::SecurityVerify => "Security-Verify",
            Name::SecurityServer => "Security-Server",
            Name::PAccessNetworkInfo => "P-Access-Network-Info",
            Name::CellularNetworkInfo => "Cellular-Network-Info",
            Name::PChargingVector => "P-Charging-Vector",
            Name::PChargingFunctionAddresses => "P-Charging-Function-Addresses",
            Name::PVisitedNetworkId => "P-Visited-Network-ID",
            Name::PCalledPartyId => "P-Called-Party-ID",
            Name::PAssociatedUri => "P-Associated-URI",
            Name::PServedUser => "P-Served-User",
            Name::PProfileKey => "P-Profile-Key",
            Name::PPrivateNetworkIndication => "P-Private-Network-Indication",
            Name::PUserDatabase => "P-User-Database",
            Name::PAssertedService => "P-Asserted-Service",
            Name::PPreferredService => "P-Preferred-Service",
            Name::PEarlyMedia => "P-Early-Media",
            Name::PMediaAuthorization => "P-Media-Authorization",
            Name::ResourcePriority => "Resource-Priority",
            Name::FeatureCaps => "Feature-Caps",
            Name::RestorationInfo => "Restoration-Info",
            Name::RelayedCharge => "Relayed-Charge",
            Name::ServiceInteractInfo => "Service-Interact-Info",
            Name::ResponseSource => "Response-Source",
            Name::AttestationInfo => "Attestation-Info",
            Name::OriginationId => "Origination-Id",
            Name::AdditionalIdentity => "Additional-Identity",
            Name::PriorityShare => "Priority-Share",
            Name::ResourceShare => "Resource-Share",
            Name::Accept => "Accept",
            Name::Allow => "Allow",
            Name::SessionExpires => "Session-Expires",
            Name::MinSe => "Min-SE",
            Name::SipEtag => "SIP-ETag",
            Name::SipIfMatch => "SIP-If-Match",
            Name::MinExpires => "Min-Expires",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_lower_case_and_have_room() {
        assert!(NAMES.len() < NOBODY as usize && NAMES.len() * 2 < SLOTS);
        assert!(NAMES.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
    }

    //= MSG-010 type=test
    #[test]
    fn the_usual_spelling_is_told_at_once_and_nothing_else() {
        let row = |name: &str| format!("{name}: some value of it");
        for (spelling, name) in NAMES {
            let usual = if spelling.len() == 1 { spelling } else { name.as_str() };
            let told = Name::usual(row(usual).as_bytes());
            assert!(told.is_none_or(|told| told == (*name, usual.len())), "{usual}");
            for other in [
                usual.to_uppercase(),
                format!("{usual} "),
                format!("{usual}x"),
                format!("x{usual}"),
            ] {
                let told = Name::usual(row(&other).as_bytes());
                assert!(told.is_none_or(|(told, length)| told == Name::from_bytes(&other.as_bytes()[..length])));
            }
        }
        for at_once in [
            "Via",
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Max-Forwards",
            "Contact",
            "Content-Length",
            "Privacy",
            "v",
            "l",
        ] {
            assert!(Name::usual(row(at_once).as_bytes()).is_some(), "{at_once}");
        }
        assert_eq!(Name::usual(b"Via: short"), None);
        assert_eq!(Name::usual(b": no name, but long enough"), None);
    }

    #[test]
    fn a_set_gives_its_names_back() {
        assert_eq!(Name::of_set(u128::MAX).count(), ALL.len());
        assert_eq!(ALL.len(), Name::MinExpires as usize);
        assert_eq!(
            Name::of_set(Name::To.bit() | Name::Via.bit()).collect::<Vec<_>>(),
            [Name::Via, Name::To]
        );
    }

    //= MSG-010 type=test
    #[test]
    fn every_spelling_is_one_name() {
        for (spelling, name) in NAMES {
            assert_eq!(Name::from_bytes(spelling.as_bytes()), *name);
            assert_eq!(Name::from_bytes(spelling.to_ascii_uppercase().as_bytes()), *name);
            if *name != Name::Other {
                assert_eq!(Name::from_bytes(name.as_str().as_bytes()), *name, "{spelling}");
            }
        }
        assert_eq!(Name::from_bytes(b"p-asserted-IDENTITY"), Name::PAssertedIdentity);
        assert_eq!(Name::from_bytes(b""), Name::Other);
        assert_eq!(Name::from_bytes(b"X-P-Asserted-Identity"), Name::Other);
        assert_eq!(Name::from_bytes(&[b'a'; 300]), Name::Other);
    }
}
