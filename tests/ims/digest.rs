//! Digest (RFC 2617) with the answer of a card as its password: AKAv1-MD5 (RFC 3310).

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest as _, Md5};

/// The parameters of a WWW-Authenticate that asks by AKAv1-MD5.
pub struct Challenge {
    pub realm: String,
    nonce: String,
}

impl Challenge {
    pub fn of(value: &str) -> Challenge {
        assert_eq!(param(value, "algorithm").as_deref(), Some("AKAv1-MD5"), "{value}");
        Challenge {
            realm: param(value, "realm").unwrap(),
            nonce: param(value, "nonce").unwrap(),
        }
    }

    /// RAND and AUTN.
    pub fn nonce(&self) -> Vec<u8> {
        let nonce = BASE64.decode(self.nonce.as_bytes()).unwrap();
        assert!(nonce.len() >= 32, "{}", self.nonce);
        nonce
    }

    /// What goes into Authorization.
    pub fn answered(&self, user: &str, uri: &str, password: &[u8]) -> String {
        let secret = [format!("{user}:{}:", self.realm).as_bytes(), password].concat();
        let action = hex_md5(format!("REGISTER:{uri}").as_bytes());
        let (count, client_nonce) = ("00000001", "0a4f113b");
        let proof = format!(
            "{}:{}:{count}:{client_nonce}:auth:{action}",
            hex_md5(&secret),
            self.nonce
        );
        format!(
            "{}, response=\"{}\", qop=auth, nc={count}, cnonce=\"{client_nonce}\"",
            self.without_response(user, uri),
            hex_md5(proof.as_bytes())
        )
    }

    /// The same for a card that lost count: no password, and the number it wants to go on from.
    pub fn resynchronising(&self, user: &str, uri: &str, auts: &[u8]) -> String {
        format!("{}, auts=\"{}\"", self.answered(user, uri, b""), BASE64.encode(auts))
    }

    /// For a network that is not ours: nothing to compute with (TS 24.229 section 5.1.1.5.3).
    pub fn refused(&self, user: &str, uri: &str) -> String {
        format!("{}, response=\"\"", self.without_response(user, uri))
    }

    fn without_response(&self, user: &str, uri: &str) -> String {
        let (realm, nonce) = (&self.realm, &self.nonce);
        format!("Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=AKAv1-MD5")
    }
}

/// The value of a parameter, without quotes. Values with a comma in them do not occur here.
pub fn param(value: &str, name: &str) -> Option<String> {
    let params = value.strip_prefix("Digest ")?.split(',');
    let mut pairs = params.filter_map(|param| param.trim().split_once('='));
    let (_, value) = pairs.find(|(own, _)| own.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn hex_md5(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Md5::digest(bytes))
}
