//! The options of the tools.

use std::os::unix::ffi::OsStrExt as _;

use super::getopt::{self, Found, Spec};
use super::{Call, Result, Stop, Tool};

/// What the arguments say.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(super) struct Options {
    /// `-p`: paths before values and names, permissions behind them.
    pub(super) prefix: bool,
    /// `-f`: whole paths.
    pub(super) flat: bool,
    /// `-t`: with empty parents.
    pub(super) tidy: bool,
    /// `-u`: with all parents.
    pub(super) upto: bool,
    /// `-r`: with everything below.
    pub(super) recurse: bool,
    /// `-R`: values as they are.
    pub(super) raw: bool,
    /// `-n`: how many events; -1: no end.
    pub(super) number: i32,
    /// `-d`: how many levels; negative: all.
    pub(super) depth: i32,
    /// What is left.
    pub(super) operands: Vec<Vec<u8>>,
}

/// The options of all tools in the order in which the original has them: that of what an ambiguous one may mean.
const SPECS: [(u8, Option<&str>, &[Tool]); 10] = {
    use Tool::{Chmod, Exists, List, Ls, Read, Rm, Watch, Write};
    const ALL: &[Tool] = &[Read, Write, Ls, List, Exists, Rm, Chmod, Watch];
    [
        (b'h', Some("help"), &[]),
        (b'f', Some("flat"), &[Ls]),
        (b's', None, ALL),
        (b'p', Some("prefix"), &[Read, List, Ls]),
        (b't', Some("tidy"), &[Rm]),
        (b'u', Some("upto"), &[Chmod]),
        (b'r', Some("recurse"), &[Chmod]),
        (b'n', Some("number"), &[Watch]),
        (b'R', Some("raw"), &[Read, Write]),
        (b'd', Some("depth"), &[Watch]),
    ]
};

impl Options {
    /// Reads the arguments; says what is wrong with them.
    pub(super) fn parse(tool: Tool, call: &Call, arguments: Vec<Vec<u8>>) -> Result<Self> {
        let specs: Vec<Spec> = SPECS
            .into_iter()
            // Xen 4.17 knows nothing of it, and only one tool has a use for it.
            .filter(|(letter, ..)| *letter != b'd' || tool == Tool::Watch)
            .map(|(letter, long, _)| Spec {
                letter,
                long,
                argument: matches!(letter, b'n' | b'd'),
            })
            .collect();
        let posixly_correct = std::env::var_os("POSIXLY_CORRECT").is_some();
        let (found, operands) = getopt::parse(&specs, arguments, posixly_correct);
        let mut options = Self {
            prefix: false,
            flat: false,
            tidy: false,
            upto: false,
            recurse: false,
            raw: false,
            number: -1,
            depth: -1,
            operands,
        };
        for option in found {
            match option {
                Found::Wrong(text) => complain(call, &text),
                Found::Known(letter, argument) => {
                    let mut specs = SPECS.iter();
                    if !specs.any(|(known, _, tools)| *known == letter && tools.contains(&tool)) {
                        return Err(usage(tool, call));
                    }
                    options.set(letter, argument.as_deref());
                }
            }
        }
        let count = options.operands.len();
        let wrong = match tool {
            Tool::Ls => false,
            Tool::Write => count == 0 || count % 2 == 1,
            _ => count == 0,
        };
        if wrong {
            return Err(usage(tool, call));
        }
        Ok(options)
    }

    fn set(&mut self, letter: u8, argument: Option<&[u8]>) {
        let number = || number(argument.unwrap_or_default());
        match letter {
            b'p' => self.prefix = true,
            b'f' => self.flat = true,
            b't' => self.tidy = true,
            b'u' => self.upto = true,
            b'r' => self.recurse = true,
            b'R' => self.raw = true,
            b'n' => self.number = number(),
            b'd' => self.depth = number(),
            // `-s` asked for the socket once, and means nothing any more.
            _ => {}
        }
    }
}

/// A number as C's `atoi` reads it: white space, a sign, digits, and whatever follows is passed over; too large ones
/// keep their lower bits.
pub(super) fn number(text: &[u8]) -> i32 {
    let space = text
        .iter()
        .take_while(|b| matches!(b, b' ' | 9..=13))
        .count();
    let text = &text[space..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let digits = digits.iter().take_while(|b| b.is_ascii_digit());
    let value = digits.fold(0i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        value.saturating_mul(10).saturating_add(digit)
    });
    #[expect(clippy::cast_possible_truncation, reason = "as C does")]
    let value = value as i32;
    value
}

/// Says what is wrong with an option, which is passed over then.
fn complain(call: &Call, text: &[u8]) {
    use std::io::Write as _;
    let line = [call.options_of.as_bytes(), b": ", text, b"\n"].concat();
    // With standard error closed there is nobody to tell.
    drop(std::io::stderr().lock().write_all(&line));
}

/// Says how a tool is called.
fn usage(tool: Tool, call: &Call) -> Stop {
    let arguments = match tool {
        Tool::Read => "[-h] [-p] [-s] [-R] key [...]",
        Tool::Write => "[-h] [-s] [-R] key value [...]",
        Tool::Rm => "[-h] [-s] [-t] key [...]",
        Tool::Exists | Tool::List => "[-h] [-p] [-s] key [...]",
        Tool::Ls => "[-h] [-f] [-p] [-s] [path]",
        Tool::Chmod => "[-h] [-u] [-r] [-s] key <mode [modes...]>",
        Tool::Watch => "[-h] [-n NR] key",
        Tool::Control => "<command> [<arg>...]",
    };
    let program = call.program.as_bytes();
    let mode = call.mode.as_bytes();
    call.stop(&[b"Usage: ", program, b" ", mode, arguments.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_read_as_atoi_reads_them() {
        for (text, value) in [
            ("12x", 12),
            ("abc", 0),
            (" -7", -7),
            ("+3", 3),
            ("", 0),
            ("4294967296", 0),
            ("99999999999999999999", -1),
        ] {
            assert_eq!(number(text.as_bytes()), value, "{text}");
        }
    }
}
