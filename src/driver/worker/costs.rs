//! What ways between peers cost, as an ALTO server has it (RFC 7285). It is asked the same each time, and told nothing.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Word;
use crate::dns::Dns;
use crate::locate::{Answer, Data, HostName, Kind, Question};
use crate::net::get::{NotGot, get};
use crate::policy::{Url, p2p};
use crate::ppsp::alto::{Alto, AltoError, DOCUMENT_BYTES_MAX};

const NETWORK_MAP: &str = "application/alto-networkmap+json";
const COST_MAP: &str = "application/alto-costmap+json";

/// Why nobody knows what ways cost.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("{text}: {error}")]
    Got { text: String, error: NotGot },
    #[error("{text}: {error}")]
    File { text: String, error: io::Error },
    #[error("the host of {0} has no address")]
    Host(String),
    #[error(transparent)]
    Alto(#[from] AltoError),
}

/// Tells the worker what ways cost, as often as the policy says. When that cannot be read they cost nothing that is known.
//= P2P-134
pub(super) async fn tell(table: p2p::Alto, dns: Option<Dns>, words: mpsc::Sender<Word>) {
    let mut was_known = None;
    loop {
        let costs = read(&table, dns.as_ref()).await;
        let (costs, error) = match costs {
            Ok(costs) => (Some(Arc::new(costs)), None),
            Err(error) => (None, Some(error)),
        };
        if words.send(Word::Costs(costs)).await.is_err() {
            return;
        }
        // When it changes, not each time.
        match &error {
            None if was_known != Some(true) => tracing::info!("lists of peers are ranked by ALTO"),
            Some(error) if was_known != Some(false) => {
                tracing::warn!(%error, "lists of peers are not ranked: ALTO cannot be read");
            }
            _ => {}
        }
        was_known = Some(error.is_none());
        tokio::time::sleep(table.refresh.value).await;
    }
}

async fn read(table: &p2p::Alto, dns: Option<&Dns>) -> Result<Alto, Unknown> {
    let ca = table.ca.as_ref().map(|ca| Path::new(&ca.value));
    let network_map = document(&table.network_map.value, NETWORK_MAP, ca, dns).await?;
    let cost_map = document(&table.cost_map.value, COST_MAP, ca, dns).await?;
    Ok(Alto::read(&network_map, &cost_map)?)
}

async fn document(text: &str, media_type: &str, ca: Option<&Path>, dns: Option<&Dns>) -> Result<Bytes, Unknown> {
    let Some(url) = Url::parse(text) else {
        let read = file(Path::new(text)).map(Bytes::from);
        return read.map_err(|error| Unknown::File {
            text: text.to_owned(),
            error,
        });
    };
    let address = address(&url.host, dns)
        .await
        .ok_or_else(|| Unknown::Host(text.to_owned()))?;
    let got = get(&url, address, ca, media_type, DOCUMENT_BYTES_MAX).await;
    got.map_err(|error| Unknown::Got {
        text: text.to_owned(),
        error,
    })
}

fn file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(DOCUMENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn address(host: &str, dns: Option<&Dns>) -> Option<IpAddr> {
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    for kind in [Kind::A, Kind::Aaaa] {
        let name = HostName::parse(host.as_bytes())?;
        let Answer::Found { records, .. } = dns?.ask(&Question { name, kind })?.await else {
            continue;
        };
        let found = records.into_iter().find_map(|record| match record.data {
            Data::Address(address) => Some(address),
            _ => None,
        });
        if found.is_some() {
            return found;
        }
    }
    None
}
