//! Where a message goes is fixed with what it shows.

use sipveil::privacy::Outgoing;
use sipveil::trust::Destination;

fn redirected(outgoing: &mut Outgoing, other: Destination) {
    *outgoing.destination() = other;
}

fn main() {}
