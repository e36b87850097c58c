//! How a tracker is set up.

use std::net::IpAddr;

pub use crate::policy::p2p::{Addresses, Expose, Startup, View};
use crate::ppsp::response::Role;

/// What the policy says of the tracker; the defaults are those of the requirements.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long what peers are called lasts.
    pub epoch_seconds: u64,
    /// How long after its epoch an ID still leads somewhere.
    pub grace_seconds: u64,
    pub view: View,
    pub expose: Expose,
    /// Of an announcement, in seconds: least, without a word, most.
    pub expires: (u32, u32, u32),
    pub swarms_per_peer_max: usize,
    pub peers_max: usize,
    pub swarms_max: usize,
    pub challenges_max: usize,
    pub failures_max: usize,
    pub drawn_max: usize,
    pub answers_max: usize,
    /// Pairs of peers that never meet.
    pub blocked_max: usize,
    pub watches_max: usize,
    /// Sessions of the last hour that are known.
    pub sessions_max: usize,
    /// Devices that announce anew in a second, all together.
    pub announces_per_second: u32,
    /// Announcements changed, and lists asked for, in a minute by one peer.
    pub changes_per_minute: u32,
    pub lists_per_minute: u32,
    /// Calls that one peer makes, gets, and makes to the same one in a minute, and IDs that lead nowhere it may try.
    pub calls_per_minute: u32,
    pub called_per_minute: u32,
    pub calls_per_pair_and_minute: u32,
    pub misses_per_minute: u32,
    /// How long a peer may take to prove what it announced.
    pub proof_milliseconds: u32,
    /// Of refreshes, in thousandths, how many are asked for a proof again.
    pub proofs_per_mille: u32,
    /// Where fewer have proved that they hold it, who has not may stand in a list.
    pub fills_up: bool,
    /// Peers below which the network's own are named.
    pub seeders_min: usize,
    pub network_peers: Vec<NetworkPeer>,
    /// Whether [`super::Tracker::poll_bound`] tells who is behind what.
    pub notes_bindings: bool,
    /// Who stands first for a peer that has nothing yet.
    pub startup: Startup,
    /// Which addresses of peers lists tell, and those of relays.
    pub addresses: Addresses,
    pub relays: Vec<IpAddr>,
    /// Whether lists are to be ranked by what ways cost.
    pub has_costs: bool,
}

/// A node of the network that holds content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPeer {
    pub id: String,
    pub role: Role,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            epoch_seconds: 3600,
            grace_seconds: 600,
            view: View::Shared,
            expose: Expose::Sealed,
            expires: (60, 1800, 3600),
            swarms_per_peer_max: 256,
            peers_max: 1_000_000,
            swarms_max: 100_000,
            challenges_max: 50_000,
            failures_max: 100_000,
            drawn_max: 1_000_000,
            answers_max: 100_000,
            blocked_max: 1_000_000,
            watches_max: 100_000,
            sessions_max: 500_000,
            announces_per_second: 2_000,
            changes_per_minute: 6,
            lists_per_minute: 6,
            calls_per_minute: 30,
            called_per_minute: 60,
            calls_per_pair_and_minute: 3,
            misses_per_minute: 20,
            proof_milliseconds: 3000,
            proofs_per_mille: 50,
            fills_up: false,
            seeders_min: 3,
            network_peers: Vec::new(),
            notes_bindings: false,
            startup: Startup::Peers,
            addresses: Addresses::None,
            relays: Vec::new(),
            has_costs: false,
        }
    }
}
