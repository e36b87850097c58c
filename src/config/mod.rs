//! Text into [`Policy`], or every mistake in it at once.
//!
//! Promises that a policy it returns is whole and agrees with itself, and that each value knows who stated it. Opens
//! nothing but the policy file, resolves nothing: key files and sockets are the business of whoever starts the engine.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the policy file is read here"
)]

mod admin;
pub mod contents;
pub mod diagnostic;
mod dns;
pub mod effective;
mod grammar;
pub mod key_file;
mod later;
mod lawful;
mod listener;
mod node;
mod on_behalf;
mod p2p;
mod pcscf;
mod peer;
mod protected;
mod read;
mod route;
mod spec_t;
mod store;
mod table;
mod tls;
mod topology_hiding;

use std::{fs::File, io::Read, path::Path, sync::Arc};

use toml::de::{DeTable, DeValue};

pub use diagnostic::{Diagnostic, Place, Severity, Style};
pub use effective::effective;

use crate::policy::Policy;
use diagnostic::Source;
use read::{Reader, or_default};
use table::Table;

/// Bytes of a policy file.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The only `schema` this version reads.
const SCHEMA: u32 = 1;

/// Reads a policy. `file` is what diagnostics and explanations call it.
///
/// Gives the policy and its warnings, or every finding, at least one of them an error, in the order of the text.
//= TRUST-001
//= ROLE-003
pub fn read(text: &str, file: &str) -> Result<(Policy, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = Arc::new(Source::new(file, text));
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(vec![too_large(&source)]);
    }
    let (document, syntax) = DeTable::parse_recoverable(text);
    let reader = Reader::new(source, syntax);
    let policy = policy(&Table::top(&reader, document.get_ref()), file);
    let warnings = reader.finish()?;
    Ok((policy, warnings))
}

/// Reads the policy in a file.
pub fn load(path: &Path) -> Result<(Policy, Vec<Diagnostic>), Vec<Diagnostic>> {
    let file = path.display().to_string();
    let whole_file = |text: &str, fault: String, remedy: &str| {
        let mut found = Diagnostic::new(Severity::Error, &Arc::new(Source::new(&file, text)), None, fault);
        found.remedy = Some(remedy.to_owned());
        vec![found]
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            let remedy = "name the policy with --config FILE";
            whole_file("", format!("the policy cannot be read: {error}"), remedy)
        })?;
    match String::from_utf8(bytes) {
        Ok(text) => read(&text, &file),
        Err(error) => {
            let line = 1 + memchr::memchr_iter(b'\n', &error.as_bytes()[..error.utf8_error().valid_up_to()]).count();
            let fault = format!("line {line} is not UTF-8");
            Err(whole_file("", fault, "save the file as UTF-8"))
        }
    }
}

/// The policy as far as it can be read; worth something only when nothing was found wrong.
fn policy(top: &Table<'_>, file: &str) -> Policy {
    schema(top);
    let profile = node::profile(top);
    let dedicated_untrusted = or_default(top.bool("dedicated_untrusted"), false);
    let domain = node::domain(top.table("domain"));
    let (spec_t, places) = spec_t::spec_t(top.table("spec_t"), profile.value);
    let proxy = node::proxy(top.table("proxy"));
    let lawful_interception = lawful::lawful_interception(top.table("lawful_interception"));
    let hiding = topology_hiding::topology_hiding(top.table("topology_hiding"), &proxy, &lawful_interception);
    let (listeners, protected) = listener::listeners(top, &spec_t, &places, &proxy, (&domain, &hiding));
    let peers = peer::peers(top, &spec_t, &listeners, (&domain, &hiding));
    let evidence = node::evidence(top.table("evidence"), &domain, &listeners);
    let routes = route::routes(top, &listeners);
    let privacy = node::privacy(top.table("privacy"), profile.value);
    let p2p = p2p::p2p(top.table("p2p"), &proxy, &privacy, (&lawful_interception, &hiding));
    let pcscf = pcscf::pcscf(top.table("pcscf"), profile.value, &domain, &privacy);
    let dns = dns::dns(top.table("dns"));
    let store = store::store(top.table("store"), &proxy);
    let (limits, limits_stated) = node::limits(top.table("limits"));
    let admin = admin::admin(top.table("admin"), &listeners);
    top.close();
    let mut policy = Policy {
        file: file.to_owned(),
        profile,
        dedicated_untrusted,
        domain,
        spec_t,
        proxy,
        listeners,
        peers,
        evidence,
        routes,
        privacy,
        lawful_interception,
        pcscf,
        topology_hiding: hiding,
        p2p,
        dns,
        store,
        admin,
        limits,
        limits_stated,
    };
    for (listener, ports) in protected {
        policy.protect(listener, ports);
    }
    policy
}

fn schema(top: &Table<'_>) {
    let Some((at, value)) = top.raw("schema") else {
        return;
    };
    let read = match value {
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    if read != Some(SCHEMA) {
        let fault = "the policy is written for another schema";
        top.reader
            .error(Some(at), fault, Some(format!("this version reads `schema = {SCHEMA}`")));
    }
}

fn too_large(source: &Arc<Source>) -> Diagnostic {
    let fault = format!("the policy is larger than {FILE_BYTES_MAX} bytes");
    Diagnostic::new(Severity::Error, source, None, fault)
}
