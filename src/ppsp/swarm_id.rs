//! Names of content: `ni` URIs (RFC 6920) of the SHA-256 root of its hash tree.

use data_encoding::BASE64URL_NOPAD;

const PREFIX: &str = "ni:///sha-256;";
const ROOT_BYTES: usize = 32;
/// Characters of the root.
pub const TEXT: usize = 43;
/// Characters of a name.
pub const NAME: usize = PREFIX.len() + TEXT;

/// One content. Whoever can reach the content under this name can prove that it is the content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SwarmId([u8; ROOT_BYTES]);

impl SwarmId {
    pub const fn of_root(root: [u8; ROOT_BYTES]) -> SwarmId {
        SwarmId(root)
    }

    /// Reads `ni:///sha-256;` and 43 characters.
    pub fn parse(text: &str) -> Option<SwarmId> {
        SwarmId::of_text(text.strip_prefix(PREFIX)?)
    }

    /// Reads the 43 characters, as they stand in the address of a swarm too.
    pub fn of_text(text: &str) -> Option<SwarmId> {
        if text.len() != TEXT {
            return None;
        }
        let mut root = [0; ROOT_BYTES];
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut root).ok()?;
        Some(SwarmId(root))
    }

    pub fn root(&self) -> &[u8; ROOT_BYTES] {
        &self.0
    }

    /// As it is spelt.
    pub fn name(&self) -> [u8; NAME] {
        let mut name = [0; NAME];
        let (prefix, text) = name.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        BASE64URL_NOPAD.encode_mut(&self.0, text);
        name
    }

    /// The 43 characters.
    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

impl std::fmt::Display for SwarmId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}", self.text())
    }
}

impl std::fmt::Debug for SwarmId {
    /// What somebody takes an interest in stands in no log beside who it is: here it is not told at all.
    //= P2P-148
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SwarmId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let name = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk";
        let id = SwarmId::parse(name).unwrap();
        assert_eq!((id.to_string(), &id.name()[..]), (name.to_string(), name.as_bytes()));
        assert_eq!(SwarmId::of_text(&id.text()), Some(id));
        for other in [
            "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk=",
            "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkG",
            // Bits behind the last byte.
            "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGl",
            "ni://home1.example/sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk",
            "ni:///sha-1;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk",
            "1111",
            "",
        ] {
            assert_eq!(SwarmId::parse(other), None, "{other}");
        }
    }
}
