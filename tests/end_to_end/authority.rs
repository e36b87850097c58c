//! Certificates made for one test, good and bad, and the TLS ends that show them.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};

use super::node::PATIENCE;

/// Who issues certificates.
pub struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
}

/// What to certify.
#[derive(Default)]
pub struct Wish<'a> {
    pub dns: &'a [&'a str],
    pub uris: &'a [&'a str],
    pub common_name: Option<&'a str>,
    pub expired: bool,
}

pub fn dns<'a>(names: &'a [&'a str]) -> Wish<'a> {
    Wish {
        dns: names,
        ..Wish::default()
    }
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority {
            certificate: params.self_signed(&key).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    pub fn issue(&self, wish: &Wish) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params(wish).signed_by(&key, &self.issuer).unwrap();
        Identity::new(certificate, key)
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }
}

fn params(wish: &Wish) -> CertificateParams {
    let names: Vec<String> = wish.dns.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let uris = wish.uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
    params.subject_alt_names.extend(uris);
    if let Some(name) = wish.common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    if wish.expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    params
}

impl Identity {
    /// Issued by itself, and no authority for others.
    pub fn self_signed(wish: &Wish) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity::new(params(wish).self_signed(&key).unwrap(), key)
    }

    /// As `openssl req -x509` makes them: issued by itself, and marked as an authority.
    pub fn self_signed_authority(wish: &Wish) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = params(wish);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Identity::new(params.self_signed(&key).unwrap(), key)
    }

    fn new(certificate: rcgen::Certificate, key: KeyPair) -> Identity {
        Identity {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key,
        }
    }

    /// A certificate for somebody else, signed by this one.
    pub fn forges(&self, wish: &Wish) -> Identity {
        let own = KeyPair::from_pem(&self.key.serialize_pem()).unwrap();
        let issuer = Issuer::new(CertificateParams::new(Vec::new()).unwrap(), own);
        let key = KeyPair::generate().unwrap();
        Identity::new(params(wish).signed_by(&key, &issuer).unwrap(), key)
    }

    pub fn pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Puts `NAME.pem` and `NAME.key` into a folder, each in one step, the key for its owner alone.
    pub fn put(&self, folder: &Path, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        for (end, text, mode) in [
            ("key", self.key.serialize_pem(), 0o600),
            ("pem", self.certificate_pem.clone(), 0o644),
        ] {
            let fresh = folder.join(format!("{name}.{end}.new"));
            std::fs::write(&fresh, text).unwrap();
            std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(mode)).unwrap();
            std::fs::rename(fresh, folder.join(format!("{name}.{end}"))).unwrap();
        }
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// As a server that asks for a certificate of this authority.
    pub fn server(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![self.certificate.clone()];
        Arc::new(builder.with_single_cert(chain, self.key()).unwrap())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A connection that believes any server and shows this identity. The handshake is over when it returns; in TLS 1.3 the server
/// may still refuse what it was shown.
pub fn connect(stream: TcpStream, shows: Option<&Identity>) -> std::io::Result<(ClientConnection, TcpStream)> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider())));
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(vec![identity.certificate.clone()], identity.key())
            .unwrap(),
    };
    let name = ServerName::try_from("edge.example").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = stream;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok((connection, stream))
}

/// Tests look at what a server shows, they need not believe it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
