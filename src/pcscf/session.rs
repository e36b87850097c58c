//! How long a session lasts without a refresh: RFC 4028, as a proxy has to do with it.

use std::time::Duration;

use crate::sip::headers::tokens;
use crate::sip::{Draft, Method, Name};

/// The time that Session-Expires gives a session.
pub fn interval(draft: &Draft) -> Option<Duration> {
    let value = draft.first(Name::SessionExpires)?;
    seconds(value).map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// Holds a session that is asked for against the shortest one that is let through. Who does not know of timers cannot be told
/// to ask for more: what a proxy before us asked for in its name is made longer.
///
/// Fails with the least number of seconds that whoever asks may ask for; the sender sees a 422.
//= PCSCF-030
pub fn take(draft: &mut Draft, shortest: Duration) -> Result<(), u32> {
    let asks = matches!(draft.method(), Some(Method::Invite | Method::Update));
    let Some((row, value)) = draft.first_at(Name::SessionExpires).filter(|_| asks) else {
        return Ok(());
    };
    let least = u32::try_from(shortest.as_secs()).unwrap_or(u32::MAX);
    let Some(asked) = seconds(value).filter(|asked| *asked < least) else {
        return Ok(());
    };
    if draft.rows(Name::Supported).any(|row| tokens::contains(row, b"timer")) {
        return Err(least);
    }
    debug_assert!(asked < least);
    let params = value
        .iter()
        .position(|byte| *byte == b';')
        .map(|at| value[at..].to_vec());
    let least = least.to_string();
    draft.set(row, &[least.as_bytes(), &params.unwrap_or_default()]);
    let stated = draft.first(Name::MinSe).and_then(seconds);
    if stated.is_none_or(|stated| u64::from(stated) < shortest.as_secs()) {
        draft.remove(Name::MinSe);
        draft.append(Name::MinSe, &[least.as_bytes()]);
    }
    Ok(())
}

fn seconds(value: &[u8]) -> Option<u32> {
    let digits = value.split(|byte| *byte == b';').next()?.trim_ascii();
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcscf::register::tests::draft;

    fn taken(method: &str, rows: &str) -> (Result<(), u32>, String) {
        let mut draft = draft(&format!("{method} sip:x SIP/2.0\r\n{rows}\r\n"));
        let result = take(&mut draft, Duration::from_secs(120));
        (result, String::from_utf8(draft.to_bytes().to_vec()).unwrap())
    }

    //= PCSCF-030 type=test
    #[test]
    fn a_session_that_is_too_short_is_refused_or_made_longer() {
        for (method, rows, result) in [
            (
                "INVITE",
                "Session-Expires: 90\r\nSupported: 100rel, timer\r\n",
                Err(120),
            ),
            ("UPDATE", "x: 119;refresher=uac\r\nk: timer\r\n", Err(120)),
            ("INVITE", "Session-Expires: 120\r\nSupported: timer\r\n", Ok(())),
            ("INVITE", "Supported: timer\r\n", Ok(())),
            ("INVITE", "Session-Expires: soon\r\nSupported: timer\r\n", Ok(())),
            ("BYE", "Session-Expires: 9\r\nSupported: timer\r\n", Ok(())),
        ] {
            let (taken, text) = taken(method, rows);
            assert_eq!((taken, text.contains(rows)), (result, true), "{rows}");
        }
        for (rows, left) in [
            (
                "Session-Expires: 90;refresher=uas\r\n",
                "Session-Expires: 120;refresher=uas\r\nMin-SE: 120\r\n",
            ),
            ("x: 90\r\nMin-SE: 90\r\n", "x: 120\r\nMin-SE: 120\r\n"),
            (
                "Session-Expires: 90\r\nMin-SE: 200\r\n",
                "Session-Expires: 120\r\nMin-SE: 200\r\n",
            ),
        ] {
            let (result, text) = taken("INVITE", rows);
            assert!(result == Ok(()) && text.contains(left), "{text}");
        }
    }
}
