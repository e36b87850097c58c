//! `[[privacy.on_behalf]]`: privacy the network asks for, agreed with the subscriber.

use std::collections::HashMap;

use super::{Stated, privacy::Provided};
use crate::sip::uri::{self, Uri};

/// What was agreed with one subscriber.
#[derive(Debug, Clone)]
pub struct OnBehalf {
    /// A URI; a message is this subscriber's when its asserted identity equals it.
    pub identity: Stated<String>,
    pub values: Stated<Vec<Provided>>,
    /// Empty: every method.
    pub methods: Vec<Stated<String>>,
}

/// All agreements, found by identity however many there are.
#[derive(Debug, Clone, Default)]
pub struct Agreements {
    all: Vec<OnBehalf>,
    by_key: HashMap<Vec<u8>, Vec<u32>>,
}

impl Agreements {
    pub fn new(all: Vec<OnBehalf>) -> Agreements {
        let mut by_key: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
        for (place, agreement) in all.iter().enumerate() {
            if let Ok(identity) = Uri::parse(agreement.identity.value.as_bytes()) {
                by_key.entry(uri::key(&identity)).or_default().push(place as u32);
            }
        }
        Agreements { all, by_key }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// In the order of the file.
    pub fn all(&self) -> &[OnBehalf] {
        &self.all
    }

    /// Those with the subscriber of this identity.
    pub fn of<'p>(&'p self, identity: &Uri<'_>) -> impl Iterator<Item = &'p OnBehalf> {
        let places = self
            .by_key
            .get(&uri::key(identity))
            .map(Vec::as_slice)
            .unwrap_or_default();
        places
            .iter()
            .filter_map(|place| self.all.get(*place as usize))
            .filter(|agreement| {
                Uri::parse(agreement.identity.value.as_bytes()).is_ok_and(|agreed| uri::equal(&agreed, identity))
            })
    }
}
