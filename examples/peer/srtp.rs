//! SRTP (RFC 3711) as SDES sets it up: AES_CM_128_HMAC_SHA1_80, one stream each way, keys derived once.
//!
//! No crate: those that do this bring forty others, and what it takes is in the tree already.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use aws_lc_rs::iv::FixedLength;
use data_encoding::BASE64;
use zeroize::Zeroizing;

/// Bytes of a master key and its salt, as they stand in `a=crypto` behind each other.
pub const MASTER_BYTES: usize = 30;

const KEY_BYTES: usize = 16;
const SALT_BYTES: usize = 14;
const AUTHENTICATION_BYTES: usize = 20;
const HEADER_BYTES: usize = 12;
const TAG_BYTES: usize = 10;
/// The dynamic payload type of `vnd.ppspp`.
pub const PAYLOAD_TYPE: u8 = 96;
/// Packets behind the newest that are still taken, each once.
const WINDOW: u64 = 128;
/// Indexes are of 48 bits; then a stream ends.
const INDEX_MAX: u64 = (1 << 48) - 1;

/// What keys of one direction are derived from.
#[derive(Clone, PartialEq, Eq)]
pub struct Master(Zeroizing<[u8; MASTER_BYTES]>);

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Master").finish_non_exhaustive()
    }
}

impl Master {
    pub fn new(bytes: [u8; MASTER_BYTES]) -> Master {
        Master(Zeroizing::new(bytes))
    }

    /// The value behind `inline:`.
    pub fn read(text: &str) -> Option<Master> {
        let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(Master::new)
    }

    pub fn text(&self) -> String {
        BASE64.encode(&self.0[..])
    }

    fn derive(&self, label: u8, derived: &mut [u8]) {
        let (key, salt) = self.0.split_at(KEY_BYTES);
        let mut iv = [0; 16];
        iv[..SALT_BYTES].copy_from_slice(salt);
        iv[7] ^= label;
        apply(&cipher(key), iv, derived);
    }
}

/// AES in counter mode over what is there: over zeros, the key stream itself.
fn apply(cipher: &EncryptingKey, iv: [u8; 16], bytes: &mut [u8]) {
    let iv = EncryptionContext::Iv128(FixedLength::from(iv));
    cipher
        .less_safe_encrypt(bytes, iv)
        .expect("any length has its key stream");
}

fn cipher(key: &[u8]) -> EncryptingKey {
    let key = UnboundCipherKey::new(&AES_128, key).and_then(EncryptingKey::ctr);
    key.expect("sixteen bytes are a key")
}

struct Keys {
    cipher: EncryptingKey,
    salt: [u8; SALT_BYTES],
    authentication: hmac::Key,
}

impl Keys {
    fn of(master: &Master) -> Keys {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let mut authentication = Zeroizing::new([0; AUTHENTICATION_BYTES]);
        let mut salt = [0; SALT_BYTES];
        master.derive(0, &mut key[..]);
        master.derive(1, &mut authentication[..]);
        master.derive(2, &mut salt);
        Keys {
            cipher: cipher(&key[..]),
            salt,
            authentication: hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication[..]),
        }
    }

    fn apply(&self, source: u32, index: u64, bytes: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..SALT_BYTES].copy_from_slice(&self.salt);
        let sourced = iv[4..8].iter_mut().zip(source.to_be_bytes());
        sourced.for_each(|(byte, other)| *byte ^= other);
        let counted = iv[6..14].iter_mut().zip(index.to_be_bytes());
        counted.for_each(|(byte, other)| *byte ^= other);
        apply(&self.cipher, iv, bytes);
    }

    fn tag(&self, packet: &[u8], index: u64) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(packet);
        context.update(&((index >> 16) as u32).to_be_bytes());
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        tag
    }
}

/// What we send.
pub struct Sealing {
    keys: Keys,
    source: u32,
    index: u64,
}

/// A stream of 2^48 packets, after which another key is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedUp;

impl Sealing {
    /// `source` and `first` are drawn for this stream.
    pub fn new(master: &Master, source: u32, first: u16) -> Sealing {
        Sealing {
            keys: Keys::of(master),
            source,
            // In the lower half: the receiver cannot take the first packets for some before a turn.
            index: u64::from(first & 0x7FFF),
        }
    }

    pub fn seal(&mut self, payload: &[u8]) -> Result<Vec<u8>, UsedUp> {
        let index = self.index;
        if index > INDEX_MAX {
            return Err(UsedUp);
        }
        self.index += 1;
        let mut packet = Vec::with_capacity(HEADER_BYTES + payload.len() + TAG_BYTES);
        packet.extend_from_slice(&[0x80, PAYLOAD_TYPE]);
        packet.extend_from_slice(&(index as u16).to_be_bytes());
        packet.extend_from_slice(&(index as u32).to_be_bytes());
        packet.extend_from_slice(&self.source.to_be_bytes());
        packet.extend_from_slice(payload);
        self.keys.apply(self.source, index, &mut packet[HEADER_BYTES..]);
        let tag = self.keys.tag(&packet, index);
        packet.extend_from_slice(&tag);
        Ok(packet)
    }
}

/// What we receive.
pub struct Opening {
    keys: Keys,
    newest: Option<Newest>,
}

struct Newest {
    source: u32,
    index: u64,
    /// Bit n: the packet n before the newest was taken.
    taken: u128,
}

/// A packet that is not taken: nothing of it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    #[error("no packet of this stream")]
    Form,
    #[error("taken before, or too old")]
    Replayed,
    #[error("not of who has the key")]
    Forged,
}

impl Opening {
    pub fn new(master: &Master) -> Opening {
        Opening {
            keys: Keys::of(master),
            newest: None,
        }
    }

    pub fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
        let (body, tag) = packet.split_last_chunk::<TAG_BYTES>().ok_or(Dropped::Form)?;
        let (header, sealed) = body.split_at_checked(HEADER_BYTES).ok_or(Dropped::Form)?;
        // No padding, no extension, no other source: we send none.
        if header[0] != 0x80 || header[1] & 0x7F != PAYLOAD_TYPE {
            return Err(Dropped::Form);
        }
        let number = u16::from_be_bytes([header[2], header[3]]);
        let source = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let index = self.index_of(source, number)?;
        let expected = self.keys.tag(body, index);
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected, tag).map_err(|_| Dropped::Forged)?;
        let mut payload = sealed.to_vec();
        self.keys.apply(source, index, &mut payload);
        self.takes(source, index);
        Ok(payload)
    }

    /// RFC 3711 clause 3.3.1: the index nearest to the newest one.
    fn index_of(&self, source: u32, number: u16) -> Result<u64, Dropped> {
        let Some(newest) = &self.newest else {
            return Ok(number.into());
        };
        if newest.source != source {
            return Err(Dropped::Form);
        }
        let (turn, last) = (newest.index >> 16, newest.index as u16);
        let turn = match (i32::from(number) - i32::from(last), last < 0x8000) {
            (ahead, true) if ahead > 0x8000 => turn.checked_sub(1).ok_or(Dropped::Replayed)?,
            (behind, false) if behind < -0x8000 => turn + 1,
            _ => turn,
        };
        let index = turn << 16 | u64::from(number);
        match newest.index.checked_sub(index) {
            Some(age) if age >= WINDOW || newest.taken & 1 << age != 0 => Err(Dropped::Replayed),
            _ => Ok(index),
        }
    }

    fn takes(&mut self, source: u32, index: u64) {
        let newest = self.newest.get_or_insert(Newest {
            source,
            index,
            taken: 0,
        });
        match index.checked_sub(newest.index) {
            Some(ahead) => {
                newest.taken = newest
                    .taken
                    .checked_shl(ahead.try_into().unwrap_or(u32::MAX))
                    .unwrap_or(0)
                    | 1;
                newest.index = index;
            }
            None => newest.taken |= 1 << (newest.index - index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXUPPER.decode(text.as_bytes()).unwrap()
    }

    fn master() -> Master {
        let bytes = hex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
        Master::new(bytes.try_into().unwrap())
    }

    /// RFC 3711 appendix B.3.
    //= P2P-085 type=test
    #[test]
    fn keys_are_those_of_the_appendix() {
        let derived = |label, bytes| {
            let mut derived = vec![0; bytes];
            master().derive(label, &mut derived);
            derived
        };
        assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = hex(concat!(
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF72270986371C10C9A",
            "369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2"
        ));
        assert_eq!(derived(1, 94), authentication);
    }

    /// RFC 3711 appendix B.2: the session salt as it stands, source and index 0.
    #[test]
    fn the_key_stream_is_that_of_the_appendix() {
        let mut stream = [0; 32];
        let iv = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        apply(&cipher(&hex("2B7E151628AED2A6ABF7158809CF4F3C")), iv, &mut stream);
        let known = hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB");
        assert_eq!(stream.as_slice(), known);
    }

    #[test]
    fn packets_come_out_once_and_unchanged() {
        let (mut sealing, mut opening) = (Sealing::new(&master(), 7, 9), Opening::new(&master()));
        let packets: Vec<Vec<u8>> = (0..4u8).map(|number| sealing.seal(&[number; 40]).unwrap()).collect();
        assert!(!packets[0].windows(8).any(|some| some == [0; 8]), "in clear");
        // Out of order, and again.
        for number in [1u8, 0, 3, 2] {
            assert_eq!(opening.open(&packets[usize::from(number)]), Ok(vec![number; 40]));
        }
        for packet in &packets {
            assert_eq!(opening.open(packet), Err(Dropped::Replayed));
        }
        for number in 0..200u8 {
            opening.open(&sealing.seal(&[number]).unwrap()).unwrap();
        }
        assert_eq!(opening.open(&packets[0]), Err(Dropped::Replayed), "too old to be known");
    }

    #[test]
    fn a_stream_goes_on_when_its_numbers_begin_again() {
        let (mut sealing, mut opening) = (Sealing::new(&master(), 7, 0x7FFF), Opening::new(&master()));
        for number in 0..200_000u32 {
            let packet = sealing.seal(&number.to_be_bytes()).unwrap();
            // Every other one is lost.
            if number % 2 == 0 {
                assert_eq!(opening.open(&packet), Ok(number.to_be_bytes().to_vec()), "{number}");
            }
        }
        sealing.index = INDEX_MAX;
        assert!(sealing.seal(&[]).is_ok());
        assert_eq!(sealing.seal(&[]), Err(UsedUp));
    }

    #[test]
    fn changed_packets_are_dropped() {
        let packet = Sealing::new(&master(), 7, 0).seal(b"some payload").unwrap();
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Opening::new(&master()).open(&changed).is_err(), "bit {bit}");
        }
        for length in 0..packet.len() {
            assert!(Opening::new(&master()).open(&packet[..length]).is_err());
        }
        let other = Master::new([1; 30]);
        assert_eq!(Opening::new(&other).open(&packet), Err(Dropped::Forged));
    }

    #[test]
    fn a_master_key_has_its_length() {
        assert_eq!(Master::read(&master().text()), Some(master()));
        for text in ["", "AAAA", &BASE64.encode(&[0; 29]), &BASE64.encode(&[0; 46])] {
            assert_eq!(Master::read(text), None, "{text}");
        }
    }
}
