//! Where in a command the cursor is.

use std::ops::Range;

use crate::cmd::{self, Command, Kind as Wants, Operand};
use crate::token::{Kind, Token, lex};

/// What stands at the cursor.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The word that is being written: up to the cursor, quotes included; empty after a space.
    pub(super) span: Range<usize>,
    /// Its text.
    pub(super) text: String,
    /// The quote that it begins with.
    pub(super) quote: Option<char>,
    /// What it may be.
    pub(super) place: Place,
}

/// What a word may be.
pub(super) enum Place {
    /// The name of a command.
    Command,
    /// An option, because it begins with `-`.
    Option(&'static Command),
    /// An operand, or the value of an option; the texts are the operands before it.
    Value {
        command: &'static Command,
        wants: Wants,
        before: Vec<String>,
    },
    /// A file outside.
    File,
    /// Nothing that we know.
    Nothing,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command => f.write_str("Command"),
            Self::Option(command) => write!(f, "Option({})", command.name),
            Self::Value {
                command,
                wants,
                before,
            } => write!(f, "Value({}, {wants:?}, {before:?})", command.name),
            Self::File => f.write_str("File"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

/// Looks at a line up to the cursor.
pub(super) fn cursor(line: &str, pos: usize) -> Cursor {
    let before = &line[..pos];
    let lexed = lex(before.as_bytes());
    let mut tokens = &lexed.tokens[..];
    let mut current = None;
    if let Some((last, rest)) = tokens.split_last()
        && matches!(last.kind, Kind::Word(_))
        && last.span.end == pos
    {
        current = Some(last);
        tokens = rest;
    }
    let (span, text, quote) = match current {
        Some(token) => {
            let raw = &before[token.span.clone()];
            let quote = raw.chars().next().filter(|c| matches!(c, '\'' | '"'));
            (token.span.clone(), word_text(token), quote)
        }
        None => (pos..pos, String::new(), None),
    };
    let is_comment = lexed
        .tokens
        .last()
        .is_some_and(|token| matches!(token.kind, Kind::Comment) && token.span.end == pos);
    let in_program = lexed
        .tokens
        .last()
        .is_some_and(|token| matches!(token.kind, Kind::Pipe(_) | Kind::Outside(_)));
    let place = if is_comment || in_program {
        Place::Nothing
    } else {
        place(command_tokens(tokens), &text, quote.is_some())
    };
    Cursor {
        span,
        text,
        quote,
        place,
    }
}

fn word_text(token: &Token) -> String {
    match &token.kind {
        Kind::Word(word) => String::from_utf8_lossy(&word.text().unwrap_or_default()).into_owned(),
        _ => String::new(),
    }
}

/// The tokens of the command in which the cursor is.
fn command_tokens(tokens: &[Token]) -> &[Token] {
    let start = tokens
        .iter()
        .rposition(|token| {
            matches!(
                token.kind,
                Kind::End | Kind::And | Kind::Or | Kind::Open | Kind::Close
            )
        })
        .map_or(0, |at| at + 1);
    &tokens[start..]
}

/// What a word after these tokens may be.
fn place(tokens: &[Token], text: &str, is_quoted: bool) -> Place {
    if let Some(last) = tokens.last()
        && matches!(last.kind, Kind::To | Kind::Append | Kind::From)
    {
        return Place::File;
    }
    let words = words(tokens);
    place_after(&words, text, is_quoted)
}

/// The words of a command, without redirections.
fn words(tokens: &[Token]) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_file = false;
    for token in tokens {
        match token.kind {
            Kind::Word(_) if is_file => is_file = false,
            Kind::Word(_) => words.push(word_text(token)),
            Kind::To | Kind::Append | Kind::From => is_file = true,
            _ => {}
        }
    }
    words
}

fn place_after(words: &[String], text: &str, is_quoted: bool) -> Place {
    let Some((name, rest)) = words.split_first() else {
        return Place::Command;
    };
    let Some((command, _)) = cmd::find(name) else {
        return Place::Nothing;
    };
    let mut before: Vec<String> = Vec::new();
    let mut options_end = false;
    let mut awaited: Option<Wants> = None;
    for (at, word) in rest.iter().enumerate() {
        if awaited.take().is_some() {
            continue;
        }
        if !options_end && word == "--" {
            options_end = true;
        } else if !options_end && is_option(command, word) {
            awaited = value_wanted(command, word);
        } else if operand(command, &before).is_some_and(|operand| operand.kind == Wants::Line) {
            // A command within the command.
            return place_after(&rest[at..], text, is_quoted);
        } else {
            before.push(word.clone());
        }
    }
    if let Some(wants) = awaited {
        return Place::Value {
            command,
            wants,
            before,
        };
    }
    if !options_end && !is_quoted && text.starts_with('-') {
        return Place::Option(command);
    }
    match operand(command, &before).map(|operand| operand.kind) {
        Some(Wants::Line) => Place::Command,
        Some(wants) => Place::Value {
            command,
            wants,
            before,
        },
        None => Place::Nothing,
    }
}

/// The operand that comes after these.
pub(super) fn operand(command: &'static Command, before: &[String]) -> Option<&'static Operand> {
    // `set` takes pairs.
    if command.name == "set" && before.len() >= 2 {
        return command.operands.get(before.len() % 2);
    }
    command.operand(before.len())
}

fn is_option(command: &Command, word: &str) -> bool {
    word.len() > 1
        && word.starts_with('-')
        && !word[1..].starts_with(|c: char| c.is_ascii_digit() && command.short(c).is_none())
}

/// What follows an option, if a value does.
fn value_wanted(command: &Command, word: &str) -> Option<Wants> {
    let name = word.trim_start_matches('-');
    if name.contains('=') {
        return None;
    }
    if let Some(option) = command.long(name).filter(|_| name.len() > 1) {
        return option.value.map(|(_, wants)| wants);
    }
    let last = name.chars().last()?;
    // `-L3`: the value is in the word.
    let first_valued = name.chars().position(|c| {
        command
            .short(c)
            .is_some_and(|option| option.value.is_some())
    })?;
    (first_valued + 1 == name.chars().count())
        .then(|| command.short(last)?.value.map(|(_, wants)| wants))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_end(line: &str) -> String {
        let cursor = cursor(line, line.len());
        format!("{:?} '{}' {:?}", cursor.span, cursor.text, cursor.place)
    }

    #[test]
    fn the_word_at_the_cursor_is_what_the_registry_says() {
        for (line, expected) in [
            ("", "0..0 '' Command"),
            ("l", "0..1 'l' Command"),
            ("ls ", "3..3 '' Value(ls, Path, [])"),
            ("ls -l", "3..5 '-l' Option(ls)"),
            ("ls -l /lo", "6..9 '/lo' Value(ls, Path, [])"),
            ("ls -L ", "6..6 '' Value(ls, Number, [])"),
            ("ls -lL 3 /", "9..10 '/' Value(ls, Path, [])"),
            ("set a ", "6..6 '' Value(set, Value, [\"a\"])"),
            ("set a b ", "8..8 '' Value(set, Path, [\"a\", \"b\"])"),
            ("cat 'a b", "4..8 'a b' Value(cat, Path, [])"),
            ("ls > ", "5..5 '' File"),
            ("ls > f ", "7..7 '' Value(ls, Path, [])"),
            ("ls; c", "4..5 'c' Command"),
            ("tx { s", "5..6 's' Command"),
            ("time ls ", "8..8 '' Value(ls, Path, [])"),
            ("time l", "5..6 'l' Command"),
            ("repeat 3 ls -", "12..13 '-' Option(ls)"),
            ("ls | gr", "7..7 '' Nothing"),
            ("nonsense x", "9..10 'x' Nothing"),
            ("help l", "5..6 'l' Value(help, Command, [])"),
            (
                "ls -o j",
                "6..7 'j' Value(ls, Word([\"text\", \"json\", \"jsonl\", \"yaml\", \"csv\", \"raw\"]), [])",
            ),
            ("perm a -5", "7..9 '-5' Option(perm)"),
        ] {
            assert_eq!(at_end(line), expected, "{line}");
        }
    }
}
