//! What the other programs try the wrong way, done the right way: this one compiles, so the others fail for their own reason.

use sipveil::engine::{Output, SendId};
use sipveil::privacy::gate::Cleared;
use sipveil::privacy::scrub::{Scrubbed, Terms};
use sipveil::privacy::{Notes, Outgoing, Wanted};
use sipveil::topology::Hidden;
use sipveil::trust::{
    Destination, Evidence, Flow, Hop, Member, Origin, Secure, Standing, TrustedHop, UntrustedHop, UntrustedKind,
};

fn cleared(trusted: Cleared<TrustedHop>, untrusted: Cleared<UntrustedHop>) -> [Outgoing; 2] {
    [Outgoing::Trusted(trusted), Outgoing::Untrusted(untrusted)]
}

fn sent(message: Outgoing) -> Output {
    Output::Send { id: SendId(0), message }
}

fn read(outgoing: &Outgoing) -> (&bytes::Bytes, &Destination) {
    (outgoing.bytes(), outgoing.destination())
}

fn scrubbed(hidden: Hidden, wanted: &Wanted, terms: Terms<'_>, notes: &mut Notes) -> Scrubbed {
    Scrubbed::new(hidden, wanted, terms, notes)
}

fn judged(origin: &Origin) -> bool {
    origin.is_trusted()
}

fn hops(trusted: TrustedHop, untrusted: UntrustedHop) -> [Hop; 2] {
    [Hop::Trusted(trusted), Hop::Untrusted(untrusted)]
}

/// Evidence anyone can write down.
fn evidence() -> Evidence {
    Evidence {
        secure: Secure::Listener { line: 1 },
        member: Member::Listener { line: 1 },
    }
}

fn named(_: Flow, _: Standing, _: UntrustedKind) {}

fn main() {}
