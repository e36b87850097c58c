//! The token in the Route of a recorded message: whose dialog it belongs to.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::line::shown;
use super::lookups::{self, LookUp};
use super::{Exit, bad_input};
use crate::config::{self, key_file};
use crate::privacy::{DialogMemory, Party};
use crate::seal::Keys;
use crate::sip::headers::list;
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::parse::{Carrier, ParseLimits, parse};
use crate::sip::{Message, Name};
use crate::topology::{call_id, restore};

/// Bytes of a recorded message.
const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;

/// Prints the original From that a token holds, and who of the dialog sent the message. Needs the key file and the policy's
/// `domain.id`, to which tokens are bound.
//= LI-009
//= LI-009 type=exception reason=li.key_retention: keys are kept as long as their line stands in the key file, which is the operator's
pub(super) fn open(config: &Path, message: &Path, key_file: Option<&Path>) -> Exit {
    let policy = match config::load(config) {
        Ok((policy, _)) => policy,
        Err(found) => {
            super::super::check::tell(&found);
            return Exit::BadInput;
        }
    };
    let of_policy = policy.proxy.key_file.value.as_deref().map(Path::new);
    let Some(path) = key_file.or(of_policy) else {
        return bad_input(&"the policy names no proxy.key_file; write --key-file FILE");
    };
    let secrets = key_file::existing_secrets(path);
    let keys = secrets.and_then(|secrets| Ok(Keys::new(&secrets, &policy.domain.id.value, 0)?));
    let keys = match keys {
        Ok(keys) => keys,
        Err(error) => return bad_input(&error),
    };
    let path_of_message = message;
    let message = match read(message) {
        Ok(message) => message,
        Err(error) => return bad_input(&format_args!("{}: {error}", path_of_message.display())),
    };
    let Some((memory, party)) = memory(&keys, &message) else {
        return bad_input(&"no Route of this message carries a token that these keys open");
    };
    if let Some(audit) = &policy.lawful_interception.audit {
        let of = LookUp {
            command: "AUDIT-OPEN",
            file: path_of_message,
            about: message.first(Name::CallId),
        };
        let noted = super::keys(Path::new(&audit.key_file.value))
            .map(|keys| lookups::note(Path::new(&audit.file.value), keys, &of));
        match noted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return bad_input(&error),
            Err(error) => return bad_input(&error),
        }
    }
    let from = memory.from.as_deref().map(shown);
    let sender = match party {
        Party::Creator => "who opened the dialog",
        Party::Other => "the other party",
    };
    let _ = writeln!(
        io::stdout(),
        "From: {}\nsent by {sender}",
        from.as_deref().unwrap_or("- (it was not hidden)"),
    );
    Exit::Done
}

fn memory(keys: &Keys, message: &Message) -> Option<(DialogMemory, Party)> {
    let call_id = message.first(Name::CallId)?;
    // The far side of a mapped dialog knows a token, and the dialog is bound to what is behind it.
    let original = call_id::open(keys, call_id);
    let call_id = original.as_deref().unwrap_or(call_id);
    let tag = |name| {
        let name_addr = NameAddr::parse(message.first(name)?).ok()?;
        name_addr.tag()
    };
    let (from_tag, to_tag) = (tag(Name::From).unwrap_or_default(), tag(Name::To).unwrap_or_default());
    let rows = [Name::Route, Name::RecordRoute].into_iter();
    let rows = rows.flat_map(|name| message.rows(name));
    let mut values = rows.flat_map(|row| list::values(row).map(|span| span.of(row)).collect::<Vec<_>>());
    values.find_map(|value| {
        let name_addr = NameAddr::parse(value).ok()?;
        let uri = name_addr.uri().ok()?;
        let user = uri.user().filter(|user| restore::looks_sealed(user))?;
        DialogMemory::open(keys, call_id, from_tag, to_tag, user).ok()
    })
}

fn read(path: &Path) -> Result<Message, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MESSAGE_BYTES_MAX).read_to_end(&mut bytes)?;
    let limits = ParseLimits {
        start_line_bytes_max: usize::MAX,
        header_bytes_max: usize::MAX,
        header_block_bytes_max: usize::MAX,
        header_rows_max: usize::MAX,
        body_bytes_max: usize::MAX,
    };
    parse(bytes.into(), Carrier::Datagram, &limits).map_err(|refused| refused.error.into())
}
