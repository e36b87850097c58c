//! `tls` of a `[[listener]]`: its certificate, and whose certificates it believes. Files in PEM, as written.

use super::Stated;

#[derive(Debug, Clone)]
pub struct Tls {
    /// Our chain, our own certificate first. Shown to who connects to us, and to who asks for one when we connect.
    pub certificate: Stated<String>,
    pub key: Stated<String>,
    /// Who may come in; `None`: nobody is asked for a certificate.
    pub client_ca: Option<Stated<String>>,
    pub client_certificate: Stated<ClientCertificate>,
    /// Whom we believe when we call out; `None`: only who shows our own certificate, or one that it issued.
    pub ca: Option<Stated<String>>,
}

/// What becomes of a client that shows no certificate although `client_ca` asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    /// It does not come in.
    Required,
    /// It comes in and has proved nothing.
    Requested,
}
