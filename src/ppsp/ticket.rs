//! The membership ticket: the tracker's word that its holder is a member of a swarm, and that verified peers have these pieces.
//!
//! Short enough to ride in any message, and good for one member only. It names nobody: the viewer is a tag that the tracker makes.

use super::SwarmId;
use super::chunk_map::PIECES_MAX;
use super::jws::{self, JwsError, Kind, SigningKey, Unverified, VerifyingKey};
use super::ranges::{self, PieceRange};
use super::tree;

/// Characters of a ticket at most.
//= P2P-082
pub const TEXT_MAX: usize = 600;
/// Runs of pieces in a ticket at most: as many as fit whatever their numbers.
pub const RANGES_MAX: usize = 16;
/// Bytes of the tag of who holds a ticket.
pub const VIEWER_BYTES: usize = 16;

/// How long a ticket lasts.
//= P2P-082
pub const LIFETIME_SECONDS: u64 = 600;

/// Whom a ticket is for.
pub type Viewer = [u8; VIEWER_BYTES];

/// The viewer of this temporary ID: whoever is shown both can compare them.
pub fn viewer_of(temporary_id: &str) -> Viewer {
    let mut viewer = [0; VIEWER_BYTES];
    viewer.copy_from_slice(&tree::leaf_hash(temporary_id.as_bytes())[..VIEWER_BYTES]);
    viewer
}

/// What a ticket says.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    pub swarm: SwarmId,
    pub viewer: Viewer,
    /// Pieces that verified holders offer.
    pub ranges: Vec<PieceRange>,
    /// Seconds since 1970; at that moment it is over.
    pub expires: u64,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

/// Why a ticket is not believed, or cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    #[error("ticket: {0}")]
    Signed(#[from] JwsError),
    #[error("a ticket is no JSON of swarm, viewer, ranges and exp")]
    Json,
    #[error("a ticket's pieces are out of order, outside a content, or more than {RANGES_MAX} runs")]
    Ranges,
    #[error("a ticket is for another swarm")]
    OtherSwarm,
    #[error("a ticket is for another member")]
    OtherViewer,
    #[error("a ticket has expired")]
    Expired,
}

/// The members, in the order of RFC 8785.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    exp: u64,
    ranges: Vec<PieceRange>,
    swarm: String,
    viewer: String,
}

impl Ticket {
    /// A ticket from `at` on, over the longest runs of `available`, [`RANGES_MAX`] at most: to say less than there is does no harm.
    //= P2P-082
    pub fn new(at: u64, swarm: SwarmId, viewer: Viewer, available: &[PieceRange]) -> Ticket {
        let mut ranges = available.to_vec();
        ranges.sort_by_key(|(first, last)| std::cmp::Reverse(last.saturating_sub(*first)));
        ranges.truncate(RANGES_MAX);
        ranges.sort_unstable();
        Ticket {
            swarm,
            viewer,
            ranges,
            expires: at.saturating_add(LIFETIME_SECONDS),
        }
    }

    //= P2P-082
    pub fn sign(&self, key: &SigningKey) -> Result<String, TicketError> {
        self.has_good_ranges()?;
        let document = Document {
            exp: self.expires,
            ranges: self.ranges.clone(),
            swarm: self.swarm.text(),
            viewer: data_encoding::BASE64URL_NOPAD.encode(&self.viewer),
        };
        // Text and numbers: nothing here fails to be JSON.
        let text = jws::sign(Kind::Ticket, &serde_json::to_vec(&document).unwrap_or_default(), key);
        if text.len() > TEXT_MAX {
            return Err(JwsError::TooLong.into());
        }
        Ok(text)
    }

    /// Reads a ticket that this member shows for this swarm at a time in seconds since 1970.
    //= P2P-082
    //= P2P-095
    pub fn open(
        text: &str,
        key: &VerifyingKey,
        swarm: &SwarmId,
        viewer: &Viewer,
        at: u64,
    ) -> Result<Ticket, TicketError> {
        let payload = Unverified::read(Kind::Ticket, text, TEXT_MAX)?.verified(key)?;
        let document: Document = serde_json::from_slice(&payload).map_err(|_| TicketError::Json)?;
        let ticket = Ticket {
            swarm: SwarmId::of_text(&document.swarm).ok_or(TicketError::Json)?,
            viewer: tree::bytes_of(&document.viewer).ok_or(TicketError::Json)?,
            ranges: document.ranges,
            expires: document.exp,
        };
        ticket.has_good_ranges()?;
        if ticket.swarm != *swarm {
            return Err(TicketError::OtherSwarm);
        }
        if ticket.viewer != *viewer {
            return Err(TicketError::OtherViewer);
        }
        if at >= ticket.expires {
            return Err(TicketError::Expired);
        }
        Ok(ticket)
    }

    fn has_good_ranges(&self) -> Result<(), TicketError> {
        let is_good = self.ranges.len() <= RANGES_MAX && ranges::are_ranges(&self.ranges, PIECES_MAX);
        is_good.then_some(()).ok_or(TicketError::Ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[5; 32]).unwrap()
    }

    fn ticket() -> Ticket {
        Ticket {
            swarm: SwarmId::of_root([2; 32]),
            viewer: [3; 16],
            ranges: vec![(0, 15), (64, 4095)],
            expires: 1000,
        }
    }

    fn opened(text: &str) -> Result<Ticket, TicketError> {
        Ticket::open(text, &key().verifying_key(), &SwarmId::of_root([2; 32]), &[3; 16], 999)
    }

    //= P2P-082 type=test
    #[test]
    fn a_ticket_reads_as_it_was_signed() {
        assert_eq!(opened(&ticket().sign(&key()).unwrap()), Ok(ticket()));
    }

    //= P2P-082 type=test
    #[test]
    fn it_is_for_one_member_of_one_swarm_for_a_while() {
        let text = ticket().sign(&key()).unwrap();
        let open = |swarm: u8, viewer: u8, at| {
            let opened = Ticket::open(
                &text,
                &key().verifying_key(),
                &SwarmId::of_root([swarm; 32]),
                &[viewer; 16],
                at,
            );
            opened.map(|_| ()).err()
        };
        assert_eq!(open(2, 3, 999), None);
        assert_eq!(open(2, 3, 1000), Some(TicketError::Expired));
        assert_eq!(open(1, 3, 0), Some(TicketError::OtherSwarm));
        assert_eq!(open(2, 4, 0), Some(TicketError::OtherViewer));
        let other = SigningKey::from_seed(&[6; 32]).unwrap().verifying_key();
        let opened = Ticket::open(&text, &other, &SwarmId::of_root([2; 32]), &[3; 16], 0);
        assert_eq!(opened, Err(JwsError::Signature.into()));
    }

    #[test]
    fn a_viewer_is_one_temporary_id() {
        let (one, other) = (
            viewer_of("t1.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
            viewer_of("t1.bbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
        );
        assert_ne!(one, other);
        assert_eq!(
            data_encoding::BASE64URL_NOPAD.encode(&viewer_of("abc")),
            "ungWv48Bz-pBQUDeXa4iIw",
            "SHA-256 of FIPS 180"
        );
    }

    /// The longest numbers there are, in as many runs as there may be.
    //= P2P-082 type=test
    #[test]
    fn the_longest_ticket_fits() {
        let longest = |ranges: u32| Ticket {
            ranges: (0..ranges).map(|run| (8000 + run * 2, 8000 + run * 2)).collect(),
            expires: u64::MAX,
            ..ticket()
        };
        let text = longest(RANGES_MAX as u32).sign(&key()).unwrap();
        assert!(text.len() <= TEXT_MAX, "{} characters", text.len());
        assert!(opened(&text).is_ok());
        assert_eq!(longest(RANGES_MAX as u32 + 1).sign(&key()), Err(TicketError::Ranges));
    }

    #[test]
    fn of_many_runs_the_longest_are_told() {
        let available: Vec<PieceRange> = (0..20).map(|run| (run * 100, run * 100 + run)).collect();
        let ticket = Ticket::new(400, SwarmId::of_root([2; 32]), [3; 16], &available);
        assert_eq!((ticket.ranges.as_slice(), ticket.expires), (&available[4..], 1000));
        assert!(ticket.sign(&key()).is_ok());
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        let signed = |payload: String| opened(&jws::sign(Kind::Ticket, payload.as_bytes(), &key()));
        let (swarm, viewer) = ("AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI", "AwMDAwMDAwMDAwMDAwMDAw");
        let with = |ranges: &str| {
            signed(format!(
                r#"{{"exp":1000,"ranges":{ranges},"swarm":"{swarm}","viewer":"{viewer}"}}"#
            ))
        };
        assert_eq!(with("[[0,15],[64,4095]]"), Ok(ticket()));
        for ranges in ["[[3,2]]", "[[0,3],[3,4]]", "[[0,8192]]", "[[4,5],[0,1]]"] {
            assert_eq!(with(ranges), Err(TicketError::Ranges), "{ranges}");
        }
        for ranges in [
            "[[0]]",
            "[[0,1,2]]",
            "[0,1]",
            "[[-1,0]]",
            "[[0,4294967296]]",
            "{}",
            "null",
        ] {
            assert_eq!(with(ranges), Err(TicketError::Json), "{ranges}");
        }
        assert_eq!(with(r#"[],"sub":"x""#), Err(TicketError::Json));
        let manifest = jws::sign(Kind::Manifest, b"{}", &key());
        assert_eq!(opened(&manifest), Err(JwsError::Kind.into()));
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload in "[{}\\[\\]\":,a-z0-9._-]{0,200}|.{0,100}") {
            prop_assert!(opened(&jws::sign(Kind::Ticket, payload.as_bytes(), &key())).is_err());
        }
    }
}
