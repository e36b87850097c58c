//! The words of peers that share content: names of content, maps of pieces, the tracker protocol (RFC 7846), hash trees
//! (RFC 7574), signed manifests, content keys.
//!
//! Promises that what it reads is bounded and that what it writes has one form. Knows nothing of SIP, of who anybody is, or of
//! what may be seen; no clock, no randomness of its own.

pub mod address;
pub mod alto;
pub mod challenge;
pub mod chunk_map;
pub mod content_key;
pub mod digest_proof;
pub mod fault;
pub mod json;
pub mod jwe;
pub mod jws;
pub mod key_message;
pub mod key_request;
pub mod layout;
pub mod manifest;
pub mod proof;
pub mod ranges;
pub mod request;
pub mod response;
#[cfg(test)]
mod sample;
pub mod signed_run;
pub mod swarm_id;
pub mod tamper;
pub mod ticket;
pub mod tree;
pub mod visit;

pub use chunk_map::ChunkMap;
pub use fault::Fault;
pub use json::Json;
pub use request::Request;
pub use response::Response;
pub use swarm_id::SwarmId;
