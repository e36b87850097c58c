//! Where peers are: what lists tell of it, and who is near to whom.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::table::Slot;
use super::{Member, Moment, Tracker};
use crate::policy::p2p::Addresses;
use crate::ppsp::address::{Kind, PeerAddress};
use crate::ppsp::alto::{Alto, Cost};

/// How long a peer is where it was last.
const KEPT: Duration = Duration::from_secs(86_400);

/// Of one peer.
pub(super) struct Whereabouts {
    generation: u8,
    ip: Option<IpAddr>,
    /// What it said that others may hear.
    told: Vec<PeerAddress>,
}

impl Tracker {
    /// What ways cost from here on; `None`: nobody knows, and lists are in no order.
    //= P2P-134
    pub fn rank_by(&mut self, costs: Option<Arc<Alto>>) {
        self.costs = costs;
    }

    /// A peer is there. `told`: the addresses it wants others to hear, where it says some: those that are not where it is, or a
    /// relay, could be anybody's.
    //= P2P-064
    pub(super) fn seen(&mut self, now: Moment, slot: Slot, member: &Member<'_>, told: Option<&[PeerAddress]>) {
        let settings = &self.settings;
        if settings.addresses == Addresses::None && !settings.has_costs {
            return;
        }
        let generation = self.table.peer(slot).generation;
        let may_be_told = |address: &&PeerAddress| match (settings.addresses, address.kind) {
            (Addresses::None, _) => false,
            (Addresses::Relay | Addresses::Real, Kind::Proxy) => settings.relays.contains(&address.ip),
            (Addresses::Relay, Kind::Host | Kind::Reflexive) => false,
            (Addresses::Real, Kind::Host | Kind::Reflexive) => member.address == Some(address.ip.to_canonical()),
        };
        let before = self
            .places
            .remove(&slot)
            .filter(|before| before.generation == generation);
        let told = match told {
            None | Some([]) => before.map_or(Vec::new(), |before| before.told),
            Some(told) => told.iter().filter(may_be_told).copied().collect(),
        };
        let ip = member.address;
        self.places
            .insert(slot, now.at + KEPT, Whereabouts { generation, ip, told });
    }

    fn place(&self, slot: Slot) -> Option<&Whereabouts> {
        let place = self.places.get(&slot)?;
        (place.generation == self.table.peer(slot).generation).then_some(place)
    }

    /// The addresses of a peer that a list tells.
    //= P2P-064
    pub(super) fn addresses_of(&self, slot: Slot) -> Vec<PeerAddress> {
        self.place(slot).map_or(Vec::new(), |place| place.told.clone())
    }

    /// What it costs to bring content from a peer to who asks. Orders, the nearest first, who nobody knows of last.
    //= P2P-050
    //= P2P-134
    pub(super) fn cost(&self, from: Slot, to: Slot) -> (bool, Option<Cost>) {
        let ip = |slot| self.place(slot)?.ip;
        let cost = self.costs.as_ref().and_then(|costs| costs.cost(ip(from)?, ip(to)?));
        (cost.is_none(), cost)
    }

    pub(super) fn is_ranked(&self) -> bool {
        self.costs.is_some()
    }
}
