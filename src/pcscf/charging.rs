//! P-Charging-Vector: what charging records of one call are known by, all over the network.

use crate::sip::headers::list;
use crate::sip::{Draft, Name};

/// What is fresh for each call: unique by its randomness.
pub type Icid = [u8; 12];

/// Says for a request of a UE which charging it belongs to. `host`: where the icid was made. `operator`: ours.
//= PCSCF-017
pub fn begin(draft: &mut Draft, icid: &Icid, host: &str, operator: Option<&str>) {
    let icid = data_encoding::HEXLOWER.encode(icid);
    let (name, operator) = match operator {
        Some(operator) => (&b";orig-ioi="[..], operator.as_bytes()),
        None => (&b""[..], &b""[..]),
    };
    draft.remove(Name::PChargingVector);
    draft.append(
        Name::PChargingVector,
        &[
            b"icid-value=",
            icid.as_bytes(),
            b";icid-generated-at=",
            host.as_bytes(),
            name,
            operator,
        ],
    );
}

/// Says for the answer of a UE what its request said, and who served it here.
//= PCSCF-017
pub fn answer(draft: &mut Draft, of_request: &[u8], operator: Option<&str>) {
    // One charging vector a message: the first.
    let first = list::values(of_request)
        .next()
        .map_or(of_request, |span| span.of(of_request));
    let (name, operator) = match operator {
        Some(operator) => (&b";term-ioi="[..], operator.as_bytes()),
        None => (&b""[..], &b""[..]),
    };
    draft.remove(Name::PChargingVector);
    draft.append(Name::PChargingVector, &[&without_term_ioi(first), name, operator]);
}

/// Who serves the called party is not for who calls to say.
fn without_term_ioi(vector: &[u8]) -> Vec<u8> {
    let kept = list::pieces(vector, b';').filter(|param| {
        let name = param.split(|byte| *byte == b'=').next().unwrap_or_default();
        !name.trim_ascii().eq_ignore_ascii_case(b"term-ioi")
    });
    kept.collect::<Vec<_>>().join(&b";"[..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::draft;

    //= PCSCF-017 type=test
    #[test]
    fn an_answer_says_what_its_request_said_and_who_answers() {
        for (of_request, said) in [
            (
                "icid-value=\"a;b\";orig-ioi=h1",
                "icid-value=\"a;b\";orig-ioi=h1;term-ioi=h2",
            ),
            (
                "icid-value=1;Term-Ioi = \"x;y\";orig-ioi=h1",
                "icid-value=1;orig-ioi=h1;term-ioi=h2",
            ),
            ("icid-value=1, icid-value=2", "icid-value=1;term-ioi=h2"),
            ("icid-value=\"1;term-ioi=x", "icid-value=\"1;term-ioi=x;term-ioi=h2"),
            ("", ";term-ioi=h2"),
        ] {
            let mut response = draft("SIP/2.0 200 OK\r\nP-Charging-Vector: icid-value=mine\r\n\r\n");
            answer(&mut response, of_request.as_bytes(), Some("h2"));
            assert_eq!(
                response.rows(Name::PChargingVector).collect::<Vec<_>>(),
                [said.as_bytes()]
            );
        }
    }
}
