//! What is shown: each row has a UE of its own, which registers first.

use sipveil::pcscf::security::{Encryption, Integrity, Suite};
use sipveil::sip::Transport;

use crate::capture::Capture;
use crate::dialog::Dialog;
use crate::guest::stopped_by_guard;
use crate::home::{self, Home};
use crate::ue::{ADDRESS, PROXY, SERVER, Ue};
use crate::unique;
use crate::wire::{Ears, Heard, connect};

const BOB: &str = "sip:bob@home1.example";
/// Ports of nobody, for what is said in clear.
const STRANGER: [u16; 2] = [40_000, 40_001];
const BEST: Suite = Suite {
    encryption: Encryption::AesGcm,
    integrity: Integrity::Null,
};

pub struct Ground {
    pub home: Home,
    pub capture: Capture,
    number: u16,
}

impl Ground {
    pub fn opens() -> Ground {
        Ground {
            home: Home::opens(),
            capture: Capture::of("ue0"),
            number: 0,
        }
    }

    fn ue(&mut self, over: Transport) -> Ue {
        self.ue_with(over, BEST)
    }

    fn ue_with(&mut self, over: Transport, suite: Suite) -> Ue {
        self.number += 1;
        Ue::registered(self.number, over, suite, &mut self.home)
    }
}

/// A call that stands, as each side knows it.
struct Call {
    of_ue: Dialog,
    of_home: Dialog,
}

/// Asked and answered in clear and by the set that this makes, and once more by the set alone.
pub fn registers(ground: &mut Ground, over: Transport) {
    let mut ue = ground.ue(over);
    ue.registers(&mut ground.home);
    message_of_ue(ground, &mut ue);
}

pub fn a_call_of_the_ue(ground: &mut Ground, over: Transport) {
    let mut ue = ground.ue(over);
    let mut call = calls(ground, &mut ue);
    ue_says_bye(ground, &mut ue, &mut call);
}

pub fn a_call_to_the_ue(ground: &mut Ground, over: Transport) {
    let mut ue = ground.ue(over);
    let mut call = is_called(ground, &mut ue);
    home_says_bye(ground, &mut ue, &mut call);
}

/// A new challenge in the middle of two calls: at each step both sides are heard in both.
pub fn a_change_loses_nothing(ground: &mut Ground, over: Transport) {
    let mut ue = ground.ue(over);
    let mut of_ue = calls(ground, &mut ue);
    let mut of_home = is_called(ground, &mut ue);
    let (old_client, old_proxy) = (ue.client(), ue.proxy_client);
    both_are_heard(ground, &mut ue, [&mut of_ue, &mut of_home]);
    let (challenged, expected) = ue.is_challenged(&mut ground.home);
    for call in [&mut of_ue, &mut of_home] {
        let heard = home_asks(ground, &mut ue, call);
        assert_eq!(
            came_by(&heard, over),
            if over == Transport::Tcp { old_client } else { old_proxy }
        );
    }
    ue.proves(&mut ground.home, &challenged, &expected);
    assert!(ue.client() != old_client && ue.proxy_client != old_proxy);
    // Until the UE has used it the proxy keeps to the old set.
    let heard = home_asks(ground, &mut ue, &mut of_ue);
    assert_eq!(
        came_by(&heard, over),
        if over == Transport::Tcp { old_client } else { old_proxy }
    );
    ue_asks(ground, &mut ue, &mut of_ue);
    for call in [&mut of_ue, &mut of_home] {
        let heard = home_asks(ground, &mut ue, call);
        assert_eq!(
            came_by(&heard, over),
            if over == Transport::Tcp {
                ue.client()
            } else {
                ue.proxy_client
            }
        );
    }
    both_are_heard(ground, &mut ue, [&mut of_ue, &mut of_home]);
    ue_says_bye(ground, &mut ue, &mut of_ue);
    home_says_bye(ground, &mut ue, &mut of_home);
}

/// What tells over which set something came: by datagrams the port of the proxy, by connections of the UE its own.
fn came_by(heard: &Heard, over: Transport) -> u16 {
    match over {
        Transport::Tcp => heard.at.port(),
        _ => heard.from.port(),
    }
}

/// The UE has ended its connection: the proxy opens one, from its client port to the server port of the UE, and uses it again.
pub fn is_connected_to(ground: &mut Ground, over: Transport) {
    let mut ue = ground.ue(over);
    ue.hangs_up();
    for _ in 0..2 {
        let heard = message_to_ue(ground, &mut ue, "");
        assert!(heard.stream.is_some());
        assert_eq!(
            (heard.from.port(), heard.at.to_string()),
            (ue.proxy_client, reached(&ue))
        );
    }
}

/// 1,400 bytes to a UE that registered by datagrams.
pub fn large_ones_go_over_tcp(ground: &mut Ground, over: Transport) {
    let mut ue = ground.ue(over);
    let heard = message_to_ue(ground, &mut ue, &format!("Subject: {}\r\n", "x".repeat(1_400)));
    assert!(heard.stream.is_some());
    assert_eq!(
        (heard.from.port(), heard.at.to_string()),
        (ue.proxy_client, reached(&ue))
    );
}

fn reached(ue: &Ue) -> String {
    ue.target().split_once('@').unwrap().1.to_owned()
}

/// Its REGISTER, and a message each way.
pub fn a_suite(ground: &mut Ground, over: Transport, suite: Suite) {
    let mut ue = ground.ue_with(over, suite);
    message_of_ue(ground, &mut ue);
    message_to_ue(ground, &mut ue, "");
}

/// At the protected ports nothing in clear is answered or passed on, while a protected UE is served.
pub fn clear_text_is_refused(ground: &mut Ground) {
    let mut ue = ground.ue(Transport::Udp);
    let (mark, stopped) = (ground.capture.length(), stopped_by_guard());
    let ears = Ears::new();
    let socket = ears.datagrams((ADDRESS, STRANGER[0]).into());
    let call_id = unique("clear");
    let own = ue.subscriber.sip_identity();
    let mut said = 0;
    for method in ["OPTIONS", "MESSAGE", "REGISTER"] {
        let text = format!(
            "{method} {BOB} SIP/2.0\r\nVia: SIP/2.0/UDP {}:{};branch={};rport\r\nMax-Forwards: 70\r\nFrom: <{own}>;tag=1\r\n\
             To: <{BOB}>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n",
            std::net::Ipv4Addr::from(ADDRESS),
            STRANGER[0],
            unique("z9hG4bK"),
        );
        for port in [SERVER, ue.proxy_client] {
            socket
                .send_to(text.as_bytes(), std::net::SocketAddr::from((PROXY, port)))
                .unwrap();
            said += 1;
        }
    }
    for port in [SERVER, ue.proxy_client] {
        connect((ADDRESS, STRANGER[1]).into(), (PROXY, port).into()).unwrap_err();
    }
    // By now whatever was taken would have been passed on.
    message_of_ue(ground, &mut ue);
    let is_passed_on = ground
        .home
        .ears
        .has_heard(|message| message.row("Call-ID") == Some(&call_id));
    assert!(!is_passed_on);
    assert!(!STRANGER.iter().any(|port| ground.capture.is_answered(mark, *port)));
    assert!(stopped_by_guard() >= stopped + said + 2);
}

fn calls(ground: &mut Ground, ue: &mut Ue) -> Call {
    let mut of_ue = ue.begins("INVITE", BOB, "");
    let home = &mut ground.home;
    let invite = home.ears.takes_request("INVITE");
    let identity = format!("<{}>", ue.subscriber.sip_identity());
    assert_eq!(invite.message.row("P-Asserted-Identity"), Some(identity.as_str()));
    let tag = home.answers(&invite, "180 Ringing", "");
    ue.is_told("INVITE", "SIP/2.0 180");
    home.answers_as(&tag, &invite, "200 OK", "");
    of_ue.learns(&ue.is_told("INVITE", "SIP/2.0 200").message);
    ue.goes_on(&mut of_ue, "ACK", "");
    home.ears.takes_request("ACK");
    let of_home = Dialog::entered(&invite.message, &tag);
    Call { of_ue, of_home }
}

fn is_called(ground: &mut Ground, ue: &mut Ue) -> Call {
    let mut of_home = begins(&mut ground.home, ue, "INVITE", "");
    let invite = ue.ears.takes_request("INVITE");
    let over = ue.over;
    assert_eq!(
        came_by(&invite, over),
        if over == Transport::Tcp {
            ue.client()
        } else {
            ue.proxy_client
        }
    );
    assert_eq!(invite.stream.is_some(), over == Transport::Tcp);
    let tag = unique("ue");
    ue.answers(&invite, "180 Ringing", &tag);
    is_answered(&mut ground.home, "INVITE", "SIP/2.0 180");
    ue.answers(&invite, "200 OK", &tag);
    of_home.learns(&is_answered(&mut ground.home, "INVITE", "SIP/2.0 200").message);
    goes_on(&ground.home, &mut of_home, "ACK");
    ue.ears.takes_request("ACK");
    let of_ue = Dialog::entered(&invite.message, &tag);
    Call { of_ue, of_home }
}

fn begins(home: &mut Home, ue: &Ue, method: &str, rows: &str) -> Dialog {
    let mut dialog = Dialog::begun(&format!("<{BOB}>"), &ue.target(), std::slice::from_ref(&ue.path));
    let at = home::ADDRESS.parse().unwrap();
    home.says(&dialog.request(method, at, &format!("<sip:bob@{at}>"), rows));
    dialog
}

fn goes_on(home: &Home, dialog: &mut Dialog, method: &str) {
    let at = home::ADDRESS.parse().unwrap();
    home.says(&dialog.request(method, at, &format!("<sip:bob@{at}>"), ""));
}

/// The answer with this start to a request of the home network.
fn is_answered(home: &mut Home, method: &str, start: &str) -> Heard {
    home.ears.takes(&format!("{start} to {method}"), |message| {
        message.start().starts_with(start) && message.row("CSeq").unwrap_or_default().ends_with(method)
    })
}

fn both_are_heard(ground: &mut Ground, ue: &mut Ue, calls: [&mut Call; 2]) {
    for call in calls {
        ue_asks(ground, ue, call);
        home_asks(ground, ue, call);
    }
}

fn ue_asks(ground: &mut Ground, ue: &mut Ue, call: &mut Call) {
    of_ue(ground, ue, call, "INFO");
}

fn ue_says_bye(ground: &mut Ground, ue: &mut Ue, call: &mut Call) {
    of_ue(ground, ue, call, "BYE");
}

fn of_ue(ground: &mut Ground, ue: &mut Ue, call: &mut Call, method: &str) {
    ue.goes_on(&mut call.of_ue, method, "");
    let asked = ground.home.ears.takes_request(method);
    assert_eq!(asked.message.row("Call-ID"), Some(call.of_home.call_id.as_str()));
    ground.home.answers(&asked, "200 OK", "");
    ue.is_told(method, "SIP/2.0 200");
}

fn home_asks(ground: &mut Ground, ue: &mut Ue, call: &mut Call) -> Heard {
    of_home(ground, ue, call, "INFO")
}

fn home_says_bye(ground: &mut Ground, ue: &mut Ue, call: &mut Call) {
    of_home(ground, ue, call, "BYE");
}

fn of_home(ground: &mut Ground, ue: &mut Ue, call: &mut Call, method: &str) -> Heard {
    goes_on(&ground.home, &mut call.of_home, method);
    let asked = ue.ears.takes_request(method);
    assert_eq!(asked.message.row("Call-ID"), Some(call.of_ue.call_id.as_str()));
    ue.answers(&asked, "200 OK", "");
    is_answered(&mut ground.home, method, "SIP/2.0 200");
    asked
}

fn message_of_ue(ground: &mut Ground, ue: &mut Ue) {
    ue.begins("MESSAGE", BOB, "");
    let asked = ground.home.ears.takes_request("MESSAGE");
    ground.home.answers(&asked, "200 OK", "");
    ue.is_told("MESSAGE", "SIP/2.0 200");
}

fn message_to_ue(ground: &mut Ground, ue: &mut Ue, rows: &str) -> Heard {
    begins(&mut ground.home, ue, "MESSAGE", rows);
    let asked = ue.ears.takes_request("MESSAGE");
    ue.answers(&asked, "200 OK", &unique("ue"));
    is_answered(&mut ground.home, "MESSAGE", "SIP/2.0 200");
    asked
}
