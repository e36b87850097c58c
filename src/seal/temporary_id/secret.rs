//! What the keys of temporary IDs come out of.

use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use zeroize::Zeroizing;

use super::super::{KeyError, SECRET_BYTES, derive};

/// Days that a secret is moved on by at most: a hundred years.
const STEPS_MAX: u32 = 36_525;

/// The secret of one day, from which that of the next comes and that of the day before does not; and the one that lasts,
/// for pseudonyms.
#[derive(Clone)]
pub struct Secret {
    day: u32,
    moving: Zeroizing<[u8; SECRET_BYTES]>,
    lasting: Zeroizing<[u8; SECRET_BYTES]>,
}

impl Secret {
    /// `day` counts from [`super::BEGINNING`].
    pub fn new(day: u32, moving: [u8; SECRET_BYTES], lasting: [u8; SECRET_BYTES]) -> Secret {
        Secret {
            day,
            moving: Zeroizing::new(moving),
            lasting: Zeroizing::new(lasting),
        }
    }

    pub fn day(&self) -> u32 {
        self.day
    }

    /// For the file it is kept in, and nothing else.
    pub fn reveal(&self) -> (&[u8; SECRET_BYTES], &[u8; SECRET_BYTES]) {
        (&self.moving, &self.lasting)
    }

    /// Moves on to a day; never back. What came before is wiped.
    //= P2P-040
    pub fn move_to(&mut self, day: u32) -> Result<(), KeyError> {
        if day.saturating_sub(self.day) > STEPS_MAX {
            return Err(KeyError::Derivation);
        }
        while self.day < day {
            self.moving = derive(&self.prk(), b"sipveil p2p next day 1")?;
            self.day += 1;
        }
        Ok(())
    }

    pub(super) fn prk(&self) -> Prk {
        Salt::new(HKDF_SHA256, b"sipveil p2p").extract(&self.moving[..])
    }

    /// The key of pseudonyms.
    pub(super) fn pseudonyms(&self) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let prk = Salt::new(HKDF_SHA256, b"sipveil p2p").extract(&self.lasting[..]);
        derive(&prk, b"sipveil p2p pseudonyms 1")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}
