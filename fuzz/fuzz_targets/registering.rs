//! Bytes as the rows that steer: four pieces between zeros, for Path of a REGISTER, Service-Route and P-Associated-URI of its 200,
//! and Route of what the UE begins then.
//!
//! Our Path is on top and the only one of a stranger; what a UE begins goes where the network said, whatever its Route.

#![no_main]

#[path = "../drafts.rs"]
mod drafts;

use libfuzzer_sys::fuzz_target;
use sipveil::pcscf::register::{Answerer, Asked, IDENTITIES_MAX, Learned, SERVICE_ROUTE_BYTES_MAX, inward, learn};
use sipveil::pcscf::service_route::{enforce, is_followed};
use sipveil::policy::ListenerId;
use sipveil::sip::Name;
use sipveil::sip::headers::{NameAddr, list};
use sipveil::sip::uri::Uri;
use sipveil::trust::Standing;

const OURS: &[u8] = b"<sip:token@pcscf1.home1.example:5070;lr>";
const CONTACT: &[u8] = b"Contact: <sip:alice@192.0.2.7>;expires=600\r\nTo: <sip:alice@home1.example>\r\n";

fuzz_target!(|data: &[u8]| {
    let [path, service_route, associated, route] = drafts::pieces(data);
    let path = drafts::rows("Path", path);
    for standing in [Standing::Trusted, Standing::Served, Standing::Untrusted] {
        let Some(mut register) = drafts::register(&path) else { return };
        let theirs: Vec<Vec<u8>> = register.rows(Name::Path).map(<[u8]>::to_vec).collect();
        inward(&mut register, standing, OURS);
        let kept = match standing {
            Standing::Trusted => &theirs[..],
            _ => &[],
        };
        let expected = std::iter::once(OURS).chain(kept.iter().map(Vec::as_slice));
        assert!(register.rows(Name::Path).eq(expected));
    }
    let rows = [
        CONTACT,
        &drafts::rows("Service-Route", service_route),
        &drafts::rows("P-Associated-URI", associated),
    ];
    let Some((register, answer)) = drafts::register(CONTACT).zip(drafts::response("200 OK", &rows.concat())) else {
        return;
    };
    let by = |standing| Answerer {
        standing,
        listener: ListenerId(0),
    };
    let asked = Asked::of(&register, false);
    for stranger in [Standing::Served, Standing::Untrusted] {
        assert!(matches!(learn(&asked, &answer, by(stranger), 1), Learned::Nothing));
    }
    let Learned::Registered(ue) = learn(&asked, &answer, by(Standing::Trusted), 1) else {
        panic!("a 200 of a node of T registers");
    };
    let identities = ue.identities().all;
    assert!(identities.len() <= IDENTITIES_MAX && identities.iter().all(|uri| Uri::parse(uri).is_ok()));
    let stored = ue.service_route();
    assert!(stored.len() <= SERVICE_ROUTE_BYTES_MAX);
    let Some(mut invite) = drafts::register(&drafts::rows("Route", route)) else { return };
    let is_readable = is_followed_by_itself(stored);
    enforce(&mut invite, stored);
    assert_eq!(is_followed(&invite, stored), is_readable);
    assert!(invite.rows(Name::Route).eq(Some(stored).filter(|stored| !stored.is_empty())));
});

/// A list with a value that nobody can read is followed by no Route: it is put there anew each time.
fn is_followed_by_itself(stored: &[u8]) -> bool {
    list::values(stored).all(|span| NameAddr::parse(span.of(stored)).is_ok())
}
