//! What left, held against what the model says.

use super::party::Class;
use super::play::{Outcome, Seen};
use super::rows::{self, Message, Row};
use super::tables::Tables;
use super::verdict::{APART, Contact, Expected, Passage, Values, Verdict, decide};

/// What differs, if anything.
pub fn difference(tables: &Tables, seen: &Seen) -> Option<String> {
    let verdict = decide(tables, &seen.leg());
    match (&verdict, &seen.outcome) {
        (Verdict::Refused(code), Outcome::Refused(other)) if code == other => None,
        (Verdict::Passed(passage), Outcome::Arrived(message)) => passed(passage, seen, message).err(),
        (Verdict::Passed(_), outcome) => Some(format!("to be passed on, but: {outcome:?}")),
        (Verdict::Refused(code), outcome) => Some(format!("to be refused with {code}, but: {outcome:?}")),
    }
}

fn passed(passage: &Passage, seen: &Seen, out: &Message) -> Result<(), String> {
    let expects = &seen.expects;
    equal("start line", &expects.start, &out.start)?;
    equal("body", &seen.message.body, &out.body)?;
    from(passage, seen, out)?;
    equal("To", &addressed(&expects.to), &addressed(&value(out, "to")))?;
    call_id(passage, seen, out)?;
    equal("CSeq", &value(&seen.message, "cseq"), &value(out, "cseq"))?;
    match seen.status {
        None => way(passage, seen, out)?,
        Some(_) => way_back(seen, out)?,
    }
    contact(passage.contact, seen, out)?;
    values("p-asserted-identity", &passage.asserted, out, ',')?;
    values("privacy", &passage.privacy, out, '\0')?;
    let mut left: Vec<&Row> = out.rows.iter().filter(|row| !APART.contains(&&*row.name())).collect();
    charging(seen, &mut left)?;
    for (place, row) in left.iter().enumerate() {
        match passage.rows.get(place) {
            None => return Err(format!("a row more: {row:?}")),
            Some(expected) => same_row(expected, row)?,
        }
    }
    match passage.rows.get(left.len()) {
        Some(missing) => Err(format!("a row less: {missing:?}")),
        None => Ok(()),
    }
}

/// What this node says of who pays for what a UE sends into T: a fresh vector in a request, that of the request in an answer.
//= PCSCF-017 type=test
fn charging(seen: &Seen, left: &mut Vec<&Row>) -> Result<(), String> {
    let says = seen.from.sends_as == Class::Ue && seen.to.receives_as == Class::Trusted && seen.method != "ACK";
    let answered = seen.expects.charging.as_deref();
    if !says || (seen.status.is_some() && answered.is_none()) {
        return Ok(());
    }
    let is_it = |row: &&Row| row.name() == "p-charging-vector";
    let Some(row) = left.pop().filter(is_it) else {
        return Err("no charging vector of ours".to_owned());
    };
    let value = row.value();
    match answered.filter(|_| seen.status.is_some()) {
        Some(vector) => equal(
            "charging",
            &tight(&format!("{vector};term-ioi=home1.example")),
            &tight(&value),
        ),
        None => {
            let icid = value
                .strip_prefix("icid-value=")
                .and_then(|rest| rest.split(';').next())
                .unwrap_or_default();
            let is_ours = icid.len() == 24 && icid.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_whole = value.contains(";icid-generated-at=") && value.ends_with(";orig-ioi=home1.example");
            match is_ours && is_whole {
                true => Ok(()),
                false => Err(format!("a charging vector that is not ours: {value}")),
            }
        }
    }
}

fn equal(what: &str, expected: &str, found: &str) -> Result<(), String> {
    match expected == found {
        true => Ok(()),
        false => Err(format!("{what}\n  is to be {expected}\n  and is    {found}")),
    }
}

fn same_row(expected: &Expected, found: &Row) -> Result<(), String> {
    match expected {
        Expected::Same(row) => equal("a row", &row.text, &found.text),
        Expected::Value(name, value) => {
            equal("a row", name, &found.name())?;
            equal(name, &tight(value), &tight(&found.value()))
        }
    }
}

/// A value without the white space that means nothing in it.
fn tight(value: &str) -> String {
    let parts: Vec<String> = rows::split(value, ',')
        .iter()
        .map(|part| rows::split(part, ';').join(";"))
        .collect();
    parts.join(",")
}

fn value(message: &Message, name: &str) -> String {
    message.value(name).unwrap_or_default()
}

/// An address and its tag, whatever else stands there.
fn addressed(value: &str) -> String {
    let parts = rows::split(value, ';');
    let tag = parts
        .iter()
        .find(|part| part.starts_with("tag="))
        .cloned()
        .unwrap_or_default();
    format!("{};{tag}", parts.first().cloned().unwrap_or_default())
}

//= PRIV-080 type=test
//= PRIV-133 type=test
fn from(passage: &Passage, seen: &Seen, out: &Message) -> Result<(), String> {
    let found = value(out, "from");
    let sent = value(&seen.message, "from");
    match &seen.expects.from {
        Some(requested) => equal("From", &addressed(requested), &addressed(&found)),
        None if passage.anonymises_from => {
            let tag = rows::parameter(&sent, "tag").unwrap_or_default();
            let host = seen.facts.anonymous_host;
            equal(
                "From",
                &format!("\"Anonymous\" <sip:anonymous@{host}>;tag={tag}"),
                &found,
            )
        }
        None => equal("From", &sent, &found),
    }
}

fn call_id(passage: &Passage, seen: &Seen, out: &Message) -> Result<(), String> {
    let found = value(out, "call-id");
    let sent = value(&seen.message, "call-id");
    match &seen.expects.call_id {
        Some(known) => equal("Call-ID", known, &found),
        None if passage.maps_call_id => match found.contains(&sent) {
            true => Err(format!("Call-ID is to be a token, and is {found}")),
            false => Ok(()),
        },
        None => equal("Call-ID", &sent, &found),
    }
}

//= PRIV-084 type=test
//= PRIV-085 type=test
fn way(passage: &Passage, seen: &Seen, out: &Message) -> Result<(), String> {
    let received = if passage.hides_via {
        Vec::new()
    } else {
        seen.message.values("via")
    };
    let vias = out.values("via");
    equal(
        "number of Via",
        &(1 + received.len()).to_string(),
        &vias.len().to_string(),
    )?;
    for (received, left) in received.iter().zip(&vias[1..]) {
        equal("Via", received, without_received(left))?;
    }
    let received = if passage.hides_record_route {
        Vec::new()
    } else {
        seen.message.values("record-route")
    };
    let record_routes = out.values("record-route");
    let own = record_routes.iter().take_while(|value| is_ours(value)).count();
    equal(
        "Record-Route",
        &format!("{received:?}"),
        &format!("{:?}", &record_routes[own..]),
    )
}

fn way_back(seen: &Seen, out: &Message) -> Result<(), String> {
    let vias = out.values("via");
    let vias: Vec<&str> = vias.iter().map(|via| without_received(via)).collect();
    equal("Via", &format!("{:?}", seen.expects.vias), &format!("{vias:?}"))?;
    let foreign = |values: Vec<String>| {
        let values: Vec<String> = values.into_iter().filter(|value| !is_ours(value)).collect();
        values
    };
    let mut expected = foreign(seen.message.values("record-route"));
    for value in foreign(seen.expects.record_routes.clone()) {
        if !expected.contains(&value) {
            expected.push(value);
        }
    }
    let found = foreign(out.values("record-route"));
    equal("Record-Route", &format!("{expected:?}"), &format!("{found:?}"))
}

fn without_received(via: &str) -> &str {
    via.split(";received=").next().unwrap_or_default()
}

const OURS: [&str; 3] = ["10.20.0.1", "192.0.2.1", "10.30.0.1"];

fn is_ours(value: &str) -> bool {
    OURS.contains(&&*rows::host(rows::uri(value)))
}

//= PRIV-082 type=test
//= PRIV-083 type=test
fn contact(fate: Contact, seen: &Seen, out: &Message) -> Result<(), String> {
    let sent = seen.message.of("contact");
    let found = out.of("contact");
    if fate == Contact::Same {
        return equal("Contact", &format!("{sent:?}"), &format!("{found:?}"));
    }
    if fate == Contact::Unseen && found.is_empty() {
        return Ok(());
    }
    let [found] = found[..] else {
        return Err(format!("Contact is to be hidden, and is {found:?}"));
    };
    let value = found.value();
    let ours = is_ours(&value) && seen.to.listener == listener_of(&value);
    let told = ["al-secret", "Al Secret", seen.from.host(), "10.99.0.7", "instance"]
        .into_iter()
        .find(|secret| value.contains(secret));
    let feature = |name: &str| sent.iter().any(|row| row.text.contains(name)) == value.contains(name);
    let features = fate == Contact::Unseen || (feature(";audio") && feature(";video"));
    match ours && told.is_none() && features {
        true => Ok(()),
        false => Err(format!("Contact is to be hidden, and is {value}")),
    }
}

fn listener_of(contact: &str) -> &'static str {
    match &*rows::host(rows::uri(contact)) {
        "10.20.0.1" => "core",
        "192.0.2.1" => "net",
        _ => "access",
    }
}

fn values(name: &str, expected: &Values, out: &Message, separator: char) -> Result<(), String> {
    match expected {
        Values::Same(rows) => {
            let rows: Vec<&Row> = rows.iter().collect();
            equal(name, &format!("{rows:?}"), &format!("{:?}", out.of(name)))
        }
        Values::Tokens(tokens) => {
            let found: Vec<String> = out
                .of(name)
                .iter()
                .flat_map(|row| rows::split(&row.value().replace(',', ";"), ';'))
                .collect();
            equal(name, &format!("{tokens:?}"), &format!("{found:?}"))
        }
        Values::Are(values) => {
            let found: Vec<String> = out
                .of(name)
                .iter()
                .flat_map(|row| rows::split(&row.value(), separator))
                .collect();
            equal(name, &format!("{values:?}"), &format!("{found:?}"))
        }
    }
}
