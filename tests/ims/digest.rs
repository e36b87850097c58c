//! Digest (RFC 2617) with the answer of a card as its password: AKAv1-MD5 (RFC 3310).

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest as _, Md5};

const COUNT: &str = "00000001";
const CLIENT_NONCE: &str = "0a4f113b";

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
        format!(
            "{}, response=\"{}\", qop=auth, nc={COUNT}, cnonce=\"{CLIENT_NONCE}\"",
            self.without_response(user, uri),
            self.response(user, "REGISTER", uri, password)
        )
    }

    /// RFC 2617 section 3.2.2.1, with `qop=auth`.
    fn response(&self, user: &str, method: &str, uri: &str, password: &[u8]) -> String {
        let secret = [format!("{user}:{}:", self.realm).as_bytes(), password].concat();
        let action = hex_md5(format!("{method}:{uri}").as_bytes());
        let (secret, nonce) = (hex_md5(&secret), &self.nonce);
        hex_md5(format!("{secret}:{nonce}:{COUNT}:{CLIENT_NONCE}:auth:{action}").as_bytes())
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

/// The example of RFC 2617 section 3.5.
#[test]
fn the_example_of_the_standard() {
    let challenge = Challenge {
        realm: "testrealm@host.com".to_owned(),
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093".to_owned(),
    };
    let response = challenge.response("Mufasa", "GET", "/dir/index.html", b"Circle Of Life");
    assert_eq!(response, "6629fae49393a05397450978507c4ef1");
}
