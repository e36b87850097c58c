//! `[dns]`.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use super::{
    node::values,
    read::{Fault, Written, or_default, shown},
    table::Table,
};
use crate::policy::Dns;

/// Name servers of one policy.
const SERVERS_MAX: usize = 8;

/// What a caller waits for without giving up, and what a healthy name server needs.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);

const PORT: u16 = 53;

pub(super) fn dns(table: Table<'_>) -> Dns {
    let servers = table.parsed_each("servers", server);
    if let Some(servers) = &servers {
        if table.texts("servers").is_some_and(|list| list.value.is_empty()) {
            let remedy = "write an address, or take `servers` out to use those of the system";
            table
                .reader
                .error(Some(servers.at.clone()), "`servers` is empty", Some(remedy.to_owned()));
        }
        if servers.value.len() > SERVERS_MAX {
            let fault = format!("more than {SERVERS_MAX} name servers");
            let remedy = "name the nearest ones".to_owned();
            table.reader.error(Some(servers.at.clone()), fault, Some(remedy));
        }
    }
    let timeout = table.duration("timeout").filter(|timeout| within(&table, timeout));
    let built_in = Dns::default();
    let dns = Dns {
        servers: or_default(servers.map(values), Vec::new()),
        timeout: or_default(timeout, built_in.timeout.value),
        avoid_time: or_default(table.duration("avoid_time"), built_in.avoid_time.value),
        local_addresses: or_default(table.word("local_addresses"), built_in.local_addresses.value),
    };
    table.close();
    dns
}

fn within(table: &Table<'_>, timeout: &Written<Duration>) -> bool {
    let fits = TIMEOUT.contains(&timeout.value);
    if !fits {
        let remedy = "write a time from \"100ms\" to \"30s\"".to_owned();
        table
            .reader
            .error(Some(timeout.at.clone()), "`timeout` is out of range", Some(remedy));
    }
    fits
}

/// `10.20.0.53`, `10.20.0.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`.
fn server(text: &str) -> Result<SocketAddr, Fault> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = match bare.parse::<IpAddr>() {
        Ok(address) => Some(SocketAddr::new(address, PORT)),
        Err(_) => text.parse::<SocketAddr>().ok(),
    };
    let usable = |address: &SocketAddr| {
        let ip = address.ip();
        address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
    };
    address.filter(usable).ok_or_else(|| Fault {
        fault: format!("`{}` is no address of a name server", shown(text)),
        remedy: "write an IP address and, if it is not 53, the port: \"10.20.0.53\" or \"[2001:db8::53]:5353\""
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses() {
        let server = |text: &str| server(text).ok().map(|address| address.to_string());
        assert_eq!(server("10.20.0.53").as_deref(), Some("10.20.0.53:53"));
        assert_eq!(server("10.20.0.53:5353").as_deref(), Some("10.20.0.53:5353"));
        assert_eq!(server("2001:db8::53").as_deref(), Some("[2001:db8::53]:53"));
        assert_eq!(server("[2001:db8::53]").as_deref(), Some("[2001:db8::53]:53"));
        assert_eq!(server("[2001:db8::53]:5353").as_deref(), Some("[2001:db8::53]:5353"));
        for wrong in [
            "",
            "ns.example",
            "10.20.0.53:0",
            "0.0.0.0",
            "10.20.0",
            "224.0.0.1",
            "10.20.0.53:x",
        ] {
            assert_eq!(server(wrong), None, "{wrong}");
        }
    }
}
