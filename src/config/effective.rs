//! Every value of a policy and who stated it.

use crate::policy::Policy;

pub fn effective(_policy: &Policy) -> String {
    String::new()
}
