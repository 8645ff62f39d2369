//! The one lexer: what is executed, completed, hinted at, highlighted and checked is cut into tokens here.
//!
//! It takes any bytes, never fails, and keeps the span of every token; what is wrong or unfinished is said beside them.
//!
//! `'…'` literal · `"…"` with `\n \t \r \\ \" \$ \xHH` · bare words with `\` · `#` comment · `;` and newline ·
//! `&&` `||` · `| program` and `!program` (the text is a shell's) · `>` `>>` `<` · `{` `}` alone · `$?` `$_`

mod quote;
mod scan;

use std::ops::Range;

pub(crate) use quote::quote;
pub(crate) use scan::lex;

/// A line or a script, cut up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Lexed {
    /// The tokens, in order; white space lies between them.
    pub(crate) tokens: Vec<Token>,
    /// What is missing at the end, if something is.
    pub(crate) unfinished: Option<Unfinished>,
    /// What is wrong.
    pub(crate) faults: Vec<Fault>,
}

/// A token and where it is, in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A word.
    Word(Word),
    /// `;` or a newline.
    End,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `|` and the program after it.
    Pipe(Vec<u8>),
    /// `!` and the program after it.
    Outside(Vec<u8>),
    /// `>`.
    To,
    /// `>>`.
    Append,
    /// `<`.
    From,
    /// `{`.
    Open,
    /// `}`.
    Close,
    /// `#` to the end of the line.
    Comment,
}

/// A word: pieces without space between them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Word {
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Piece {
    /// Text; quoted text means nothing but itself.
    Text { bytes: Vec<u8>, quoted: bool },
    /// `$?`.
    Status,
    /// `$_`.
    Last,
}

impl Word {
    /// A word of an argument list, where an outer shell has done the quoting: wild cards work.
    pub(crate) fn from_argument(bytes: &[u8]) -> Self {
        Self {
            pieces: vec![Piece::Text {
                bytes: bytes.to_vec(),
                quoted: false,
            }],
        }
    }

    /// Its text, if it has no variable in it.
    pub(crate) fn text(&self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text { bytes, .. } => text.extend_from_slice(bytes),
                Piece::Status | Piece::Last => return None,
            }
        }
        Some(text)
    }
}

/// What a text lacks at its end: more input may bring it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unfinished {
    /// The closing `'` of the quote that begins here.
    Single(usize),
    /// The closing `"` of the quote that begins here.
    Double(usize),
    /// The line after a `\`.
    Backslash,
}

/// Something that can be no part of a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) what: &'static str,
}

#[cfg(test)]
mod tests;
