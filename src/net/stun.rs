//! STUN on the SIP ports, as far as it keeps a binding alive: RFC 5626 section 4.4.2, RFC 8489.

use std::net::{IpAddr, SocketAddr};

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
const HEADER_BYTES: usize = 20;

/// The answer to a binding request: the address it came from. `None`: it is none, or asks for more than that.
//= TPT-006
pub(crate) fn answer(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (kind, rest) = request.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (cookie, rest) = rest.split_first_chunk::<4>()?;
    let (transaction, attributes) = rest.split_first_chunk::<12>()?;
    let is_whole = usize::from(u16::from_be_bytes(*length)) == attributes.len() && attributes.len().is_multiple_of(4);
    if *kind != BINDING_REQUEST || *cookie != MAGIC_COOKIE || !is_whole || demands(attributes) {
        return None;
    }
    let pad = [&cookie[..], transaction].concat();
    let (family, address) = match from.ip().to_canonical() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let port = from.port() ^ u16::from_be_bytes([cookie[0], cookie[1]]);
    let mut value = vec![0, family];
    value.extend(port.to_be_bytes());
    value.extend(address.iter().zip(&pad).map(|(byte, pad)| byte ^ pad));
    let mut answer = Vec::with_capacity(HEADER_BYTES + 4 + value.len());
    answer.extend(BINDING_SUCCESS);
    answer.extend((value.len() as u16 + 4).to_be_bytes());
    answer.extend(pad);
    answer.extend(XOR_MAPPED_ADDRESS);
    answer.extend((value.len() as u16).to_be_bytes());
    answer.extend(value);
    Some(answer)
}

/// Whether an attribute is there that must be understood (of the lower half of types), or the list is broken.
fn demands(mut attributes: &[u8]) -> bool {
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).next_multiple_of(4);
        let Some(next) = rest.get(length..) else {
            return true;
        };
        if head[0] & 0x80 == 0 {
            return true;
        }
        attributes = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut request = vec![0, 1, 0, attributes.len() as u8];
        request.extend(MAGIC_COOKIE);
        request.extend(*b"transaction.");
        request.extend(attributes);
        request
    }

    /// The address of the test vectors in RFC 5769 sections 2.2 and 2.3, with our own transaction.
    //= TPT-006 type=test
    #[test]
    fn the_address_comes_back_masked() {
        let answered = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(answered[..20], *b"\x01\x01\x00\x0c\x21\x12\xa4\x42transaction.");
        assert_eq!(answered[20..], *b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        let answered = answer(&request(&[]), "[2001:db8::1]:32853".parse().unwrap()).unwrap();
        assert_eq!(answered[20..28], *b"\x00\x20\x00\x14\x00\x02\xa1\x47");
        let pad = [&MAGIC_COOKIE[..], b"transaction."].concat();
        let address: Vec<u8> = answered[28..].iter().zip(&pad).map(|(byte, pad)| byte ^ pad).collect();
        assert_eq!(address, [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_asks_for_more_or_is_no_request_is_not_answered() {
        let from = "192.0.2.1:5060".parse().unwrap();
        // SOFTWARE may be there, USERNAME may not.
        assert!(answer(&request(b"\x80\x22\x00\x02ab\0\0"), from).is_some());
        assert!(answer(&request(b"\x00\x06\x00\x02ab\0\0"), from).is_none());
        assert!(answer(&request(b"\x80\x22\x00\x09ab\0\0"), from).is_none());
        let whole = request(&[]);
        for cut in 0..whole.len() {
            assert!(answer(&whole[..cut], from).is_none());
        }
        for (at, byte) in [(0, 1), (1, 2), (3, 4), (4, 0)] {
            let mut other = whole.clone();
            other[at] = byte;
            assert!(answer(&other, from).is_none(), "{at}");
        }
    }

    proptest! {
        #[test]
        fn no_datagram_breaks_it(bytes: Vec<u8>) {
            let answered = answer(&bytes, "192.0.2.1:5060".parse().unwrap());
            prop_assert!(answered.is_none_or(|answered| answered.len() <= 44));
        }
    }
}
