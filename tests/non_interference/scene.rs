//! Where a dialog is played: the policies it may meet, and who may call whom over what.

use std::sync::Arc;

use sipveil::policy::Policy;
use sipveil::sip::Transport;

use super::carriers::Towards;
use super::compare::Lengths;
use crate::world;

/// What the keys of a policy decide about carriers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    pub removes_identity: bool,
    pub user_removes_identity: bool,
    pub user_hides_contact: bool,
    pub user_hides_way_from_ue: bool,
    pub user_strips_session_id: bool,
    pub id_hides_from: bool,
    pub id_strips_identity_to_ue: bool,
    pub passes_remote_party: bool,
    pub maps_call_ids: bool,
    pub none_wins: bool,
    /// `header` is provided. Else it is as any value that nobody knows.
    pub provides_header: bool,
    /// What a party asked for when it entered a dialog holds until its end.
    pub remembers: bool,
    /// What it asks for beyond that in a later message holds from then on, too.
    pub widens: bool,
}

/// A policy, and what it means here.
pub struct Scene {
    pub name: &'static str,
    pub terms: Terms,
    pub policy: Arc<Policy>,
    /// Sealed text is longer for a longer name, and a message with it may be too large for a datagram. So either the two who hide
    /// have names of one length, or no message is too large.
    pub lengths: Lengths,
}

/// The policies that dialogs are played under.
pub fn scenes() -> Vec<Scene> {
    let ims = Terms {
        user_strips_session_id: true,
        user_removes_identity: true,
        user_hides_contact: true,
        user_hides_way_from_ue: true,
        remembers: true,
        provides_header: true,
        ..Terms::default()
    };
    let exact = |name, terms, text: String| Scene {
        name,
        terms,
        policy: Arc::new(world::policy(&text)),
        lengths: Lengths::Count,
    };
    let scene = |name, terms, text: String| Scene {
        lengths: Lengths::Differ,
        ..exact(name, terms, text + "[limits]\ndatagram_request_bytes_max = 9000\n")
    };
    let with = |lines: &str| text().replacen("[[peer]]", &format!("[privacy]\n{lines}\n[[peer]]"), 1);
    let all = "values = [\"none\", \"id\", \"critical\", \"user\", \"header\", \"history\"]\n";
    let with_all = |lines: &str| with(&(all.to_owned() + lines + "\nstrip_session_id_on_user = true"));
    let maps = Terms {
        maps_call_ids: true,
        ..ims
    };
    let stores = Terms { widens: true, ..ims };
    let strict = Terms {
        removes_identity: true,
        id_hides_from: true,
        id_strips_identity_to_ue: true,
        passes_remote_party: true,
        ..ims
    };
    let strict_text = with_all(
        "id_anonymises_from = true\nstrip_identity_on_id_to_ue = true\n\
         remote_party_id = \"pass\"",
    );
    let passes = Terms {
        user_strips_session_id: false,
        passes_remote_party: true,
        provides_header: false,
        ..ims
    };
    let rfc = Terms {
        user_strips_session_id: true,
        none_wins: true,
        provides_header: true,
        ..Terms::default()
    };
    let keep = "to_ue = \"keep\", to_untrusted = \"keep\"";
    vec![
        exact("ims, names of one length", ims, with_all("")),
        exact("map, names of one length", maps, with_all("call_id = \"map\"")),
        scene("ims", ims, with_all("")),
        scene("map", maps, with_all("call_id = \"map\"")),
        scene(
            "strict",
            strict,
            strict_text.replace(keep, &keep.replace("keep", "remove")),
        ),
        exact(
            "store, names of one length",
            stores,
            with_all("dialog_memory = \"store\"\ntoken_max = 200"),
        ),
        scene("pass", passes, with("remote_party_id = \"pass\"")),
        scene(
            "rfc",
            rfc,
            with_all("").replace("profile = \"ims\"", "profile = \"rfc\""),
        ),
    ]
}

/// The policy of the other tests with every transport, and with routes that fork.
///
/// Within T each listener has one transport. What goes there shows the person, so it may be too large for a datagram in one
/// run and not in the other; the parties would see other retransmissions, and play another dialog.
fn text() -> String {
    let with = |text: String, address: &str, more: &str| {
        let udp = format!("\"udp://{address}:5060\"");
        text.replace(&udp, &format!("{udp}, \"tcp://{address}:5060\"{more}"))
    };
    let text = with(
        world::POLICY.to_owned(),
        "192.0.2.1",
        ", \"tls://192.0.2.1:5061\", \"ws://192.0.2.1:8080\"",
    );
    let text = with(text, "10.30.0.1", ", \"ws://10.30.0.1:8080\"");
    let tls = "name = \"net\"\ntls = { certificate = \"edge.pem\", key = \"edge.key\", client_ca = \"a.pem\", ca = \"a.pem\" }\n";
    text.replacen("name = \"net\"\n", tls, 1)
        .replacen("[[listener]]", &(INNER.to_owned() + "[[listener]]"), 1)
        .replacen("[[route]]", &(ROUTES.to_owned() + "[[route]]"), 1)
}

const INNER: &str = r#"
[[listener]]
name = "inner"
bind = ["tcp://10.20.0.2:5060"]
peers = "trusted"
secured_by = "physical"
"#;

const ROUTES: &str = r#"
[[route]]
from = "inner"
domain = ["tcp.example"]
next_hop = ["sip:192.0.2.9:5060;transport=tcp"]
via = "net"
[[route]]
from = "core"
domain = ["tls.example"]
next_hop = ["sip:192.0.2.9:5061;transport=tls"]
via = "net"
[[route]]
from = "core"
domain = ["parallel.example"]
next_hop = ["sip:192.0.2.9:5060", "sip:192.0.2.10:5060"]
via = "net"
fork = "parallel"
[[route]]
from = "core"
domain = ["serial.example"]
next_hop = ["sip:192.0.2.9:5060", "sip:192.0.2.10:5060"]
via = "net"
fork = "serial"
[[route]]
from = "core"
domain = ["failover.example"]
next_hop = ["sip:192.0.2.9:5060", "sip:192.0.2.10:5060"]
via = "net"
[[route]]
from = "core"
domain = ["mixed.example"]
next_hop = ["sip:192.0.2.70:5060;transport=udp", "sip:192.0.2.9:5060"]
via = "net"
fork = "parallel"
[[route]]
from = "net"
domain = ["fork.home1.example"]
next_hop = ["sip:10.20.0.9:5060", "sip:10.20.0.10:5060"]
via = "core"
fork = "parallel"
"#;

/// A party's place: on which side of the proxy, where, and over what.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    pub listener: &'static str,
    pub address: &'static str,
    pub transport: Transport,
    pub connection: Option<u64>,
    pub side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Inside,
    Served,
    Stranger,
}

/// Who calls whom, and who of them hides.
pub struct Cast {
    pub name: &'static str,
    pub caller: Seat,
    pub callees: &'static [Seat],
    pub domain: &'static str,
    pub caller_hides: bool,
    /// What those outside T are who must not know.
    pub towards: Towards,
}

const fn seat(listener: &'static str, address: &'static str, side: Side) -> Seat {
    Seat {
        listener,
        address,
        transport: Transport::Udp,
        connection: None,
        side,
    }
}

const fn over(transport: Transport, connection: u64, seat: Seat) -> Seat {
    Seat {
        transport,
        connection: Some(connection),
        ..seat
    }
}

const CORE: Seat = seat("core", "10.20.0.9:5060", Side::Inside);
const CORE_TOO: Seat = seat("core", "10.20.0.10:5060", Side::Inside);
const ALLY: Seat = seat("net", "192.0.2.70:5060", Side::Inside);
const NET: Seat = seat("net", "192.0.2.9:5060", Side::Stranger);
const NET_TOO: Seat = seat("net", "192.0.2.10:5060", Side::Stranger);
const STRANGER: Seat = seat("net", "192.0.2.30:5060", Side::Stranger);
const UE: Seat = seat("access", "10.30.0.9:5060", Side::Served);
const UE_TOO: Seat = seat("access", "10.30.0.8:5060", Side::Served);

const fn outwards(name: &'static str, caller: Seat, callees: &'static [Seat], domain: &'static str) -> Cast {
    Cast {
        name,
        caller,
        callees,
        domain,
        caller_hides: true,
        towards: Towards::Strangers,
    }
}

/// The callee hides.
const fn inwards(name: &'static str, caller: Seat, callees: &'static [Seat], domain: &'static str) -> Cast {
    Cast {
        caller_hides: false,
        ..outwards(name, caller, callees, domain)
    }
}

const fn towards_ue(cast: Cast) -> Cast {
    Cast {
        towards: Towards::Ue,
        ..cast
    }
}

pub const CASTS: &[Cast] = &[
    outwards("a node of T calls a stranger", CORE, &[NET], "net.example"),
    towards_ue(outwards("a node of T calls a served UE", CORE, &[UE], "ue.example")),
    outwards(
        "a node of T calls a stranger, all over TCP",
        over(Transport::Tcp, 1, seat("inner", "10.20.0.9:4711", Side::Inside)),
        &[over(Transport::Tcp, 2, NET)],
        "tcp.example",
    ),
    outwards(
        "a node of T calls a stranger over TLS",
        CORE,
        &[over(Transport::Tls, 2, seat("net", "192.0.2.9:5061", Side::Stranger))],
        "tls.example",
    ),
    outwards(
        "a member of T by its prefix calls a stranger",
        ALLY,
        &[NET],
        "net.example",
    ),
    outwards("a stranger calls another", STRANGER, &[NET], "net.example"),
    outwards(
        "a call forks to two strangers",
        CORE,
        &[NET, NET_TOO],
        "parallel.example",
    ),
    outwards(
        "a call tries one stranger after another",
        CORE,
        &[NET, NET_TOO],
        "serial.example",
    ),
    outwards(
        "a call falls back to another stranger",
        CORE,
        &[NET, NET_TOO],
        "failover.example",
    ),
    outwards(
        "a call forks to a member of T and a stranger",
        CORE,
        &[ALLY, NET],
        "mixed.example",
    ),
    outwards("a served UE calls a stranger", UE, &[NET], "net.example"),
    towards_ue(outwards("a served UE calls another", UE_TOO, &[UE], "ue.example")),
    towards_ue(outwards(
        "a served UE behind a WebSocket calls another",
        over(Transport::Ws, 3, seat("access", "10.30.0.8:4711", Side::Served)),
        &[UE],
        "ue.example",
    )),
    inwards("a stranger calls a node of T", STRANGER, &[CORE], "home1.example"),
    inwards(
        "a stranger calls a node of T over TCP",
        over(Transport::Tcp, 1, seat("net", "192.0.2.30:4711", Side::Stranger)),
        &[CORE],
        "home1.example",
    ),
    inwards(
        "a stranger calls a node of T over TLS",
        over(Transport::Tls, 1, seat("net", "192.0.2.30:4711", Side::Stranger)),
        &[CORE],
        "home1.example",
    ),
    inwards(
        "a stranger behind a WebSocket calls a node of T",
        over(Transport::Ws, 1, seat("net", "192.0.2.30:4711", Side::Stranger)),
        &[CORE],
        "home1.example",
    ),
    inwards(
        "a stranger's call forks within T",
        STRANGER,
        &[CORE, CORE_TOO],
        "fork.home1.example",
    ),
    inwards("a stranger calls a served UE", STRANGER, &[UE], "ue.example"),
    towards_ue(inwards("a served UE calls a node of T", UE, &[CORE], "home1.example")),
];
