//! Table A, cell by cell: what becomes of an asserted identity on a leg, by the Privacy of the message's originator.
//!
//! A cell is a test. Where a default decides, the default of the other kind of hop says the contrary.

use crate::legs::{ALLY, CORE, NET, OTHER_UE, PAI, Party, STRANGER, UE, UE_IDENTITY, answered, forwarded, policy};
use crate::world::Sent;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Gone,
}

use Fate::{Gone, Kept};

/// How a message gets from one party to the other.
type Leg = fn(&str, Party, Party, &str) -> Sent;

const REQUEST: Leg = |policy, from, to, rows| forwarded(policy, from, to, "INVITE", rows);
const RESPONSE: Leg = |policy, from, to, rows| answered(policy, from, to, "200 OK", rows);

#[track_caller]
fn cell(leg: Leg, parties: (Party, Party), profile: &str, default: &str, privacy: &str, fate: Fate) {
    let (from, to) = parties;
    let contrary = if default == "keep" { "remove" } else { "keep" };
    let policy = match to.listener == "access" {
        true => policy(profile, default, contrary),
        false => policy(profile, contrary, default),
    };
    let row = match privacy {
        "" => String::new(),
        value => format!("Privacy: {value}\r\n"),
    };
    let sent = leg(&policy, from, to, &format!("{row}{PAI}"));
    let found = sent.rows("P-Asserted-Identity");
    // What a UE says of itself never counts; it is asserted anew.
    let identity = match from.listener == "access" {
        true => UE_IDENTITY,
        false => PAI.trim_end().split_once(": ").unwrap().1,
    };
    match fate {
        Kept => assert_eq!(found, [identity], "{}", sent.text()),
        Gone => {
            assert!(found.is_empty(), "{}", sent.text());
            assert!(!sent.text().contains("15550001"), "{}", sent.text());
        }
    }
}

macro_rules! row {
    ($row:ident: $leg:ident $parties:expr; $($cell:ident $profile:literal $default:literal $privacy:literal $fate:ident)+) => {
        mod $row {
            use super::*;
            $(
                //= PRIV-029 type=test
                #[test]
                fn $cell() {
                    cell($leg, $parties, $profile, $default, $privacy, $fate);
                }
            )+
        }
    };
}

/// The same fate in every column.
macro_rules! one_fate {
    ($row:ident: $leg:ident $parties:expr, $fate:ident) => {
        row! { $row: $leg $parties;
            absent_keep "ims" "keep" "" $fate
            absent_remove "ims" "remove" "" $fate
            none "ims" "remove" "none" $fate
            id "ims" "keep" "id" $fate
            id_with_critical "ims" "keep" "id;critical" $fate
            id_with_user "ims" "keep" "user;id" $fate
            id_with_header "ims" "keep" "header;id" $fate
            id_with_session "ims" "keep" "session;id" $fate
            id_with_history "ims" "keep" "history;id" $fate
            id_with_unknown "ims" "keep" "foo;id" $fate
            user_ims "ims" "keep" "user" $fate
            user_rfc_keep "rfc" "keep" "user" $fate
            user_rfc_remove "rfc" "remove" "user" $fate
            header "ims" "keep" "header" $fate
            session_keep "ims" "keep" "session" $fate
            session_remove "ims" "remove" "session" $fate
            history_keep "ims" "keep" "history" $fate
            history_remove "ims" "remove" "history" $fate
            critical_only "ims" "keep" "critical" $fate
            unknown "ims" "keep" "foo" $fate
            malformed "ims" "keep" "\"id\"" $fate
        }
    };
}

/// The columns of a boundary leg from T.
macro_rules! boundary {
    ($row:ident: $leg:ident $parties:expr) => {
        row! { $row: $leg $parties;
            absent_keep "ims" "keep" "" Kept
            absent_remove "ims" "remove" "" Gone
            none_keep "ims" "keep" "none" Kept
            none_remove "ims" "remove" "none" Kept
            none_rfc "rfc" "remove" "none" Kept
            id "ims" "keep" "id" Gone
            id_rfc "rfc" "keep" "id" Gone
            id_with_critical "ims" "keep" "id;critical" Gone
            id_with_user "ims" "keep" "user;id" Gone
            id_with_header "ims" "keep" "header;id" Gone
            id_with_session "ims" "keep" "session;id" Gone
            id_with_history "ims" "keep" "history;id" Gone
            id_with_unknown "ims" "keep" "foo;id" Gone
            user_ims "ims" "keep" "user" Gone
            user_rfc_keep "rfc" "keep" "user" Kept
            user_rfc_remove "rfc" "remove" "user" Gone
            header_keep "ims" "keep" "header" Gone
            header_rfc "rfc" "keep" "header" Gone
            session_keep "ims" "keep" "session" Kept
            session_remove "ims" "remove" "session" Gone
            history_keep "ims" "keep" "history" Kept
            history_remove "ims" "remove" "history" Gone
            critical_only "ims" "keep" "critical" Gone
            unknown "ims" "keep" "foo" Gone
            malformed "ims" "keep" "\"id\"" Gone
        }
    };
}

one_fate!(request_t_to_t: REQUEST (CORE, ALLY), Kept);
one_fate!(request_t_to_t_inwards: REQUEST (ALLY, CORE), Kept);
boundary!(request_t_to_e: REQUEST (CORE, UE));
boundary!(request_t_to_u: REQUEST (CORE, NET));
boundary!(request_t_of_a_listed_peer_to_u: REQUEST (ALLY, NET));
one_fate!(request_u_to_t: REQUEST (NET, CORE), Gone);
one_fate!(request_u_to_e: REQUEST (NET, UE), Gone);
one_fate!(request_u_to_u: REQUEST (STRANGER, NET), Gone);
one_fate!(request_s_to_t: REQUEST (UE, CORE), Kept);
boundary!(request_s_to_e: REQUEST (OTHER_UE, UE));
boundary!(request_s_to_u: REQUEST (UE, NET));

one_fate!(response_t_to_t: RESPONSE (ALLY, CORE), Kept);
one_fate!(response_t_to_t_outwards: RESPONSE (CORE, ALLY), Kept);
boundary!(response_t_to_u: RESPONSE (CORE, NET));
one_fate!(response_u_to_t: RESPONSE (NET, CORE), Gone);
one_fate!(response_u_to_u: RESPONSE (NET, STRANGER), Gone);
boundary!(response_t_to_e: RESPONSE (CORE, UE));
one_fate!(response_u_to_e: RESPONSE (NET, UE), Gone);
one_fate!(response_s_to_t: RESPONSE (UE, CORE), Kept);
boundary!(response_s_to_e: RESPONSE (UE, OTHER_UE));
boundary!(response_s_to_u: RESPONSE (UE, NET));

/// The whole row of refused and provisional answers, not only of 200.
//= PRIV-014 type=test
//= PRIV-024 type=test
#[test]
fn every_status_but_100_is_under_the_table() {
    for status in [
        "180 Ringing",
        "183 Progress",
        "302 Moved",
        "404 Not Found",
        "486 Busy Here",
        "603 Decline",
    ] {
        let shown = answered(&policy("ims", "remove", "keep"), CORE, NET, status, PAI);
        assert_eq!(shown.rows("P-Asserted-Identity").len(), 1, "{status}");
        let hidden = answered(
            &policy("ims", "remove", "keep"),
            CORE,
            NET,
            status,
            &format!("Privacy: id\r\n{PAI}"),
        );
        assert!(hidden.rows("P-Asserted-Identity").is_empty(), "{status}");
        assert_eq!(hidden.start(), format!("SIP/2.0 {status}"));
    }
}
