//! Visits of auditors, in words: whom to look at, and what was found there. A small JSON document each; nothing in it names anybody.

use super::SwarmId;
use super::json::{Json, Limits, Writer};

/// The event package, and the type of its bodies.
pub const PACKAGE: &str = "p2p-visit";
pub const MEDIA_TYPE: &str = "application/p2p-visit+json";

const FORMAT: u64 = 1;
/// Bytes of a document at most.
const LIMITS: Limits = Limits {
    bytes_max: 1024,
    ..Limits::PPSP
};

/// Where an auditor is to look.
#[derive(Clone, PartialEq, Eq)]
pub struct Visit {
    pub swarm: SwarmId,
    /// `None`: the auditor is not in the swarm yet; it enters it as any peer does, and asks again.
    pub accused: Option<Accused>,
}

/// Whom to call.
#[derive(Clone, PartialEq, Eq)]
pub struct Accused {
    /// The temporary ID that any peer could have heard.
    pub peer: String,
    /// The piece that somebody complained of.
    pub piece: Option<u32>,
}

/// What a visit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Bad,
    Good,
    /// Nobody was there.
    Nothing,
}

impl Visit {
    /// `None`: it is no such document.
    pub fn read(bytes: &[u8]) -> Option<Visit> {
        let document = read(bytes)?;
        let accused = match document.get("peer_id") {
            Some(peer) => Some(Accused {
                peer: peer.text()?.to_owned(),
                piece: match document.get("piece") {
                    Some(piece) => Some(piece.number()?.try_into().ok()?),
                    None => None,
                },
            }),
            None => None,
        };
        Some(Visit {
            swarm: SwarmId::parse(document.get("swarm_id")?.text()?)?,
            accused,
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(256);
        out.object(|out| {
            out.name("v").number(FORMAT);
            out.name("swarm_id").text(&self.swarm.to_string());
            if let Some(accused) = &self.accused {
                out.name("peer_id").text(&accused.peer);
                if let Some(piece) = accused.piece {
                    out.name("piece").number(piece.into());
                }
            }
        });
        out.finish()
    }
}

impl Found {
    const WORDS: [(Found, &str); 3] = [(Found::Bad, "bad"), (Found::Good, "good"), (Found::Nothing, "nothing")];

    /// `None`: it is no such document.
    pub fn read(bytes: &[u8]) -> Option<Found> {
        let document = read(bytes)?;
        let found = document.get("found")?.text()?;
        let known = Found::WORDS.iter().find(|(_, word)| *word == found);
        known.map(|(known, _)| *known)
    }

    pub fn to_bytes(self) -> Vec<u8> {
        let word = Found::WORDS.iter().find(|(known, _)| *known == self);
        let mut out = Writer::with_capacity(32);
        out.object(|out| {
            out.name("v").number(FORMAT);
            out.name("found").text(word.map_or("", |(_, word)| word));
        });
        out.finish()
    }
}

fn read(bytes: &[u8]) -> Option<Json<'_>> {
    let document = Json::read(bytes, LIMITS).ok()?;
    (document.get("v")?.number()? == FORMAT).then_some(document)
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Accused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accused").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_reads_as_it_was_written() {
        let swarm = SwarmId::of_root([6; 32]);
        let accused = |piece| {
            Some(Accused {
                peer: "sip:t1.x@tid.p2p.home1.example".into(),
                piece,
            })
        };
        for accused in [None, accused(None), accused(Some(7))] {
            let visit = Visit { swarm, accused };
            assert!(Visit::read(&visit.to_bytes()) == Some(visit));
        }
        for found in [Found::Bad, Found::Good, Found::Nothing] {
            assert_eq!(Found::read(&found.to_bytes()), Some(found));
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "{}",
            r#"{"v":2,"found":"bad"}"#,
            r#"{"v":1,"found":"worse"}"#,
            r#"{"v":1,"swarm_id":"x"}"#,
        ] {
            assert!(Found::read(text.as_bytes()).is_none() && Visit::read(text.as_bytes()).is_none());
        }
        let mut visit = Visit {
            swarm: SwarmId::of_root([6; 32]),
            accused: Some(Accused {
                peer: "x".repeat(900),
                piece: None,
            }),
        };
        assert!(Visit::read(&visit.to_bytes()).is_some());
        visit.accused.as_mut().unwrap().peer = "x".repeat(1000);
        assert!(Visit::read(&visit.to_bytes()).is_none(), "longer than any of ours");
    }
}
