//! The card in a telephone: it answers its network, refuses a false one, and says when the two have lost count.

use super::milenage::{Block, Milenage, part, xor};
use super::subscriber::milenage;

pub struct Usim {
    milenage: Milenage,
    /// The highest sequence number it has seen.
    sqn: [u8; 6],
}

pub enum Verdict {
    /// The network is ours: this proves who we are.
    Answer([u8; 8]),
    /// It is ours, and asks with a number of the past: AUTS.
    LostCount([u8; 14]),
    /// It is not ours.
    ForeignNetwork,
}

impl Usim {
    pub fn new() -> Usim {
        Usim {
            milenage: milenage(),
            sqn: [0; 6],
        }
    }

    /// `nonce`: RAND and AUTN.
    pub fn reads(&mut self, nonce: &[u8]) -> Verdict {
        let rand: Block = part(nonce, 0);
        let derived = self.milenage.derive(&rand);
        let sqn = xor(part(nonce, 16), derived.ak);
        if self.milenage.mac(&rand, sqn, part(nonce, 22)) != part(nonce, 24) {
            return Verdict::ForeignNetwork;
        }
        if sqn <= self.sqn {
            return Verdict::LostCount(self.auts(&rand));
        }
        self.sqn = sqn;
        Verdict::Answer(derived.res)
    }

    fn auts(&self, rand: &Block) -> [u8; 14] {
        let covered = xor(self.sqn, self.milenage.resync_ak(rand));
        let mac = self.milenage.resync_mac(rand, self.sqn);
        part(&[&covered[..], &mac].concat(), 0)
    }
}
