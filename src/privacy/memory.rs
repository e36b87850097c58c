//! What a dialog needs later, as it travels sealed in our own Record-Route.
//!
//! Held nowhere here: any node with the same keys reads it from the Route of the next message (PRIV-135, level 2).

use super::party_flow::PartyFlow;
use super::wanted::PrivacySet;
use crate::policy::ListenerId;
use crate::seal::{Keys, NotOurs, Purpose};
use crate::sip::Transport;

/// Memory of one dialog.
//= PRIV-135
#[derive(Clone, PartialEq, Eq)]
pub struct DialogMemory {
    /// What the party that opened the dialog gave in its first request.
    pub creator: PrivacySet,
    /// What the other party gave in its first response; `None`: it has not answered yet, as far as this token knows.
    pub other: Option<PrivacySet>,
    /// When the dialog was opened, seconds since 1970 (low 32 bits).
    pub created: u32,
    /// The run of the process that made the token.
    pub instance: u64,
    /// Where the creator's messages come in, and where the other party's do.
    pub sides: [Side; 2],
    /// By which connection each of them is to be reached, where that is known and wanted.
    pub flows: [Option<PartyFlow>; 2],
    /// The key generation of the token that the other party sees as Call-ID, when it sees one.
    pub call_id: Option<u8>,
    /// Digest of the creator's remote target and route set: where its identity may be put back, and nowhere else.
    pub home: u64,
    /// The creator's From as received, when another party sees an anonymous one.
    pub from: Option<Vec<u8>>,
    /// Record-Route values taken from the other party's sight, as one list.
    pub record_route: Option<Vec<u8>>,
    /// Under which handle this process keeps `from` and `record_route`; the token then holds the handle in their place.
    pub stored: Option<u64>,
    /// What is known of it because a UE of ours takes part.
    pub served: Served,
    /// It is between peers that do not know each other: what its creator is called by the other one.
    pub called: Option<Vec<u8>>,
}

/// What the token of a dialog holds that a served UE takes part in. Others are not longer for it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// What the charging of it is known by, when this node began that.
    pub icid: Option<[u8; ICID]>,
    /// Digests of who its parties are, where they are UEs: their tokens are nobody else's.
    pub owners: [Option<u64>; 2],
}

impl Served {
    fn is_empty(&self) -> bool {
        *self == Served::default()
    }

    /// Without the byte that tells what follows.
    fn encoded_bytes(&self) -> usize {
        let owners = self.owners.iter().flatten().count() * OWNER;
        self.icid.map_or(0, |_| ICID) + owners
    }

    fn encode(&self, is_called: bool, out: &mut Vec<u8>) {
        let [creator, other] = self.owners.map(|owner| u8::from(owner.is_some()));
        out.push(u8::from(is_called) << 3 | u8::from(self.icid.is_some()) << 2 | other << 1 | creator);
        out.extend(self.icid.into_iter().flatten());
        out.extend(self.owners.into_iter().flatten().flat_map(u64::to_be_bytes));
    }

    /// And whether its creator is called something.
    fn decode(plain: &mut &[u8]) -> Option<(Served, bool)> {
        let (flags, rest) = plain.split_first()?;
        *plain = rest;
        let mut served = Served::default();
        if flags & 4 != 0 {
            let (icid, rest) = plain.split_first_chunk()?;
            (served.icid, *plain) = (Some(*icid), rest);
        }
        for (place, owner) in served.owners.iter_mut().enumerate() {
            if flags & 1 << place != 0 {
                let (digest, rest) = plain.split_first_chunk()?;
                (*owner, *plain) = (Some(u64::from_be_bytes(*digest)), rest);
            }
        }
        Some((served, flags & 8 != 0))
    }
}

/// Bytes of what a charging is known by, and of a digest of a party.
pub const ICID: usize = 12;
const OWNER: usize = 8;

/// One side of a dialog at this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub listener: ListenerId,
    pub transport: Transport,
}

/// Who of a dialog sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who sent the request that opened it.
    Creator,
    /// Who answered.
    Other,
}

impl Party {
    pub fn other(self) -> Party {
        match self {
            Party::Creator => Party::Other,
            Party::Other => Party::Creator,
        }
    }

    /// Its place in what a dialog remembers of both.
    pub fn place(self) -> usize {
        match self {
            Party::Creator => 0,
            Party::Other => 1,
        }
    }
}

const VERSION: u8 = 1;
/// The same with the key generation of the Call-ID's token behind the fixed part. A node that cannot read it cannot carry on
/// such a dialog.
const VERSION_CALL_ID: u8 = 2;
/// Either with the handle of what is kept elsewhere behind that.
const VERSION_STORED: u8 = 3;
const VERSION_STORED_CALL_ID: u8 = 4;
/// Added to any of these: what is known of served UEs follows.
const WITH_SERVED: u8 = 4;
const HANDLE: usize = 8;
const OTHER_KNOWN: u8 = 1;
const HAS_FROM: u8 = 2;
const HAS_RECORD_ROUTE: u8 = 4;
const HAS_FLOWS: u8 = 8;
const FIXED: usize = 29;

const TRANSPORTS: [Transport; 5] = [
    Transport::Udp,
    Transport::Tcp,
    Transport::Tls,
    Transport::Ws,
    Transport::Wss,
];

impl DialogMemory {
    /// Seals it for the dialog of this Call-ID and creator's tag. `None` when the token would exceed `token_max_bytes`.
    //= PRIV-141
    //= PRIV-143
    //= SEC-004
    pub fn seal(&self, keys: &Keys, call_id: &[u8], tag: &[u8], nonce: [u8; 12], max: u32) -> Option<Vec<u8>> {
        let length = length_of(call_id);
        let token = keys.seal(Purpose::Dialog, &[&length, call_id, tag], nonce, &self.encode())?;
        (token.len() <= max as usize).then_some(token)
    }

    /// Characters its token takes.
    pub fn token_bytes(&self) -> usize {
        let texts = self.texts().into_iter().chain([self.called.as_ref()]);
        let texts = texts.flatten().map(|text| 2 + text.len());
        let handle = self.stored.map_or(0, |_| HANDLE);
        crate::seal::token_bytes(
            FIXED
                + usize::from(self.call_id.is_some())
                + handle
                + usize::from(self.has_served())
                + self.served.encoded_bytes()
                + self.flows_bytes()
                + texts.sum::<usize>(),
        )
    }

    /// Bytes of what can be kept elsewhere.
    pub fn texts_bytes(&self) -> usize {
        let texts = [&self.from, &self.record_route].into_iter().flatten();
        texts.map(Vec::len).sum()
    }

    /// What travels in the token beside the fixed part.
    fn texts(&self) -> [Option<&Vec<u8>>; 2] {
        match self.stored {
            Some(_) => [None, None],
            None => [self.from.as_ref(), self.record_route.as_ref()],
        }
    }

    /// Opens a token found in a Route; tells who of the dialog sends, by whose tag it is bound to.
    //= SEC-004
    pub fn open(
        keys: &Keys,
        call_id: &[u8],
        from_tag: &[u8],
        to_tag: &[u8],
        token: &[u8],
    ) -> Result<(DialogMemory, Party), NotOurs> {
        let length = length_of(call_id);
        let try_tag = |tag: &[u8]| keys.open(Purpose::Dialog, &[&length, call_id, tag], token);
        let (plain, party) = match try_tag(from_tag) {
            Ok(plain) => (plain, Party::Creator),
            Err(NotOurs) => (try_tag(to_tag)?, Party::Other),
        };
        Ok((DialogMemory::decode(&plain).ok_or(NotOurs)?, party))
    }

    fn has_served(&self) -> bool {
        !self.served.is_empty() || self.called.is_some()
    }

    fn has_flows(&self) -> bool {
        self.flows.iter().any(Option::is_some)
    }

    /// A byte tells whose follow; without any there is none.
    fn flows_bytes(&self) -> usize {
        let flows = self.flows.iter().flatten();
        usize::from(self.has_flows()) + flows.map(PartyFlow::encoded_bytes).sum::<usize>()
    }

    fn encode(&self) -> Vec<u8> {
        let mut flags = 0;
        flags |= if self.other.is_some() { OTHER_KNOWN } else { 0 };
        let [from, record_route] = self.texts();
        flags |= if from.is_some() { HAS_FROM } else { 0 };
        flags |= if record_route.is_some() { HAS_RECORD_ROUTE } else { 0 };
        flags |= if self.has_flows() { HAS_FLOWS } else { 0 };
        let mut out = Vec::with_capacity(64);
        let version = match (self.call_id, self.stored) {
            (None, None) => VERSION,
            (Some(_), None) => VERSION_CALL_ID,
            (None, Some(_)) => VERSION_STORED,
            (Some(_), Some(_)) => VERSION_STORED_CALL_ID,
        };
        let version = match self.has_served() {
            false => version,
            true => version + WITH_SERVED,
        };
        out.push(version << 4 | flags);
        out.push(self.creator.to_byte());
        out.push(self.other.unwrap_or_default().to_byte());
        out.extend_from_slice(&self.created.to_be_bytes());
        out.extend_from_slice(&self.instance.to_be_bytes());
        for side in self.sides {
            out.extend_from_slice(&side.listener.0.to_be_bytes());
            let transport = TRANSPORTS.iter().position(|transport| *transport == side.transport);
            out.push(transport.unwrap_or_default() as u8);
        }
        out.extend_from_slice(&self.home.to_be_bytes());
        debug_assert_eq!(out.len(), FIXED);
        out.extend(self.call_id);
        out.extend(self.stored.map(u64::to_be_bytes).into_iter().flatten());
        if self.has_served() {
            self.served.encode(self.called.is_some(), &mut out);
        }
        if self.has_flows() {
            let whose = |party: Party| u8::from(self.flows[party.place()].is_some()) << party.place();
            out.push(whose(Party::Creator) | whose(Party::Other));
            self.flows.iter().flatten().for_each(|flow| flow.encode(&mut out));
        }
        for text in [from, record_route, self.called.as_ref()].into_iter().flatten() {
            out.extend_from_slice(&(text.len() as u16).to_be_bytes());
            out.extend_from_slice(text);
        }
        out
    }

    fn decode(plain: &[u8]) -> Option<DialogMemory> {
        let (fixed, mut rest) = plain.split_at_checked(FIXED)?;
        let version = fixed[0] >> 4;
        let has_served = version > VERSION_STORED_CALL_ID;
        let (has_call_id, is_stored) = match if has_served { version - WITH_SERVED } else { version } {
            VERSION => (false, false),
            VERSION_CALL_ID => (true, false),
            VERSION_STORED => (false, true),
            VERSION_STORED_CALL_ID => (true, true),
            _ => return None,
        };
        let mut call_id = None;
        if has_call_id {
            let (generation, behind) = rest.split_first()?;
            (call_id, rest) = (Some(*generation), behind);
        }
        let mut stored = None;
        if is_stored {
            let (handle, behind) = rest.split_first_chunk::<HANDLE>()?;
            (stored, rest) = (Some(u64::from_be_bytes(*handle)), behind);
        }
        let (served, is_called) = match has_served {
            true => Served::decode(&mut rest)?,
            false => Default::default(),
        };
        let side = |at: usize| {
            Some(Side {
                listener: ListenerId(u16::from_be_bytes([fixed[at], fixed[at + 1]])),
                transport: *TRANSPORTS.get(fixed[at + 2] as usize)?,
            })
        };
        let flags = fixed[0];
        let flows = match flags & HAS_FLOWS {
            0 => [None, None],
            _ => flows(&mut rest)?,
        };
        let mut text = |is_there: bool| -> Option<Option<Vec<u8>>> {
            if !is_there {
                return Some(None);
            }
            let (length, behind) = rest.split_at_checked(2)?;
            let (text, behind) = behind.split_at_checked(u16::from_be_bytes([length[0], length[1]]) as usize)?;
            rest = behind;
            Some(Some(text.to_vec()))
        };
        Some(DialogMemory {
            creator: PrivacySet::from_byte(fixed[1]),
            other: (flags & OTHER_KNOWN != 0).then(|| PrivacySet::from_byte(fixed[2])),
            created: u32::from_be_bytes(fixed[3..7].try_into().ok()?),
            instance: u64::from_be_bytes(fixed[7..15].try_into().ok()?),
            sides: [side(15)?, side(18)?],
            flows,
            call_id,
            home: u64::from_be_bytes(fixed[21..29].try_into().ok()?),
            from: text(flags & HAS_FROM != 0)?,
            record_route: text(flags & HAS_RECORD_ROUTE != 0)?,
            stored,
            served,
            called: text(is_called)?,
        })
    }
}

fn flows(plain: &mut &[u8]) -> Option<[Option<PartyFlow>; 2]> {
    let (whose, rest) = plain.split_first()?;
    *plain = rest;
    let mut flows = [None, None];
    for (place, flow) in flows.iter_mut().enumerate() {
        if whose & 1 << place != 0 {
            *flow = Some(PartyFlow::decode(plain)?);
        }
    }
    Some(flows)
}

/// Stands in front of the Call-ID in what a token is bound to, so that no other Call-ID and tag read the same.
fn length_of(call_id: &[u8]) -> [u8; 4] {
    (call_id.len() as u32).to_be_bytes()
}

impl std::fmt::Debug for DialogMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialogMemory")
            .field("creator", &self.creator)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> DialogMemory {
        let side = |listener, transport| Side {
            listener: ListenerId(listener),
            transport,
        };
        DialogMemory {
            creator: PrivacySet::USER,
            call_id: None,
            other: None,
            created: 1_700_000_000,
            instance: 99,
            sides: [side(0, Transport::Udp), side(1, Transport::Tcp)],
            flows: [None, None],
            home: 5,
            from: Some(b"\"Al\" <sip:al@x>;tag=7".to_vec()),
            record_route: Some(b"<sip:p2;lr>, <sip:p1;lr>".to_vec()),
            stored: None,
            served: Served::default(),
            called: None,
        }
    }

    fn keys() -> Keys {
        Keys::new(&[(1, [5; 32])], "T", 99).unwrap()
    }

    //= PRIV-135 type=test
    #[test]
    fn another_process_with_the_same_keys_reads_it() {
        let token = memory().seal(&keys(), b"c@h", b"7", [1; 12], 600).unwrap();
        let from_creator = DialogMemory::open(&keys(), b"c@h", b"7", b"9", &token).unwrap();
        assert_eq!(from_creator, (memory(), Party::Creator));
        let from_other = DialogMemory::open(&keys(), b"c@h", b"9", b"7", &token).unwrap();
        assert_eq!(from_other, (memory(), Party::Other));
        let answered = DialogMemory {
            other: Some(PrivacySet::ID),
            from: None,
            record_route: None,
            ..memory()
        };
        let token = answered.seal(&keys(), b"c", b"", [1; 12], 600).unwrap();
        assert_eq!(
            DialogMemory::open(&keys(), b"c", b"", b"x", &token).unwrap().0,
            answered
        );
    }

    //= SEC-004 type=test
    #[test]
    fn the_connections_of_either_party_travel_with_it() {
        let flow = |remote: &str| {
            Some(PartyFlow {
                remote: remote.parse().unwrap(),
                connection: Some(crate::trust::ConnectionId(3)),
                certified: None,
            })
        };
        let (one, other) = (flow("192.0.2.7:40000"), flow("[2001:db8::7]:40001"));
        for (flows, call_id) in [([one, None], None), ([None, other], Some(7)), ([one, other], None)] {
            let memory = DialogMemory {
                flows,
                call_id,
                ..memory()
            };
            let token = memory.seal(&keys(), b"c@h", b"7", [1; 12], 600).unwrap();
            assert_eq!(token.len(), memory.token_bytes());
            let opened = DialogMemory::open(&keys(), b"c@h", b"7", b"9", &token).unwrap().0;
            assert_eq!(opened, memory);
        }
    }

    //= PCSCF-016 type=test
    //= PCSCF-017 type=test
    #[test]
    fn what_is_known_of_served_ues_travels_with_it() {
        let fixed = DialogMemory {
            from: None,
            record_route: None,
            ..memory()
        };
        let short = fixed.token_bytes();
        for (icid, owners) in [
            (Some([9; ICID]), [Some(1), None]),
            (None, [None, Some(u64::MAX)]),
            (Some([0; ICID]), [Some(0), Some(2)]),
        ] {
            for (call_id, stored) in [(None, None), (Some(7), None), (None, Some(3)), (Some(7), Some(3))] {
                let memory = DialogMemory {
                    served: Served { icid, owners },
                    call_id,
                    stored,
                    ..fixed.clone()
                };
                let token = memory.seal(&keys(), b"c@h", b"7", [1; 12], 600).unwrap();
                assert_eq!(token.len(), memory.token_bytes());
                let opened = DialogMemory::open(&keys(), b"c@h", b"7", b"9", &token).unwrap().0;
                assert_eq!(opened, memory);
                assert!(token.len() > short);
                let plain = memory.encode();
                for length in 0..plain.len() {
                    assert_eq!(DialogMemory::decode(&plain[..length]), None);
                }
            }
        }
    }

    /// Others are not longer for what they do not hold, and how long a token becomes is known before it is made.
    //= PRIV-143 type=test
    #[test]
    fn a_token_is_as_long_as_what_it_holds() {
        let bare = DialogMemory {
            from: None,
            record_route: None,
            ..memory()
        };
        assert_eq!(bare.encode()[..2], [VERSION << 4, PrivacySet::USER.to_byte()]);
        let served = |icid, owners| DialogMemory {
            served: Served { icid, owners },
            ..bare.clone()
        };
        let called = |icid| DialogMemory {
            called: Some(vec![b'c'; 70]),
            ..served(icid, [None, None])
        };
        let flow = PartyFlow {
            remote: "192.0.2.7:40000".parse().unwrap(),
            connection: None,
            certified: None,
        };
        for (memory, more) in [
            (bare.clone(), 0),
            (served(Some([9; ICID]), [None, None]), 1 + ICID),
            (served(None, [None, Some(1)]), 1 + OWNER),
            (served(Some([9; ICID]), [Some(1), Some(2)]), 1 + ICID + 2 * OWNER),
            (
                DialogMemory {
                    flows: [None, Some(flow)],
                    ..bare.clone()
                },
                1 + flow.encoded_bytes(),
            ),
            (called(None), 1 + 2 + 70),
            (called(Some([9; ICID])), 1 + ICID + 2 + 70),
        ] {
            for (call_id, stored) in [(None, None), (Some(7), None), (None, Some(3)), (Some(7), Some(3))] {
                // Over a step of the padding.
                for length in 0..40 {
                    let memory = DialogMemory {
                        call_id,
                        stored,
                        from: Some(vec![b'f'; length]),
                        ..memory.clone()
                    };
                    let text = if stored.is_none() { 2 + length } else { HANDLE };
                    let expected = FIXED + more + usize::from(call_id.is_some()) + text;
                    assert_eq!(memory.encode().len(), expected);
                    let token = memory.seal(&keys(), b"c", b"t", [1; 12], 600).unwrap();
                    assert_eq!(token.len(), memory.token_bytes());
                    assert_eq!(memory.texts_bytes(), length);
                }
            }
        }
    }

    //= P2P-075 type=test
    #[test]
    fn what_a_peer_is_called_travels_with_the_dialog_alone_and_beside_all_else() {
        for (stored, icid, from) in [
            (None, None, None),
            (Some(7), Some([9; ICID]), None),
            (None, None, memory().from),
        ] {
            let memory = DialogMemory {
                called: Some(b"sip:t1.x@tid.h".to_vec()),
                served: Served {
                    icid,
                    owners: [None, Some(3)],
                },
                stored,
                from,
                record_route: None,
                ..memory()
            };
            let token = memory.seal(&keys(), b"c", b"t", [1; 12], 600).unwrap();
            assert_eq!(DialogMemory::open(&keys(), b"c", b"t", b"x", &token).unwrap().0, memory);
        }
    }

    //= PRIV-143 type=test
    #[test]
    fn what_is_kept_elsewhere_leaves_a_short_token() {
        for call_id in [None, Some(7)] {
            let memory = DialogMemory {
                call_id,
                stored: Some(0x0102_0304_0506_0708),
                ..memory()
            };
            let token = memory.seal(&keys(), b"c@h", b"7", [1; 12], 600).unwrap();
            assert_eq!(token.len(), memory.token_bytes());
            let opened = DialogMemory::open(&keys(), b"c@h", b"7", b"9", &token).unwrap().0;
            let bare = DialogMemory {
                from: None,
                record_route: None,
                ..memory
            };
            assert_eq!(opened, bare);
        }
    }

    //= PRIV-141 type=test
    #[test]
    fn it_opens_for_its_own_dialog_only() {
        let token = memory().seal(&keys(), b"c@h", b"7", [1; 12], 600).unwrap();
        assert!(DialogMemory::open(&keys(), b"other", b"7", b"9", &token).is_err());
        assert!(DialogMemory::open(&keys(), b"c@h", b"8", b"9", &token).is_err());
        assert!(DialogMemory::open(&keys(), b"c@h7", b"", b"", &token).is_err());
    }

    //= PRIV-143 type=test
    #[test]
    fn the_ceiling_holds() {
        let max = memory().seal(&keys(), b"c", b"t", [1; 12], 4096).unwrap().len() as u32;
        assert_eq!(memory().token_bytes(), max as usize);
        assert!(memory().seal(&keys(), b"c", b"t", [1; 12], max).is_some());
        assert!(memory().seal(&keys(), b"c", b"t", [1; 12], max - 1).is_none());
    }

    #[test]
    fn what_is_printed_tells_what_was_asked_and_not_by_whom() {
        let shown = format!("{:?}", memory());
        assert_eq!(shown, "DialogMemory { creator: PrivacySet(4), other: None, .. }");
    }

    #[test]
    fn nonsense_does_not_decode() {
        let flow = PartyFlow {
            remote: "192.0.2.7:40000".parse().unwrap(),
            connection: Some(crate::trust::ConnectionId(3)),
            certified: None,
        };
        for flows in [[None, None], [Some(flow), None], [Some(flow), Some(flow)]] {
            let plain = DialogMemory { flows, ..memory() }.encode();
            for length in 0..plain.len() {
                assert_eq!(DialogMemory::decode(&plain[..length]), None);
            }
        }
        for call_id in [None, Some(7)] {
            let plain = DialogMemory {
                call_id,
                stored: Some(1),
                ..memory()
            };
            let plain = plain.encode();
            for length in 0..plain.len() {
                assert_eq!(DialogMemory::decode(&plain[..length]), None);
            }
        }
        assert_eq!(DialogMemory::decode(&[0; 64]), None);
    }
}
