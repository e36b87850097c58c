//! RFC 3263: from the URI of a next hop to an ordered list of peers.
//!
//! A [`Search`] names what has to be asked and takes the answers; a [`Plan`] is what they amount to, kept as long as its
//! records live; an order is drawn from it for each request, with the caller's random numbers; [`Avoided`] remembers
//! which peers failed of late. Asks nobody, reads no clock: questions leave by the engine, answers and time come in.

pub mod answer;
pub mod avoided;
pub mod expiring;
pub mod fitness;
pub mod host_name;
pub mod plan;
pub mod question;
pub mod reverse;
pub mod search;
pub mod service;
pub mod target;
pub mod weigh;

pub use answer::{Answer, Data, Record};
pub use avoided::Avoided;
pub use expiring::Expiring;
pub use fitness::Fitness;
pub use host_name::HostName;
pub use plan::{Ending, Peer, Plan};
pub use question::{Kind, Question};
pub use reverse::{Finding, ReverseSearch};
pub use search::{Search, Slot};
pub use target::{Place, Target, Ways, Wish};
