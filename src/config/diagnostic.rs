//! A mistake in the policy file: where it is, what is wrong, what to write instead.

use std::{fmt, ops::Range, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// One finding about a policy file.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: Severity,
    /// `None`: the file as a whole.
    pub place: Option<Place>,
    /// What is wrong, one sentence without its full stop.
    pub fault: String,
    /// What to do about it.
    pub remedy: Option<String>,
    source: Arc<Source>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policy is not used.
    Error,
    /// The policy is used; the operator probably wanted something else.
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// In bytes of the text.
    pub span: Range<usize>,
}

/// A rendering for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// With terminal colours; print through `anstream`, which takes them out where they are not wanted.
    Coloured,
}

impl Diagnostic {
    pub(super) fn new(severity: Severity, source: &Arc<Source>, span: Option<Range<usize>>, fault: String) -> Self {
        let place = span.map(|span| source.place(span));
        Diagnostic {
            severity,
            place,
            fault,
            remedy: None,
            source: Arc::clone(source),
        }
    }

    /// The file it is about, as named by the caller.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// The finding with the lines it is about, in the shape of a compiler's report.
    pub fn render(&self, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.fault.as_str());
        let group: Group<'_> = match &self.place {
            None => title.element(Origin::path(self.file())),
            Some(place) => match self.source.excerpt(place) {
                Some((line, within)) => title.element(
                    Snippet::source(line)
                        .line_start(place.line as usize)
                        .path(self.file())
                        .annotation(AnnotationKind::Primary.span(within)),
                ),
                None => title.element(
                    Origin::path(self.file())
                        .line(place.line as usize)
                        .char_column(place.column as usize),
                ),
            },
        };
        let group = match &self.remedy {
            Some(remedy) => group.element(Level::HELP.message(remedy.as_str())),
            None => group,
        };
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    /// One line, for a log: no line of the file is quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file())?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}", self.fault)?;
        match &self.remedy {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

/// Bytes of a line that is quoted in a report.
const EXCERPT_BYTES_MAX: usize = 1000;

/// The text of one policy file.
pub(super) struct Source {
    file: String,
    text: String,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
}

impl Source {
    pub(super) fn new(file: &str, text: &str) -> Source {
        let lines = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        Source {
            file: file.to_owned(),
            text: text.to_owned(),
            lines,
        }
    }

    /// The line a byte is on, counted from 1.
    pub(super) fn line(&self, at: usize) -> u32 {
        let line = self.lines.partition_point(|start| *start <= at);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    fn place(&self, span: Range<usize>) -> Place {
        let line = self.line(span.start);
        let start = self.lines[line as usize - 1];
        let before = self.text.get(start..span.start).unwrap_or_default();
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX);
        Place { line, column, span }
    }

    /// The first line of a place and the part of it that is meant, unless nobody would read a line that long. One
    /// line is enough to see what is meant, and keeps a report about a long list short.
    fn excerpt(&self, place: &Place) -> Option<(&str, Range<usize>)> {
        let first = place.line as usize;
        let start = self.lines[first - 1];
        let end = self.lines.get(first).map_or(self.text.len(), |next| next - 1);
        let line = self.text.get(start..end).unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let from = (place.span.start - start).min(line.len());
        let to = (place.span.end.max(place.span.start) - start).min(line.len());
        (line.len() <= EXCERPT_BYTES_MAX).then_some((line, from..to))
    }
}

impl fmt::Debug for Source {
    /// Not the text: a policy may name subscribers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.file).finish()
    }
}
