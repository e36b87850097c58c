//! Who looked: a look-up is written down, sealed with the same keys, before anything it found is shown.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::audit::{Append, AuditFile, AuditKeys, OpenError};
use crate::engine::record::Record;
use crate::privacy::PrivacySet;
use crate::trust::Standing;

const ENDING: &str = ".lookups";

/// What was looked at.
pub(in crate::cli) struct LookUp<'a> {
    /// The command, as its records name it.
    pub command: &'static str,
    pub file: &'a Path,
    /// The Call-ID, or the temporary ID, it was about.
    pub about: Option<&'a [u8]>,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NotNoted {
    #[error(
        "this look-up cannot be written down, so it is not made: {0}; work where you may write, or on a copy of the audit"
    )]
    Unusable(#[from] OpenError),
    #[error("this look-up cannot be written down, so it is not made: {0}")]
    Unwritten(#[from] std::io::Error),
}

/// Writes a look-up down beside the audit it is of. One in the look-ups themselves stands there, too.
pub(in crate::cli) fn note(audit: &Path, keys: AuditKeys, of: &LookUp<'_>) -> Result<(), NotNoted> {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let record = Record {
        unix,
        origin: Standing::Trusted,
        hop: Standing::Trusted,
        method: of.command.as_bytes().to_vec(),
        status: 0,
        call_id_received: of.about.map(<[u8]>::to_vec).unwrap_or_default(),
        call_id_sent: Vec::new(),
        branch_received: Vec::new(),
        branch_sent: Vec::new(),
        from: user().into_bytes(),
        to: of.file.to_string_lossy().into_owned().into_bytes(),
        contacts: Vec::new(),
        asserted: Vec::new(),
        privacy: PrivacySet::EMPTY,
        is_required: false,
    };
    AuditFile::open(&beside(audit), keys)?.append(&[Box::new(record)])?;
    Ok(())
}

fn beside(audit: &Path) -> PathBuf {
    let mut name: OsString = audit.as_os_str().to_owned();
    if !name.as_encoded_bytes().ends_with(ENDING.as_bytes()) {
        name.push(ENDING);
    }
    name.into()
}

/// As the system knows who runs this: the user now, and who logged in.
fn user() -> String {
    let uid = std::fs::metadata("/proc/self").map_or("unknown".to_owned(), |process| process.uid().to_string());
    let login = std::fs::read_to_string("/proc/self/loginuid").ok();
    // All ones: nobody logged in.
    match login.as_deref().map(str::trim).filter(|login| *login != "4294967295") {
        Some(login) => format!("uid {uid}, logged in as {login}"),
        None => format!("uid {uid}"),
    }
}
