//! Cutting text into tokens.

use super::{Fault, Kind, Lexed, Piece, Token, Unfinished, Word};

/// Cuts a text into tokens.
pub(crate) fn lex(text: &[u8]) -> Lexed {
    let mut scanner = Scanner {
        text,
        at: 0,
        lexed: Lexed::default(),
        at_start: true,
    };
    while scanner.at < text.len() {
        scanner.token();
    }
    scanner.lexed
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    lexed: Lexed,
    /// Whether a command begins here.
    at_start: bool,
}

impl Scanner<'_> {
    fn token(&mut self) {
        let start = self.at;
        let next = self.text.get(start + 1).copied();
        match self.text[start] {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'\\' if next == Some(b'\n') => self.at += 2,
            b'\n' | b';' => self.operator(Kind::End, 1),
            b'#' => {
                self.skip_line();
                self.push(Kind::Comment, start);
            }
            b'&' if next == Some(b'&') => self.operator(Kind::And, 2),
            b'&' => {
                self.fault(start, 1, "a lone '&' has to be quoted");
                self.at += 1;
            }
            b'|' if next == Some(b'|') => self.operator(Kind::Or, 2),
            b'|' => {
                self.at += 1;
                let program = self.pipeline();
                self.push(Kind::Pipe(program), start);
            }
            b'!' if self.at_start => {
                self.skip_line();
                let program = self.text[start + 1..self.at].to_vec();
                self.push(Kind::Outside(program), start);
            }
            b'>' if next == Some(b'>') => self.redirection(Kind::Append, 2),
            b'>' => self.redirection(Kind::To, 1),
            b'<' => self.redirection(Kind::From, 1),
            b'{' if self.stands_alone() => self.operator(Kind::Open, 1),
            b'}' if self.stands_alone() => {
                self.operator(Kind::Close, 1);
                self.at_start = false;
            }
            _ => self.word(),
        }
    }

    fn operator(&mut self, kind: Kind, length: usize) {
        let start = self.at;
        self.at += length;
        self.push(kind, start);
        self.at_start = true;
    }

    fn redirection(&mut self, kind: Kind, length: usize) {
        let start = self.at;
        self.at += length;
        self.push(kind, start);
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.lexed.tokens.push(Token {
            kind,
            span: start..self.at,
        });
    }

    fn fault(&mut self, start: usize, length: usize, what: &'static str) {
        self.lexed.faults.push(Fault {
            span: start..(start + length).min(self.text.len()),
            what,
        });
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }

    /// Whether the byte here is a word of its own.
    fn stands_alone(&self) -> bool {
        self.text
            .get(self.at + 1)
            .is_none_or(|b| b.is_ascii_whitespace() || b";|&#".contains(b))
    }

    /// A program after `|`, quoted as a shell quotes: up to `;`, `&&`, a newline, or `||` outside of parentheses.
    fn pipeline(&mut self) -> Vec<u8> {
        let start = self.at;
        let mut quote = None;
        let mut depth = 0_usize;
        while let Some(&byte) = self.text.get(self.at) {
            let next = self.text.get(self.at + 1);
            match (quote, byte) {
                (Some(b'\''), b'\'') | (Some(b'"'), b'"') => quote = None,
                (None, b'\'' | b'"') => quote = Some(byte),
                (None | Some(b'"'), b'\\') => self.at += usize::from(next.is_some()),
                (None, b'(') => depth += 1,
                (None, b')') => depth = depth.saturating_sub(1),
                (None, b';' | b'\n') if depth == 0 => break,
                (None, b'&' | b'|') if next == Some(&byte) && depth == 0 => break,
                // Both bytes of an operator that belongs to the program.
                (None, b'&' | b'|') if next == Some(&byte) => self.at += 1,
                _ => {}
            }
            self.at += 1;
        }
        match quote {
            Some(b'\'') => self.lexed.unfinished = Some(Unfinished::Single(start)),
            Some(_) => self.lexed.unfinished = Some(Unfinished::Double(start)),
            None => {}
        }
        self.text[start..self.at].trim_ascii().to_vec()
    }

    fn word(&mut self) {
        let start = self.at;
        let mut word = Word::default();
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'>' | b'<' => break,
                b'\'' => self.single(&mut word),
                b'"' => self.double(&mut word),
                b'\\' => match self.text.get(self.at + 1) {
                    None => {
                        self.lexed.unfinished = Some(Unfinished::Backslash);
                        self.at += 1;
                    }
                    Some(b'\n') => self.at += 2,
                    Some(other) => {
                        add(&mut word, &[*other], true);
                        self.at += 2;
                    }
                },
                b'$' => self.variable(&mut word, false),
                _ => {
                    add(&mut word, &[byte], false);
                    self.at += 1;
                }
            }
        }
        self.push(Kind::Word(word), start);
        self.at_start = false;
    }

    fn single(&mut self, word: &mut Word) {
        let start = self.at + 1;
        let rest = &self.text[start..];
        let length = rest.iter().position(|b| *b == b'\'');
        add(word, &rest[..length.unwrap_or(rest.len())], true);
        if length.is_none() {
            self.lexed.unfinished = Some(Unfinished::Single(self.at));
        }
        self.at = (start + length.unwrap_or(rest.len()) + 1).min(self.text.len());
    }

    fn double(&mut self, word: &mut Word) {
        let start = self.at;
        self.at += 1;
        // An empty quote is a word, too.
        add(word, b"", true);
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.escape(word),
                b'$' => self.variable(word, true),
                _ => {
                    add(word, &[byte], true);
                    self.at += 1;
                }
            }
        }
        self.lexed.unfinished = Some(Unfinished::Double(start));
    }

    /// An escape between double quotes.
    fn escape(&mut self, word: &mut Word) {
        let digit = |at: usize| {
            let byte = *self.text.get(at)?;
            char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let byte = match self.text.get(self.at + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(other @ (b'\\' | b'"' | b'$')) => *other,
            Some(b'x') => {
                if let (Some(high), Some(low)) = (digit(self.at + 2), digit(self.at + 3)) {
                    add(word, &[high << 4 | low], true);
                    self.at += 4;
                } else {
                    self.fault(self.at, 2, "\\x needs two hexadecimal digits");
                    self.at += 2;
                }
                return;
            }
            // A line that goes on.
            Some(b'\n') => {
                self.at += 2;
                return;
            }
            None => {
                self.at += 1;
                return;
            }
            Some(_) => {
                self.fault(
                    self.at,
                    2,
                    "between double quotes only \\n \\t \\r \\\\ \\\" \\$ \\xHH are known",
                );
                self.at += 2;
                return;
            }
        };
        add(word, &[byte], true);
        self.at += 2;
    }

    /// `$?`, `$_`, or a dollar.
    fn variable(&mut self, word: &mut Word, quoted: bool) {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let piece = match self.text.get(self.at + 1) {
            Some(b'?') => Piece::Status,
            Some(b'_') if !self.text.get(self.at + 2).is_some_and(is_name) => Piece::Last,
            _ => {
                add(word, b"$", quoted);
                self.at += 1;
                return;
            }
        };
        word.pieces.push(piece);
        self.at += 2;
    }
}

/// Adds text to a word, to its last piece if that is of the same kind.
fn add(word: &mut Word, text: &[u8], is_quoted: bool) {
    match word.pieces.last_mut() {
        Some(Piece::Text { bytes, quoted }) if *quoted == is_quoted => {
            bytes.extend_from_slice(text);
        }
        _ => word.pieces.push(Piece::Text {
            bytes: text.to_vec(),
            quoted: is_quoted,
        }),
    }
}
