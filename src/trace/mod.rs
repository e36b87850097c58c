//! Recorded traffic, and traffic as it happens: reads it into messages, and plays them to the rules. Programs stand on it; the
//! proxy's own path never does.

pub mod capture;
pub mod journal;
pub mod live;
pub mod pcap;
pub mod playback;
