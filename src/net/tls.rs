//! What each listener with TLS shows and believes, read from its files and renewed while connections live.
//!
//! A renewal holds for the next handshake; open connections keep what they proved. It is all or nothing: when one file does
//! not load, everything stays as it was. Nothing is resumed: every connection proves itself anew.

mod files;
mod names;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rustls::{
    ClientConfig, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::ServerName,
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};

use crate::{
    policy::{Listener, ListenerId, Policy, Tls},
    trust::{Bound, OwnAddresses},
};
use files::{Material, Stamp};
pub(crate) use names::{identities, server_name, uris};
use verify::Believed;

/// Why there is no TLS. The text names the file and what to do; it shows no key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: cannot be read: {source}\n  check `tls` of the listener and who may read the file", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: everybody may read this key\n  run: chmod 600 {}", path.display(), path.display())]
    EverybodyMayRead { path: PathBuf },
    #[error("{}: {what}\n  it must be PEM, as `openssl` writes it", path.display())]
    Malformed { path: PathBuf, what: &'static str },
    #[error("{}: does not go with its key: {source}\n  check that `certificate` and `key` belong together", path.display())]
    Unusable { path: PathBuf, source: rustls::Error },
}

/// The two ends of one listener.
#[derive(Clone)]
pub(crate) struct Side {
    pub server: Arc<ServerConfig>,
    pub client: Arc<ClientConfig>,
}

/// All of them, by listener. Shared by the workers; touched for a handshake, never for a message.
pub(crate) struct Certificates {
    sides: RwLock<Arc<Sides>>,
    /// As of the last look, loaded or not.
    stamps: Mutex<Vec<Stamp>>,
}

struct Sides {
    listeners: Vec<Option<Side>>,
    https: Option<Side>,
}

impl Certificates {
    //= TPT-008
    pub fn load(policy: &Policy) -> Result<Certificates, TlsError> {
        let stamps = stamps(policy);
        Ok(Certificates {
            sides: RwLock::new(Arc::new(sides(policy)?)),
            stamps: Mutex::new(stamps),
        })
    }

    /// What holds now. `None`: the listener has no TLS.
    pub fn of(&self, listener: ListenerId) -> Option<Side> {
        let sides = Arc::clone(&self.sides.read().unwrap_or_else(PoisonError::into_inner));
        sides.listeners.get(usize::from(listener.0))?.clone()
    }

    /// The same of the tracker's direct interface.
    //= P2P-132
    pub fn of_https(&self) -> Option<Side> {
        let sides = Arc::clone(&self.sides.read().unwrap_or_else(PoisonError::into_inner));
        sides.https.clone()
    }

    /// Reads all files again. On a failure nothing changes.
    pub fn renew(&self, policy: &Policy) -> Result<(), TlsError> {
        let stamps = stamps(policy);
        let fresh = sides(policy);
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = stamps;
        *self.sides.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh?);
        Ok(())
    }

    /// [`Certificates::renew`] if a file is another than at the last look; whether it was.
    pub fn renew_if_changed(&self, policy: &Policy) -> Result<bool, TlsError> {
        if *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) == stamps(policy) {
            return Ok(false);
        }
        self.renew(policy).map(|()| true)
    }
}

fn tables(policy: &Policy) -> impl Iterator<Item = &Tls> {
    let listeners = policy.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    listeners.chain(policy.p2p.https.as_ref().map(|https| &https.tls))
}

fn stamps(policy: &Policy) -> Vec<Stamp> {
    tables(policy).flat_map(files::named).map(Stamp::of).collect()
}

fn sides(policy: &Policy) -> Result<Sides, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let listeners = policy.listeners.iter().enumerate();
    let of_listener = |(id, listener): (usize, &Listener)| {
        let Some(tls) = &listener.tls else {
            return Ok(None);
        };
        let material = files::read(tls)?;
        warn_of_host(policy, ListenerId(id as u16), &material);
        side(tls, material, &provider).map(Some)
    };
    let https = policy.p2p.https.as_ref().map(|https| {
        let mut side = side(&https.tls, files::read(&https.tls)?, &provider)?;
        Arc::make_mut(&mut side.server).alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(side)
    });
    Ok(Sides {
        listeners: listeners.map(of_listener).collect::<Result<_, _>>()?,
        https: https.transpose()?,
    })
}

/// Who follows a Record-Route of ours over TLS expects a certificate of the host it names.
//= TPT-008
fn warn_of_host(policy: &Policy, id: ListenerId, material: &Material) {
    let Some(listener) = policy.listeners.get(usize::from(id.0)) else {
        return;
    };
    let binds = listener.bind.iter().filter(|bind| bind.value.transport.is_tls());
    let bound: Vec<Bound> = binds
        .map(|bind| Bound {
            listener: id,
            transport: bind.value.transport,
            address: bind.value.address,
        })
        .collect();
    for own in OwnAddresses::new(policy, &bound).all() {
        let host = own.host_port.rsplit_once(':').map_or("", |(host, _)| host);
        let shown = material.chain.first();
        let asked = ServerName::try_from(host.trim_matches(['[', ']']));
        if !shown
            .zip(asked.ok())
            .is_some_and(|(shown, asked)| names::is_of(shown, &asked))
        {
            let listener = &listener.name.value;
            tracing::warn!(
                "the certificate of listener `{listener}` does not name {host}, the host of its Record-Route: who follows it \
                 will not believe us; write a host it names as `advertise`, or another certificate"
            );
        }
    }
}

/// As a client of who shows a certificate of these, or one that they issued; none of ours is shown.
//= P2P-134
pub(crate) fn client(ca: &Path) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let believed = Believed::new(files::certificates(ca)?, &provider);
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.map_err(|source| TlsError::Unusable {
        path: ca.to_owned(),
        source,
    })?;
    let mut client = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verify::Servers::new(believed)))
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    Ok(client)
}

fn side(tls: &Tls, material: Material, provider: &Arc<CryptoProvider>) -> Result<Side, TlsError> {
    let Material {
        chain,
        key,
        client_ca,
        ca,
    } = material;
    let unusable = |source| TlsError::Unusable {
        path: PathBuf::from(&tls.certificate.value),
        source,
    };
    let versions = [&TLS13, &TLS12];
    let server = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&versions)
        .map_err(unusable)?;
    let server = match client_ca {
        Some(anchors) => {
            let believed = Believed::new(anchors, provider);
            server.with_client_cert_verifier(Arc::new(verify::Clients::new(believed, tls.client_certificate.value)))
        }
        None => server.with_no_client_auth(),
    };
    let mut server = server
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(unusable)?;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    let mut client = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&versions)
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verify::Servers::new(Believed::new(ca, provider))))
        .with_client_auth_cert(chain, key)
        .map_err(unusable)?;
    client.resumption = Resumption::disabled();
    Ok(Side {
        server: Arc::new(server),
        client: Arc::new(client),
    })
}
