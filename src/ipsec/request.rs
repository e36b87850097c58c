//! One association and its policy as the kernel wants to hear of them: TS 33.203 section 7.1 in words of XFRM.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netlink_packet_xfrm::constants::{
    AF_INET, AF_INET6, IPPROTO_ESP, XFRM_INF, XFRM_MODE_TRANSPORT, XFRM_POLICY_ALLOW, XFRM_POLICY_BLOCK,
    XFRM_POLICY_IN, XFRM_POLICY_OUT,
};
use netlink_packet_xfrm::policy::{DelGetMessage as PolicyNamed, ModifyMessage as PolicyMessage};
use netlink_packet_xfrm::state::{DelGetMessage as StateNamed, ModifyMessage as StateMessage};
use netlink_packet_xfrm::{Address, Alg, AlgAead, AlgAuth, Selector, UserTemplate, XfrmAttrs, XfrmMessage};

use crate::pcscf::security::{Association, Direction, Encryption, EspKeys, Integrity, SetId, Suite};

/// What stands in the upper bits of every request id of ours: so those that a run before left behind are found.
const OURS: u32 = 0x5350_0000;
const OURS_MASK: u32 = 0xFFF0_0000;

/// Packets that may come out of order.
//= AKA-002
const REPLAY_WINDOW: u8 = 32;
/// Seconds: no set lasts as long, so the end of one is decided here and not by the kernel.
//= AKA-021
const LIFETIME: u64 = u32::MAX as u64;
/// Below what an operator may have written for the same addresses.
const PRIORITY: u32 = 100;
/// What is asked last at a protected port.
const GUARD_PRIORITY: u32 = 200;
/// Bits of what proves integrity, by HMAC and by the authenticated ciphers.
const HMAC_BITS: u32 = 96;
const AEAD_BITS: u32 = 128;
const NAME_BYTES: usize = 64;

/// What ties an association to its policy.
pub fn request_id(set: SetId, place: usize) -> u32 {
    OURS | ((set.0 as u32) << 2 | place as u32) & !OURS_MASK
}

/// Whether a run of this program made it.
pub fn is_ours(request_id: u32) -> bool {
    request_id & OURS_MASK == OURS
}

/// The association itself. The kernel's two layouts of keys: a cipher and a hash, or one that is both.
pub fn add_state(association: &Association, request_id: u32, suite: Suite, keys: &EspKeys) -> StateMessage {
    let mut message = StateMessage::default();
    let state = &mut message.user_sa_info;
    state.saddr = Address::from_ip(&association.from.ip());
    state.id.daddr = Address::from_ip(&association.to.ip());
    state.id.spi = association.spi;
    state.id.proto = IPPROTO_ESP;
    state.family = family(association.to.ip());
    state.selector.family = state.family;
    state.mode = XFRM_MODE_TRANSPORT;
    state.reqid = request_id;
    state.replay_window = REPLAY_WINDOW;
    let life = &mut state.lifetime_cfg;
    (life.soft_byte_limit, life.hard_byte_limit) = (XFRM_INF, XFRM_INF);
    (life.soft_packet_limit, life.hard_packet_limit) = (XFRM_INF, XFRM_INF);
    (life.soft_add_expires_seconds, life.hard_add_expires_seconds) = (LIFETIME, LIFETIME);
    message.nlas = algorithms(suite, keys);
    message
}

fn algorithms(suite: Suite, keys: &EspKeys) -> Vec<XfrmAttrs> {
    let bytes = |key: &Option<crate::pcscf::security::EspKey>| {
        let key = key.as_ref();
        key.map(|key| key.reveal().to_vec()).unwrap_or_default()
    };
    let aead = |label, key: Vec<u8>| {
        XfrmAttrs::EncryptionAlgAead(AlgAead {
            alg_name: name(label),
            alg_key_len: bits(&key),
            alg_icv_len: AEAD_BITS,
            alg_key: key,
        })
    };
    let cipher = |label| {
        let key = bytes(&keys.encryption);
        XfrmAttrs::EncryptionAlg(Alg {
            alg_name: name(label),
            alg_key_len: bits(&key),
            alg_key: key,
        })
    };
    let hash = |label| {
        let key = bytes(&keys.integrity);
        XfrmAttrs::AuthenticationAlgTrunc(AlgAuth {
            alg_name: name(label),
            alg_key_len: bits(&key),
            alg_trunc_len: HMAC_BITS,
            alg_key: key,
        })
    };
    let encryption = match suite.encryption {
        Encryption::AesGcm => return vec![aead("rfc4106(gcm(aes))", bytes(&keys.encryption))],
        Encryption::AesCbc => cipher("cbc(aes)"),
        Encryption::DesEde3Cbc => cipher("cbc(des3_ede)"),
        Encryption::Null => cipher("ecb(cipher_null)"),
    };
    match suite.integrity {
        Integrity::AesGmac => vec![aead("rfc4543(gcm(aes))", bytes(&keys.integrity))],
        Integrity::HmacSha1 => vec![hash("hmac(sha1)"), encryption],
        Integrity::HmacMd5 => vec![hash("hmac(md5)"), encryption],
        // Only with an authenticated cipher, which returned above.
        Integrity::Null => vec![encryption],
    }
}

/// What makes packets between these ports take the association, or not pass without it. UDP and TCP alike.
pub fn add_policy(association: &Association, request_id: u32) -> PolicyMessage {
    policy(association, request_id, XFRM_POLICY_ALLOW, PRIORITY)
}

/// What stops everything else at a port of ours, in one direction: before an association stands, and after it.
//= PCSCF-025
pub fn guard(address: SocketAddr, direction: Direction, request_id: u32) -> PolicyMessage {
    let anybody = match address {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
    };
    let (from, to) = match direction {
        Direction::In => (anybody, address),
        Direction::Out => (address, anybody),
    };
    let all = Association {
        direction,
        spi: 0,
        from,
        to,
    };
    // Nothing is ever sent by its template: the request id in it says whose it is.
    policy(&all, request_id, XFRM_POLICY_BLOCK, GUARD_PRIORITY)
}

fn policy(association: &Association, request_id: u32, action: u8, priority: u32) -> PolicyMessage {
    let mut message = PolicyMessage::default();
    let policy = &mut message.user_policy_info;
    policy.selector = selector(association);
    policy.direction = direction(association);
    policy.action = action;
    policy.priority = priority;
    let life = &mut policy.lifetime_cfg;
    (life.soft_byte_limit, life.hard_byte_limit) = (XFRM_INF, XFRM_INF);
    (life.soft_packet_limit, life.hard_packet_limit) = (XFRM_INF, XFRM_INF);
    let mut template = UserTemplate::default();
    template.source(&association.from.ip());
    template.destination(&association.to.ip());
    template.protocol(IPPROTO_ESP);
    template.mode(XFRM_MODE_TRANSPORT);
    template.reqid(request_id);
    message.nlas = vec![XfrmAttrs::Template(vec![template])];
    message
}

pub fn delete_state(association: &Association) -> XfrmMessage {
    let mut message = StateNamed::default();
    message.user_sa_id.destination(&association.to.ip());
    message.user_sa_id.spi = association.spi;
    message.user_sa_id.proto = IPPROTO_ESP;
    message.nlas = vec![XfrmAttrs::SrcAddr(Address::from_ip(&association.from.ip()))];
    XfrmMessage::DeleteSa(message)
}

pub fn delete_policy(association: &Association) -> XfrmMessage {
    let mut message = PolicyNamed::default();
    message.user_policy_id.selector = selector(association);
    message.user_policy_id.direction = direction(association);
    XfrmMessage::DeletePolicy(message)
}

/// The same for one that the kernel listed.
pub fn delete_listed_state(state: &StateMessage) -> XfrmMessage {
    let mut message = StateNamed::default();
    let listed = &state.user_sa_info;
    message.user_sa_id.daddr = listed.id.daddr;
    message.user_sa_id.family = listed.family;
    message.user_sa_id.spi = listed.id.spi;
    message.user_sa_id.proto = listed.id.proto;
    message.nlas = vec![XfrmAttrs::SrcAddr(listed.saddr)];
    XfrmMessage::DeleteSa(message)
}

pub fn delete_listed_policy(policy: &PolicyMessage) -> XfrmMessage {
    let mut message = PolicyNamed::default();
    message.user_policy_id.index = policy.user_policy_info.index;
    message.user_policy_id.direction = policy.user_policy_info.direction;
    message.user_policy_id.selector.family = policy.user_policy_info.selector.family;
    XfrmMessage::DeletePolicy(message)
}

/// Port 0 is any port, as the unspecified address is any address.
fn selector(association: &Association) -> Selector {
    let mask = |port| if port == 0 { 0 } else { u16::MAX };
    let mut selector = Selector::default();
    let whole = if association.to.is_ipv4() { 32 } else { 128 };
    selector.source_prefix(&association.from.ip(), whole);
    selector.destination_prefix(&association.to.ip(), whole);
    selector.sport = association.from.port();
    selector.sport_mask = mask(selector.sport);
    selector.dport = association.to.port();
    selector.dport_mask = mask(selector.dport);
    selector
}

fn direction(association: &Association) -> u8 {
    match association.direction {
        Direction::In => XFRM_POLICY_IN,
        Direction::Out => XFRM_POLICY_OUT,
    }
}

fn family(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

fn bits(key: &[u8]) -> u32 {
    8 * key.len() as u32
}

fn name(label: &str) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    for (to, from) in name.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    name
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{Emitable, Parseable};
    use zeroize::Zeroizing;

    use super::*;
    use crate::pcscf::keys::CkIk;
    use crate::pcscf::security::{Terms, suite::suites};

    fn association(direction: Direction, from: &str, to: &str) -> Association {
        Association {
            direction,
            spi: 0x1234_5678,
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }
    }

    fn keys(suite: Suite) -> EspKeys {
        let count = |from: u8| Zeroizing::new(std::array::from_fn(|place| from + place as u8));
        EspKeys::expand(
            suite,
            &CkIk {
                ck: count(0x10),
                ik: count(0),
            },
        )
    }

    /// The names, key lengths and check lengths in bits, as the kernel is told.
    fn told(suite: Suite) -> Vec<(String, usize, u32)> {
        let text = |name: &[u8]| {
            let end = name.iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(name[..end].to_vec()).unwrap()
        };
        let one = association(Direction::In, "10.30.0.7:31000", "10.30.0.1:6101");
        let message = add_state(&one, 1, suite, &keys(suite));
        let all = message.nlas.iter().map(|attribute| match attribute {
            XfrmAttrs::EncryptionAlg(alg) => (text(&alg.alg_name), alg.alg_key.len(), 0),
            XfrmAttrs::EncryptionAlgAead(alg) => (text(&alg.alg_name), alg.alg_key.len(), alg.alg_icv_len),
            XfrmAttrs::AuthenticationAlgTrunc(alg) => (text(&alg.alg_name), alg.alg_key.len(), alg.alg_trunc_len),
            other => panic!("{:?}", std::mem::discriminant(other)),
        });
        all.collect()
    }

    //= AKA-002 type=test
    //= AKA-006 type=test
    #[test]
    fn every_suite_has_its_algorithms_with_keys_of_their_length() {
        let all: Vec<_> = suites(Terms::ALL).map(told).collect();
        let one = |name: &str, key, check| (name.to_owned(), key, check);
        let (sha1, md5) = (one("hmac(sha1)", 20, 96), one("hmac(md5)", 16, 96));
        let (aes, des, null) = (
            one("cbc(aes)", 16, 0),
            one("cbc(des3_ede)", 24, 0),
            one("ecb(cipher_null)", 0, 0),
        );
        assert_eq!(
            all,
            [
                vec![one("rfc4106(gcm(aes))", 20, 128)],
                vec![sha1.clone(), aes.clone()],
                vec![one("rfc4543(gcm(aes))", 20, 128)],
                vec![sha1.clone(), null.clone()],
                vec![md5.clone(), aes],
                vec![sha1, des.clone()],
                vec![md5.clone(), des],
                vec![md5, null],
            ]
        );
    }

    //= AKA-002 type=test
    //= AKA-021 type=test
    #[test]
    fn an_association_is_esp_in_transport_mode_with_a_replay_window() {
        for (from, to) in [
            ("10.30.0.7:31000", "10.30.0.1:6101"),
            ("[2001:db8::7]:31000", "[2001:db8::1]:6101"),
        ] {
            let suite = suites(Terms::USUAL).next().unwrap();
            let sent = add_state(
                &association(Direction::In, from, to),
                request_id(SetId(5), 3),
                suite,
                &keys(suite),
            );
            let mut bytes = vec![0; sent.buffer_len()];
            sent.emit(&mut bytes);
            let state = StateMessage::parse(bytes.as_slice()).unwrap().user_sa_info;
            assert_eq!((state.mode, state.replay_window, state.id.proto), (0, 32, 50));
            assert_eq!(state.id.spi, 0x1234_5678);
            assert_eq!(state.lifetime_cfg.hard_add_expires_seconds, u64::from(u32::MAX));
            assert!(is_ours(state.reqid));
            assert_eq!(state.family, if from.starts_with('[') { 10 } else { 2 });
        }
    }

    //= AKA-003 type=test
    #[test]
    fn a_policy_is_for_both_ports_and_every_transport() {
        for (direction, number) in [(Direction::In, 0), (Direction::Out, 1)] {
            let one = association(direction, "10.30.0.7:31000", "10.30.0.1:6101");
            let policy = add_policy(&one, 77);
            let selector = policy.user_policy_info.selector;
            assert_eq!((selector.sport, selector.dport, selector.proto), (31000, 6101, 0));
            assert_eq!((selector.prefixlen_s, selector.prefixlen_d), (32, 32));
            assert_eq!(policy.user_policy_info.direction, number);
            let XfrmMessage::DeletePolicy(gone) = delete_policy(&one) else {
                panic!("another message");
            };
            assert_eq!(
                (gone.user_policy_id.selector, gone.user_policy_id.direction),
                (selector, number)
            );
        }
    }

    //= PCSCF-025 type=test
    #[test]
    fn a_guard_stops_everybody_at_one_port_unless_an_association_lets_through() {
        for (own, family, whole) in [("10.30.0.1:6101", AF_INET, 32), ("[2001:db8::1]:6101", AF_INET6, 128)] {
            for direction in [Direction::In, Direction::Out] {
                let PolicyMessage {
                    user_policy_info: guard,
                    nlas,
                } = guard(own.parse().unwrap(), direction, request_id(SetId(u64::MAX), 1));
                let one = association(direction, "10.30.0.7:31000", "10.30.0.1:6101");
                let allowed = add_policy(&one, 77).user_policy_info;
                assert_eq!((guard.action, allowed.action), (XFRM_POLICY_BLOCK, XFRM_POLICY_ALLOW));
                assert!(guard.priority > allowed.priority);
                let selector = guard.selector;
                let source = (selector.prefixlen_s, selector.sport, selector.sport_mask);
                let destination = (selector.prefixlen_d, selector.dport, selector.dport_mask);
                let (ours, theirs) = match direction {
                    Direction::In => (destination, source),
                    Direction::Out => (source, destination),
                };
                assert_eq!((ours, theirs), ((whole, 6101, u16::MAX), (0, 0, 0)));
                assert_eq!((selector.family, selector.proto), (family, 0));
                let XfrmAttrs::Template(templates) = &nlas[0] else {
                    panic!("it is not known again");
                };
                assert!(is_ours(templates[0].reqid));
            }
        }
    }

    #[test]
    fn what_others_made_is_not_ours() {
        for set in [0, 1, u64::from(u32::MAX), u64::MAX] {
            assert!((0..4).all(|place| is_ours(request_id(SetId(set), place))));
        }
        assert!([0, 1, 16384, u32::MAX, OURS << 1].iter().all(|id| !is_ours(*id)));
        let all: std::collections::BTreeSet<u32> = (0..100)
            .flat_map(|set| (0..4).map(move |place| request_id(SetId(set), place)))
            .collect();
        assert_eq!(all.len(), 400);
    }
}
