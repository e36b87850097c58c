//! MILENAGE (TS 35.206): what a home network and a card compute from the key they share.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, UnboundCipherKey};

pub type Block = [u8; 16];

/// The functions f1 to f5* under one key.
pub struct Milenage {
    cipher: EncryptingKey,
    opc: Block,
}

/// What a challenge makes of the key.
pub struct Derived {
    pub res: [u8; 8],
    pub ck: Block,
    pub ik: Block,
    /// The anonymity key, which covers the sequence number.
    pub ak: [u8; 6],
}

impl Milenage {
    /// `op`: the operator's constant.
    pub fn new(k: Block, op: Block) -> Milenage {
        let key = UnboundCipherKey::new(&AES_128, &k).unwrap();
        let mut milenage = Milenage {
            cipher: EncryptingKey::ecb(key).unwrap(),
            opc: op,
        };
        milenage.opc = xor(milenage.encrypt(op), op);
        milenage
    }

    /// f2 to f5.
    pub fn derive(&self, rand: &Block) -> Derived {
        let second = self.out(rand, 0, 1);
        Derived {
            res: part(&second, 8),
            ck: self.out(rand, 4, 2),
            ik: self.out(rand, 8, 4),
            ak: part(&second, 0),
        }
    }

    /// f1: by this the card knows its network.
    pub fn mac(&self, rand: &Block, sqn: [u8; 6], amf: [u8; 2]) -> [u8; 8] {
        part(&self.first(rand, sqn, amf), 0)
    }

    /// f1*: by this the network knows that the card itself wants another sequence number.
    pub fn resync_mac(&self, rand: &Block, sqn: [u8; 6]) -> [u8; 8] {
        part(&self.first(rand, sqn, [0; 2]), 8)
    }

    /// f5*.
    pub fn resync_ak(&self, rand: &Block) -> [u8; 6] {
        part(&self.out(rand, 12, 8), 0)
    }

    fn first(&self, rand: &Block, sqn: [u8; 6], amf: [u8; 2]) -> Block {
        let mut input = [0; 16];
        for half in input.chunks_exact_mut(8) {
            half[..6].copy_from_slice(&sqn);
            half[6..].copy_from_slice(&amf);
        }
        let turned = turned(xor(input, self.opc), 8);
        xor(self.encrypt(xor(self.temp(rand), turned)), self.opc)
    }

    fn out(&self, rand: &Block, turn_bytes: usize, constant: u8) -> Block {
        let mut input = turned(xor(self.temp(rand), self.opc), turn_bytes);
        input[15] ^= constant;
        xor(self.encrypt(input), self.opc)
    }

    fn temp(&self, rand: &Block) -> Block {
        self.encrypt(xor(*rand, self.opc))
    }

    fn encrypt(&self, mut block: Block) -> Block {
        self.cipher.encrypt(&mut block).unwrap();
        block
    }
}

pub fn xor<const N: usize>(a: [u8; N], b: [u8; N]) -> [u8; N] {
    std::array::from_fn(|at| a[at] ^ b[at])
}

/// The bytes from this place on.
pub fn part<const N: usize>(of: &[u8], from: usize) -> [u8; N] {
    std::array::from_fn(|at| of[from + at])
}

fn turned(mut block: Block, bytes: usize) -> Block {
    block.rotate_left(bytes);
    block
}

/// What TS 35.208 section 4.3 gives for each of its sets, by the names of TS 35.206.
struct TestSet {
    k: &'static str,
    rand: &'static str,
    sqn: &'static str,
    amf: &'static str,
    op: &'static str,
    opc: &'static str,
    /// f1, then f1*.
    macs: &'static str,
    res: &'static str,
    ck: &'static str,
    ik: &'static str,
    ak: &'static str,
    resync_ak: &'static str,
}

/// Sets 1 to 5. The keys of the tests are those of set 3.
const TEST_SETS: [TestSet; 5] = [
    TestSet {
        k: "465b5ce8b199b49faa5f0a2ee238a6bc",
        rand: "23553cbe9637a89d218ae64dae47bf35",
        sqn: "ff9bb4d0b607",
        amf: "b9b9",
        op: "cdc202d5123e20f62b6d676ac72cb318",
        opc: "cd63cb71954a9f4e48a5994e37a02baf",
        macs: "4a9ffac354dfafb301cfaf9ec4e871e9",
        res: "a54211d5e3ba50bf",
        ck: "b40ba9a3c58b2a05bbf0d987b21bf8cb",
        ik: "f769bcd751044604127672711c6d3441",
        ak: "aa689c648370",
        resync_ak: "451e8beca43b",
    },
    TestSet {
        k: "0396eb317b6d1c36f19c1c84cd6ffd16",
        rand: "c00d603103dcee52c4478119494202e8",
        sqn: "fd8eef40df7d",
        amf: "af17",
        op: "ff53bade17df5d4e793073ce9d7579fa",
        opc: "53c15671c60a4b731c55b4a441c0bde2",
        macs: "5df5b31807e258b0a8c016e51ef4a343",
        res: "d3a628ed988620f0",
        ck: "58c433ff7a7082acd424220f2b67c556",
        ik: "21a8c1f929702adb3e738488b9f5c5da",
        ak: "c47783995f72",
        resync_ak: "30f1197061c1",
    },
    TestSet {
        k: "fec86ba6eb707ed08905757b1bb44b8f",
        rand: "9f7c8d021accf4db213ccff0c7f71a6a",
        sqn: "9d0277595ffc",
        amf: "725c",
        op: "dbc59adcb6f9a0ef735477b7fadf8374",
        opc: "1006020f0a478bf6b699f15c062e42b3",
        macs: "9cabc3e99baf728195814ba2b3044324",
        res: "8011c48c0c214ed2",
        ck: "5dbdbb2954e8f3cde665b046179a5098",
        ik: "59a92d3b476a0443487055cf88b2307b",
        ak: "33484dc2136b",
        resync_ak: "deacdd848cc6",
    },
    TestSet {
        k: "9e5944aea94b81165c82fbf9f32db751",
        rand: "ce83dbc54ac0274a157c17f80d017bd6",
        sqn: "0b604a81eca8",
        amf: "9e09",
        op: "223014c5806694c007ca1eeef57f004f",
        opc: "a64a507ae1a2a98bb88eb4210135dc87",
        macs: "74a58220cba84c49ac2cc74a96871837",
        res: "f365cd683cd92e96",
        ck: "e203edb3971574f5a94b0d61b816345d",
        ik: "0c4524adeac041c4dd830d20854fc46b",
        ak: "f0b9c08ad02e",
        resync_ak: "6085a86c6f63",
    },
    TestSet {
        k: "4ab1deb05ca6ceb051fc98e77d026a84",
        rand: "74b0cd6031a1c8339b2b6ce2b8c4a186",
        sqn: "e880a1b580b6",
        amf: "9f07",
        op: "2d16c5cd1fdf6b22383584e3bef2a8d8",
        opc: "dcf07cbd51855290b92a07a9891e523e",
        macs: "49e785dd12626ef29e85790336bb3fa2",
        res: "5860fc1bce351e7e",
        ck: "7657766b373d1c2138f307e3de9242f9",
        ik: "1c42e960d89b8fa99f2744e0708ccb53",
        ak: "31e11a609118",
        resync_ak: "fe2555e54aa9",
    },
];

#[test]
fn the_test_sets_of_the_standard() {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let block = |text| part::<16>(&hex(text), 0);
    for set in &TEST_SETS {
        let milenage = Milenage::new(block(set.k), block(set.op));
        let rand = block(set.rand);
        let (sqn, amf) = (part(&hex(set.sqn), 0), part(&hex(set.amf), 0));
        let derived = milenage.derive(&rand);
        assert_eq!(milenage.opc, block(set.opc));
        // f1* is given for the AMF of the set; a card always takes zero (TS 33.102 section 6.3.3).
        assert_eq!(milenage.first(&rand, sqn, amf), block(set.macs));
        assert_eq!(milenage.mac(&rand, sqn, amf)[..], hex(set.macs)[..8]);
        assert_eq!(derived.res.to_vec(), hex(set.res));
        assert_eq!((derived.ck, derived.ik), (block(set.ck), block(set.ik)));
        assert_eq!(derived.ak.to_vec(), hex(set.ak));
        assert_eq!(milenage.resync_ak(&rand).to_vec(), hex(set.resync_ak));
    }
}
