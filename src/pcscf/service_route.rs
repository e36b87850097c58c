//! The Route of what a UE begins: the Service-Route that the network gave it, and nothing else.

use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::uri::{self, Uri};
use crate::sip::{Draft, Name};

/// Whether the Route of a request, our own values taken off, is the stored list, URI by URI.
//= PCSCF-014
pub fn is_followed(draft: &Draft, stored: &[u8]) -> bool {
    let route = draft.rows(Name::Route).flat_map(uris);
    let mut stored = uris(stored);
    let mut route = route.fuse();
    loop {
        match (route.next(), stored.next()) {
            (None, None) => return true,
            (Some(Some(a)), Some(Some(b))) if same(a, b) => {}
            _ => return false,
        }
    }
}

/// Puts the stored list in the place of whatever Route there is.
//= PCSCF-014
//= TRUST-027
pub fn enforce(draft: &mut Draft, stored: &[u8]) {
    draft.remove(Name::Route);
    if !stored.is_empty() {
        draft.append(Name::Route, &[stored]);
    }
}

/// `None` for a value that cannot be read: it equals nothing.
fn uris(row: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    list::values(row).map(move |span| NameAddr::parse(span.of(row)).ok().map(|value| value.uri_bytes()))
}

fn same(a: &[u8], b: &[u8]) -> bool {
    let equal = |a, b| Some(uri::equal(&Uri::parse(a).ok()?, &Uri::parse(b).ok()?));
    a == b || equal(a, b).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::draft;

    const STORED: &[u8] = b"<sip:scscf.home1.example;lr>, <sip:orig@as.home1.example;lr>";

    fn invite(rows: &str) -> Draft {
        draft(&format!("INVITE sip:bob@home1.example SIP/2.0\r\n{rows}\r\n"))
    }

    //= PCSCF-014 type=test
    #[test]
    fn the_stored_list_is_known_again_in_any_rows() {
        for rows in [
            "Route: <sip:scscf.home1.example;lr>, <sip:orig@as.home1.example;lr>\r\n",
            "Route: <sip:SCSCF.home1.example;lr>\r\nroute: \"x\" <sip:orig@as.home1.example;lr>;a=b\r\n",
        ] {
            assert!(is_followed(&invite(rows), STORED), "{rows}");
        }
        for rows in [
            "",
            "Route: <sip:scscf.home1.example;lr>\r\n",
            "Route: <sip:orig@as.home1.example;lr>, <sip:scscf.home1.example;lr>\r\n",
            "Route: <sip:scscf.home1.example;lr>, <sip:orig@as.home1.example;lr>, <sip:evil;lr>\r\n",
            "Route: <sip:evil;lr>, <sip:orig@as.home1.example;lr>\r\n",
            "Route: <sip:scscf.home1.example;lr>, <sip:orig@as.home1.example;lr\r\n",
        ] {
            assert!(!is_followed(&invite(rows), STORED), "{rows}");
        }
        assert!(is_followed(&invite(""), b"") && !is_followed(&invite("Route: <sip:evil;lr>\r\n"), b""));
    }

    //= PCSCF-014 type=test
    #[test]
    fn whatever_was_there_gives_way() {
        let mut request = invite("Route: <sip:evil;lr>\r\nFrom: x\r\nRoute: <sip:evil2;lr>\r\n");
        enforce(&mut request, STORED);
        assert_eq!(request.rows(Name::Route).collect::<Vec<_>>(), [STORED]);
        enforce(&mut request, b"");
        assert!(!request.has(Name::Route));
    }
}
