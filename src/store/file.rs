//! The file: redb, a table of records for each shelf and one that tells the version.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Durable, Failed, Shelf, Write};
use crate::engine::storing::Stored;
use crate::pcscf::RecordId;

type Records<'a> = TableDefinition<'a, u128, (u64, &'static [u8])>;

const REGISTRATIONS: Records<'_> = TableDefinition::new("registrations");
const PEERS: Records<'_> = TableDefinition::new("peers");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
const SCHEMA: u64 = 1;

/// An open store.
#[derive(Clone)]
pub struct File(Arc<Database>);

/// What a store holds that was opened.
#[derive(Debug, Default)]
pub struct Contents {
    pub registrations: Vec<Stored>,
    /// What ends by itself of what is kept of peers, and when.
    pub peers_that_end: Vec<(RecordId, u64)>,
}

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
    /// Opens the file, or makes it, for the owner alone.
    pub fn open(path: &Path) -> Result<(File, Contents), OpenError> {
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
        let contents = contents(&database).map_err(|error| opening(error.to_string()))?;
        Ok((File(Arc::new(database)), contents))
    }

    /// All that is kept of peers, in the order of the names, one by one: there may be many.
    pub fn each_of_peers(&self, mut take: impl FnMut(Stored)) -> Result<(), Failed> {
        let taken = each(&self.0, Shelf::Peers, |record, expires_at, sealed| {
            take(stored(record, expires_at, sealed));
        });
        taken.map_err(|error| Failed(error.to_string()))
    }
}

fn records(shelf: Shelf) -> Records<'static> {
    match shelf {
        Shelf::Registrations => REGISTRATIONS,
        Shelf::Peers => PEERS,
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
        transaction.open_table(REGISTRATIONS)?;
        transaction.open_table(PEERS)?;
        found.unwrap_or(SCHEMA)
    };
    transaction.commit()?;
    Ok(found)
}

fn contents(database: &Database) -> Result<Contents, redb::Error> {
    let mut contents = Contents::default();
    each(database, Shelf::Registrations, |record, expires_at, sealed| {
        contents.registrations.push(stored(record, expires_at, sealed));
    })?;
    each(database, Shelf::Peers, |record, expires_at, _| {
        if expires_at != u64::MAX {
            contents.peers_that_end.push((record, expires_at));
        }
    })?;
    Ok(contents)
}

fn stored(record: RecordId, expires_at: u64, sealed: &[u8]) -> Stored {
    Stored {
        record,
        expires_at,
        sealed: sealed.to_vec(),
    }
}

fn each(database: &Database, shelf: Shelf, mut take: impl FnMut(RecordId, u64, &[u8])) -> Result<(), redb::Error> {
    let transaction = database.begin_read()?;
    let records = transaction.open_table(records(shelf))?;
    for entry in records.iter()? {
        let (record, value) = entry?;
        let (expires_at, sealed) = value.value();
        take(RecordId(record.value()), expires_at, sealed);
    }
    Ok(())
}

impl Durable for File {
    fn write(&mut self, changes: &[Write]) -> Result<(), Failed> {
        let write = || -> Result<(), redb::Error> {
            let mut transaction = self.0.begin_write()?;
            transaction.set_quick_repair(true);
            for change in changes {
                match change {
                    Write::Put(shelf, record, value) => {
                        let mut records = transaction.open_table(records(*shelf))?;
                        records.insert(record.0, (value.expires_at, &value.sealed[..]))?;
                    }
                    Write::Remove(shelf, record) => {
                        transaction.open_table(records(*shelf))?.remove(record.0)?;
                    }
                    Write::Clear(shelf) => {
                        transaction.delete_table(records(*shelf))?;
                        transaction.open_table(records(*shelf))?;
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| Failed(error.to_string()))
    }
}
