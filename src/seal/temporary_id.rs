//! Temporary peer IDs: what peers are told in the place of who somebody is.
//!
//! Three kinds are shown to peers: `t1`, one sealed block that names a place in a table; `t2`, a value its owner drew; `t3`, an
//! identity sealed whole, where no table is at hand. `p1` is what a tracker outside the trust domain gets for an identity.
//! Keys are of one day. They come out of a secret that moves on and cannot go back, so what is forgotten stays closed. Knows
//! nothing of peers, of swarms beyond their names, or of the time.

pub mod form;
mod run;
mod secret;

use std::collections::VecDeque;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use aws_lc_rs::aead::{AES_128_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::Prk;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use form::{Form, Hosts, Read};
pub use run::{RUNS_MAX, Run};
pub use secret::Secret;

use super::{KeyError, NotOurs, derive};

/// Days whose keys are held beside today's, at most.
pub const KEPT_DAYS_MAX: u32 = 3;
/// When epochs and days begin to count: 2025-01-01, in seconds of Unix time.
pub const BEGINNING: u64 = 1_735_689_600;

const PLACE_BITS: u32 = 40;
const EPOCH_BITS: u32 = 20;
const SWARM_BITS: u32 = 28;
/// Key id, block, tag.
const T1_BYTES: usize = 1 + 16 + TAG_BYTES;
const TAG_BYTES: usize = 10;
/// What a sealed identity is padded to, so that its length tells nothing.
const BUCKETS: [usize; 3] = [64, 128, 256];
/// Version, epoch, for whom.
const T3_HEAD: usize = 1 + 4 + VIEWER_BYTES;
const VIEWER_BYTES: usize = 8;
const T3_VERSION: u8 = 1;
/// Bytes of an identity that fits.
pub const IDENTITY_BYTES_MAX: usize = BUCKETS[2] - T3_HEAD - 1;

/// How the user part is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 36 characters.
    Base64Url,
    /// 44 characters, in lower case: for networks that do not keep the case of user parts.
    Base32,
}

/// Where a peer stands in the table of its tracker: shard (10 bits) and slot (30 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(u64);

impl Place {
    /// `None`: there is no such place.
    pub fn new(shard: u16, slot: u32) -> Option<Place> {
        (shard < 1 << 10 && slot < 1 << 30).then_some(Place(u64::from(shard) << 30 | u64::from(slot)))
    }

    /// Of a table that is not divided.
    pub fn of_slot(slot: u32) -> Place {
        Place(u64::from(slot) & ((1 << 30) - 1))
    }

    pub fn shard(self) -> u16 {
        (self.0 >> 30) as u16
    }

    pub fn slot(self) -> u32 {
        (self.0 & ((1 << 30) - 1)) as u32
    }
}

/// For whom an ID is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// All who ask in this epoch are told the same.
    Any,
    /// Nobody but the one who stands there.
    Peer(Place),
}

/// What a `t1` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    pub place: Place,
    /// Of what stands there: raised when all that was told of it is to be void.
    pub generation: u8,
    /// Counted from [`BEGINNING`]; 20 bits of it are told.
    pub epoch: u32,
    /// Name of the content.
    pub swarm: &'a [u8],
    pub viewer: Viewer,
}

/// What was found in a `t1`. Whether it is of a swarm and for a viewer is asked of [`TemporaryIds::is_bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub place: Place,
    pub generation: u8,
    pub epoch: u32,
    /// The run that told of it.
    pub run: u32,
    swarm_tag: u32,
    view: u32,
    kid: u8,
}

/// The keys of temporary IDs of one domain.
//= P2P-030
pub struct TemporaryIds {
    hosts: Hosts,
    encoding: Encoding,
    /// Of the oldest day that is held.
    secret: Secret,
    /// Newest first; never empty.
    runs: Vec<Run>,
    /// The keys of each day, for each run. Newest first, the newest run of a day first; never empty.
    days: VecDeque<Day>,
    kept_days: u32,
    pseudonyms: Zeroizing<[u8; 32]>,
}

/// A key that is worked up already: a list needs many tags of it.
type Tagging = Hmac<Sha256>;

/// The keys of one day, for one run.
struct Day {
    day: u32,
    run: u32,
    block: Aes128,
    tags: Tagging,
    swarms: Tagging,
    views: Tagging,
    identities: LessSafeKey,
}

impl TemporaryIds {
    /// `hosts`: the first stands in what is made, all open. `kept_days`: of how many days before today IDs still open.
    pub fn new(
        mut secret: Secret,
        hosts: Hosts,
        encoding: Encoding,
        today: u32,
        kept_days: u32,
    ) -> Result<TemporaryIds, KeyError> {
        let kept_days = kept_days.min(KEPT_DAYS_MAX);
        secret.move_to(today.saturating_sub(kept_days))?;
        let runs = vec![Run::FIRST];
        Ok(TemporaryIds {
            pseudonyms: secret.pseudonyms()?,
            days: days(&secret, &runs, today)?,
            runs,
            hosts,
            encoding,
            secret,
            kept_days,
        })
    }

    /// The same of another run: `runs`, of which there is one at least, newest first. The first makes IDs, all open.
    //= P2P-042
    pub fn with_runs(self, mut runs: Vec<Run>) -> Result<TemporaryIds, KeyError> {
        runs.truncate(RUNS_MAX);
        if runs.is_empty() {
            return Err(KeyError::None);
        }
        let today = self.today();
        let days = days(&self.secret, &runs, today)?;
        Ok(TemporaryIds { runs, days, ..self })
    }

    /// Newest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What earlier runs told opens no more.
    pub fn forget_runs_before_this(&mut self) {
        self.runs.truncate(1);
        let run = self.runs.first().map(|run| run.number);
        self.days.retain(|day| Some(day.run) == run);
    }

    fn today(&self) -> u32 {
        self.days.front().map_or(0, |newest| newest.day)
    }

    /// Takes up the keys of today, and forgets those that are too old. A clock that goes back changes nothing. Whether anything
    /// was changed.
    //= P2P-040
    //= P2P-146
    pub fn move_to(&mut self, today: u32) -> Result<bool, KeyError> {
        if self.today() >= today {
            return Ok(false);
        }
        self.secret.move_to(today.saturating_sub(self.kept_days))?;
        self.days = days(&self.secret, &self.runs, today)?;
        Ok(true)
    }

    /// What must be kept to open again what opens now, and nothing older.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// A `t1` as URI. `None`: the epoch is too late to be told.
    pub fn mint(&self, binding: &Binding<'_>) -> Option<String> {
        let minting = self.minting(binding.epoch, binding.swarm)?;
        Some(minting.mint(binding.place, binding.generation, binding.viewer))
    }

    /// Makes many `t1` of one content. `None`: the epoch is too late to be told.
    //= P2P-031
    pub fn minting<'a>(&'a self, epoch: u32, swarm: &'a [u8]) -> Option<Minting<'a>> {
        let day = self.days.front().filter(|_| epoch >> EPOCH_BITS == 0)?;
        Some(Minting {
            ids: self,
            day,
            epoch,
            swarm,
            swarm_tag: day.swarm_tag(swarm),
        })
    }

    /// What a `t1` of one of our hosts stands for. Whatever is wrong, the same is done and the same is said.
    //= P2P-032
    //= P2P-037
    //= P2P-041
    pub fn open(&self, uri: &[u8]) -> Result<Opened, NotOurs> {
        self.open_read(self.hosts.read(uri))
    }

    /// The same of what is read already, if it is: of a host that need not be one of ours, whose name is in the tag.
    pub fn open_read(&self, read: Option<Read<'_>>) -> Result<Opened, NotOurs> {
        let (host, token) = match read.filter(|read| read.form == Form::Sealed) {
            Some(read) => (read.host, self.decode_t1(read.token)),
            None => (self.hosts.own(), None),
        };
        let is_written = token.is_some();
        let token = token.unwrap_or([0; T1_BYTES]);
        let newest = self.days.front().ok_or(NotOurs)?;
        let of_kid = |kid: u8| self.days.iter().filter(move |day| day.kid() == kid);
        let is_held = of_kid(token[0]).next().is_some();
        let kid = if is_held { token[0] } else { newest.kid() };
        // All of them, whichever it is.
        let mut found = None;
        for day in of_kid(kid) {
            let tag = day.tag(&token[..17], host);
            if verify_slices_are_equal(&tag, &token[17..]).is_ok() {
                found = Some(day);
            }
        }
        let day = found.unwrap_or(newest);
        let mut block = Block::default();
        block.copy_from_slice(&token[1..17]);
        day.block.decrypt_block(&mut block);
        let block = u128::from_be_bytes(block.into());
        if !(is_written && is_held && found.is_some()) {
            return Err(NotOurs);
        }
        Ok(Opened {
            place: Place((block >> 88) as u64),
            generation: (block >> 80) as u8,
            epoch: (block >> 60) as u32 & ((1 << EPOCH_BITS) - 1),
            swarm_tag: (block >> 32) as u32 & ((1 << SWARM_BITS) - 1),
            view: block as u32,
            run: day.run,
            kid: day.kid(),
        })
    }

    /// Whether what was opened is of this content.
    //= P2P-031
    pub fn is_of(&self, opened: &Opened, swarm: &[u8]) -> bool {
        self.day_of(opened)
            .is_some_and(|day| day.swarm_tag(swarm) == opened.swarm_tag)
    }

    /// Whether what was opened is of this content and was made for this viewer.
    //= P2P-035
    pub fn is_bound(&self, opened: &Opened, swarm: &[u8], viewer: Viewer) -> bool {
        let Some(day) = self.day_of(opened) else { return false };
        let view = day.view(viewer, opened.place, opened.epoch, swarm);
        (day.swarm_tag(swarm) == opened.swarm_tag) & (view == opened.view)
    }

    /// By how many days the keys of what was opened are older than the newest ones.
    pub fn days_old(&self, opened: &Opened) -> usize {
        let of_kid = self.days.iter().position(|day| day.kid() == opened.kid);
        of_kid.unwrap_or_default()
    }

    fn day_of(&self, opened: &Opened) -> Option<&Day> {
        self.days
            .iter()
            .find(|day| day.kid() == opened.kid && day.run == opened.run)
    }

    /// A `t3` as URI: an identity, sealed whole for one who asked. `nonce` is random and used once. `None`: it is too long.
    //= P2P-028
    //= P2P-043
    pub fn seal_identity(&self, identity: &[u8], asker: &[u8], epoch: u32, nonce: [u8; NONCE_LEN]) -> Option<String> {
        let day = self.days.front()?;
        let mut plain = Vec::with_capacity(BUCKETS[2]);
        plain.push(T3_VERSION);
        plain.extend_from_slice(&epoch.to_be_bytes());
        plain.extend_from_slice(&day.asker(asker));
        plain.extend_from_slice(identity);
        pad(&mut plain)?;
        let (kid, bound) = (day.kid(), t3_bound(day.kid(), self.hosts.own()));
        let key = &day.identities;
        let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut plain);
        let token = [&[kid][..], &nonce, &plain, tag.ok()?.as_ref()].concat();
        Some(self.uri("t3.", &token))
    }

    /// The identity in a `t3` that was made for this asker, and the epoch it is of.
    pub fn open_identity(&self, uri: &[u8], asker: &[u8]) -> Result<(Vec<u8>, u32), NotOurs> {
        let read = self
            .hosts
            .read(uri)
            .filter(|read| read.form == Form::Whole)
            .ok_or(NotOurs)?;
        let mut token = self.decode(read.token).ok_or(NotOurs)?;
        let (kid, rest) = token.split_first_mut().ok_or(NotOurs)?;
        let (nonce, text) = rest.split_at_mut_checked(NONCE_LEN).ok_or(NotOurs)?;
        let day = self.days.iter().find(|day| day.kid() == *kid).ok_or(NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let bound = Aad::from(t3_bound(*kid, read.host));
        let plain = day.identities.open_in_place(nonce, bound, text).map_err(|_| NotOurs)?;
        let end = plain.iter().rposition(|byte| *byte == 0x80).ok_or(NotOurs)?;
        let (head, identity) = plain[..end].split_at_checked(T3_HEAD).ok_or(NotOurs)?;
        let epoch = head[1..]
            .first_chunk()
            .map(|epoch| u32::from_be_bytes(*epoch))
            .ok_or(NotOurs)?;
        let is_theirs = verify_slices_are_equal(&day.asker(asker), &head[T3_HEAD - VIEWER_BYTES..]).is_ok();
        match head[0] == T3_VERSION && is_theirs {
            true => Ok((identity.to_vec(), epoch)),
            false => Err(NotOurs),
        }
    }

    /// A `p1`: the same for an identity each time, as long as the secret lasts, and another for each tracker.
    //= P2P-043
    //= P2P-068
    pub fn pseudonym(&self, identity: &[u8], tracker: &[u8]) -> Option<String> {
        use aes_siv::KeyInit;
        let mut plain = identity.to_vec();
        pad(&mut plain)?;
        let mut cipher = aes_siv::siv::Aes128Siv::new(&(*self.pseudonyms).into());
        let sealed = cipher.encrypt([tracker], &plain).ok()?;
        Some(format!("p1.{}", BASE64URL_NOPAD.encode(&sealed)))
    }

    /// The identity behind a `p1` that was made for this tracker.
    pub fn open_pseudonym(&self, pseudonym: &[u8], tracker: &[u8]) -> Result<Vec<u8>, NotOurs> {
        use aes_siv::KeyInit;
        let text = pseudonym
            .strip_prefix(b"p1.")
            .filter(|text| text.len() <= 512)
            .ok_or(NotOurs)?;
        let sealed = BASE64URL_NOPAD.decode(text).map_err(|_| NotOurs)?;
        let mut cipher = aes_siv::siv::Aes128Siv::new(&(*self.pseudonyms).into());
        let mut plain = cipher.decrypt([tracker], &sealed).map_err(|_| NotOurs)?;
        let end = plain.iter().rposition(|byte| *byte == 0x80).ok_or(NotOurs)?;
        plain.truncate(end);
        Ok(plain)
    }

    fn uri(&self, kind: &str, token: &[u8]) -> String {
        let host = self.hosts.own();
        let mut uri = String::with_capacity("sip:".len() + kind.len() + token.len() * 2 + 1 + host.len());
        uri.push_str("sip:");
        uri.push_str(kind);
        match self.encoding {
            Encoding::Base64Url => BASE64URL_NOPAD.encode_append(token, &mut uri),
            Encoding::Base32 => uri.push_str(&BASE32_NOPAD.encode(token).to_ascii_lowercase()),
        }
        uri.push('@');
        uri.push_str(host);
        uri
    }

    fn decode_t1(&self, token: &[u8]) -> Option<[u8; T1_BYTES]> {
        let mut bytes = [0; T1_BYTES];
        match self.encoding {
            Encoding::Base64Url if BASE64URL_NOPAD.decode_len(token.len()) == Ok(T1_BYTES) => {
                BASE64URL_NOPAD.decode_mut(token, &mut bytes).ok()?;
                Some(bytes)
            }
            Encoding::Base64Url => None,
            Encoding::Base32 => self.decode(token)?.try_into().ok(),
        }
    }

    fn decode(&self, token: &[u8]) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Base64Url => BASE64URL_NOPAD.decode(token).ok(),
            // A network that loses the case may raise it as well.
            Encoding::Base32 => BASE32_NOPAD.decode(&token.to_ascii_uppercase()).ok(),
        }
    }
}

/// Makes `t1` of one content and epoch.
pub struct Minting<'a> {
    ids: &'a TemporaryIds,
    day: &'a Day,
    epoch: u32,
    swarm: &'a [u8],
    swarm_tag: u32,
}

impl Minting<'_> {
    /// A `t1` as URI.
    //= P2P-028
    //= P2P-030
    //= P2P-031
    //= P2P-034
    pub fn mint(&self, place: Place, generation: u8, viewer: Viewer) -> String {
        let day = self.day;
        let mut block = u128::from(place.0) << (128 - PLACE_BITS);
        block |= u128::from(generation) << 80;
        block |= u128::from(self.epoch) << 60;
        block |= u128::from(self.swarm_tag) << 32;
        block |= u128::from(day.view(viewer, place, self.epoch, self.swarm));
        let mut sealed = Block::from(block.to_be_bytes());
        day.block.encrypt_block(&mut sealed);
        let mut token = [0; T1_BYTES];
        token[0] = day.kid();
        token[1..17].copy_from_slice(&sealed);
        let tag = day.tag(&token[..17], self.ids.hosts.own());
        token[17..].copy_from_slice(&tag);
        self.ids.uri("t1.", &token)
    }
}

impl Day {
    fn of(secret: &Secret, run: &Run) -> Result<Day, KeyError> {
        let prk = secret.prk();
        let tagging = |label: &[u8]| {
            let key = derive(&prk, &run.label(label))?;
            Tagging::new_from_slice(&key[..]).map_err(|_| KeyError::Derivation)
        };
        let identities = UnboundKey::new(&AES_128_GCM_SIV, &half(&prk, &run.label(b"sipveil p2p identities 1"))?);
        Ok(Day {
            day: secret.day(),
            run: run.number,
            block: Aes128::new(&half(&prk, &run.label(b"sipveil p2p blocks 1"))?.into()),
            tags: tagging(b"sipveil p2p tags 1")?,
            swarms: tagging(b"sipveil p2p swarms 1")?,
            views: tagging(b"sipveil p2p views 1")?,
            identities: LessSafeKey::new(identities.map_err(|_| KeyError::Derivation)?),
        })
    }

    fn kid(&self) -> u8 {
        self.day as u8
    }

    /// `sealed`: key id and block.
    fn tag(&self, sealed: &[u8], host: &str) -> [u8; TAG_BYTES] {
        first(&self.tags, &[b"t1", sealed, host.as_bytes()])
    }

    fn swarm_tag(&self, swarm: &[u8]) -> u32 {
        u32::from_be_bytes(first(&self.swarms, &[swarm])) >> (32 - SWARM_BITS)
    }

    fn view(&self, viewer: Viewer, place: Place, epoch: u32, swarm: &[u8]) -> u32 {
        let (place, epoch) = (place.0.to_be_bytes(), epoch.to_be_bytes());
        let viewer = match viewer {
            Viewer::Any => None,
            Viewer::Peer(viewer) => Some(viewer.0.to_be_bytes()),
        };
        let viewer = viewer.as_ref().map_or(&b""[..], |viewer| viewer);
        u32::from_be_bytes(first(&self.views, &[viewer, &place, &epoch, swarm]))
    }

    fn asker(&self, asker: &[u8]) -> [u8; VIEWER_BYTES] {
        first(&self.views, &[b"t3", asker])
    }
}

/// The keys of the day of a secret up to today, for each run.
fn days(secret: &Secret, runs: &[Run], today: u32) -> Result<VecDeque<Day>, KeyError> {
    let mut days = VecDeque::new();
    let mut moving = secret.clone();
    loop {
        for run in runs.iter().rev() {
            days.push_front(Day::of(&moving, run)?);
        }
        if moving.day() >= today {
            return Ok(days);
        }
        moving.move_to(moving.day() + 1)?;
    }
}

#[cfg(test)]
thread_local! {
    static TAGS_MADE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many tags this thread has made.
#[cfg(test)]
pub(crate) fn tags_made() -> u64 {
    TAGS_MADE.get()
}

/// The first bytes of the tag of these parts, one behind the other.
fn first<const N: usize>(key: &Tagging, parts: &[&[u8]]) -> [u8; N] {
    #[cfg(test)]
    TAGS_MADE.set(TAGS_MADE.get() + 1);
    let mut tag = key.clone();
    parts.iter().for_each(|part| tag.update(part));
    tag.finalize().into_bytes().first_chunk().copied().unwrap_or([0; N])
}

fn half(prk: &Prk, label: &[u8]) -> Result<[u8; 16], KeyError> {
    let key = derive(prk, label)?;
    key.first_chunk().copied().ok_or(KeyError::Derivation)
}

/// To the next bucket. `None`: it is too long for any.
fn pad(plain: &mut Vec<u8>) -> Option<()> {
    let bucket = BUCKETS.into_iter().find(|bucket| plain.len() < *bucket)?;
    plain.push(0x80);
    plain.resize(bucket, 0);
    Some(())
}

fn t3_bound(kid: u8, host: &str) -> Vec<u8> {
    [b"t3", &[kid][..], host.as_bytes()].concat()
}

impl std::fmt::Debug for Minting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minting").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TemporaryIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemporaryIds").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
