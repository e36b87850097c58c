//! The files of a listener's `tls`.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use zeroize::Zeroizing;

use super::TlsError;
use crate::policy::Tls;

/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the files hold.
pub(super) struct Material {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub client_ca: Option<Vec<CertificateDer<'static>>>,
    pub ca: Vec<CertificateDer<'static>>,
}

/// Tells a changed file from an unchanged one without reading it.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    pub fn of(path: &Path) -> Stamp {
        let read = fs::metadata(path);
        Stamp(read.ok().map(|of| (of.ino(), of.len(), of.mtime(), of.mtime_nsec())))
    }
}

pub(super) fn named(tls: &Tls) -> impl Iterator<Item = &Path> {
    let Tls {
        certificate,
        key,
        client_ca,
        client_certificate: _,
        ca,
    } = tls;
    let optional = client_ca.iter().chain(ca);
    [certificate, key]
        .into_iter()
        .chain(optional)
        .map(|file| Path::new(&file.value))
}

pub(super) fn read(tls: &Tls) -> Result<Material, TlsError> {
    let chain = certificates(Path::new(&tls.certificate.value))?;
    let several = |file: &crate::policy::Stated<String>| certificates(Path::new(&file.value));
    let ca = match &tls.ca {
        Some(file) => several(file)?,
        // Of the chain only our own: whoever issued it issues for others too.
        None => chain.iter().take(1).cloned().collect(),
    };
    Ok(Material {
        key: key(Path::new(&tls.key.value))?,
        client_ca: tls.client_ca.as_ref().map(several).transpose()?,
        chain,
        ca,
    })
}

/// At least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed = |what| TlsError::Malformed {
        path: path.to_owned(),
        what,
    };
    let (text, _) = text(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(malformed("holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(malformed("holds something that is no certificate")),
    }
}

/// The service's group may read it, nobody else.
//= SEC-002
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (text, mode) = text(path)?;
    if mode & 0o007 != 0 {
        return Err(TlsError::EverybodyMayRead { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| TlsError::Malformed {
        path: path.to_owned(),
        what: "holds no private key",
    })
}

/// What stands in a file, and who may read it.
fn text(path: &Path) -> Result<(Zeroizing<Vec<u8>>, u32), TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        path: PathBuf::from(path),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    let mut text = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(unreadable)?;
    Ok((text, mode))
}
