//! RFC 3261 section 16: is a request fit, where does it go, what does the copy look like that goes on.
//!
//! Says where, never what may be seen: no type of `privacy` or `topology` occurs here.

pub mod breadth;
pub mod check;
pub mod forward;
pub mod overload;
pub mod redirect;
pub mod responses;
pub mod roles;
pub mod routes;
pub mod targets;
