use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

/// NIST SP 800-38A, F.5.1: its first counter block read as salt, piece and block.
//= P2P-098 type=test
#[test]
fn the_cipher_is_aes_128_ctr_with_our_counter_block() {
    let key = GroupKey::new(unhex("2b7e151628aed2a6abf7158809cf4f3c"), unhex("f0f1f2f3f4f5f6f7"));
    let mut bytes: [u8; 64] = unhex(concat!(
        "6bc1bee22e409f96e93d7e117393172a",
        "ae2d8a571e03ac9c9eb76fac45af8e51",
        "30c81c46a35ce411e5fbc1191a0a52ef",
        "f69f2445df4f9b17ad2b417be66c3710",
    ));
    key.apply(0xf8_f9fa, 0xfb_fcfd_feff, &mut bytes).unwrap();
    assert_eq!(
        hex(&bytes),
        concat!(
            "874d6191b620e3261bef6864990db6ce",
            "9806f66b7970fdff8617187bb9fffdff",
            "5ae4df3edbd5d35e5b4f09020db03eab",
            "1e031dda2fbe03d1792170a0f3009cee",
        )
    );
}

/// Made by a script of its own: HKDF of Python's `hmac`, the master the bytes 0 to 31, the title "t-1", group 7, version 2.
//= P2P-098 type=test
#[test]
fn known_masters_give_known_keys() {
    let master: [u8; 32] = std::array::from_fn(|at| at as u8);
    let key = ContentMaster::new(master).group(&Version::of_title("t-1", 2), 7);
    assert_eq!(hex(key.key()), KNOWN_KEY);
    assert_eq!(hex(key.salt()), KNOWN_SALT);
}

const KNOWN_KEY: &str = "f06bc9c0140d08962a2370721094a55e";
const KNOWN_SALT: &str = "0f5782396af19f30";

//= P2P-098 type=test
//= P2P-099 type=test
#[test]
fn content_group_and_version_each_change_the_key() {
    let master = ContentMaster::new([1; 32]);
    let one = master.group(&Version::of_title("a", 1), 0);
    let others = [
        master.group(&Version::of_title("b", 1), 0),
        master.group(&Version::of_title("a", 2), 0),
        master.group(&Version::of_title("a", 1), 1),
        ContentMaster::new([2; 32]).group(&Version::of_title("a", 1), 0),
    ];
    for other in others {
        assert!(one.key() != other.key() && one.salt() != other.salt());
    }
}

proptest! {
    //= P2P-098 type=test
    #[test]
    fn no_counter_block_comes_twice(places in prop::collection::btree_set((0u32..3, 0u32..1 << 24, 0u64..1 << 40), 1..60)) {
        let (master, version) = (ContentMaster::new([1; 32]), Version::of_title("t", 1));
        let groups: Vec<GroupKey> = (0..3).map(|group| master.group(&version, group)).collect();
        let counters: std::collections::BTreeSet<_> = places
            .iter()
            .map(|(group, piece, block)| groups[*group as usize].counter_block(*piece, *block).unwrap())
            .collect();
        prop_assert_eq!(counters.len(), places.len());
    }

    /// What the cipher counts through is what the layout says: a part from any block on is that part of the whole.
    //= P2P-098 type=test
    #[test]
    fn a_part_is_that_part_of_the_whole(piece in 0u32..1 << 24, from in 0usize..20, length in 0usize..200, start in 0u64..(1 << 40) - 64) {
        let key = GroupKey::new([3; 16], [4; 8]);
        let mut whole = vec![0x55; 1024];
        key.apply(piece, start, &mut whole).unwrap();
        let mut part = vec![0x55; length];
        key.apply(piece, start + from as u64, &mut part).unwrap();
        prop_assert_eq!(&part[..], &whole[from * 16..from * 16 + length]);
        key.apply(piece, start + from as u64, &mut part).unwrap();
        prop_assert!(part.iter().all(|byte| *byte == 0x55));
    }

    #[test]
    fn no_key_id_text_panics(text in ".{0,80}") {
        if let Some(id) = KeyId::read(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}

//= P2P-098 type=test
#[test]
fn places_hold_at_and_past_their_ends() {
    let key = GroupKey::new([3; 16], [4; 8]);
    let mut bytes = [0; 32];
    assert_eq!(key.apply((1 << 24) - 1, (1 << 40) - 2, &mut bytes), Ok(()));
    assert_eq!(key.apply(1 << 24, 0, &mut bytes), Err(NoPlace));
    assert_eq!(key.apply(0, (1 << 40) - 1, &mut bytes), Err(NoPlace));
    assert_eq!(key.apply(0, u64::MAX, &mut bytes), Err(NoPlace));
    assert_eq!(key.apply(0, (1 << 40) - 1, &mut bytes[..16]), Ok(()));
    assert_eq!(key.apply(0, (1 << 40) - 1, &mut []), Ok(()));
}

/// Every one of the eight: asked or not, entitled or not, available or not.
//= P2P-095 type=test
#[test]
fn only_what_is_asked_entitled_and_available_is_granted() {
    let piece_if = |is: bool| if is { vec![(7, 7)] } else { vec![(8, 9)] };
    for case in 0..8 {
        let [asked, entitled, available] = [1, 2, 4].map(|bit| case & bit != 0);
        let given = granted(&piece_if(asked), &piece_if(entitled), &piece_if(available));
        assert_eq!(
            given.contains(&(7, 7)),
            case == 7,
            "asked {asked}, entitled {entitled}, available {available}"
        );
    }
    let all = [(0, 8191)];
    assert_eq!(
        granted(&all, &all, &[(16, 31)]),
        [(16, 31)],
        "all keys with a ticket for one range"
    );
    assert_eq!(
        granted(&[(0, 10), (20, 30)], &[(5, 25)], &[(0, 7), (24, 40)]),
        [(5, 7), (24, 25)]
    );
    assert!(granted(&all, &all, &[]).is_empty());
}

#[test]
fn groups_are_those_the_pieces_lie_in() {
    assert_eq!(groups_of(&[(0, 3), (4, 4), (17, 40)], 4), [(0, 1), (4, 10)]);
    assert_eq!(groups_of(&[(3, 3), (8191, 8191)], 0), [(0, 0)]);
    assert_eq!(groups_of(&[], 4), []);
    assert_eq!(groups_of(&[(0, 1), (2, 3)], 4), [(0, 0)]);
}

#[test]
fn a_key_id_has_one_spelling() {
    let id = KeyId {
        swarm: SwarmId::of_root([9; 32]),
        group: 12,
        version: 3,
    };
    let text = id.to_string();
    assert_eq!(KeyId::read(&text), Some(id));
    for bad in [
        format!("{text}."),
        text.replace(".12.", ".+12."),
        text.replace(".12.", ".012."),
        text[1..].into(),
    ] {
        assert_eq!(KeyId::read(&bad), None, "{bad}");
    }
}

#[test]
fn keys_are_not_shown() {
    let master = ContentMaster::new([0xAB; 32]);
    let key = master.group(&Version::of_title("t", 1), 0);
    assert_eq!(format!("{master:?} {key:?}"), "ContentMaster { .. } GroupKey { .. }");
}
