//! The program that the P2P system is tried with (`examples/peer`): each part by itself, and its unit tests.

#[path = "../../examples/peer/announce.rs"]
mod announce;
#[path = "../../examples/peer/content.rs"]
mod content;
#[path = "../../examples/peer/download.rs"]
mod download;
#[path = "../../examples/peer/frame.rs"]
mod frame;
#[path = "../../examples/peer/key_service.rs"]
mod key_service;
#[path = "../../examples/peer/keyfile.rs"]
mod keyfile;
#[path = "../../examples/peer/keys.rs"]
mod keys;
#[path = "../../examples/peer/media.rs"]
mod media;
#[path = "../../examples/peer/message.rs"]
mod message;
#[path = "../../examples/peer/random.rs"]
mod random;
#[path = "../../examples/peer/run.rs"]
mod run;
#[path = "../../examples/peer/sdp.rs"]
mod sdp;
#[path = "../../examples/peer/source.rs"]
mod source;
#[path = "../../examples/peer/srtp.rs"]
mod srtp;
#[path = "../../examples/peer/upload.rs"]
mod upload;

mod announcing;
mod fetching;
mod granting;
mod published;
mod streaming;
