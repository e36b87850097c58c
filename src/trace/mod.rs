//! Recorded traffic: reads captures into messages. Programs stand on it; the proxy's own path never does.

pub mod capture;
