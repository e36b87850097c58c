//! The security agreement with a UE: which algorithms, keys and security associations protect its messages.
//!
//! RFC 3329 as TS 33.203 sections 6 and 7 use it. Promises that no key is printed or outlives its use, and that no failed
//! authentication touches what an earlier one has set up. Sends nothing and installs nothing: it says what is to be done.

pub mod keys;
pub mod register;
pub mod server_list;
pub mod set;
pub mod sets;
pub mod suite;

pub use keys::{EspKey, EspKeys};
pub use register::{Proof, Protection, Refusal, Registering};
pub use server_list::{OurEnds, server_list};
pub use set::{Agreed, Association, Between, Change, Direction, Install, Removal, Said, SetId, State};
pub use sets::{Asked, Max, NoSet, Ports, Seen, Sets};
pub use suite::{Encryption, Ends, Integrity, MECHANISM, Offer, Suite, Terms, choose};
