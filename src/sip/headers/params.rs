//! Parameters of a header value: `;name`, `;name=value`, `;name="value"`.

use std::fmt;

use super::Span;
use super::grammar::{is_token_byte, quoted_end, skip_lws, skip_while};
use crate::sip::scan::param_value_end;

/// One parameter.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    pub name: &'a [u8],
    /// As written, a quoted string with its quotes. `None`: no `=`.
    pub value: Option<&'a [u8]>,
    /// From its `;` to its last byte: what goes when the parameter goes. `=value` is added at `span.end` of one without value.
    pub span: Span,
    /// Where the value stands; empty, at `span.end`, without one.
    pub value_span: Span,
}

impl Param<'_> {
    /// Whether this is its name, in any case.
    //= MSG-010
    #[inline]
    pub fn is(&self, name: &[u8]) -> bool {
        // As written first: letter by letter it is dearer.
        self.name == name || self.name.eq_ignore_ascii_case(name)
    }
}

impl fmt::Debug for Param<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Param")
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

/// The parameters of a value already parsed, in order; empty ones (`;;`) are passed over.
#[derive(Clone)]
pub struct Params<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Params<'a> {
    /// Parameters that begin at `at` of this value; it ends at the end of the value or a comma.
    pub fn at(value: &'a [u8], at: usize) -> Params<'a> {
        Params { value, at }
    }

    /// The first parameter of this name, in any case.
    pub fn find(self, name: &[u8]) -> Option<Param<'a>> {
        let mut params = self;
        params.by_ref().find(|param| param.is(name))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        // A fault ends the list: whoever needs to know of it parses the value as a whole.
        while let Ok(Some(param)) = next_param(self.value, self.at) {
            self.at = param.span.end();
            if !param.name.is_empty() {
                return Some(param);
            }
        }
        self.at = self.value.len();
        None
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Params").finish_non_exhaustive()
    }
}

/// The parameter that begins at `at`, white space before it allowed; `None` at the end of the value or at a comma.
///
/// An empty parameter (`;` and then `;`, `,` or the end) has an empty name. `Err` is the place of the fault.
#[inline]
pub(super) fn next_param(value: &[u8], at: usize) -> Result<Option<Param<'_>>, usize> {
    let start = skip_lws(value, at);
    match value.get(start) {
        None | Some(b',') => return Ok(None),
        Some(b';') => {}
        Some(_) => return Err(start),
    }
    let name_start = skip_lws(value, start + 1);
    let name_end = skip_while(value, name_start, is_token_byte);
    if name_end == name_start {
        return match value.get(name_start) {
            None | Some(b';' | b',') => Ok(Some(Param {
                name: b"",
                value: None,
                span: Span::new(start, start + 1),
                value_span: Span::new(start + 1, start + 1),
            })),
            Some(_) => Err(name_start),
        };
    }
    let name = &value[name_start..name_end];
    let mut equals = name_end;
    if equals < value.len() && value[equals] != b'=' {
        equals = skip_lws(value, equals);
    }
    if value.get(equals) != Some(&b'=') {
        return Ok(Some(Param {
            name,
            value: None,
            span: Span::new(start, name_end),
            value_span: Span::new(name_end, name_end),
        }));
    }
    let value_start = skip_lws(value, equals + 1);
    let value_end = match value.get(value_start) {
        Some(b'"') => quoted_end(value, value_start).ok_or(value_start)?,
        _ => param_value_end(value, value_start),
    };
    if value_end == value_start {
        return Err(value_start);
    }
    Ok(Some(Param {
        name,
        value: Some(&value[value_start..value_end]),
        span: Span::new(start, value_end),
        value_span: Span::new(value_start, value_end),
    }))
}

/// The next value of a list, after one that ends at `at`; empty after the last.
#[inline]
pub(super) fn behind_comma(value: &[u8], at: usize) -> &[u8] {
    if at >= value.len() {
        return &[];
    }
    let comma = skip_lws(value, at);
    value.get(skip_lws(value, comma + 1)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_and_quotes_are_told_apart() {
        let value = b"x ;a; B = \"1;2,\\\"3\" ;;c=[::1];d=\t4 , e";
        let seen: Vec<_> = Params::at(value, 1).map(|param| (param.name, param.value)).collect();
        assert_eq!(
            seen,
            [
                (&b"a"[..], None),
                (b"B", Some(&b"\"1;2,\\\"3\""[..])),
                (b"c", Some(b"[::1]")),
                (b"d", Some(b"4"))
            ]
        );
        assert_eq!(
            Params::at(value, 1).find(b"b").map(|param| param.span.of(value)),
            Some(&b"; B = \"1;2,\\\"3\""[..])
        );
    }

    #[test]
    fn faults_tell_where() {
        assert_eq!(next_param(b";a=", 0).map(|_| ()), Err(3));
        assert_eq!(next_param(b";a=\"1", 0).map(|_| ()), Err(3));
        assert_eq!(next_param(b";=1", 0).map(|_| ()), Err(1));
        assert_eq!(next_param(b" a", 0).map(|_| ()), Err(1));
    }
}
