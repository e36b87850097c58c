//! The file that is written: opened once, cut at its last whole record, appended to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::encoding::encode;
use super::frame::{Chain, HEADER, MAGIC};
use super::keys::AuditKeys;
use super::reading::{Reading, Step};
use super::sink::Append;
use crate::engine::record::Record;

/// An audit that records are appended to. One process at a time has it.
#[derive(Debug)]
pub struct AuditFile {
    file: Held,
    keys: AuditKeys,
    chain: Chain,
    /// Bytes of whole records; what is behind them is of one that could not be written.
    length: u64,
    is_torn: bool,
}

/// A file that nobody else writes. It is given up by name: a child process that is being made holds a copy for a moment, and a lock
/// ends by itself with its last copy only.
#[derive(Debug)]
struct Held(File);

impl Held {
    fn lock(file: File) -> Result<Held, TryLockError> {
        file.try_lock()?;
        Ok(Held(file))
    }
}

impl std::ops::Drop for Held {
    fn drop(&mut self) {
        // What fails here is ended with the process.
        let _ = self.0.unlock();
    }
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{}: the audit cannot be opened: {error}; check lawful_interception.audit and who may write there", path.display())]
    Unusable { path: PathBuf, error: io::Error },
    #[error("{}: others than its owner may read the audit; run: chmod 600 {}", path.display(), path.display())]
    OthersMayRead { path: PathBuf },
    #[error("{}: another process writes this audit; end it, or name another file", path.display())]
    InUse { path: PathBuf },
    #[error("{}: this file is no audit, and is left as it is; name another one", path.display())]
    Foreign { path: PathBuf },
    #[error(
        "{}: the audit is damaged after record {records}, or written with another key; move it away and keep it", path.display()
    )]
    Damaged { path: PathBuf, records: u64 },
}

impl AuditFile {
    /// Opens the audit, or makes it. What a sudden end left of its last record is cut off; nothing before is touched.
    //= LI-007
    pub fn open(path: &Path, keys: AuditKeys) -> Result<AuditFile, OpenError> {
        let unusable = |error| {
            let path = path.to_owned();
            OpenError::Unusable { path, error }
        };
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path);
        let mut file = match Held::lock(file.map_err(unusable)?) {
            Ok(held) => held,
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        };
        if file.0.metadata().map_err(unusable)?.permissions().mode() & 0o077 != 0 {
            return Err(OpenError::OthersMayRead { path: path.to_owned() });
        }
        let mut reading = Reading::new(BufReader::new(&file.0), &keys);
        let end = loop {
            match reading.step().map_err(unusable)? {
                Step::Record(_) => {}
                end => break end,
            }
        };
        let (chain, mut length) = (reading.chain(), reading.sound_bytes());
        match end {
            Step::Foreign => return Err(OpenError::Foreign { path: path.to_owned() }),
            Step::Damaged => {
                let (path, records) = (path.to_owned(), reading.records());
                return Err(OpenError::Damaged { path, records });
            }
            Step::Torn => file.0.set_len(length).map_err(unusable)?,
            Step::End | Step::Record(_) => {}
        }
        let chain = match chain {
            Some(chain) => chain,
            None => {
                length = HEADER as u64;
                begin(&mut file.0).map_err(unusable)?
            }
        };
        Ok(AuditFile {
            file,
            keys,
            chain,
            length,
            is_torn: false,
        })
    }
}

fn begin(file: &mut File) -> io::Result<Chain> {
    let mut header = [0; HEADER];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    getrandom::fill(&mut header[MAGIC.len()..]).map_err(io::Error::other)?;
    file.write_all(&header)?;
    file.sync_all()?;
    Ok(Chain::begin(&header))
}

impl Append for AuditFile {
    /// All of them or none, and on the disk.
    fn append(&mut self, records: &[Box<Record>]) -> io::Result<()> {
        if self.is_torn {
            self.file.0.set_len(self.length)?;
            self.is_torn = false;
        }
        let (mut chain, mut out) = (self.chain, Vec::new());
        for record in records {
            let mut nonce = [0; 12];
            getrandom::fill(&mut nonce).map_err(io::Error::other)?;
            let sealed = chain.seal(&self.keys, nonce, &encode(record));
            let (frame, next) = sealed.ok_or_else(|| io::Error::other("a record cannot be sealed"))?;
            out.extend_from_slice(&frame);
            chain = next;
        }
        self.is_torn = true;
        self.file.0.write_all(&out)?;
        self.file.0.sync_data()?;
        self.is_torn = false;
        self.chain = chain;
        self.length += out.len() as u64;
        Ok(())
    }
}
