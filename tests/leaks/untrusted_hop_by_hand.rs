//! A hop outside T comes from a judgement too: a stranger is not made a served UE.

use sipveil::trust::UntrustedKind;
use sipveil::trust::hop::UntrustedHop;

fn forged(hop: UntrustedHop) -> UntrustedHop {
    UntrustedHop {
        kind: UntrustedKind::Served,
        ..hop
    }
}

fn main() {}
