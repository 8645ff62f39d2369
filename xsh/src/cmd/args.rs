//! A command's arguments, as the registry says they are.

use std::time::Duration;

use xenbus::StorePath;

use super::spec::{Command, Count, Opt};
use crate::exit::{Failure, shown};
use crate::parse::Script;
use crate::shell::Shell;

/// An argument after expansion.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Argument {
    pub(crate) bytes: Vec<u8>,
    /// Whether it has wild cards that were not quoted.
    pub(crate) is_pattern: bool,
}

impl Argument {
    /// An argument that is taken as it is.
    pub(crate) fn plain(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            is_pattern: false,
        }
    }
}

/// The arguments of one call.
pub(crate) struct Args {
    pub(crate) command: &'static Command,
    given: Vec<(&'static Opt, Vec<u8>)>,
    /// What is no option.
    pub(crate) operands: Vec<Argument>,
    /// The `{ … }` after it.
    pub(crate) block: Option<Script>,
}

impl Args {
    /// Sorts arguments into options and operands.
    ///
    /// # Errors
    /// An unknown option, a missing or superfluous value, a wrong number of operands.
    pub(crate) fn parse(
        command: &'static Command,
        arguments: impl IntoIterator<Item = Argument>,
        block: Option<Script>,
    ) -> Result<Self, Failure> {
        let mut args = Self {
            command,
            given: Vec::new(),
            operands: Vec::new(),
            block,
        };
        // A command line within a command line keeps its own options.
        let stops = command
            .operands
            .iter()
            .any(|operand| operand.kind == super::spec::Kind::Line);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument.bytes == b"--" {
                args.operands.extend(arguments);
                break;
            }
            if args.is_option(&argument.bytes) {
                args.option(&argument.bytes, &mut arguments)?;
                continue;
            }
            args.operands.push(argument);
            if stops && args.operands.len() >= command.operands.len() {
                args.operands.extend(arguments);
                break;
            }
        }
        if !args.has("help") {
            args.count()?;
        }
        Ok(args)
    }

    /// A number with a sign is an operand, unless a digit is an option.
    fn is_option(&self, argument: &[u8]) -> bool {
        match argument {
            [b'-', digit, ..] if digit.is_ascii_digit() => {
                self.command.short(char::from(*digit)).is_some()
            }
            [b'-', _, ..] => true,
            _ => false,
        }
    }

    fn option(
        &mut self,
        bytes: &[u8],
        more: &mut impl Iterator<Item = Argument>,
    ) -> Result<(), Failure> {
        let text = str::from_utf8(bytes).map_err(|_| self.unknown(bytes))?;
        let name = text.trim_start_matches('-');
        let (long, inline) = match name.split_once('=') {
            Some((long, value)) => (long, Some(value)),
            None => (name, None),
        };
        // `-name` as find(1) has it is the long option.
        let long_option = self.command.long(long);
        if let Some(option) = long_option.filter(|_| text.starts_with("--") || long.len() > 2) {
            let value = match (option.value, inline) {
                (None, Some(_)) => {
                    return Err(self.wrong(&format!("--{long} takes no value")));
                }
                (None, None) => Vec::new(),
                (Some(_), Some(value)) => value.as_bytes().to_vec(),
                (Some((value, _)), None) => {
                    let next = more.next();
                    next.ok_or_else(|| self.wrong(&format!("--{long} needs {value}")))?
                        .bytes
                }
            };
            self.given.push((option, value));
            return Ok(());
        }
        if text.starts_with("--") {
            return Err(self.unknown(bytes));
        }
        for (at, letter) in text[1..].char_indices() {
            let option = self
                .command
                .short(letter)
                .ok_or_else(|| self.unknown(bytes))?;
            let Some((value, _)) = option.value else {
                self.given.push((option, Vec::new()));
                continue;
            };
            let rest = &text[1 + at + letter.len_utf8()..];
            let value = if rest.is_empty() {
                let next = more.next();
                next.ok_or_else(|| self.wrong(&format!("-{letter} needs {value}")))?
                    .bytes
            } else {
                rest.as_bytes().to_vec()
            };
            self.given.push((option, value));
            break;
        }
        Ok(())
    }

    fn count(&self) -> Result<(), Failure> {
        let operands = self.command.operands;
        let least = operands
            .iter()
            .filter(|operand| matches!(operand.count, Count::One | Count::Some));
        if let Some(missing) = least.clone().nth(self.operands.len()) {
            return Err(self.wrong(&format!("{} is missing", missing.name)));
        }
        let is_open = operands
            .iter()
            .any(|operand| matches!(operand.count, Count::Any | Count::Some));
        if self.operands.len() > operands.len() && !is_open {
            let surplus = &self.operands[operands.len()].bytes;
            return Err(self.wrong(&format!("'{}' is too much", shown(surplus))));
        }
        Ok(())
    }

    /// A usage error with the synopsis.
    pub(crate) fn wrong(&self, message: &str) -> Failure {
        let name = self.command.name;
        Failure::usage(format!("{name}: {message}"))
            .hint(format!("usage: {}", self.command.synopsis()))
    }

    fn unknown(&self, option: &[u8]) -> Failure {
        let name = self.command.name;
        Failure::usage(format!("{name}: there is no option '{}'", shown(option))).hint(format!(
            "usage: {} (a value that starts with '-' follows '--')",
            self.command.synopsis()
        ))
    }

    /// Whether an option was given, by its long name.
    pub(crate) fn has(&self, long: &str) -> bool {
        debug_assert!(self.command.long(long).is_some(), "{long} is not declared");
        self.given.iter().any(|(option, _)| option.long == long)
    }

    /// The value of an option; the last one counts.
    pub(crate) fn value(&self, long: &str) -> Option<&[u8]> {
        debug_assert!(self.command.long(long).is_some(), "{long} is not declared");
        let mut given = self.given.iter().rev();
        let (_, value) = given.find(|(option, _)| option.long == long)?;
        Some(value)
    }

    /// The value of an option as text.
    pub(crate) fn text(&self, long: &str) -> Result<Option<&str>, Failure> {
        self.value(long)
            .map(|value| {
                str::from_utf8(value)
                    .map_err(|_| self.wrong(&format!("the value of --{long} is no text")))
            })
            .transpose()
    }

    /// The value of an option as a number.
    pub(crate) fn number<N: std::str::FromStr>(&self, long: &str) -> Result<Option<N>, Failure> {
        self.text(long)?
            .map(|text| {
                let plain = text.bytes().all(|b| b.is_ascii_digit());
                text.parse::<N>().ok().filter(|_| plain).ok_or_else(|| {
                    self.wrong(&format!(
                        "--{long} needs a number, not '{}'",
                        shown(text.as_bytes())
                    ))
                })
            })
            .transpose()
    }

    /// The value of an option as seconds.
    pub(crate) fn seconds(&self, long: &str) -> Result<Option<Duration>, Failure> {
        self.text(long)?
            .map(|text| {
                xenbus::cli::timeout(text).map_err(|why| self.wrong(&format!("--{long}: {why}")))
            })
            .transpose()
    }

    /// An operand as text.
    pub(crate) fn word(&self, at: usize) -> Result<Option<&str>, Failure> {
        self.operands
            .get(at)
            .map(|operand| {
                str::from_utf8(&operand.bytes)
                    .map_err(|_| self.wrong(&format!("'{}' is no text", shown(&operand.bytes))))
            })
            .transpose()
    }

    /// The operand at a position as one path.
    pub(crate) fn path(&self, shell: &mut Shell, at: usize) -> Result<StorePath, Failure> {
        let paths = paths_of(shell, &self.operands[at..=at])?;
        match <[StorePath; 1]>::try_from(paths) {
            Ok([path]) => Ok(path),
            Err(paths) => Err(self.wrong(&format!(
                "'{}' matches {} nodes, one is wanted",
                shown(&self.operands[at].bytes),
                paths.len()
            ))),
        }
    }

    /// The operands from a position on as paths, wild cards expanded.
    pub(crate) fn paths(&self, shell: &mut Shell, from: usize) -> Result<Vec<StorePath>, Failure> {
        paths_of(shell, self.operands.get(from..).unwrap_or_default())
    }

    /// Operands as paths, or the current node if there are none.
    pub(crate) fn paths_or_here(&self, shell: &mut Shell) -> Result<Vec<StorePath>, Failure> {
        if self.operands.is_empty() {
            return Ok(vec![shell.cwd.clone()]);
        }
        self.paths(shell, 0)
    }
}

/// Operands as paths, wild cards expanded.
fn paths_of(shell: &mut Shell, operands: &[Argument]) -> Result<Vec<StorePath>, Failure> {
    let mut paths = Vec::with_capacity(operands.len());
    for operand in operands {
        if operand.is_pattern {
            paths.extend(shell.glob(&operand.bytes)?);
        } else {
            paths.push(shell.resolve(&operand.bytes)?);
        }
    }
    if let Some(last) = paths.last() {
        shell.last = last.to_string();
    }
    Ok(paths)
}
