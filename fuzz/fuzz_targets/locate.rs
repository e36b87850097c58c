//! Bytes as what a URI leaves open and as everything the name servers say to it: the search ends, within its bounds.

#![no_main]

#[path = "../../tests/mutation/answers.rs"]
mod answers;

use libfuzzer_sys::fuzz_target;
use sipveil::locate::{HostName, Ways, Wish};
use sipveil::sip::Transport;

const TRANSPORTS: [Transport; 4] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Wss];

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.iter();
    // Each choice takes a byte; when there is none left, the first of all is chosen.
    let mut below = |end: usize| usize::from(bytes.next().copied().unwrap_or_default()) % end.max(1);
    let Some(host) = HostName::parse(b"asked.example") else {
        return;
    };
    let mut ways = Ways::default();
    for _ in 0..below(6) {
        ways.add(TRANSPORTS[below(4)], below(2) == 0);
    }
    let wish = Wish {
        host,
        transport: (below(3) == 0).then(|| TRANSPORTS[below(4)]),
        secure: below(3) == 0,
        port: (below(4) == 0).then_some(5060),
        ways,
    };
    if let Err(what) = answers::search(wish, &mut below) {
        panic!("{what}");
    }
});
