//! Everything that is tested from outside, in one binary. A file beside this one is a module here.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::iter_over_hash_type,
    reason = "tests are the shell around what they test: they read files, open loopback sockets, and stop at the first surprise"
)]

mod admin;
mod audit;
mod browser;
mod call_id;
mod calls;
mod capture;
mod cases;
mod cleared;
mod cli;
mod compiler;
mod counts;
mod dialog;
mod dialog_store;
mod dialogs;
mod end_to_end;
mod flows;
mod hiding;
mod ims;
mod interop;
mod lawful;
mod layers;
mod leaks;
mod legs;
mod lengths;
mod live;
mod locating;
mod logs;
mod messages;
mod mirror;
mod model;
mod mutation;
mod non_interference;
mod noted;
mod nothing_in_clear;
mod p2p;
mod page;
mod pcscf;
mod policies;
mod privacy_header;
mod properties;
mod proxying;
mod replay;
mod report;
mod requirements;
mod security_agreement;
mod simulation;
mod smuggling;
mod store;
mod table_a;
mod table_b;
mod table_c;
mod torture;
mod traps;
mod tree;
mod trust;
mod world;
