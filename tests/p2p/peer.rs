//! The program that the P2P system is tried with (`examples/peer`): each part by itself, and its unit tests.

#[path = "../../examples/peer/agent.rs"]
mod agent;
#[path = "../../examples/peer/announce.rs"]
mod announce;
#[path = "../../examples/peer/audit.rs"]
mod audit;
#[path = "../../examples/peer/content.rs"]
mod content;
#[path = "../../examples/peer/download.rs"]
mod download;
#[path = "../../examples/peer/fetch.rs"]
mod fetch;
#[path = "../../examples/peer/frame.rs"]
mod frame;
#[path = "../../examples/peer/ground.rs"]
#[allow(dead_code, reason = "the demo starts more of it")]
mod ground;
#[path = "../../examples/peer/https.rs"]
mod https;
#[path = "../../examples/peer/key_service.rs"]
mod key_service;
#[path = "../../examples/peer/keyfile.rs"]
mod keyfile;
#[path = "../../examples/peer/keys.rs"]
mod keys;
#[path = "../../examples/peer/line.rs"]
mod line;
#[path = "../../examples/peer/media.rs"]
mod media;
#[path = "../../examples/peer/message.rs"]
mod message;
#[path = "../../examples/peer/network.rs"]
mod network;
#[path = "../../examples/peer/outside.rs"]
mod outside;
#[path = "../../examples/peer/process.rs"]
#[allow(dead_code, reason = "the demo starts more of it")]
mod process;
#[path = "../../examples/peer/random.rs"]
mod random;
#[path = "../../examples/peer/run.rs"]
mod run;
#[path = "../../examples/peer/sdp.rs"]
mod sdp;
#[path = "../../examples/peer/share.rs"]
mod share;
#[path = "../../examples/peer/source.rs"]
mod source;
#[path = "../../examples/peer/speed.rs"]
#[allow(dead_code, reason = "the program shows what is measured")]
mod speed;
#[path = "../../examples/peer/srtp.rs"]
mod srtp;
#[path = "../../examples/peer/ue.rs"]
mod ue;
#[path = "../../examples/peer/upload.rs"]
mod upload;

mod announcing;
mod architectures;
mod audited;
mod fetching;
mod granting;
mod published;
mod restarted;
mod streaming;
mod whole;

/// The clock of the program.
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}
