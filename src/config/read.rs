//! One reading of a policy: what is found on the way, and values that know their place.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::Range,
    sync::Arc,
};

use super::{
    diagnostic::{Diagnostic, Severity, Source},
    grammar,
};
use crate::policy::{Stated, StatedBy, Word};

/// Errors, and warnings, of one reading; beyond, only their number is told.
pub(super) const DIAGNOSTICS_MAX: usize = 100;

/// Characters of a wrong value shown in a fault.
const SHOWN_MAX: usize = 60;

/// What is found while a text is read.
pub(super) struct Reader {
    source: Arc<Source>,
    found: RefCell<Vec<Diagnostic>>,
    /// Errors and warnings beyond the maximum of each.
    more_errors: Cell<usize>,
    more_warnings: Cell<usize>,
    /// How many of the first findings say that the text is no TOML. If any, what seems to be missing may only have
    /// been unreadable.
    syntax: usize,
}

/// What is wrong with a value, and what to write instead.
pub(super) struct Fault {
    pub(super) fault: String,
    pub(super) remedy: String,
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) at: Range<usize>,
    pub(super) line: u32,
}

impl<T> Written<T> {
    pub(super) fn stated(self) -> Stated<T> {
        Stated {
            value: self.value,
            by: StatedBy::File { line: self.line },
        }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written {
            value: change(self.value),
            at: self.at,
            line: self.line,
        }
    }
}

/// What is written, or the built-in value.
pub(super) fn or_default<T>(written: Option<Written<T>>, default: T) -> Stated<T> {
    match written {
        Some(written) => written.stated(),
        None => Stated {
            value: default,
            by: StatedBy::Default,
        },
    }
}

/// What is written, or the value that follows from the profile.
pub(super) fn or_profile<T>(written: Option<Written<T>>, by_profile: T) -> Stated<T> {
    match written {
        Some(written) => written.stated(),
        None => Stated {
            value: by_profile,
            by: StatedBy::Profile,
        },
    }
}

impl Reader {
    pub(super) fn new(source: Arc<Source>, syntax: Vec<toml::de::Error>) -> Reader {
        let reader = Reader {
            source,
            found: RefCell::default(),
            more_errors: Cell::default(),
            more_warnings: Cell::default(),
            syntax: syntax.len().min(DIAGNOSTICS_MAX),
        };
        for error in syntax {
            let message = error.message();
            let remedy = match message {
                "duplicate key" => Some("take one of them out".to_owned()),
                _ if message.contains("quoted") || message.contains("boolean") => {
                    Some("a text stands in quotes; without them only numbers, true and false".to_owned())
                }
                _ => None,
            };
            reader.error(error.span(), format!("this is not TOML: {message}"), remedy);
        }
        reader
    }

    pub(super) fn error(&self, at: Option<Range<usize>>, fault: impl Into<String>, remedy: Option<String>) {
        self.note(Severity::Error, at, fault.into(), remedy);
    }

    pub(super) fn warn(&self, at: Range<usize>, fault: impl Into<String>, remedy: impl Into<String>) {
        self.note(Severity::Warning, Some(at), fault.into(), Some(remedy.into()));
    }

    /// A mistake that shows only when one place is compared with another; silent where the other may be unreadable.
    pub(super) fn contradiction(&self, at: Range<usize>, fault: impl Into<String>, remedy: impl Into<String>) {
        if self.syntax == 0 {
            self.error(Some(at), fault, Some(remedy.into()));
        }
    }

    /// Something that is not there; silent where it may be unreadable only.
    pub(super) fn missing(&self, at: Option<Range<usize>>, fault: &str, remedy: &str) {
        if self.syntax == 0 {
            self.error(at, fault, Some(remedy.to_owned()));
        }
    }

    pub(super) fn line(&self, at: &Range<usize>) -> u32 {
        self.source.line(at.start)
    }

    /// Everything found, in the order of the text; warnings only if there is no error.
    pub(super) fn finish(self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let mut found = self.found.into_inner();
        // One line that is no TOML is one mistake, whatever else seems wrong about it.
        let mut unreadable = BTreeSet::new();
        let mut index = 0;
        found.retain(|one| {
            index += 1;
            match &one.place {
                Some(place) if index <= self.syntax => unreadable.insert(place.line),
                Some(place) => !unreadable.contains(&place.line),
                None => true,
            }
        });
        found.sort_by_key(|one| one.place.as_ref().map_or(usize::MAX, |place| place.span.start));
        if found.iter().all(|one| one.severity == Severity::Warning) {
            if self.more_warnings.get() > 0 {
                let rest = format!("and {} more", self.more_warnings.get());
                found.push(Diagnostic::new(Severity::Warning, &self.source, None, rest));
            }
            return Ok(found);
        }
        if self.more_errors.get() > 0 {
            let rest = format!("and {} more", self.more_errors.get());
            found.push(Diagnostic::new(Severity::Error, &self.source, None, rest));
        }
        Err(found)
    }

    fn note(&self, severity: Severity, at: Option<Range<usize>>, fault: String, remedy: Option<String>) {
        let mut found = self.found.borrow_mut();
        let more = match severity {
            Severity::Error => &self.more_errors,
            Severity::Warning => &self.more_warnings,
        };
        if found.iter().filter(|one| one.severity == severity).count() >= DIAGNOSTICS_MAX {
            more.set(more.get() + 1);
            return;
        }
        let mut one = Diagnostic::new(severity, &self.source, at, fault);
        one.remedy = remedy;
        found.push(one);
    }

    pub(super) fn written<T>(&self, at: Range<usize>, value: T) -> Written<T> {
        let line = self.line(&at);
        Written { value, at, line }
    }
}

/// The value of a word, or the words there are.
pub(super) fn from_word<T: Word>(key: &str, text: &str) -> Result<T, Fault> {
    T::from_word(text).ok_or_else(|| {
        let words = T::ALL.iter().map(|value| value.word());
        Fault {
            fault: format!("`{key}` cannot be `{}`", shown(text)),
            remedy: match grammar::nearest(text, words.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of: {}", words.collect::<Vec<_>>().join(", ")),
            },
        }
    })
}

/// A piece of the text as it may stand in a message: no control characters, not too long.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}
