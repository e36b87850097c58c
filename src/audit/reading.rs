//! Reads a file from its beginning and proves each record on the way.

use std::io::{self, Read};

use super::encoding::decode;
use super::frame::{Chain, HEAD, HEADER, MAGIC};
use super::keys::AuditKeys;
use crate::engine::record::Record;

/// A file under way.
pub struct Reading<'k, R> {
    input: R,
    keys: &'k AuditKeys,
    chain: Option<Chain>,
    sound_bytes: u64,
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Record(Box<Record>),
    /// The file ends after a whole record.
    End,
    /// It ends in the middle of one: the writer was ended, or is just writing it.
    Torn,
    /// What stands here was not written here, or with another key. Nothing after it can be proved.
    Damaged,
    /// It does not begin like an audit.
    Foreign,
}

impl<'k, R: Read> Reading<'k, R> {
    pub fn new(input: R, keys: &'k AuditKeys) -> Reading<'k, R> {
        Reading {
            input,
            keys,
            chain: None,
            sound_bytes: 0,
        }
    }

    /// The next record, or why there is none. After anything but a record it is over.
    pub fn step(&mut self) -> io::Result<Step> {
        let chain = match self.chain {
            Some(chain) => chain,
            None => {
                let mut header = [0; HEADER];
                let read = fill(&mut self.input, &mut header)?;
                let begins = read.min(MAGIC.len());
                if header[..begins] != MAGIC[..begins] {
                    return Ok(Step::Foreign);
                }
                match read {
                    0 => return Ok(Step::End),
                    HEADER => {}
                    _ => return Ok(Step::Torn),
                }
                self.sound_bytes = HEADER as u64;
                *self.chain.insert(Chain::begin(&header))
            }
        };
        let mut head = [0; HEAD];
        match fill(&mut self.input, &mut head)? {
            0 => return Ok(Step::End),
            HEAD => {}
            _ => return Ok(Step::Torn),
        }
        let Some(length) = chain.length(&head) else {
            return Ok(Step::Damaged);
        };
        let mut sealed = vec![0; length];
        if fill(&mut self.input, &mut sealed)? < length {
            return Ok(Step::Torn);
        }
        let opened = chain.open(self.keys, &head, &sealed);
        let Some((record, next)) = opened.and_then(|(plain, next)| Some((decode(&plain)?, next))) else {
            return Ok(Step::Damaged);
        };
        self.chain = Some(next);
        self.sound_bytes += (HEAD + length) as u64;
        Ok(Step::Record(Box::new(record)))
    }

    /// Records proved so far.
    pub fn records(&self) -> u64 {
        self.chain.map_or(0, |chain| chain.records)
    }

    /// Digest of everything proved so far; another file, or one with fewer records, has another.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.chain.map(|chain| chain.digest)
    }

    /// Bytes of the file up to here, all of them proved.
    pub(super) fn sound_bytes(&self) -> u64 {
        self.sound_bytes
    }

    pub(super) fn chain(&self) -> Option<Chain> {
        self.chain
    }
}

/// Reads until the buffer is full or nothing comes any more.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
