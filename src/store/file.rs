//! The file: redb, one table of records and one that tells the version.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Durable, Failed, Value};
use crate::engine::storing::Stored;
use crate::pcscf::RecordId;

const RECORDS: TableDefinition<'_, u128, (u64, &[u8])> = TableDefinition::new("registrations");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
const SCHEMA: u64 = 1;

/// An open store.
pub struct File(Database);

/// Why there is no store. Nothing in the file is changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the store {file} does not open: {why}\n  see whether another process has it open and who may write there, or name another file in [store]"
    )]
    Opening { file: String, why: String },
    #[error(
        "the store {file} is of another version ({found}; this one reads {SCHEMA})\n  name another file in [store]"
    )]
    Version { file: String, found: u64 },
}

impl File {
    /// Opens the file, or makes it, for the owner alone. Gives everything that is in it.
    pub fn open(path: &Path) -> Result<(File, Vec<Stored>), OpenError> {
        let file = path.display().to_string();
        let opening = |why: String| OpenError::Opening {
            file: file.clone(),
            why,
        };
        owned(path).map_err(|error| opening(error.to_string()))?;
        let database = Database::create(path).map_err(|error| opening(error.to_string()))?;
        let found = schema(&database).map_err(|error| opening(error.to_string()))?;
        if found != SCHEMA {
            return Err(OpenError::Version { file, found });
        }
        let stored = all(&database).map_err(|error| opening(error.to_string()))?;
        Ok((File(database), stored))
    }
}

/// An empty file is a new store.
fn owned(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options.open(path).map(drop)
}

/// The version of the file; a new one gets ours.
fn schema(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let found = {
        let mut about = transaction.open_table(ABOUT)?;
        let found = about.get("schema")?.map(|found| found.value());
        if found.is_none() {
            about.insert("schema", SCHEMA)?;
        }
        transaction.open_table(RECORDS)?;
        found.unwrap_or(SCHEMA)
    };
    transaction.commit()?;
    Ok(found)
}

fn all(database: &Database) -> Result<Vec<Stored>, redb::Error> {
    let transaction = database.begin_read()?;
    let records = transaction.open_table(RECORDS)?;
    let mut all = Vec::new();
    for entry in records.iter()? {
        let (record, value) = entry?;
        let (expires_at, sealed) = value.value();
        all.push(Stored {
            record: RecordId(record.value()),
            expires_at,
            sealed: sealed.to_vec(),
        });
    }
    Ok(all)
}

impl Durable for File {
    fn write(&mut self, changes: &[(RecordId, Option<Value>)]) -> Result<(), Failed> {
        let write = || -> Result<(), redb::Error> {
            let mut transaction = self.0.begin_write()?;
            transaction.set_quick_repair(true);
            {
                let mut records = transaction.open_table(RECORDS)?;
                for (record, value) in changes {
                    match value {
                        Some(value) => records.insert(record.0, (value.expires_at, &value.sealed[..]))?,
                        None => records.remove(record.0)?,
                    };
                }
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| Failed(error.to_string()))
    }
}
