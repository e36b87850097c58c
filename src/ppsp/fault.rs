//! What a tracker says no with: the codes of RFC 7846 and our finer words for them.

/// `ims_error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    #[error("the body is no message of the tracker protocol")]
    BadBody,
    #[error("a temporary ID is another peer's already")]
    TidConflict,
    #[error("a peer_id names somebody")]
    TidIsPermanent,
    #[error("the version is not 1")]
    Version,
    #[error("the peer is not in the swarm")]
    NotMember,
    #[error("the peer is banned")]
    Banned,
    #[error("the request does not fit what the peer did before")]
    State,
    #[error("what was announced is not proved")]
    ProofFailed,
    #[error("no such swarm is known")]
    UnknownSwarm,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body is of a type that is not read")]
    Media,
    #[error("the peer asks too often, or for too much")]
    Rate,
    #[error("nobody vouches for the peer")]
    Auth,
    #[error("the tracker is broken")]
    Internal,
    #[error("the tracker has too much to do")]
    Busy,
    #[error("privacy cannot be provided")]
    Privacy,
    #[error("the peer may not have these keys")]
    KeyNotAuthorised,
}

const WORDS: [(Fault, &str, u8); 17] = [
    (Fault::BadBody, "BAD_BODY", 1),
    (Fault::TidConflict, "TID_CONFLICT", 1),
    (Fault::TidIsPermanent, "TID_IS_PERMANENT", 1),
    (Fault::Version, "VERSION", 2),
    (Fault::NotMember, "NOT_MEMBER", 3),
    (Fault::Banned, "BANNED", 3),
    (Fault::State, "STATE", 3),
    (Fault::ProofFailed, "PROOF_FAILED", 3),
    (Fault::UnknownSwarm, "UNKNOWN_SWARM", 3),
    (Fault::TooLarge, "TOO_LARGE", 1),
    (Fault::Media, "MEDIA", 1),
    (Fault::Rate, "RATE", 3),
    (Fault::Auth, "AUTH", 6),
    (Fault::Internal, "INTERNAL", 4),
    (Fault::Busy, "BUSY", 5),
    (Fault::Privacy, "PRIVACY", 4),
    (Fault::KeyNotAuthorised, "KEY_NOT_AUTHORISED", 3),
];

impl Fault {
    pub const COUNT: usize = WORDS.len();

    /// Each of them, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Fault> {
        WORDS.iter().map(|(fault, ..)| *fault)
    }

    pub fn word(self) -> &'static str {
        WORDS[self as usize].1
    }

    /// `error_code` of RFC 7846.
    pub fn code(self) -> u8 {
        WORDS[self as usize].2
    }

    pub fn of_word(word: &str) -> Option<Fault> {
        WORDS
            .iter()
            .find(|(_, known, _)| *known == word)
            .map(|(fault, ..)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_stands_in_its_place() {
        for (place, (fault, word, code)) in WORDS.into_iter().enumerate() {
            assert_eq!(fault as usize, place);
            assert_eq!(
                (fault.word(), fault.code(), Fault::of_word(word)),
                (word, code, Some(fault))
            );
        }
        assert_eq!(Fault::of_word("bad_body"), None);
    }
}
