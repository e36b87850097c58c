//! The shell on real loopback sockets, around a toy that decides in the engine's place: that the wiring holds.

mod associations;
mod auditing;
mod datagrams;
mod life;
pub(crate) mod policy;
mod streams;
mod toy;
