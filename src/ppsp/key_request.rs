//! The request for content keys: which pieces, on what ticket, and the key that the answer is encrypted to.

use data_encoding::BASE64URL_NOPAD;

use super::SwarmId;
use super::chunk_map::PIECES_MAX;
use super::jwe::{Jwk, NONCE_BYTES, PublicKey};
use super::ranges::{self, PieceRange};
use super::ticket;

/// Bytes of a request at most.
pub const BYTES_MAX: usize = 4096;
/// Runs of pieces that one request may ask keys for.
//= P2P-103
pub const WANTED_MAX: usize = 64;

const FORMAT: u32 = 1;

/// What a UE asks. Who asks is said by the network, never in here.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRequest {
    pub swarm: SwarmId,
    pub wanted: Vec<PieceRange>,
    /// Not verified yet.
    pub ticket: String,
    /// A key of this request alone.
    pub to: PublicKey,
    pub nonce: Vec<u8>,
}

impl std::fmt::Debug for KeyRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRequest").finish_non_exhaustive()
    }
}

/// Why a request for keys is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyRequest {
    #[error("a request for content keys is longer than {BYTES_MAX} bytes")]
    TooLong,
    #[error("a request for content keys is no JSON of the known members")]
    Json,
    #[error("a request for content keys asks for no pieces, more than {WANTED_MAX} runs, or runs out of order")]
    Wanted,
    #[error("the key of a request for content keys is no X25519 key and no point of P-256")]
    Key,
    #[error("the nonce of a request for content keys has not 8 to 64 bytes")]
    Nonce,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Document {
    epk: Jwk,
    nonce: String,
    swarm_id: String,
    ticket: String,
    v: u32,
    want: Vec<PieceRange>,
}

impl KeyRequest {
    //= P2P-093
    //= P2P-103
    pub fn read(bytes: &[u8]) -> Result<KeyRequest, BadKeyRequest> {
        if bytes.len() > BYTES_MAX {
            return Err(BadKeyRequest::TooLong);
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|_| BadKeyRequest::Json)?;
        let swarm = SwarmId::parse(&document.swarm_id).ok_or(BadKeyRequest::Json)?;
        if document.v != FORMAT || document.ticket.len() > ticket::TEXT_MAX {
            return Err(BadKeyRequest::Json);
        }
        let wanted = document.want;
        if !(1..=WANTED_MAX).contains(&wanted.len()) || !ranges::are_ranges(&wanted, PIECES_MAX) {
            return Err(BadKeyRequest::Wanted);
        }
        let nonce = BASE64URL_NOPAD.decode(document.nonce.as_bytes());
        Ok(KeyRequest {
            swarm,
            wanted,
            ticket: document.ticket,
            to: PublicKey::read(&document.epk).map_err(|_| BadKeyRequest::Key)?,
            nonce: nonce
                .ok()
                .filter(|nonce| NONCE_BYTES.contains(&nonce.len()))
                .ok_or(BadKeyRequest::Nonce)?,
        })
    }

    pub fn write(&self) -> Vec<u8> {
        let document = Document {
            epk: self.to.write(),
            nonce: BASE64URL_NOPAD.encode(&self.nonce),
            swarm_id: self.swarm.to_string(),
            ticket: self.ticket.clone(),
            v: FORMAT,
            want: self.wanted.clone(),
        };
        // Text and numbers: nothing here fails to be JSON.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> KeyRequest {
        KeyRequest {
            swarm: SwarmId::of_root([6; 32]),
            wanted: vec![(0, 3), (16, 31)],
            ticket: "t".repeat(ticket::TEXT_MAX),
            to: PublicKey::X25519([9; 32]),
            nonce: b"nonce of the UE!".to_vec(),
        }
    }

    fn changed(from: &str, to: &str) -> Result<KeyRequest, BadKeyRequest> {
        let text = String::from_utf8(request().write()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        KeyRequest::read(text.replace(from, to).as_bytes())
    }

    #[test]
    fn a_request_reads_as_it_was_written() {
        assert_eq!(KeyRequest::read(&request().write()), Ok(request()));
        let point = KeyRequest {
            to: PublicKey::P256([4; 65]),
            ..request()
        };
        assert_eq!(KeyRequest::read(&point.write()), Ok(point));
        assert_eq!(
            changed(r#""v":1"#, r#""v":1,"impu":"sip:a@b""#),
            Ok(request()),
            "who asks is not said in here"
        );
    }

    #[test]
    fn requests_hold_at_and_past_their_ceilings() {
        let asking = |runs: u32| {
            let wanted = (0..runs).map(|run| (8000 + run * 2, 8000 + run * 2)).collect();
            KeyRequest::read(&KeyRequest { wanted, ..request() }.write()).map(|request| request.wanted.len())
        };
        assert_eq!(asking(WANTED_MAX as u32), Ok(WANTED_MAX));
        assert_eq!(asking(WANTED_MAX as u32 + 1), Err(BadKeyRequest::Wanted));
        assert_eq!(asking(0), Err(BadKeyRequest::Wanted));
        assert_eq!(KeyRequest::read(&[b' '; BYTES_MAX + 1]), Err(BadKeyRequest::TooLong));
        assert_eq!(
            changed("\"ttt", "\"tttt"),
            Err(BadKeyRequest::Json),
            "a ticket too long"
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        use BadKeyRequest::*;
        assert_eq!(changed(r#""v":1"#, r#""v":2"#), Err(Json));
        assert_eq!(changed("sha-256", "sha-1"), Err(Json));
        assert_eq!(changed("[[0,3],[16,31]]", "[[0,3],[3,31]]"), Err(Wanted));
        assert_eq!(changed("[[0,3],[16,31]]", "[[0,8192]]"), Err(Wanted));
        assert_eq!(changed("X25519", "X448"), Err(Key));
        assert_eq!(
            changed(r#""kty":"OKP""#, r#""kty":"OKP","d":"AA""#),
            Err(Json),
            "a private key"
        );
        assert_eq!(
            changed(&BASE64URL_NOPAD.encode(b"nonce of the UE!"), "AAAA"),
            Err(Nonce)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in "[{}\\[\\]\":,a-z0-9._-]{0,200}|.{0,100}") {
            prop_assert!(KeyRequest::read(bytes.as_bytes()).is_err());
        }
    }
}
