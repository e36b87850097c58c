//! How temporary IDs are written, for those who cannot open them.

/// Kinds of temporary IDs that peers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `t1`: sealed, names a place in the tracker's table.
    Sealed,
    /// `t2`: drawn by the peer itself.
    Drawn,
    /// `t3`: an identity sealed whole.
    Whole,
}

/// Characters of a `t2`, after its kind.
pub const DRAWN_MIN: usize = 22;
pub const DRAWN_MAX: usize = 64;
const SEALED: usize = 36;
const SEALED_BASE32: usize = 44;
const WHOLE_MIN: usize = 124;
const WHOLE_MAX: usize = 512;

/// The hosts under which temporary IDs are known, in lower case: our own first, then those of other domains whose IDs are
/// taken by their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    own: String,
    others: Vec<String>,
}

/// A temporary ID by its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read<'a> {
    pub form: Form,
    pub token: &'a [u8],
    /// In lower case.
    pub host: &'a str,
}

impl Hosts {
    pub fn new(own: &str, others: &[String]) -> Hosts {
        Hosts {
            own: own.to_ascii_lowercase(),
            others: others.iter().map(|host| host.to_ascii_lowercase()).collect(),
        }
    }

    pub fn own(&self) -> &str {
        &self.own
    }

    /// Reads what is written exactly as temporary IDs are, of one of these hosts: no port, no parameter, no escape.
    //= P2P-028
    //= P2P-058
    pub fn read<'a>(&'a self, uri: &'a [u8]) -> Option<Read<'a>> {
        let rest = uri.strip_prefix(b"sip:")?;
        let at = memchr::memchr(b'@', rest)?;
        let (user, host) = (&rest[..at], &rest[at + 1..]);
        let mut hosts = std::iter::once(&self.own).chain(&self.others);
        // Nearly all are as we write them.
        let is_written = |known: &&String| known.as_bytes() == host || known.as_bytes().eq_ignore_ascii_case(host);
        let host = hosts.find(is_written)?;
        let (form, token) = form_of(user)?;
        Some(Read { form, token, host })
    }
}

fn form_of(user: &[u8]) -> Option<(Form, &[u8])> {
    let (kind, token) = user.split_at_checked(3)?;
    let length = token.len();
    let base64 = || token.iter().all(|byte| IS_BASE64URL[usize::from(*byte)]);
    let base32 = || {
        let is_digit = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7');
        token.iter().all(is_digit)
    };
    let form = match kind {
        b"t1." if length == SEALED && base64() || length == SEALED_BASE32 && base32() => Form::Sealed,
        b"t2." if (DRAWN_MIN..=DRAWN_MAX).contains(&length) && base64() => Form::Drawn,
        b"t3." if (WHOLE_MIN..=WHOLE_MAX).contains(&length) && base64() => Form::Whole,
        _ => return None,
    };
    Some((form, token))
}

const IS_BASE64URL: [bool; 256] = {
    let mut is = [false; 256];
    let mut byte = 0;
    while byte < is.len() {
        is[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'_');
        byte += 1;
    }
    is
};

/// Why a value that a peer drew for itself is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("a temporary ID is 22 to 64 characters of base64url")]
    Form,
    #[error("a temporary ID is drawn by chance, all of it")]
    Pattern,
}

/// Whether a value may have been drawn by chance: long enough, and none of the patterns of those who did not.
///
/// 22 characters hold 132 bits. What looks like a number of a subscriber or of a device is refused whoever drew it.
//= P2P-029
pub fn check_drawn(value: &[u8]) -> Result<(), Weak> {
    let is_text = value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !(DRAWN_MIN..=DRAWN_MAX).contains(&value.len()) || !is_text {
        return Err(Weak::Form);
    }
    let mut distinct = value.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let steps = |by: i16| {
        value
            .windows(2)
            .filter(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by)
            .count()
    };
    let counts = [1, -1, 0].into_iter().any(|by| steps(by) * 2 >= value.len());
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_period = |period: usize| {
        value
            .iter()
            .skip(period)
            .zip(value)
            .all(|(later, earlier)| later == earlier)
    };
    let repeats = (1..=value.len() / 2).any(is_period);
    if distinct.len() < 8 || counts || repeats || digits == value.len() {
        return Err(Weak::Pattern);
    }
    Ok(())
}
