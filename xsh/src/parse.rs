//! Tokens to commands.

use std::ops::Range;

use crate::token::{Kind, Lexed, Token, Unfinished, Word};

/// Commands, one after the other.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Script {
    pub(crate) chains: Vec<Chain>,
}

/// Commands that depend on each other's status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Chain {
    pub(crate) first: Step,
    pub(crate) rest: Vec<(Join, Step)>,
}

/// When the next command of a chain runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Join {
    /// `&&`: after a success.
    And,
    /// `||`: after a failure.
    Or,
}

/// A command, and where its input and output are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Step {
    pub(crate) what: What,
    /// `> file`, `>> file`.
    pub(crate) to: Option<(Word, To)>,
    /// `< file`.
    pub(crate) from: Option<Word>,
    /// `| program`.
    pub(crate) pipe: Option<Vec<u8>>,
}

/// What becomes of a file that is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum To {
    Replace,
    Append,
}

/// A command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum What {
    /// One of ours.
    Command {
        words: Vec<Word>,
        block: Option<Script>,
    },
    /// `!program`.
    Outside(Vec<u8>),
}

/// Why a text is no script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Wrong {
    /// More has to follow: `needs`, if it is given, is a byte without which it stays unfinished.
    Unfinished {
        what: &'static str,
        needs: Option<u8>,
    },
    /// It can never be right.
    Fault {
        span: Range<usize>,
        what: &'static str,
    },
}

/// Reads a script.
pub(crate) fn parse(lexed: &Lexed) -> Result<Script, Wrong> {
    if let Some(fault) = lexed.faults.first() {
        return Err(Wrong::Fault {
            span: fault.span.clone(),
            what: fault.what,
        });
    }
    match lexed.unfinished {
        None => {}
        Some(Unfinished::Single(_)) => return unfinished("a ' is not closed", Some(b'\'')),
        Some(Unfinished::Double(_)) => return unfinished("a \" is not closed", Some(b'"')),
        Some(Unfinished::Backslash) => return unfinished("a \\ ends the text", None),
    }
    let tokens = lexed.tokens.iter();
    let mut parser = Parser {
        tokens: tokens.filter(|token| token.kind != Kind::Comment).collect(),
        at: 0,
        depth: 0,
    };
    let script = parser.script()?;
    match parser.peek() {
        None => Ok(script),
        Some(token) => Err(fault(token, "no '{' is open here")),
    }
}

/// Blocks within blocks.
const DEPTH_MAX: usize = 32;

struct Parser<'a> {
    tokens: Vec<&'a Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let is = self.peek().is_some_and(|token| token.kind == *kind);
        self.at += usize::from(is);
        is
    }

    fn script(&mut self) -> Result<Script, Wrong> {
        let mut chains = Vec::new();
        loop {
            while self.take(&Kind::End) {}
            if self.peek().is_none_or(|token| token.kind == Kind::Close) {
                return Ok(Script { chains });
            }
            chains.push(self.chain()?);
            match self.peek() {
                None => {}
                Some(token) if matches!(token.kind, Kind::End | Kind::Close) => {}
                Some(token) => return Err(fault(token, "a command ends before this")),
            }
        }
    }

    fn chain(&mut self) -> Result<Chain, Wrong> {
        let first = self.step()?;
        let mut rest = Vec::new();
        loop {
            let join = match self.peek().map(|token| &token.kind) {
                Some(Kind::And) => Join::And,
                Some(Kind::Or) => Join::Or,
                _ => return Ok(Chain { first, rest }),
            };
            self.at += 1;
            // As in other shells, a chain may go on in the next line.
            while self.take(&Kind::End) {}
            rest.push((join, self.step()?));
        }
    }

    fn step(&mut self) -> Result<Step, Wrong> {
        let mut words = Vec::new();
        let mut block = None;
        let mut outside = None;
        let (mut to, mut from, mut pipe) = (None, None, None);
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Word(_) if block.is_some() || outside.is_some() => {
                    return Err(fault(token, "no argument may follow"));
                }
                Kind::Word(word) => words.push(word.clone()),
                Kind::Outside(program) if words.is_empty() => outside = Some(program.clone()),
                Kind::To | Kind::Append | Kind::From => {
                    self.at += 1;
                    let file = self.file(token)?;
                    match token.kind {
                        Kind::To => to = Some((file, To::Replace)),
                        Kind::Append => to = Some((file, To::Append)),
                        _ => from = Some(file),
                    }
                    continue;
                }
                Kind::Open if words.is_empty() || block.is_some() => {
                    return Err(fault(token, "a block belongs to a command such as tx"));
                }
                Kind::Open => {
                    self.at += 1;
                    block = Some(self.block(token)?);
                    continue;
                }
                Kind::Pipe(_) if words.is_empty() && outside.is_none() => {
                    return Err(fault(token, "a command is missing before this"));
                }
                Kind::Pipe(program) if program.is_empty() => {
                    return Err(fault(token, "a program has to follow"));
                }
                Kind::Pipe(program) => {
                    pipe = Some(program.clone());
                    self.at += 1;
                    break;
                }
                _ => break,
            }
            self.at += 1;
        }
        let what = match outside {
            Some(program) => What::Outside(program),
            None if !words.is_empty() => What::Command { words, block },
            None => {
                return Err(match self.peek() {
                    Some(token) => fault(token, "a command is missing before this"),
                    None => Wrong::Unfinished {
                        what: "a command is missing at the end",
                        needs: None,
                    },
                });
            }
        };
        Ok(Step {
            what,
            to,
            from,
            pipe,
        })
    }

    fn file(&mut self, operator: &Token) -> Result<Word, Wrong> {
        match self.peek().map(|token| &token.kind) {
            Some(Kind::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(fault(operator, "the name of a file has to follow")),
        }
    }

    fn block(&mut self, open: &Token) -> Result<Script, Wrong> {
        if self.depth == DEPTH_MAX {
            return Err(fault(open, "too many blocks within blocks"));
        }
        self.depth += 1;
        let script = self.script()?;
        self.depth -= 1;
        if self.take(&Kind::Close) {
            Ok(script)
        } else {
            unfinished("a { is not closed", Some(b'}'))
        }
    }
}

fn unfinished(what: &'static str, needs: Option<u8>) -> Result<Script, Wrong> {
    Err(Wrong::Unfinished { what, needs })
}

fn fault(token: &Token, what: &'static str) -> Wrong {
    Wrong::Fault {
        span: token.span.clone(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::lex;

    fn read(text: &str) -> Result<Script, Wrong> {
        parse(&lex(text.as_bytes()))
    }

    #[test]
    fn chains_redirections_and_pipes_are_read() {
        let script = read("ls -l > f | sort\na && b ||\n c; # end").unwrap();
        assert_eq!(script.chains.len(), 2);
        let step = &script.chains[0].first;
        assert!(step.to.is_some() && step.pipe.as_deref() == Some(b"sort"));
        let joins: Vec<_> = script.chains[1]
            .rest
            .iter()
            .map(|(join, _)| *join)
            .collect();
        assert_eq!(joins, [Join::And, Join::Or]);
    }

    #[test]
    fn a_block_is_a_script_of_its_own() {
        let script = read("tx {\n set a b\n set c d; ls | wc -l\n} && ls").unwrap();
        match &script.chains[0].first.what {
            What::Command { block, .. } => assert_eq!(block.as_ref().unwrap().chains.len(), 3),
            What::Outside(_) => unreachable!("tx is a command"),
        }
    }

    #[test]
    fn what_is_unfinished_asks_for_more_and_what_is_wrong_does_not() {
        for text in ["tx {", "tx { set a b;", "a &&", "a ||", "a 'b", "a \\"] {
            assert!(
                matches!(read(text), Err(Wrong::Unfinished { .. })),
                "{text}"
            );
        }
        for text in [
            "}",
            "&& a",
            "a >",
            "a |",
            "{ a }",
            "a; | b",
            "tx { a } b",
            "a & b",
        ] {
            assert!(matches!(read(text), Err(Wrong::Fault { .. })), "{text}");
        }
        assert_eq!(read("# nothing\n\n;").unwrap(), Script::default());
        assert!(read(&"tx {".repeat(40)).is_err());
    }
}
