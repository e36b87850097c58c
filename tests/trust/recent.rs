//! Evidence that is at hand is the evidence that would be collected.

use std::sync::Arc;

use sipveil::policy::ListenerId;
use sipveil::sip::Transport;
use sipveil::trust::{Destination, Flow, Hop, Origin, Recent};

use super::ally;
use crate::world::policy;

fn flow(listener: u16, last: u8) -> Flow {
    Flow {
        listener: ListenerId(listener),
        transport: Transport::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([192, 0, 2, last], 5060).into(),
        connection: None,
        certified: None,
    }
}

fn destination(listener: u16, last: u8) -> Destination {
    Destination {
        listener: ListenerId(listener),
        transport: Transport::Udp,
        remote: ([192, 0, 2, last], 5060).into(),
        connection: None,
        certified: None,
    }
}

//= TRUST-014 type=test
#[test]
fn a_peer_is_judged_alike_when_it_is_new_at_hand_and_displaced() {
    // A peer from which messages come, but to which none is trusted to go.
    let text = ally("secured_by = \"physical\"\ndirection = \"in\"");
    let policy = Arc::new(policy(&text));
    let mut recent = Recent::new(Arc::clone(&policy));
    let mut trusted = [false; 2];
    for _ in 0..2 {
        for last in 58..70 {
            for listener in [0, 1, 2, 3, 0, 1] {
                // Twice: new or displaced, then at hand.
                for _ in 0..2 {
                    let (flow, destination) = (flow(listener, last), destination(listener, last));
                    let (origin, hop) = (Origin::judge(&policy, flow), Hop::judge(&policy, destination));
                    assert_eq!(Origin::judge_recent(&mut recent, flow), origin);
                    assert_eq!(Hop::judge_recent(&mut recent, destination), hop);
                    trusted[usize::from(origin.is_trusted() != hop.is_trusted())] = true;
                }
            }
        }
    }
    assert_eq!(trusted, [true; 2], "both directions were told apart");
}
