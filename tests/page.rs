//! The page of the running proxy, in a real browser and as JSON: what passes is seen, and nobody is named.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::admin::{ask, get, started};
use crate::browser::chromium::Browser;
use crate::end_to_end::node::Node;
use crate::end_to_end::phone::Phone;
use crate::end_to_end::{Dialog, call};

const HTTP: &str = "[admin]\nhttp = \"127.0.0.1:0\"\n";
const HIDDEN: Dialog = Dialog {
    call_id: "seen-on-the-page",
    privacy: "Privacy: id\r\n",
};
/// Who and what must not be on the page, of that call.
const NAMES: [&str; 5] = [
    "alice",
    "liddell",
    "home1.example",
    "elsewhere.example",
    "seen-on-the-page",
];

/// Waits within the page until an expression of it is true.
fn waits(browser: &mut Browser, expression: &str) {
    let waited = format!(
        "new Promise((done) => {{ const look = () => {expression} ? done(true) : setTimeout(look, 20); look(); }})"
    );
    assert_eq!(browser.asks(&waited), true, "{expression}");
}

/// The page, once it looks on.
fn opened(at: SocketAddr) -> Browser {
    let mut browser = Browser::start();
    browser.open(&format!("http://{at}/"));
    waits(
        &mut browser,
        "performance.getEntriesByType('resource').some((one) => one.name.includes('api/messages') && one.responseEnd > 0)",
    );
    browser
}

fn called(node: &Node, callee: &mut Phone) {
    call(&HIDDEN, &mut Phone::on_udp().calls(node.address("core", "udp")), callee);
}

//= LI-008 type=test
#[test]
fn a_call_is_seen_as_it_happens_and_nobody_is_named() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (node, at) = started(&folder, &callee, HTTP);
    let mut browser = opened(at);
    called(&node, &mut callee);
    // Each of INVITE, 200, ACK, BYE and 200 came and left.
    waits(&mut browser, "document.querySelectorAll('svg .arrow').length >= 10");
    assert_eq!(browser.count("svg .boundary"), 1);
    assert_eq!(browser.count("svg .arrow.leak"), 0);
    let ladder = browser.text_of("#ladder");
    for word in ["INVITE", "200", "ACK", "BYE", "trusted", "untrusted"] {
        assert!(ladder.contains(word), "{word} is not in {ladder}");
    }
    // The INVITE as it left, beside what came, with what was done.
    browser.clicks("svg .arrow:nth-of-type(2)");
    let message = browser.text_of("#message");
    for words in [
        "INVITE from sipveil to outside",
        "P-Asserted-Identity",
        "removed",
        "PRIV-031",
        "RFC 3325",
    ] {
        assert!(message.contains(words), "{words} is not in {message}");
    }
    assert!(browser.text_of("#message pre .gone").starts_with("− "));
    browser.is_pictured("docs/page.png");
    let seen = browser.asks("document.documentElement.innerHTML").to_string();
    let told = get(at, "/api/messages").body;
    assert!(told.contains("P-Asserted-Identity"), "{told}");
    for name in NAMES {
        assert!(!seen.contains(name) && !told.contains(name), "{name}");
    }
    // What is looked for, and what is not there.
    browser.asks("document.getElementById('find').focus()");
    browser.types("p-asserted-identity");
    waits(
        &mut browser,
        "document.getElementById('found').textContent.startsWith('1 of')",
    );
    browser.types("xyz");
    waits(
        &mut browser,
        "document.getElementById('found').textContent.startsWith('0 of')",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn each_view_shows_its_part_by_mouse_and_by_keys() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (node, at) = started(&folder, &callee, HTTP);
    let mut browser = opened(at);
    called(&node, &mut callee);
    browser.clicks("#tab-trust");
    waits(&mut browser, "document.querySelectorAll('#picture .node').length === 3");
    let parties = browser.text_of("#view-trust");
    for words in [
        "T-test",
        "core",
        "members of the domain",
        "outside",
        "strangers",
        "physical",
    ] {
        assert!(parties.contains(words), "{words} is not in {parties}");
    }
    browser.asks("document.getElementById('tab-trust').focus()");
    browser.presses("ArrowRight", 39);
    assert_eq!(browser.text_of("[role=tab][aria-selected=true]"), "Decisions");
    waits(
        &mut browser,
        "document.getElementById('counted').textContent.includes('method BYE')",
    );
    browser.presses("ArrowRight", 39);
    browser.asks("document.getElementById('text').focus()");
    // What was pasted stays text, whatever it is.
    let hostile = "<img src=x onerror=alert(1)>";
    let message = format!(
        "OPTIONS sip:bob@elsewhere.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.5;branch=z9hG4bK1\r\n\
         From: <sip:alice@home1.example>;tag=1\r\nTo: <sip:bob@elsewhere.example>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nPrivacy: id\r\nP-Asserted-Identity: <sip:alice@home1.example>\r\nSubject: {hostile}\r\n\r\n"
    );
    browser.asks(&format!(
        "document.getElementById('text').value = {}",
        Value::from(message)
    ));
    browser.clicks("#question button");
    waits(&mut browser, "document.querySelector('#answer table') !== null");
    let answer = browser.text_of("#answer");
    for words in [
        "forwarded",
        "P-Asserted-Identity",
        "removed",
        "PRIV-",
        "RFC 3325",
        hostile,
    ] {
        assert!(answer.contains(words), "{words} is not in {answer}");
    }
    assert_eq!(browser.count("#answer img"), 0);
    // And what cannot be explained is told of.
    browser.asks("document.getElementById('text').value = 'nothing'");
    browser.clicks("#question button");
    waits(&mut browser, "document.querySelector('#answer .leak') !== null");
    // The refusal itself is one line of the console of every browser.
    let complaints = browser.complaints();
    assert!(
        complaints.iter().all(|complaint| complaint.contains("422")),
        "{complaints:?}"
    );
    browser.is_dark(true);
    assert_eq!(
        browser.asks("getComputedStyle(document.body).backgroundColor"),
        "rgb(13, 17, 23)"
    );
}

/// Whoever writes into a message writes text.
#[test]
fn nothing_that_passes_runs() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (node, at) = started(&folder, &callee, HTTP);
    let mut browser = opened(at);
    let mut caller = Phone::on_udp().calls(node.address("core", "udp"));
    let script = "<script>window.ran=1</script><img src=x onerror=window.ran=1>";
    let invite = HIDDEN.invite(&caller);
    let rows = [
        "Subject",
        "Organization",
        "User-Agent",
        "X-Script",
        "Alert-Info",
        "Server",
        "Call-Info",
        "Warning",
    ];
    let rows: String = rows.iter().map(|row| format!("{row}: {script}\r\n")).collect();
    let hostile = invite
        .replace("Alice Liddell", "<script>window.ran=1</script>")
        .replace("Content-Length", &format!("{rows}Content-Length"));
    caller.send(&hostile);
    callee.receive_only("INVITE");
    waits(&mut browser, "document.querySelectorAll('svg .arrow').length >= 2");
    let arrows = browser.count("svg .arrow");
    for arrow in 1..=arrows {
        browser.clicks(&format!("svg .arrow:nth-of-type({arrow})"));
    }
    assert_eq!(browser.asks("window.ran"), Value::Null);
    assert_eq!((browser.count("script"), browser.count("img")), (1, 0));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn without_the_token_the_page_is_empty() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("admin.token"), "a-token-of-tests-0123456789\n").unwrap();
    let (_node, at) = started(
        &folder,
        &Phone::on_udp(),
        &format!("{HTTP}token_file = \"admin.token\"\n"),
    );
    for path in ["/api/state", "/api/messages", "/metrics"] {
        assert_eq!(get(at, path).status, 401, "{path}");
    }
    assert_eq!(ask(at, "POST /api/explain", &format!("Host: {at}\r\n")).status, 401);
    let mut browser = Browser::start();
    browser.open(&format!("http://{at}/"));
    waits(&mut browser, "!document.getElementById('door').hidden");
    assert!(!browser.text_of("#view-trust").contains("T-test"));
    browser.asks("document.getElementById('token').focus()");
    browser.types("a-token-of-tests-0123456789");
    browser.clicks("#door button");
    waits(
        &mut browser,
        "document.getElementById('verdict').textContent === 'Takes new requests.'",
    );
    browser.clicks("#tab-trust");
    waits(
        &mut browser,
        "document.getElementById('origin').textContent.includes('T-test')",
    );
}

/// What is answered is what the description says.
#[test]
fn answers_are_as_described() {
    let folder = TempDir::new().unwrap();
    let mut callee = Phone::on_udp();
    let (node, at) = started(&folder, &callee, HTTP);
    let document: Value = serde_json::from_str(&get(at, "/openapi.json").body).unwrap();
    get(at, "/api/messages");
    called(&node, &mut callee);
    let mut checked = 0;
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let request = format!("{} {path}", method.to_uppercase());
            let answered = match method.as_str() {
                "get" => ask(at, &request, &format!("Host: {at}\r\n")),
                _ => {
                    let body = r#"{"message": "OPTIONS sip:b@example.com SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@example.com>;tag=1\nTo: <sip:b@example.com>\nCall-ID: 1\nCSeq: 1 OPTIONS\nMax-Forwards: 7\n\n", "from": "trusted", "to": "untrusted"}"#;
                    let rows = format!(
                        "Host: {at}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
                        body.len()
                    );
                    ask(at, &request, &format!("{rows}\r\n{body}"))
                }
            };
            let described = &operation["responses"][answered.status.to_string()];
            assert!(described.is_object(), "{request}: {}", answered.status);
            let schema = &described["content"]["application/json"]["schema"];
            if !schema.is_null() {
                let answer: Value = serde_json::from_str(&answered.body).unwrap();
                fits(&document, schema, &answer, &request);
                checked += 1;
            }
        }
    }
    assert_eq!((paths.len(), checked), (6, 3));
    let told: Value = serde_json::from_str(&get(at, "/api/messages").body).unwrap();
    assert!(told["messages"].as_array().unwrap().len() >= 10, "{told}");
}

/// Whether a value is what a schema says, as far as ours say anything.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(path) = schema["$ref"].as_str() {
        let schema = document.pointer(path.trim_start_matches('#')).unwrap();
        return fits(document, schema, value, at);
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let one = if value.is_null() { all.last() } else { all.first() };
        return fits(document, one.unwrap(), value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let is_number = kind == "integer" && kinds.contains(&"number");
    assert!(kinds.contains(&kind) || is_number, "{at} is {kind}: {value}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
    let Some(object) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at} lacks {name}");
    }
    for (name, value) in object {
        let at = format!("{at}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(true)) => {}
            (Value::Null, more) if more.is_object() => fits(document, more, value, &at),
            (Value::Null, _) => panic!("{at} is not described"),
            (schema, _) => fits(document, schema, value, &at),
        }
    }
}
