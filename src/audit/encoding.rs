//! A record as bytes: a version, fixed fields, then texts, each with its length.

use crate::engine::record::{ROWS_MAX, Record};
use crate::privacy::PrivacySet;
use crate::trust::Standing;

const VERSION: u8 = 2;
const STANDINGS: [Standing; 3] = [Standing::Trusted, Standing::Served, Standing::Untrusted];

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let standing = |of: Standing| STANDINGS.iter().position(|one| *one == of).unwrap_or_default() as u8;
    let mut out = vec![
        VERSION,
        standing(record.origin),
        standing(record.hop),
        record.privacy.to_byte(),
    ];
    out.extend_from_slice(&record.unix.to_be_bytes());
    out.extend_from_slice(&record.status.to_be_bytes());
    let mut text = |text: &[u8]| {
        out.extend_from_slice(&(text.len() as u32).to_be_bytes());
        out.extend_from_slice(text);
    };
    for one in [
        &record.method,
        &record.call_id_received,
        &record.call_id_sent,
        &record.branch_received,
        &record.branch_sent,
        &record.from,
        &record.to,
    ] {
        text(one);
    }
    for list in [&record.contacts, &record.asserted] {
        let list = &list[..list.len().min(ROWS_MAX)];
        text(&[list.len() as u8]);
        list.iter().for_each(|one| text(one));
    }
    out
}

/// `None`: written by another version.
pub(super) fn decode(plain: &[u8]) -> Option<Record> {
    let (fixed, mut rest) = plain.split_at_checked(14)?;
    if fixed[0] != VERSION {
        return None;
    }
    let standing = |at: usize| STANDINGS.get(usize::from(fixed[at])).copied();
    let record = Record {
        unix: u64::from_be_bytes(fixed[4..12].try_into().ok()?),
        origin: standing(1)?,
        hop: standing(2)?,
        privacy: PrivacySet::from_byte(fixed[3]),
        status: u16::from_be_bytes([fixed[12], fixed[13]]),
        method: text(&mut rest)?,
        call_id_received: text(&mut rest)?,
        call_id_sent: text(&mut rest)?,
        branch_received: text(&mut rest)?,
        branch_sent: text(&mut rest)?,
        from: text(&mut rest)?,
        to: text(&mut rest)?,
        contacts: list(&mut rest)?,
        asserted: list(&mut rest)?,
        is_required: false,
    };
    rest.is_empty().then_some(record)
}

fn text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let (text, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = behind;
    Some(text.to_vec())
}

fn list(rest: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = text(rest)?;
    let [count] = count[..] else { return None };
    (0..count).map(|_| text(rest)).collect()
}
