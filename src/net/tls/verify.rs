//! Whose certificate is believed: that of an issuer we know, or the very one we have been given.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::names;
use crate::policy::ClientCertificate;

/// The certificates of one file, and what they are good for.
#[derive(Debug)]
pub(super) struct Believed {
    /// Believed themselves, chain or not: peers with self-signed certificates are listed so.
    listed: Vec<CertificateDer<'static>>,
    /// Those among them that may issue. An anchor is not asked whether it may, so only these become anchors: else every
    /// listed peer could make certificates for the others.
    issuers: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Believed {
    pub fn new(listed: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Believed {
        let mut issuers = RootCertStore::empty();
        let may_issue = listed.iter().filter(|certificate| names::is_issuer(certificate));
        issuers.add_parsable_certificates(may_issue.cloned());
        Believed {
            listed,
            issuers: Arc::new(issuers),
            provider: Arc::clone(provider),
        }
    }

    /// For one that is listed itself only its time is left to check.
    fn is_listed(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.listed.iter().any(|listed| listed.as_ref() == certificate.as_ref()) {
            return Ok(false);
        }
        match names::is_valid_at(certificate, now.as_secs()) {
            true => Ok(true),
            false => Err(CertificateError::Expired.into()),
        }
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

/// Whom we call.
#[derive(Debug)]
pub(super) struct Servers(Believed);

impl Servers {
    pub fn new(believed: Believed) -> Servers {
        Servers(believed)
    }
}

impl ServerCertVerifier for Servers {
    //= TPT-008
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.0.is_listed(end_entity, now)? {
            let parsed = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.0.algorithms().all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.0.issuers, intermediates, now, algorithms)?;
        }
        match names::is_of(end_entity, server_name) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::NotValidForName.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, self.0.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, self.0.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms().supported_schemes()
    }
}

/// Who calls us.
#[derive(Debug)]
pub(super) struct Clients {
    believed: Believed,
    /// `None`: no issuer is listed.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    hints: Vec<DistinguishedName>,
    without: ClientCertificate,
}

impl Clients {
    pub fn new(believed: Believed, without: ClientCertificate) -> Clients {
        let (issuers, provider) = (Arc::clone(&believed.issuers), Arc::clone(&believed.provider));
        let chains = WebPkiClientVerifier::builder_with_provider(issuers, provider).build();
        let mut named = RootCertStore::empty();
        named.add_parsable_certificates(believed.listed.iter().cloned());
        Clients {
            chains: chains.ok(),
            hints: named.subjects(),
            believed,
            without,
        }
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.without == ClientCertificate::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    //= TRUST-020
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.believed.is_listed(end_entity, now)? {
            return Ok(ClientCertVerified::assertion());
        }
        match &self.chains {
            Some(chains) => chains.verify_client_cert(end_entity, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, self.believed.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, self.believed.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.believed.algorithms().supported_schemes()
    }
}
