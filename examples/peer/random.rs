//! What nobody can guess.

/// So many bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}

/// A word of 96 bits, for tags, branches and Call-IDs.
pub fn word() -> String {
    data_encoding::HEXLOWER.encode(&bytes::<12>())
}
