//! Sipveil: a SIP/IMS edge proxy that keeps identities inside the trust domain, and proves what it hides.
//!
//! The map. A layer knows the layers below it, never one above; `tests/layers.rs` holds the table.
//!
//! ```text
//! 7 programs   cli → trace
//! 6 shell      driver → net dns store ipsec audit admin config  tokio, clock, sockets, files: from here up
//! ────────────────────────────────────────────────────────────────────────────────────────────
//! 5 flow       engine                              the only one that knows all rows below
//! 4 roles      proxy   pcscf   tracker             say where, never what may be seen
//! 3 rules      privacy → topology   transaction   locate      one message or one machine at a time
//! 2 trust      trust → policy                      who is at the other end
//! 1 words      sip   ppsp   hep   seal   redact   rule    know nothing of us
//! ```
//!
//! One message, in order: receive, admit, match, decide, locate, clear, send. [`engine`] reads like that list.

pub mod hep;
pub mod ppsp;
pub mod redact;
pub mod rule;
pub mod seal;
pub mod sip;

pub mod policy;
pub mod trust;

pub mod locate;
pub mod privacy;
pub mod topology;
pub mod transaction;

pub mod pcscf;
pub mod proxy;
pub mod tracker;

pub mod engine;

pub mod admin;
pub mod audit;
pub mod config;
pub mod dns;
pub mod driver;
pub mod ipsec;
pub mod net;
pub mod store;

pub mod cli;
pub mod trace;
