//! Max-Breadth, of one branch and of several.

use super::{CORE, NET, request, starts, to, world};
use crate::world::respond;

//= PROXY-005 type=test
#[test]
fn each_copy_that_goes_on_has_one_breadth_of_60_at_most() {
    let mut world = world();
    for (at, (rows, left)) in [
        ("", "60"),
        ("Max-Breadth: 60\r\n", "60"),
        ("Max-Breadth: 61\r\n", "60"),
        ("Max-Breadth: 4294967296000\r\n", "60"),
        ("Max-Breadth: 59\r\n", "59"),
        ("Max-Breadth: 1\r\n", "1"),
        ("Max-Breadth: many\r\n", "60"),
        ("Max-Breadth: 9\r\nMax-Breadth: 4\r\nmax-breadth: 7\r\n", "4"),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = world.packet(
            "core",
            CORE,
            &request("MESSAGE", "net.example", &format!("m{at}"), rows),
        );
        assert_eq!(to(&sent, NET)[0].rows("Max-Breadth"), [left], "{rows}");
    }
}

//= PROXY-005 type=test
#[test]
fn no_breadth_is_440_and_neither_cancel_nor_ack_mind() {
    let mut world = world();
    for method in ["MESSAGE", "INVITE"] {
        let sent = world.packet(
            "core",
            CORE,
            &request(method, "net.example", method, "Max-Breadth: 0\r\n"),
        );
        assert_eq!(starts(&sent), ["SIP/2.0 440 Max-Breadth Exceeded"]);
    }
    let sent = world.packet("core", CORE, &request("INVITE", "net.example", "a", ""));
    let out = to(&sent, NET)[0].clone();
    world.packet("net", NET, &respond(&out, "180 Ringing", "b", ""));
    let sent = world.packet("core", CORE, &request("CANCEL", "net.example", "a", ""));
    let cancel = to(&sent, NET)[0];
    assert!(cancel.start().starts_with("CANCEL ") && cancel.rows("Max-Breadth").is_empty());
    let ack = request("ACK", "ally.example", "k", "Max-Breadth: 0\r\n");
    let sent = world.packet("core", CORE, &ack);
    assert_eq!(to(&sent, "192.0.2.70:5060")[0].rows("Max-Breadth"), ["0"]);
}
