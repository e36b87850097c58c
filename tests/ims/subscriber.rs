//! Who has a contract: the identities, and the key that card and home network share.

use super::milenage::{Block, Milenage};

/// The home network of everybody here.
pub const HOME: &str = "home1.example";

// TS 35.208, test set 3: SIPp cannot be told the key of set 1, in which a byte is an opening bracket.
pub const K: &str = "fec86ba6eb707ed08905757b1bb44b8f";
pub const OP: &str = "dbc59adcb6f9a0ef735477b7fadf8374";

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Subscriber {
    /// What others call them: the user of their first public identity.
    pub name: &'static str,
    number: u32,
}

impl Subscriber {
    pub const fn new(name: &'static str, number: u32) -> Subscriber {
        Subscriber { name, number }
    }

    pub fn private_identity(&self) -> String {
        format!("00101{:010}@{HOME}", self.number)
    }

    /// The set that is registered at once.
    pub fn public_identities(&self) -> [String; 2] {
        [self.sip_identity(), format!("tel:+1555{:07}", self.number)]
    }

    pub fn sip_identity(&self) -> String {
        match self.name {
            "" => format!("sip:00101{:010}@{HOME}", self.number),
            name => format!("sip:{name}@{HOME}"),
        }
    }
}

pub fn milenage() -> Milenage {
    let block = |text: &str| -> Block {
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .unwrap()
            .try_into()
            .unwrap()
    };
    Milenage::new(block(K), block(OP))
}
