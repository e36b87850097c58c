//! The paths a file names, in `use` and in passing, written from the root: `crate::sip::uri`, `std::fs::read`.

use std::collections::HashMap;

use super::source::{Placed, Token, as_word};

/// A path as the compiler would read it, as far as one file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    /// Segments; a last `*` is a glob.
    pub path: Vec<String>,
}

/// Every path in `tokens`, the code of module `module` (segments below the crate, empty for its root).
pub fn named(module: &[String], tokens: &[Placed<'_>]) -> Vec<Named> {
    let mut reader = Reader {
        tokens,
        at: 0,
        module: module.to_vec(),
        inner: Vec::new(),
        depth: 0,
        found: Vec::new(),
    };
    reader.read();
    let imports: HashMap<String, Vec<String>> = reader
        .found
        .iter()
        .filter_map(|raw| Some((raw.binds.clone()?, raw.named.path.clone())))
        .collect();
    reader
        .found
        .into_iter()
        .map(|raw| Named {
            path: through(&imports, raw.named.path),
            ..raw.named
        })
        .collect()
}

/// Replaces a first segment that a `use` of the file bound.
fn through(imports: &HashMap<String, Vec<String>>, mut path: Vec<String>) -> Vec<String> {
    for _ in 0..8 {
        match imports.get(&path[0]) {
            Some(full) if full[0] != path[0] => path = full.iter().cloned().chain(path.drain(1..)).collect(),
            _ => break,
        }
    }
    path
}

struct Raw {
    named: Named,
    /// The name a `use` gives to the path.
    binds: Option<String>,
}

struct Reader<'t, 's> {
    tokens: &'t [Placed<'s>],
    at: usize,
    module: Vec<String>,
    /// Brace depth at which each inline `mod name {` ends.
    inner: Vec<usize>,
    depth: usize,
    found: Vec<Raw>,
}

impl<'s> Reader<'_, 's> {
    fn read(&mut self) {
        while let Some(token) = self.token(0) {
            match token {
                Token::Mark('{') => self.depth += 1,
                Token::Mark('}') => self.close(),
                Token::Word("mod") if self.token(2) == Some(Token::Mark('{')) => {
                    self.module.extend(self.token(1).and_then(as_word).map(str::to_owned));
                    self.inner.push(self.depth);
                    self.depth += 1;
                    self.at += 2;
                }
                Token::Word("use") if self.token(1) != Some(Token::Mark('<')) => {
                    self.at += 1;
                    self.tree(&[]);
                    continue;
                }
                Token::Word("extern") if self.token(1) == Some(Token::Word("crate")) => {
                    self.at += 2;
                    self.tree(&[]);
                    continue;
                }
                Token::Word(first) if self.token(1) == Some(Token::Sep) && self.starts_path() => {
                    self.inline(first);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn token(&self, ahead: usize) -> Option<Token<'s>> {
        self.tokens.get(self.at + ahead).map(|placed| placed.token)
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.inner.last() == Some(&self.depth) {
            self.inner.pop();
            self.module.pop();
        }
    }

    /// Whether the word here is no later segment of a path, as `new` is in `Vec::<u8>::new`.
    fn starts_path(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map(|at| self.tokens[at].token);
        match before(1) {
            Some(Token::Sep) => !matches!(before(2), Some(Token::Word(_) | Token::Mark('>'))),
            _ => true,
        }
    }

    fn inline(&mut self, first: &'s str) {
        let line = self.tokens[self.at].line;
        let mut path = vec![first.to_owned()];
        self.at += 1;
        while let (Some(Token::Sep), Some(Token::Word(next))) = (self.token(0), self.token(1)) {
            path.push(next.to_owned());
            self.at += 2;
        }
        self.push(line, path, None);
    }

    /// One branch of a `use`, after `prefix`.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut line = self.tokens.get(self.at).map_or(0, |placed| placed.line);
        loop {
            match self.token(0) {
                Some(Token::Word("as")) => {
                    let alias = self.token(1).and_then(as_word).map(str::to_owned);
                    self.at += 2;
                    return self.push(line, path, alias);
                }
                Some(Token::Word("self")) if !path.is_empty() => self.at += 1,
                Some(Token::Word(word)) => {
                    line = self.tokens[self.at].line;
                    path.push(word.to_owned());
                    self.at += 1;
                }
                Some(Token::Sep) => self.at += 1,
                Some(Token::Mark('*')) => {
                    path.push("*".to_owned());
                    self.at += 1;
                    return self.push(line, path, None);
                }
                Some(Token::Mark('{')) => return self.group(&path),
                _ => {
                    let binds = path.last().cloned();
                    return self.push(line, path, binds);
                }
            }
        }
    }

    fn group(&mut self, prefix: &[String]) {
        self.at += 1;
        loop {
            match self.token(0) {
                Some(Token::Mark('}')) => break self.at += 1,
                Some(Token::Mark(',')) => self.at += 1,
                Some(Token::Word(_) | Token::Sep | Token::Mark('*' | '{')) => self.tree(prefix),
                _ => break,
            }
        }
    }

    fn push(&mut self, line: usize, path: Vec<String>, binds: Option<String>) {
        if path.is_empty() {
            return;
        }
        self.found.push(Raw {
            named: Named {
                line,
                path: self.rooted(path),
            },
            binds,
        });
    }

    /// Writes `self::` and `super::` out.
    fn rooted(&self, path: Vec<String>) -> Vec<String> {
        let ups = path
            .iter()
            .take_while(|segment| *segment == "super" || *segment == "self")
            .count();
        if ups == 0 {
            return path;
        }
        let supers = path[..ups].iter().filter(|segment| *segment == "super").count();
        let kept = self.module.len().saturating_sub(supers);
        let module = self.module[..kept].iter().cloned();
        std::iter::once("crate".to_owned())
            .chain(module)
            .chain(path[ups..].iter().cloned())
            .collect()
    }
}
