//! What peers say to each other inside SRTP, one message a packet: who holds what, what is asked for, hashes and leaves.

use sipveil::ppsp::json::{Json, Limits};
use sipveil::ppsp::tree::{HASH_BYTES, LEAF_BYTES};
use sipveil::ppsp::{ChunkMap, ticket};

use super::run::{RUN_LEAVES, RunHashes};

/// Levels above a run at most.
const SIBLINGS_MAX: usize = 26;
/// Characters of what somebody is called.
const NAME_MAX: usize = 256;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Tell what you hold.
    AskMap,
    Map(ChunkMap),
    Ask(Ask),
    Hashes(RunHashes),
    Leaf {
        leaf: u32,
        bytes: Vec<u8>,
    },
    /// A cache tells who fetches from it what keys may be asked for.
    Ticket(String),
    /// First of all where no network stands between: what others call who speaks, and the tracker's word that it is a member.
    Hello {
        name: String,
        ticket: String,
    },
}

/// Leaves of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    pub run: u32,
    /// Bit n: leaf n of the run.
    pub wanted: u16,
    /// Whether the hashes are wanted, too.
    pub hashes: bool,
}

impl Frame {
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEAF_BYTES + 8);
        match self {
            Frame::AskMap => bytes.push(0),
            Frame::Map(map) => {
                bytes.push(1);
                bytes.extend_from_slice(&map.to_json().to_bytes());
            }
            Frame::Ask(ask) => {
                bytes.push(2);
                bytes.extend_from_slice(&ask.run.to_be_bytes());
                bytes.extend_from_slice(&ask.wanted.to_be_bytes());
                bytes.push(ask.hashes.into());
            }
            Frame::Hashes(hashes) => {
                bytes.push(3);
                bytes.extend_from_slice(&hashes.run.to_be_bytes());
                bytes.push(hashes.leaves.len() as u8);
                let all = hashes.leaves.iter().chain(&hashes.siblings);
                all.for_each(|hash| bytes.extend_from_slice(hash));
            }
            Frame::Leaf { leaf, bytes: content } => {
                bytes.push(4);
                bytes.extend_from_slice(&leaf.to_be_bytes());
                bytes.extend_from_slice(content);
            }
            Frame::Ticket(ticket) => {
                bytes.push(5);
                bytes.extend_from_slice(ticket.as_bytes());
            }
            Frame::Hello { name, ticket } => {
                bytes.push(6);
                bytes.extend_from_slice(name.as_bytes());
                bytes.push(b' ');
                bytes.extend_from_slice(ticket.as_bytes());
            }
        }
        bytes
    }

    /// `None`: it is no message, or too long for one.
    pub fn read(bytes: &[u8]) -> Option<Frame> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            0 => rest.is_empty().then_some(Frame::AskMap),
            1 => {
                let json = Json::read(rest, Limits::PPSP).ok()?;
                ChunkMap::read(&json).ok().map(Frame::Map)
            }
            2 => {
                let (run, rest) = rest.split_first_chunk()?;
                let (wanted, rest) = rest.split_first_chunk()?;
                let hashes = match rest {
                    [0] => false,
                    [1] => true,
                    _ => return None,
                };
                Some(Frame::Ask(Ask {
                    run: u32::from_be_bytes(*run),
                    wanted: u16::from_be_bytes(*wanted),
                    hashes,
                }))
            }
            3 => {
                let (run, rest) = rest.split_first_chunk()?;
                let (count, rest) = rest.split_first()?;
                let (hashes, rest) = rest.as_chunks::<HASH_BYTES>();
                let (leaves, siblings) = hashes.split_at_checked((*count).into())?;
                let fits = rest.is_empty() && leaves.len() <= RUN_LEAVES as usize && siblings.len() <= SIBLINGS_MAX;
                fits.then(|| {
                    Frame::Hashes(RunHashes {
                        run: u32::from_be_bytes(*run),
                        leaves: leaves.to_vec(),
                        siblings: siblings.to_vec(),
                    })
                })
            }
            4 => {
                let (leaf, content) = rest.split_first_chunk()?;
                (1..=LEAF_BYTES).contains(&content.len()).then(|| Frame::Leaf {
                    leaf: u32::from_be_bytes(*leaf),
                    bytes: content.to_vec(),
                })
            }
            5 => {
                let text = std::str::from_utf8(rest).ok()?;
                (text.len() <= ticket::TEXT_MAX).then(|| Frame::Ticket(text.to_owned()))
            }
            6 => {
                let (name, ticket) = std::str::from_utf8(rest).ok()?.split_once(' ')?;
                let fits = name.len() <= NAME_MAX && ticket.len() <= ticket::TEXT_MAX;
                fits.then(|| Frame::Hello {
                    name: name.to_owned(),
                    ticket: ticket.to_owned(),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_read_as_they_were_written() {
        let hashes = RunHashes {
            run: 70_000,
            leaves: vec![[1; 32]; 16],
            siblings: vec![[2; 32]; SIBLINGS_MAX],
        };
        let frames = [
            Frame::AskMap,
            Frame::Map(ChunkMap::full(300)),
            Frame::Map(ChunkMap::of_ranges(300, &[(0, 3), (5, 299)]).unwrap()),
            Frame::Ask(Ask {
                run: 9,
                wanted: 0x8001,
                hashes: true,
            }),
            Frame::Hashes(hashes),
            Frame::Leaf {
                leaf: u32::MAX,
                bytes: vec![3; LEAF_BYTES],
            },
            Frame::Ticket("a.b.c".into()),
            Frame::Hello {
                name: format!("sip:{}", "n".repeat(NAME_MAX - 4)),
                ticket: "t".repeat(ticket::TEXT_MAX),
            },
        ];
        for frame in frames {
            let bytes = frame.write();
            assert!(bytes.len() <= 1400, "{} bytes", bytes.len());
            assert_eq!(Frame::read(&bytes), Some(frame));
        }
    }

    #[test]
    fn what_is_longer_than_a_message_is_none() {
        let leaf = |length| [&[4, 0, 0, 0, 1][..], &vec![7; length]].concat();
        assert!(Frame::read(&leaf(LEAF_BYTES)).is_some());
        assert_eq!(Frame::read(&leaf(LEAF_BYTES + 1)), None);
        assert_eq!(Frame::read(&leaf(0)), None);
        let hashes =
            |leaves: usize, siblings| [&[3, 0, 0, 0, 1, leaves as u8][..], &vec![7; (leaves + siblings) * 32]].concat();
        assert!(Frame::read(&hashes(16, 26)).is_some());
        assert_eq!(Frame::read(&hashes(17, 0)), None);
        assert_eq!(Frame::read(&hashes(16, 27)), None);
        assert_eq!(Frame::read(&[&[5][..], &[b'a'; ticket::TEXT_MAX + 1]].concat()), None);
        let hello = |name, ticket| [&[6][..], &vec![b'n'; name], b" ", &vec![b't'; ticket]].concat();
        assert!(Frame::read(&hello(NAME_MAX, ticket::TEXT_MAX)).is_some());
        assert_eq!(Frame::read(&hello(NAME_MAX + 1, 1)), None);
        assert_eq!(Frame::read(&hello(1, ticket::TEXT_MAX + 1)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0u8..8) {
            let bytes = [&[kind][..], &bytes].concat();
            if let Some(frame) = Frame::read(&bytes) {
                prop_assert_eq!(Frame::read(&frame.write()), Some(frame));
            }
        }
    }
}
