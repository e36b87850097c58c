//! A registration as bytes, for what outlives this run of the process.
//!
//! Of a datagram's flow alone: a connection ends with its run. Listeners go by their names, which outlive a changed policy.

use std::net::SocketAddr;

use super::{CONTACTS_MAX, IDENTITIES_MAX, RecordId, RegisteredUe};
use crate::pcscf::FlowKey;
use crate::policy::ListenerId;
use crate::policy::spec_t::UserAuthentication;
use crate::sip::uri::UriList;

const VERSION: u8 = 1;

const AUTHENTICATIONS: [UserAuthentication; 4] = [
    UserAuthentication::ImsAka,
    UserAuthentication::SipDigest,
    UserAuthentication::TlsClientCert,
    UserAuthentication::None,
];

/// A registration and where it came from.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Names of the listeners of the UE and of its network.
    pub listener: &'a str,
    pub inwards: &'a str,
    pub remote: SocketAddr,
}

/// All of a registration but the name of its record.
pub fn encode(ue: &RegisteredUe, place: Place<'_>) -> Vec<u8> {
    let mut out = vec![VERSION];
    let by = ue.authenticated_by;
    let by = by.and_then(|by| AUTHENTICATIONS.iter().position(|one| *one == by));
    out.push(by.map_or(0, |by| by as u8 + 1));
    out.extend_from_slice(&ue.expires_at.to_be_bytes());
    out.extend_from_slice(&u32::from(ue.default).to_be_bytes());
    out.extend_from_slice(&ue.owner.to_be_bytes());
    let mut text = |text: &[u8]| {
        out.extend_from_slice(&(text.len() as u32).to_be_bytes());
        out.extend_from_slice(text);
    };
    text(place.listener.as_bytes());
    text(place.inwards.as_bytes());
    text(place.remote.to_string().as_bytes());
    text(&ue.service_route);
    for list in [&ue.identities, &ue.contacts] {
        text(&[list.len() as u8]);
        list.iter().for_each(&mut text);
    }
    out
}

/// `None`: written by another version, or its listeners are gone. `listener` finds one by its name.
pub fn decode(
    plain: &[u8],
    record: RecordId,
    listener: impl Fn(&str) -> Option<ListenerId>,
) -> Option<(FlowKey, RegisteredUe)> {
    let (head, mut rest) = plain.split_at_checked(22)?;
    if head[0] != VERSION {
        return None;
    }
    let authenticated_by = match usize::from(head[1]) {
        0 => None,
        by => Some(*AUTHENTICATIONS.get(by - 1)?),
    };
    let (of_ue, inwards) = (name(&mut rest)?, name(&mut rest)?);
    let remote: SocketAddr = name(&mut rest)?.parse().ok()?;
    let service_route = text(&mut rest)?;
    let identities = list(&mut rest, IDENTITIES_MAX)?;
    let contacts = list(&mut rest, CONTACTS_MAX)?;
    let ue = RegisteredUe {
        identities,
        default: u32::from_be_bytes(head[10..14].try_into().ok()?).try_into().ok()?,
        contacts,
        service_route: service_route.into(),
        inwards: listener(&inwards)?,
        owner: u64::from_be_bytes(head[14..22].try_into().ok()?),
        // The next registration subscribes anew.
        told: None,
        expires_at: u64::from_be_bytes(head[2..10].try_into().ok()?),
        authenticated_by,
        record: Some(record.0.to_be_bytes()),
    };
    rest.is_empty()
        .then_some((FlowKey::of_datagrams(listener(&of_ue)?, remote), ue))
}

fn list(rest: &mut &[u8], max: usize) -> Option<UriList> {
    let count = usize::from(*text(rest)?.first()?);
    (count <= max).then(|| (0..count).map(|_| text(rest)).collect())?
}

fn name(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(text(rest)?).ok()
}

fn text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (text, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::ue;

    const PLACE: Place<'_> = Place {
        listener: "access",
        inwards: "core",
        remote: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::new(192, 0, 2, 7), 5062)),
    };

    fn listener(name: &str) -> Option<ListenerId> {
        ["core", "access"]
            .iter()
            .position(|one| *one == name)
            .map(|at| ListenerId(at as u16))
    }

    fn registered() -> RegisteredUe {
        RegisteredUe {
            identities: ["sip:a@h", "tel:+1"].iter().collect(),
            default: 1,
            service_route: (*b"<sip:s;lr>").into(),
            authenticated_by: Some(UserAuthentication::SipDigest),
            ..ue("sip:a@192.0.2.7", 77)
        }
    }

    //= PCSCF-033 type=test
    #[test]
    fn what_was_kept_is_what_comes_back() {
        for by in AUTHENTICATIONS.map(Some).into_iter().chain([None]) {
            let ue = RegisteredUe {
                authenticated_by: by,
                ..registered()
            };
            let (flow, back) = decode(&encode(&ue, PLACE), RecordId(5), listener).unwrap();
            assert!(flow == FlowKey::of_datagrams(ListenerId(1), PLACE.remote));
            assert_eq!(
                (back.identities, back.default, back.contacts, back.service_route),
                (ue.identities, 1, ue.contacts, ue.service_route)
            );
            assert_eq!(
                (
                    back.inwards,
                    back.owner,
                    back.expires_at,
                    back.authenticated_by,
                    back.record.map(u128::from_be_bytes)
                ),
                (ListenerId(0), ue.owner, 77, by, Some(5))
            );
        }
    }

    #[test]
    fn of_what_is_not_whole_nothing_comes_back() {
        let whole = encode(&registered(), PLACE);
        for length in 0..whole.len() {
            assert!(decode(&whole[..length], RecordId(5), listener).is_none(), "{length}");
        }
        let longer = [&whole[..], b"x"].concat();
        assert!(decode(&longer, RecordId(5), listener).is_none());
        for (at, byte) in [(0, VERSION + 1), (1, 5)] {
            let mut other = whole.clone();
            other[at] = byte;
            assert!(decode(&other, RecordId(5), listener).is_none());
        }
        assert!(decode(&whole, RecordId(5), |_| None).is_none());
    }
}
