//! A backend that only remembers what was asked of it, for tests without privileges.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Backend, Fault, What};
use crate::pcscf::security::{Association, Change, SetId, Suite};

/// What would stand in the kernel.
#[derive(Debug, Default)]
pub struct Recorded {
    installed: BTreeMap<SetId, ([Association; 4], Suite)>,
    /// How many associations were ever installed and removed.
    pub installs: usize,
    pub removals: usize,
    /// Where nothing passes without an association.
    pub guarded: Vec<SocketAddr>,
    /// Refuse the next ones, with this number.
    pub refuses: Option<i32>,
}

impl Recorded {
    /// What stands there now, by set.
    pub fn installed(&self) -> impl Iterator<Item = (SetId, &[Association; 4], Suite)> {
        self.installed
            .iter()
            .map(|(set, (associations, suite))| (*set, associations, *suite))
    }
}

impl Backend for Recorded {
    fn apply(&mut self, change: &Change) -> Result<(), Fault> {
        match change {
            Change::Install(install) => {
                if let Some(errno) = self.refuses {
                    return Err(Fault {
                        what: What::Association,
                        errno,
                    });
                }
                self.installs += install.associations.len();
                self.installed
                    .insert(install.set, (install.associations, install.suite));
            }
            Change::Remove(removal) => {
                if let Some((associations, _)) = self.installed.remove(&removal.set) {
                    self.removals += associations.len();
                }
            }
        }
        Ok(())
    }
    fn guard(&mut self, addresses: &[SocketAddr]) -> Result<(), Fault> {
        self.guarded.extend(addresses);
        Ok(())
    }

    fn clear(&mut self) -> Result<usize, Fault> {
        self.guarded.clear();
        let gone = 4 * self.installed.len();
        self.installed.clear();
        self.removals += gone;
        Ok(gone)
    }
}
