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

/// TS 35.208, test set 1.
#[test]
fn the_first_test_set_of_the_standard() {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let block = |text| part::<16>(&hex(text), 0);
    let milenage = Milenage::new(
        block("465b5ce8b199b49faa5f0a2ee238a6bc"),
        block("cdc202d5123e20f62b6d676ac72cb318"),
    );
    let rand = block("23553cbe9637a89d218ae64dae47bf35");
    let sqn = part(&hex("ff9bb4d0b607"), 0);
    let derived = milenage.derive(&rand);
    assert_eq!(milenage.opc, block("cd63cb71954a9f4e48a5994e37a02baf"));
    assert_eq!(milenage.mac(&rand, sqn, [0xb9; 2]).to_vec(), hex("4a9ffac354dfafb3"));
    assert_eq!(derived.res.to_vec(), hex("a54211d5e3ba50bf"));
    assert_eq!(derived.ck, block("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
    assert_eq!(derived.ik, block("f769bcd751044604127672711c6d3441"));
    assert_eq!(derived.ak.to_vec(), hex("aa689c648370"));
    assert_eq!(milenage.resync_ak(&rand).to_vec(), hex("451e8beca43b"));
    // The set gives f1* for its own AMF; a card always takes zero (TS 33.102 section 6.3.3).
    let first = milenage.first(&rand, sqn, [0xb9; 2]);
    assert_eq!(first[8..], hex("01cfaf9ec4e871e9"));
}
