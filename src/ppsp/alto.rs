//! What an ALTO server knows of its network (RFC 7285): which addresses are one place, and what the way from one place to another
//! costs. Both documents are read whole and cost is looked up here, so that no server hears who asks for whom.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// Bytes of one document at most.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Places, prefixes of all of them, and costs, at most.
pub const PIDS_MAX: usize = 4096;
pub const PREFIXES_MAX: usize = 500_000;
pub const COSTS_MAX: usize = 1_000_000;

/// Why two documents are no ground to rank on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AltoError {
    #[error("an ALTO document is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it is no network map of RFC 7285")]
    NetworkMap,
    #[error("it is no cost map of RFC 7285")]
    CostMap,
    #[error("the cost map is not of the metric `routingcost`")]
    Metric,
    #[error("the cost map was made for another version of the network map")]
    Version,
    #[error("there are more than {PIDS_MAX} places, {PREFIXES_MAX} prefixes or {COSTS_MAX} costs")]
    TooMany,
}

/// The more, the further. Orders, and means nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

type Pid = u16;

/// Both maps, of one version.
pub struct Alto {
    /// By length, the longest first; then by the first bits.
    v4: BTreeMap<std::cmp::Reverse<u8>, BTreeMap<u128, Pid>>,
    v6: BTreeMap<std::cmp::Reverse<u8>, BTreeMap<u128, Pid>>,
    costs: BTreeMap<(Pid, Pid), Cost>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
struct Version {
    resource_id: String,
    tag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NetworkMap {
    meta: NetworkMeta,
    network_map: BTreeMap<String, Addresses>,
}

#[derive(Deserialize)]
struct NetworkMeta {
    vtag: Version,
}

/// Prefixes of other families than these two are passed over (RFC 7285 10.4.4).
#[derive(Deserialize)]
struct Addresses {
    #[serde(default)]
    ipv4: Vec<String>,
    #[serde(default)]
    ipv6: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CostMap {
    meta: CostMeta,
    cost_map: BTreeMap<String, BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CostMeta {
    dependent_vtags: Vec<Version>,
    cost_type: CostType,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CostType {
    cost_metric: String,
}

impl Alto {
    /// Reads a network map (RFC 7285 11.2.1) and the cost map (11.2.3) that was made for it, numerical or ordinal. Endpoint
    /// Cost, which is an option, is not asked for: a server would hear the addresses of candidates.
    //= P2P-134
    pub fn read(network_map: &[u8], cost_map: &[u8]) -> Result<Alto, AltoError> {
        if network_map.len().max(cost_map.len()) > DOCUMENT_BYTES_MAX {
            return Err(AltoError::TooLarge);
        }
        let network: NetworkMap = serde_json::from_slice(network_map).map_err(|_| AltoError::NetworkMap)?;
        let costs: CostMap = serde_json::from_slice(cost_map).map_err(|_| AltoError::CostMap)?;
        if costs.meta.cost_type.cost_metric != "routingcost" {
            return Err(AltoError::Metric);
        }
        if costs.meta.dependent_vtags != [network.meta.vtag] {
            return Err(AltoError::Version);
        }
        let prefixes = network.network_map.values();
        let prefixes: usize = prefixes.map(|of| of.ipv4.len() + of.ipv6.len()).sum();
        let count: usize = costs.cost_map.values().map(BTreeMap::len).sum();
        if network.network_map.len() > PIDS_MAX || prefixes > PREFIXES_MAX || count > COSTS_MAX {
            return Err(AltoError::TooMany);
        }
        let mut alto = Alto {
            v4: BTreeMap::new(),
            v6: BTreeMap::new(),
            costs: BTreeMap::new(),
        };
        let mut pids: BTreeMap<&str, Pid> = BTreeMap::new();
        for (pid, (name, addresses)) in network.network_map.iter().enumerate() {
            let pid = pid as Pid;
            pids.insert(name, pid);
            for net in addresses.ipv4.iter().chain(&addresses.ipv6) {
                alto.enter(net.parse().map_err(|_| AltoError::NetworkMap)?, pid);
            }
        }
        for (from, to_all) in &costs.cost_map {
            for (to, cost) in to_all {
                // A name that the network map does not have is nobody's; a cost is no negative number (RFC 7285 6.1.2).
                let (Some(from), Some(to)) = (pids.get(from.as_str()), pids.get(to.as_str())) else {
                    continue;
                };
                if !cost.is_finite() || *cost < 0.0 {
                    return Err(AltoError::CostMap);
                }
                // Of numbers that are not negative, the bits are in their order.
                alto.costs.insert((*from, *to), Cost((cost + 0.0).to_bits()));
            }
        }
        Ok(alto)
    }

    fn enter(&mut self, net: IpNet, pid: Pid) {
        let (family, bits) = match net.network() {
            IpAddr::V4(ip) => (&mut self.v4, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (&mut self.v6, ip.to_bits()),
        };
        let length = std::cmp::Reverse(net.prefix_len());
        family.entry(length).or_default().insert(bits, pid);
    }

    /// The place of an address: that of the longest prefix it is in.
    fn pid(&self, ip: IpAddr) -> Option<Pid> {
        let (family, bits, width) = match ip.to_canonical() {
            IpAddr::V4(ip) => (&self.v4, u128::from(ip.to_bits()), 32),
            IpAddr::V6(ip) => (&self.v6, ip.to_bits(), 128),
        };
        let first = |length: u8| bits & (u128::MAX << u32::from(width - length));
        let mut longest = family.iter();
        longest.find_map(|(length, prefixes)| match length.0 {
            0 => prefixes.get(&0).copied(),
            length => prefixes.get(&first(length)).copied(),
        })
    }

    /// What it costs to bring something from one address to another. `None`: nobody said.
    pub fn cost(&self, from: IpAddr, to: IpAddr) -> Option<Cost> {
        self.costs.get(&(self.pid(from)?, self.pid(to)?)).copied()
    }
}

impl std::fmt::Debug for Alto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alto")
            .field("costs", &self.costs.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETWORK: &str = r#"{"meta":{"vtag":{"resource-id":"map","tag":"1"}},"network-map":{
        "north":{"ipv4":["10.1.0.0/16"],"ipv6":["2001:db8:1::/48"]},
        "south":{"ipv4":["10.2.0.0/16","10.1.7.0/24"],"other":["x"]},
        "rest":{"ipv4":["0.0.0.0/0"],"ipv6":["::/0"]}}}"#;

    fn costs(tag: &str, metric: &str, map: &str) -> String {
        format!(
            r#"{{"meta":{{"dependent-vtags":[{{"resource-id":"map","tag":"{tag}"}}],
            "cost-type":{{"cost-mode":"numerical","cost-metric":"{metric}"}}}},"cost-map":{map}}}"#
        )
    }

    const COSTS: &str = r#"{"north":{"north":1,"south":5.5},"south":{"north":10,"nowhere":1},"rest":{"north":0}}"#;

    fn alto() -> Alto {
        Alto::read(NETWORK.as_bytes(), costs("1", "routingcost", COSTS).as_bytes()).unwrap()
    }

    fn cost(from: &str, to: &str) -> Option<f64> {
        let cost = alto().cost(from.parse().unwrap(), to.parse().unwrap());
        cost.map(|cost| f64::from_bits(cost.0))
    }

    //= P2P-134 type=test
    #[test]
    fn an_address_is_where_its_longest_prefix_is() {
        assert_eq!(cost("10.1.0.9", "10.1.255.255"), Some(1.0));
        assert_eq!(
            cost("10.1.0.9", "10.1.7.9"),
            Some(5.5),
            "a longer prefix of another place"
        );
        assert_eq!(cost("10.2.0.0", "10.1.0.1"), Some(10.0));
        assert_eq!(cost("192.0.2.1", "10.1.0.1"), Some(0.0), "the rest of the world");
        assert_eq!(cost("2001:db8:1::7", "10.1.0.1"), Some(1.0), "of either family");
        assert_eq!(cost("::ffff:10.1.0.9", "10.1.0.1"), Some(1.0), "IPv4 in IPv6 is IPv4");
        assert_eq!(cost("10.2.0.0", "10.2.0.1"), None, "nobody said");
        let by = |from: &str| alto().cost(from.parse().unwrap(), "10.1.0.1".parse().unwrap());
        assert!(by("192.0.2.1") < by("10.1.0.1") && by("10.1.0.1") < by("10.2.0.1"));
    }

    //= P2P-134 type=test
    #[test]
    fn what_does_not_go_together_is_not_used() {
        let read = |network: &str, costs: &str| Alto::read(network.as_bytes(), costs.as_bytes()).map(|_| ());
        let good = costs("1", "routingcost", COSTS);
        assert_eq!(read(NETWORK, &good), Ok(()));
        assert_eq!(
            read(NETWORK, &costs("2", "routingcost", COSTS)),
            Err(AltoError::Version)
        );
        assert_eq!(read(NETWORK, &costs("1", "hopcount", COSTS)), Err(AltoError::Metric));
        assert_eq!(
            read(NETWORK, &costs("1", "routingcost", r#"{"north":{"south":-1}}"#)),
            Err(AltoError::CostMap)
        );
        assert_eq!(read(&good, &good), Err(AltoError::NetworkMap));
        assert_eq!(read(NETWORK, NETWORK), Err(AltoError::CostMap));
        let many: Vec<String> = (0..=PIDS_MAX).map(|pid| format!("\"p{pid}\":{{}}")).collect();
        let many = format!(
            r#"{{"meta":{{"vtag":{{"resource-id":"map","tag":"1"}}}},"network-map":{{{}}}}}"#,
            many.join(",")
        );
        assert_eq!(read(&many, &good), Err(AltoError::TooMany));
        let long = " ".repeat(DOCUMENT_BYTES_MAX + 1);
        assert_eq!(read(&long, &good), Err(AltoError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_document_panics(
            network in "[\\[\\]{}\":,a-z0-9./-]{0,200}",
            net in "(0|10|255)\\.0\\.0\\.0/[0-9]{1,2}",
            ip in any::<[u8; 4]>(),
        ) {
            let good = costs("1", "routingcost", COSTS);
            let _ = Alto::read(network.as_bytes(), good.as_bytes());
            let network = format!(
                r#"{{"meta":{{"vtag":{{"resource-id":"map","tag":"1"}}}},"network-map":{{"north":{{"ipv4":["{net}"]}}}}}}"#
            );
            if let Ok(alto) = Alto::read(network.as_bytes(), good.as_bytes()) {
                let net: IpNet = net.parse().unwrap();
                let ip = IpAddr::from(ip);
                prop_assert_eq!(alto.cost(ip, ip).is_some(), net.contains(&ip));
            }
        }
    }
}
