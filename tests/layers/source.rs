//! Rust text as words and marks, without what is no code: comments, literals, and items only tests compile.

/// One piece of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'s> {
    /// An identifier, a keyword or a number.
    Word(&'s str),
    /// `::`
    Sep,
    Mark(char),
    /// A string or a character; what it says is no code.
    Literal,
}

/// A token and its line, counted from 1.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'s> {
    pub token: Token<'s>,
    pub line: usize,
}

/// The code of one file that is compiled without `cfg(test)`.
pub struct Code<'s> {
    pub tokens: Vec<Placed<'s>>,
    /// Names of `#[cfg(test)] mod name;`, whose files are left out too.
    pub test_modules: Vec<&'s str>,
}

pub fn code(text: &str) -> Code<'_> {
    without_tests(&Lexer { text, at: 0, line: 1 }.tokens())
}

struct Lexer<'s> {
    text: &'s str,
    at: usize,
    line: usize,
}

impl<'s> Lexer<'s> {
    fn tokens(mut self) -> Vec<Placed<'s>> {
        let mut tokens = Vec::new();
        loop {
            let line = self.line;
            match self.next_token() {
                Step::Token(token) => tokens.push(Placed { token, line }),
                Step::Nothing => {}
                Step::End => return tokens,
            }
        }
    }

    fn next_token(&mut self) -> Step<'s> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Step::End;
        };
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.block_comment();
        } else if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if first == '"' {
            self.string();
            return Step::Token(Token::Literal);
        } else if first == '\'' {
            return self.character_or_lifetime();
        } else if first.is_alphanumeric() || first == '_' {
            return Step::Token(self.word_or_literal());
        } else if rest.starts_with("::") {
            self.skip(2);
            return Step::Token(Token::Sep);
        } else {
            self.skip(first.len_utf8());
            return Step::Token(Token::Mark(first));
        }
        Step::Nothing
    }

    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else if let Some(next) = rest.chars().next() {
                self.skip(next.len_utf8());
            } else {
                return;
            }
        }
    }

    /// At the opening quote of a string with escapes.
    fn string(&mut self) {
        self.skip(1);
        while let Some(next) = self.rest().chars().next() {
            self.skip(next.len_utf8());
            match next {
                '"' => return,
                '\\' => self.skip(self.rest().chars().next().map_or(0, char::len_utf8)),
                _ => {}
            }
        }
    }

    /// At the first `#` or the quote of a raw string.
    fn raw_string(&mut self, hashes: usize) {
        self.skip(hashes + 1);
        let close = format!("\"{}", "#".repeat(hashes));
        let rest = self.rest();
        self.skip(rest.find(&close).map_or(rest.len(), |at| at + close.len()));
    }

    fn character_or_lifetime(&mut self) -> Step<'s> {
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1);
        match (chars.next(), chars.next()) {
            (Some((_, '\\')), Some((escaped, kind))) => {
                let after = escaped + kind.len_utf8();
                self.skip(rest[after..].find('\'').map_or(rest.len(), |at| after + at + 1));
                Step::Token(Token::Literal)
            }
            (Some(_), Some((quote, '\''))) => {
                self.skip(quote + 1);
                Step::Token(Token::Literal)
            }
            _ => {
                self.skip(1);
                self.word();
                Step::Nothing
            }
        }
    }

    fn word_or_literal(&mut self) -> Token<'s> {
        let word = self.word();
        let rest = self.rest();
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let quoted = rest[hashes..].starts_with('"');
        match word {
            "r" | "br" | "cr" if quoted => {
                self.raw_string(hashes);
                Token::Literal
            }
            "r" if hashes == 1 => {
                self.skip(1);
                Token::Word(self.word())
            }
            "b" | "c" if quoted && hashes == 0 => {
                self.string();
                Token::Literal
            }
            _ => Token::Word(word),
        }
    }

    fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.skip(end);
        &rest[..end]
    }
}

enum Step<'s> {
    Token(Token<'s>),
    Nothing,
    End,
}

fn without_tests<'s>(all: &[Placed<'s>]) -> Code<'s> {
    let mut code = Code {
        tokens: Vec::new(),
        test_modules: Vec::new(),
    };
    let mut at = 0;
    while let Some(placed) = all.get(at) {
        let inner = all.get(at + 1).is_some_and(|next| next.token == Token::Mark('!'));
        let opening = at + 1 + usize::from(inner);
        if placed.token == Token::Mark('#') && is_mark(all, opening, '[') {
            let end = closing(all, opening);
            if needs_test(&all[opening..end]) {
                if inner {
                    return Code {
                        tokens: Vec::new(),
                        test_modules: Vec::new(),
                    };
                }
                at = end_of_item(all, end, &mut code.test_modules);
                continue;
            }
        }
        code.tokens.push(*placed);
        at += 1;
    }
    code
}

/// `cfg(test)` and `cfg(all(test, …))`, but not `cfg(not(test))` nor `cfg(any(test, …))`.
fn needs_test(attribute: &[Placed<'_>]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(|placed| as_word(placed.token)).collect();
    words.starts_with(&["cfg", "test"]) || words.starts_with(&["cfg", "all", "test"])
}

/// Just past the item that begins at `at`, further attributes included.
fn end_of_item<'s>(all: &[Placed<'s>], mut at: usize, test_modules: &mut Vec<&'s str>) -> usize {
    while is_mark(all, at, '#') && is_mark(all, at + 1, '[') {
        at = closing(all, at + 1);
    }
    let mut is_item = false;
    let mut braces_end_it = true;
    let mut module = None;
    while let Some(placed) = all.get(at) {
        match placed.token {
            Token::Word("use" | "const" | "static" | "type" | "let") if !is_item => {
                is_item = true;
                braces_end_it = false;
            }
            Token::Word("fn" | "impl" | "struct" | "enum" | "trait" | "macro_rules" | "union") => {
                is_item = true;
                braces_end_it = true;
            }
            Token::Word("mod") if !is_item => {
                is_item = true;
                module = all.get(at + 1).and_then(|next| as_word(next.token));
            }
            Token::Mark('{') => {
                at = closing(all, at);
                if braces_end_it {
                    return at;
                }
                continue;
            }
            Token::Mark('(' | '[') => {
                at = closing(all, at);
                continue;
            }
            Token::Mark(';') => {
                test_modules.extend(module);
                return at + 1;
            }
            Token::Mark(',') if !is_item => return at + 1,
            Token::Mark('}' | ')' | ']') => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Just past the bracket that closes the one at `open`.
fn closing(all: &[Placed<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, placed) in all.iter().enumerate().skip(open) {
        match placed.token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    all.len()
}

fn is_mark(all: &[Placed<'_>], at: usize, mark: char) -> bool {
    all.get(at).is_some_and(|placed| placed.token == Token::Mark(mark))
}

pub fn as_word(token: Token<'_>) -> Option<&str> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}
