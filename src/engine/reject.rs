//! A refusal, and what it looks like: variant → status, reason phrase, headers. The reason tells a stranger nothing about us.

use bytes::Bytes;
use smallvec::SmallVec;

use super::security::Refused;
use crate::pcscf::security::{self, NoSet};
use crate::privacy::gate::Refusal;
use crate::privacy::lawful::Unknown;
use crate::privacy::wanted::{Unprovidable, Unreadable};
use crate::proxy::check::Unfit;
use crate::proxy::targets::NoTarget;
use crate::rule::Rule;
use crate::sip::essentials::Fault;
use crate::sip::parse::ParseError;
use crate::sip::{Name, reason};

/// Why this node answers a request itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("{0}")]
    Unparsable(ParseError),
    #[error("{fault}")]
    Faulty { fault: Fault, method_known: bool },
    #[error("the branch is nothing but the magic cookie")]
    BareCookie,
    #[error("too many Via or Record-Route values")]
    TooManyRouteValues,
    #[error("{0}")]
    Unfit(Unfit),
    #[error("the request came back to this node unchanged")]
    Loop,
    #[error("{0}")]
    UnreadablePrivacy(Unreadable),
    #[error("privacy was asked for that cannot be provided, and forwarding without it is refused")]
    Privacy(Vec<Unprovidable>),
    #[error("a Contact is too long to be hidden")]
    TooLong,
    #[error("a Via or a Route of the inside cannot be hidden: too long, or too many")]
    CannotHide,
    #[error("a token of hidden values does not open with the keys of this network")]
    HiddenToken,
    #[error("a token in a Route or Request-URI is not one of this dialog")]
    ForeignToken,
    #[error("the dialog's token is older than privacy.max_dialog_age")]
    StaleToken,
    #[error("{0}")]
    NoTarget(NoTarget),
    #[error("proxy.roles does not list what this message needs")]
    RoleOff,
    #[error("a REGISTER would leave for a stranger that no [[route]] names")]
    RegisterToStranger,
    #[error("a UE prefers an identity that is not its own, or has none")]
    NoIdentity,
    #[error("a UE registered by a method that spec_t.user_authentication does not list")]
    UnlistedAuthentication,
    #[error("{0}")]
    Unknown(Unknown),
    #[error("the flow of this UE is gone")]
    FlowGone,
    #[error("a stranger uses the Path of a UE")]
    ForeignPath,
    #[error("a UE that is not registered sends something else than REGISTER")]
    Unregistered,
    #[error("a challenge of AKA brought no session keys, or something else instead")]
    NoSessionKeys,
    #[error("a REGISTER came by way of another proxy")]
    RegisterByProxy,
    #[error("a UE registers over a security association, and its Via names another address")]
    ForeignVia,
    #[error("a UE that registers does not know of Path, and pcscf.path_unsupported refuses it")]
    PathUnsupported,
    #[error("the Route of a UE is not its Service-Route, and pcscf.service_route refuses that")]
    ForeignServiceRoute,
    #[error("a UE speaks in another's dialog")]
    ForeignDialog,
    #[error("the UE of this Path is registered no more")]
    RegistrationOver,
    #[error("a request that makes sense in a dialog only names none")]
    OutOfDialog(u16),
    #[error("a dialog was released that a request belongs to")]
    Released,
    #[error("a call was given up before it was answered: its UE is gone, or the operator said so")]
    GivenUp,
    #[error("a session is to last less than pcscf.min_se")]
    ShortSession(u32),
    #[error("the network told of a registration")]
    Told,
    #[error("a NOTIFY for us is of no subscription of ours, or its document is no reginfo")]
    NotTold(u16),
    #[error("answered for the tracker, or for a peer")]
    Replied(Box<Replied>),
    #[error("a temporary ID leads nowhere for who asks")]
    NoPeer,
    #[error("what a peer would be sent, or what it names, cannot be made private")]
    Unguarded,
    #[error("the media of a session between peers are not protected as they must be")]
    Media,
    #[error("{}", .0.why)]
    Agreement(Box<Refused>),
    #[error("no INVITE waits for this CANCEL")]
    NothingToCancel,
    #[error("the caller gave up")]
    Cancelled,
    #[error("no next hop answered in time")]
    NoAnswer,
    #[error("no next hop could be reached")]
    Unreachable,
    #[error("the only next hop is overloaded")]
    Overloaded,
    #[error("the engine holds limits.transactions_max transactions, or limits.pending_max requests wait")]
    Full,
    #[error(
        "a source outside T asks for more than limits.requests_per_second_max or limits.transactions_per_source_max"
    )]
    TooMuch,
    #[error("a worker is behind with its work, and refuses some of what is new")]
    Busy,
    #[error("the audit takes no records, and lawful_interception.sink_required is on")]
    Unrecorded,
    #[error("the registration cannot be kept: the store takes nothing")]
    Unstored,
}

/// The kind of a refusal, for counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unparsable,
    Faulty,
    BareCookie,
    TooManyRouteValues,
    Unfit,
    Loop,
    UnreadablePrivacy,
    Privacy,
    TooLong,
    CannotHide,
    HiddenToken,
    ForeignToken,
    StaleToken,
    NoTarget,
    RoleOff,
    RegisterToStranger,
    NoIdentity,
    UnlistedAuthentication,
    FlowGone,
    ForeignPath,
    Unregistered,
    NoSessionKeys,
    RegisterByProxy,
    ForeignVia,
    PathUnsupported,
    ForeignServiceRoute,
    ForeignDialog,
    RegistrationOver,
    OutOfDialog,
    Released,
    GivenUp,
    ShortSession,
    Told,
    NotTold,
    Replied,
    NoPeer,
    Unguarded,
    Media,
    Agreement,
    NothingToCancel,
    Cancelled,
    NoAnswer,
    Unreachable,
    Overloaded,
    Full,
    TooMuch,
    Busy,
    Unrecorded,
    Unstored,
    Anonymous433,
    Anonymous403,
    Unidentified,
}

impl Kind {
    pub const ALL: [Kind; 52] = [
        Kind::Unparsable,
        Kind::Faulty,
        Kind::BareCookie,
        Kind::TooManyRouteValues,
        Kind::Unfit,
        Kind::Loop,
        Kind::UnreadablePrivacy,
        Kind::Privacy,
        Kind::TooLong,
        Kind::CannotHide,
        Kind::HiddenToken,
        Kind::ForeignToken,
        Kind::StaleToken,
        Kind::NoTarget,
        Kind::RoleOff,
        Kind::RegisterToStranger,
        Kind::NoIdentity,
        Kind::UnlistedAuthentication,
        Kind::FlowGone,
        Kind::ForeignPath,
        Kind::Unregistered,
        Kind::NoSessionKeys,
        Kind::RegisterByProxy,
        Kind::ForeignVia,
        Kind::PathUnsupported,
        Kind::ForeignServiceRoute,
        Kind::ForeignDialog,
        Kind::RegistrationOver,
        Kind::OutOfDialog,
        Kind::Released,
        Kind::GivenUp,
        Kind::ShortSession,
        Kind::Told,
        Kind::NotTold,
        Kind::Replied,
        Kind::NoPeer,
        Kind::Unguarded,
        Kind::Media,
        Kind::Agreement,
        Kind::NothingToCancel,
        Kind::Cancelled,
        Kind::NoAnswer,
        Kind::Unreachable,
        Kind::Overloaded,
        Kind::Full,
        Kind::TooMuch,
        Kind::Busy,
        Kind::Unrecorded,
        Kind::Unstored,
        Kind::Anonymous433,
        Kind::Anonymous403,
        Kind::Unidentified,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Unparsable => "unparsable",
            Kind::Faulty => "faulty",
            Kind::BareCookie => "bare_cookie",
            Kind::TooManyRouteValues => "too_many_route_values",
            Kind::Unfit => "unfit",
            Kind::Loop => "loop",
            Kind::UnreadablePrivacy => "unreadable_privacy",
            Kind::Privacy => "privacy",
            Kind::TooLong => "too_long",
            Kind::CannotHide => "cannot_hide",
            Kind::HiddenToken => "hidden_token",
            Kind::ForeignToken => "foreign_token",
            Kind::StaleToken => "stale_token",
            Kind::NoTarget => "no_target",
            Kind::RoleOff => "role_off",
            Kind::RegisterToStranger => "register_to_stranger",
            Kind::NoIdentity => "no_identity",
            Kind::UnlistedAuthentication => "unlisted_authentication",
            Kind::FlowGone => "flow_gone",
            Kind::ForeignPath => "foreign_path",
            Kind::Unregistered => "unregistered",
            Kind::NoSessionKeys => "no_session_keys",
            Kind::RegisterByProxy => "register_by_proxy",
            Kind::ForeignVia => "foreign_via",
            Kind::PathUnsupported => "path_unsupported",
            Kind::ForeignServiceRoute => "foreign_service_route",
            Kind::ForeignDialog => "foreign_dialog",
            Kind::RegistrationOver => "registration_over",
            Kind::OutOfDialog => "out_of_dialog",
            Kind::Released => "released",
            Kind::GivenUp => "given_up",
            Kind::ShortSession => "short_session",
            Kind::Told => "told",
            Kind::NotTold => "not_told",
            Kind::Replied => "replied",
            Kind::NoPeer => "no_peer",
            Kind::Unguarded => "unguarded",
            Kind::Media => "media",
            Kind::Agreement => "security_agreement",
            Kind::NothingToCancel => "nothing_to_cancel",
            Kind::Cancelled => "cancelled",
            Kind::NoAnswer => "no_answer",
            Kind::Unreachable => "unreachable",
            Kind::Overloaded => "next_hop_overloaded",
            Kind::Full => "full",
            Kind::TooMuch => "too_much",
            Kind::Busy => "busy",
            Kind::Unrecorded => "unrecorded",
            Kind::Unstored => "unstored",
            Kind::Anonymous433 => "anonymous_433",
            Kind::Anonymous403 => "anonymous_403",
            Kind::Unidentified => "unidentified",
        }
    }
}

impl From<&Reject> for Kind {
    fn from(reject: &Reject) -> Kind {
        match reject {
            Reject::Unparsable(_) => Kind::Unparsable,
            Reject::Faulty { .. } => Kind::Faulty,
            Reject::BareCookie => Kind::BareCookie,
            Reject::TooManyRouteValues => Kind::TooManyRouteValues,
            Reject::Unfit(_) => Kind::Unfit,
            Reject::Loop => Kind::Loop,
            Reject::UnreadablePrivacy(_) => Kind::UnreadablePrivacy,
            Reject::Privacy(_) => Kind::Privacy,
            Reject::TooLong => Kind::TooLong,
            Reject::CannotHide => Kind::CannotHide,
            Reject::HiddenToken => Kind::HiddenToken,
            Reject::ForeignToken => Kind::ForeignToken,
            Reject::StaleToken => Kind::StaleToken,
            Reject::NoTarget(_) => Kind::NoTarget,
            Reject::RoleOff => Kind::RoleOff,
            Reject::RegisterToStranger => Kind::RegisterToStranger,
            Reject::NoIdentity => Kind::NoIdentity,
            Reject::UnlistedAuthentication => Kind::UnlistedAuthentication,
            Reject::FlowGone => Kind::FlowGone,
            Reject::ForeignPath => Kind::ForeignPath,
            Reject::Unregistered => Kind::Unregistered,
            Reject::NoSessionKeys => Kind::NoSessionKeys,
            Reject::RegisterByProxy => Kind::RegisterByProxy,
            Reject::ForeignVia => Kind::ForeignVia,
            Reject::PathUnsupported => Kind::PathUnsupported,
            Reject::ForeignServiceRoute => Kind::ForeignServiceRoute,
            Reject::ForeignDialog => Kind::ForeignDialog,
            Reject::RegistrationOver => Kind::RegistrationOver,
            Reject::OutOfDialog(_) => Kind::OutOfDialog,
            Reject::Released => Kind::Released,
            Reject::GivenUp => Kind::GivenUp,
            Reject::ShortSession(_) => Kind::ShortSession,
            Reject::Told => Kind::Told,
            Reject::NotTold(_) => Kind::NotTold,
            Reject::Replied(_) => Kind::Replied,
            Reject::NoPeer => Kind::NoPeer,
            Reject::Unguarded => Kind::Unguarded,
            Reject::Media => Kind::Media,
            Reject::Agreement(_) => Kind::Agreement,
            Reject::NothingToCancel => Kind::NothingToCancel,
            Reject::Cancelled => Kind::Cancelled,
            Reject::NoAnswer => Kind::NoAnswer,
            Reject::Unreachable => Kind::Unreachable,
            Reject::Overloaded => Kind::Overloaded,
            Reject::Full => Kind::Full,
            Reject::TooMuch => Kind::TooMuch,
            Reject::Busy => Kind::Busy,
            Reject::Unrecorded => Kind::Unrecorded,
            Reject::Unstored => Kind::Unstored,
            Reject::Unknown(Unknown::Anonymous { code: 433 }) => Kind::Anonymous433,
            Reject::Unknown(Unknown::Anonymous { .. }) => Kind::Anonymous403,
            Reject::Unknown(Unknown::Unidentified) => Kind::Unidentified,
        }
    }
}

/// What a refusal looks like on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub status: u16,
    pub reason: String,
    pub rows: SmallVec<[(Name, String); 2]>,
    pub body: Bytes,
    /// Our tag, where it is not any one.
    pub to_tag: Option<String>,
    pub rule: Rule,
}

/// An answer that says more than that it is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Replied {
    pub status: u16,
    pub rows: SmallVec<[(Name, String); 2]>,
    pub body: Bytes,
    pub to_tag: Option<String>,
    pub rule: Rule,
    /// The word of a refusal, where the tracker protocol has one.
    pub fault: Option<crate::ppsp::Fault>,
}

impl std::fmt::Debug for Replied {
    /// Shows the status: what is said belongs to who asked.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replied")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Reject {
    /// The answer a refusal becomes.
    //= MSG-016
    pub fn look(&self) -> Look {
        let (status, reason, rule): (u16, &str, Rule) = match self {
            Reject::Unparsable(error) => return unparsable(*error),
            Reject::Faulty { fault, method_known } => return faulty(*fault, *method_known),
            Reject::BareCookie => (400, "Malformed Via Branch", Rule::MSG_008),
            Reject::TooManyRouteValues => (513, "Message Too Large", Rule::MSG_012),
            Reject::Unfit(unfit) => return unfit_look(unfit),
            Reject::Loop => (482, "Loop Detected", Rule::PROXY_004),
            Reject::UnreadablePrivacy(Unreadable::NoneWithOthers) => (400, "Bad Privacy", Rule::PRIV_008),
            Reject::UnreadablePrivacy(Unreadable::Malformed) => (400, "Bad Privacy", Rule::PRIV_011),
            Reject::Privacy(lacking) => return privacy(lacking),
            Reject::TooLong => (513, "Message Too Large", Rule::PRIV_143),
            Reject::CannotHide => (513, "Message Too Large", Rule::THIG_002),
            //= THIG-008
            Reject::HiddenToken => (400, "Bad Request", Rule::THIG_008),
            Reject::ForeignToken => (403, "Forbidden", Rule::PRIV_141),
            Reject::StaleToken => (481, "Call/Transaction Does Not Exist", Rule::PRIV_143),
            Reject::NoTarget(NoTarget::NotARelay) => (403, "Forbidden", Rule::PROXY_010),
            Reject::NoTarget(NoTarget::Ourselves) => return ourselves(),
            //= ROLE-005
            Reject::NoTarget(NoTarget::NoHelp) => (403, "Forbidden", Rule::ROLE_005),
            Reject::NoTarget(NoTarget::NobodyHere) => (403, "Forbidden", Rule::PROXY_030),
            Reject::NoTarget(NoTarget::NotFound) => (404, "Not Found", Rule::PROXY_011),
            Reject::NoTarget(NoTarget::NoSecureWay) => (480, "Temporarily Unavailable", Rule::PROXY_017),
            Reject::NoTarget(NoTarget::Unusable) => (480, "Temporarily Unavailable", Rule::PROXY_011),
            Reject::RoleOff => (403, "Forbidden", Rule::ROLE_001),
            Reject::RegisterToStranger => (403, "Forbidden", Rule::PRIV_029),
            Reject::NoIdentity => (403, "Forbidden", Rule::PAI_006),
            Reject::UnlistedAuthentication => (403, "Forbidden", Rule::TRUST_002),
            //= LI-001
            Reject::Unknown(Unknown::Anonymous { code: 433 }) => (433, "Anonymity Disallowed", Rule::LI_001),
            Reject::Unknown(Unknown::Anonymous { .. }) => (403, "Forbidden", Rule::LI_001),
            Reject::Unknown(Unknown::Unidentified) => (403, "Forbidden", Rule::LI_004),
            Reject::FlowGone => (430, "Flow Failed", Rule::PCSCF_022),
            Reject::ForeignPath => (403, "Forbidden", Rule::TRUST_042),
            Reject::Unregistered => (403, "Forbidden", Rule::PCSCF_020),
            Reject::NoSessionKeys => (500, "Server Internal Error", Rule::PCSCF_005),
            Reject::ForeignVia => (403, "Forbidden", Rule::PCSCF_006),
            Reject::RegisterByProxy => (502, "Bad Gateway", Rule::PCSCF_006),
            Reject::PathUnsupported => (421, "Extension Required", Rule::PCSCF_002),
            Reject::ForeignServiceRoute => (400, "Bad Route", Rule::PCSCF_014),
            Reject::ForeignDialog => (403, "Forbidden", Rule::PCSCF_016),
            Reject::RegistrationOver => (480, "Temporarily Unavailable", Rule::PCSCF_022),
            Reject::OutOfDialog(481) => (481, "Call/Transaction Does Not Exist", Rule::PCSCF_015),
            Reject::OutOfDialog(_) => (403, "Forbidden", Rule::PCSCF_015),
            Reject::Released => (481, "Call/Transaction Does Not Exist", Rule::PCSCF_030),
            Reject::GivenUp => (500, "Server Internal Error", Rule::PCSCF_030),
            Reject::ShortSession(_) => (422, "Session Interval Too Small", Rule::PCSCF_030),
            Reject::Told => (200, "OK", Rule::PCSCF_013),
            Reject::NotTold(415) => (415, "Unsupported Media Type", Rule::PCSCF_013),
            Reject::NotTold(481) => (481, "Subscription does not exist", Rule::PCSCF_013),
            Reject::NotTold(_) => (400, "Bad Document", Rule::PCSCF_013),
            Reject::Replied(replied) => return replied.look(),
            //= P2P-037
            Reject::NoPeer => (404, "Not Found", Rule::P2P_037),
            //= P2P-006
            Reject::Unguarded => (500, "Server Internal Error", Rule::P2P_006),
            //= P2P-084
            Reject::Media => (488, "Not Acceptable Here", Rule::P2P_084),
            Reject::Agreement(refused) => return agreement(refused),
            Reject::NothingToCancel => (481, "Call/Transaction Does Not Exist", Rule::PROXY_027),
            Reject::Cancelled => (487, "Request Terminated", Rule::PROXY_027),
            Reject::NoAnswer => (408, "Request Timeout", Rule::PROXY_018),
            Reject::Unreachable | Reject::Overloaded => (500, "Server Internal Error", Rule::PROXY_024),
            //= LI-006
            Reject::Unrecorded => (503, "Service Unavailable", Rule::LI_006),
            Reject::Unstored => (503, "Service Unavailable", Rule::PCSCF_033),
            Reject::Full | Reject::TooMuch | Reject::Busy => (503, "Service Unavailable", Rule::SEC_009),
        };
        let mut look = Look {
            status,
            reason: reason.to_owned(),
            rows: SmallVec::new(),
            body: Bytes::new(),
            to_tag: None,
            rule,
        };
        if matches!(
            self,
            Reject::Full | Reject::TooMuch | Reject::Busy | Reject::Unrecorded | Reject::Unstored | Reject::Overloaded
        ) {
            look.rows.push((Name::RetryAfter, RETRY_AFTER_MIN.to_string()));
        }
        if let Reject::ShortSession(least) = self {
            look.rows.push((Name::MinSe, least.to_string()));
        }
        if *self == Reject::NotTold(415) {
            look.rows.push((Name::Accept, "application/reginfo+xml".to_owned()));
        }
        //= PCSCF-002
        if *self == Reject::PathUnsupported {
            look.rows.push((Name::Require, "path".to_owned()));
        }
        look
    }

    /// The answer as a hop back may see it: one outside T does not learn why nobody is there.
    //= SEC-005
    pub fn look_from(&self, is_trusted: bool, absent_code: u16) -> Look {
        let tells = matches!(
            self,
            Reject::NoTarget(NoTarget::NotFound | NoTarget::Unusable) | Reject::FlowGone | Reject::RegistrationOver
        );
        match (is_trusted || !tells, absent_code) {
            (true, _) => self.look(),
            (false, 480) => plain(480, "Temporarily Unavailable", Rule::SEC_005),
            (false, _) => plain(404, "Not Found", Rule::SEC_005),
        }
    }

    /// Whether it is no refusal, but what was asked for.
    pub fn is_answer(&self) -> bool {
        match self {
            Reject::Replied(replied) => replied.status < 300,
            Reject::NoTarget(NoTarget::Ourselves) | Reject::Told => true,
            _ => false,
        }
    }

    /// Whether it is left unsaid.
    pub fn is_silent(&self) -> bool {
        matches!(self, Reject::NoTarget(NoTarget::NobodyHere))
    }

    /// Whether it says that there is no room.
    pub fn is_overload(&self) -> bool {
        matches!(self, Reject::Full | Reject::TooMuch | Reject::Busy | Reject::Unrecorded)
    }

    /// Whether another try by the peer can help.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Reject::NoAnswer
                | Reject::Unreachable
                | Reject::Overloaded
                | Reject::Full
                | Reject::TooMuch
                | Reject::Busy
                | Reject::Unrecorded
                | Reject::Unstored
        )
    }
}

/// Seconds until who was refused for want of room may ask again: this many, and up to as many again.
const RETRY_AFTER_MIN: u64 = 4;

impl Look {
    /// Spreads the next tries of those who are refused at the same time. `by`: any number that differs between them.
    //= SEC-009
    pub fn spread(mut self, by: u64) -> Look {
        for (name, value) in &mut self.rows {
            if *name == Name::RetryAfter {
                *value = (RETRY_AFTER_MIN + by % (RETRY_AFTER_MIN + 1)).to_string();
            }
        }
        self
    }
}

/// What a UE is told whose protection cannot be agreed.
//= AKA-010
//= AKA-013
//= AKA-014
//= AKA-025
fn agreement(refused: &Refused) -> Look {
    let listing = |status, reason, rule| {
        let mut look = plain(status, reason, rule);
        look.rows.push((Name::Require, "sec-agree".to_owned()));
        let list = refused.server.clone().map(|list| (Name::SecurityServer, list));
        look.rows.extend(list);
        look
    };
    use security::Refusal;
    match refused.why {
        Refusal::NoAgreement => listing(421, "Extension Required", Rule::AKA_010),
        Refusal::NothingInCommon if refused.server.is_none() => plain(403, "Forbidden", Rule::AKA_013),
        Refusal::NothingInCommon => listing(494, "Security Agreement Required", Rule::AKA_013),
        Refusal::Changed => listing(494, "Security Agreement Required", Rule::AKA_014),
        Refusal::Incomplete => plain(400, "Missing Security Agreement", Rule::AKA_014),
        Refusal::AnotherIdentity => plain(403, "Forbidden", Rule::PCSCF_006),
        Refusal::NothingToAgree => plain(403, "Forbidden", Rule::AKA_013),
        Refusal::ChallengedTwice | Refusal::Over => plain(403, "Forbidden", Rule::AKA_024),
        Refusal::NoSet(NoSet::Full | NoSet::TooManyPending) => plain(503, "Service Unavailable", Rule::AKA_028),
        Refusal::NoSet(_) => plain(403, "Forbidden", Rule::AKA_025),
    }
}

fn plain(status: u16, reason: impl Into<String>, rule: Rule) -> Look {
    Look {
        status,
        reason: reason.into(),
        rows: SmallVec::new(),
        body: Bytes::new(),
        to_tag: None,
        rule,
    }
}

impl Replied {
    /// One of this status and no more.
    pub fn bare(status: u16, rule: Rule) -> Replied {
        Replied {
            status,
            rows: SmallVec::new(),
            body: Bytes::new(),
            to_tag: None,
            rule,
            fault: None,
        }
    }

    /// The same with one more row.
    pub fn with(mut self, name: Name, value: impl Into<String>) -> Replied {
        self.rows.push((name, value.into()));
        self
    }

    fn look(&self) -> Look {
        Look {
            rows: self.rows.clone(),
            body: self.body.clone(),
            to_tag: self.to_tag.clone(),
            ..plain(self.status, reason::usual(self.status), self.rule)
        }
    }
}

//= MSG-002
//= MSG-005
//= MSG-011
//= MSG-012
fn unparsable(error: ParseError) -> Look {
    match error {
        ParseError::NotSip | ParseError::StatusLine => plain(400, "Bad Request", Rule::MSG_001),
        ParseError::RequestLine => plain(400, "Malformed Request-URI", Rule::MSG_011),
        ParseError::Version => plain(505, "Version Not Supported", Rule::MSG_002),
        ParseError::StartLineTooLong => plain(414, "Request-URI Too Long", Rule::MSG_012),
        ParseError::HeaderTooLong | ParseError::HeaderBlockTooLarge => plain(513, "Message Too Large", Rule::MSG_012),
        ParseError::HeaderRow | ParseError::BareCarriageReturn | ParseError::NoBlankLine => {
            plain(400, "Malformed Header", Rule::MSG_009)
        }
        ParseError::ContentLength => plain(400, "Bad Content-Length", Rule::MSG_005),
        ParseError::ShortBody => plain(400, "Body Shorter Than Content-Length", Rule::MSG_005),
        ParseError::BodyTooLarge => plain(413, "Request Entity Too Large", Rule::MSG_012),
    }
}

//= MSG-001
//= MSG-003
//= MSG-004
//= MSG-007
fn faulty(fault: Fault, method_known: bool) -> Look {
    match fault {
        Fault::Missing(name) => plain(400, format!("Missing {}", name.as_str()), Rule::MSG_001),
        Fault::Malformed(Name::CSeq) => plain(400, "Malformed CSeq", Rule::MSG_004),
        Fault::Malformed(name) => plain(400, format!("Malformed {}", name.as_str()), Rule::MSG_001),
        Fault::Twice(name) => plain(400, format!("Repeated {}", name.as_str()), Rule::MSG_007),
        Fault::OtherMethod if method_known => plain(400, "CSeq Names Another Method", Rule::MSG_003),
        Fault::OtherMethod => plain(501, "Not Implemented", Rule::MSG_003),
    }
}

fn unfit_look(unfit: &Unfit) -> Look {
    match unfit {
        Unfit::RequestUri => plain(400, "Malformed Request-URI", Rule::MSG_011),
        Unfit::Scheme => plain(416, "Unsupported URI Scheme", Rule::MSG_011),
        Unfit::TooManyHops => plain(483, "Too Many Hops", Rule::PROXY_003),
        Unfit::NoBreadth => plain(440, "Max-Breadth Exceeded", Rule::PROXY_005),
        Unfit::Extensions(tags) => {
            let mut look = plain(420, "Bad Extension", Rule::PROXY_002);
            look.rows.push((Name::Unsupported, tags.clone()));
            look
        }
    }
}

/// What this node can do, for who asks it.
//= PROXY-030
fn ourselves() -> Look {
    let mut look = plain(200, "OK", Rule::PROXY_030);
    look.rows.push((Name::Allow, ALLOWED.to_owned()));
    look.rows.push((Name::Accept, "*/*".to_owned()));
    look.rows
        .push((Name::Supported, "path, outbound, privacy, sec-agree".to_owned()));
    look
}

/// What passes through here; others do, too.
const ALLOWED: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, \
                       PUBLISH";

/// The reason phrase lists what was not provided: ASCII, 128 bytes at most.
//= PRIV-060
fn privacy(lacking: &[Unprovidable]) -> Look {
    const REASON_BYTES_MAX: usize = 128;
    let mut reason = "Privacy Service Failure".to_owned();
    let mut separator = ": ";
    for value in lacking {
        let name = value.as_str();
        let shown = if name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_graphic()) {
            name
        } else {
            "other"
        };
        if reason.len() + separator.len() + shown.len() > REASON_BYTES_MAX {
            break;
        }
        reason.push_str(separator);
        reason.push_str(shown);
        separator = ", ";
    }
    plain(500, reason, Rule::PRIV_060)
}

impl From<Refusal> for Reject {
    fn from(refusal: Refusal) -> Reject {
        match refusal {
            Refusal::NotProvided(lacking) => Reject::Privacy(lacking),
            Refusal::TooLong => Reject::TooLong,
            Refusal::CannotHide => Reject::CannotHide,
            Refusal::NoAddress => Reject::Unreachable,
        }
    }
}

impl From<Replied> for Reject {
    fn from(replied: Replied) -> Reject {
        Reject::Replied(Box::new(replied))
    }
}

impl From<NoTarget> for Reject {
    fn from(no_target: NoTarget) -> Reject {
        Reject::NoTarget(no_target)
    }
}

impl From<Unknown> for Reject {
    fn from(unknown: Unknown) -> Reject {
        Reject::Unknown(unknown)
    }
}

impl From<Unfit> for Reject {
    fn from(unfit: Unfit) -> Reject {
        Reject::Unfit(unfit)
    }
}

impl From<Unreadable> for Reject {
    fn from(unreadable: Unreadable) -> Reject {
        Reject::UnreadablePrivacy(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= SEC-009 type=test
    #[test]
    fn those_who_are_refused_together_are_asked_back_one_after_another() {
        for reject in [Reject::Full, Reject::TooMuch, Reject::Busy, Reject::Overloaded] {
            let mut seconds: Vec<String> = (0..10)
                .filter_map(|by| reject.look().spread(by).rows.pop())
                .map(|(_, value)| value)
                .collect();
            seconds.sort_unstable();
            seconds.dedup();
            assert_eq!(seconds, ["4", "5", "6", "7", "8"]);
        }
        assert_eq!(Reject::Loop.look().spread(1), Reject::Loop.look());
    }

    //= PRIV-060 type=test
    #[test]
    fn the_reason_lists_what_is_lacking_and_stays_short() {
        let named = |names: &[&str]| {
            let lacking: Vec<_> = names
                .iter()
                .map(|name| Unprovidable::Other(Some((*name).into())))
                .collect();
            Reject::Privacy(lacking).look().reason
        };
        assert_eq!(named(&["session", "foo"]), "Privacy Service Failure: session, foo");
        assert_eq!(named(&[&"x".repeat(300)]), "Privacy Service Failure: other");
        let many: Vec<String> = (0..40).map(|number| format!("token{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(named(&many).len() <= 128);
    }
}
