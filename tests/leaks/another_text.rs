//! Cleared bytes are not changed afterwards.

use sipveil::privacy::Outgoing;

fn edited(outgoing: &mut Outgoing, bytes: bytes::Bytes) {
    *outgoing.bytes() = bytes;
}

fn rewritten(outgoing: Outgoing, bytes: bytes::Bytes) -> Outgoing {
    match outgoing {
        Outgoing::Untrusted(mut cleared) => {
            cleared.bytes = bytes;
            Outgoing::Untrusted(cleared)
        }
        trusted => trusted,
    }
}

fn main() {}
