//! Recorded traffic: reads captures into messages, and plays them to the rules. Programs stand on it; the proxy's own path
//! never does.

pub mod capture;
pub mod playback;
