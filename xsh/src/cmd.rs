//! The registry of commands: dispatch, `help`, completion, highlighting and the manual read it.
//!
//! To add a command:
//!
//! 1. Write it in the file of its group under `cmd/` (one file per group of commands): a `pub(super) const` of
//!    [`Command`] with name, [`Group`], summary, options, operands, text and examples, and its `run` function. `run` gets
//!    the session ([`Shell`]) and the parsed [`Args`].
//! 2. Name the constant in [`COMMANDS`]. Help, completion, hints, `xsh(1)` (`UPDATE=1 cargo test -p xsh manual`
//!    rewrites it) and the tests of every command's help follow from that.
//!
//! What `run` uses:
//!
//! - Arguments: [`Args::has`], [`Args::value`], [`Args::number`], [`Args::seconds`] by the long names of options;
//!   [`Args::path`], [`Args::paths`], [`Args::paths_or_here`] for operands, which resolve `~`, `@3`, `..` and wild
//!   cards; [`Args::wrong`] for a usage error. Every command has the options of [`COMMON`] without doing anything.
//! - The store: `shell.ops()?`, an [`xenbus::Operations`] that is the open transaction if there is one;
//!   `shell.client()?` for what is outside transactions (watches, control). Loops call `shell.interrupt.check()?`.
//! - Changes only by `shell.change("what it is", &[Change::Write(path, value), …])`, which does `--dry-run`, the
//!   journal of `undo`, pipelining and transactions; set [`Command::changes`]. `shell.confirm(question, forced)` asks
//!   before something is destroyed.
//! - Output only to `shell.out` (an [`std::io::Write`]): tables by `shell.out.sheet(COLUMNS)`, which writes text,
//!   JSON, YAML, CSV and raw from the same rows; text of one's own where `shell.out.style.format` is text, with
//!   everything that comes from the store through `xenbus::value::escape` and colours by `shell.out.paint(role, text)`.
//!   Loops that find little call `shell.out.tick()?`. Notices and errors are for standard error: `exit::say`.
//! - The result: `Ok(Exit::SUCCESS)`, another [`Exit`] without a message, or a [`Failure`] with message, exit code
//!   and hint. Library errors become failures by `?`.

mod args;
pub(crate) mod completions;
mod copy;
mod device;
mod doctor;
mod document;
mod edit;
mod expert;
mod explain;
mod find;
mod grep;
pub(crate) mod help;
mod host;
mod info;
mod ls;
mod perm;
mod place;
mod record;
pub(crate) mod serve;
mod session;
mod size;
mod spec;
mod stat;
mod tree;
mod tx;
mod undo;
mod value;
mod wait;
mod watch;
mod write;

pub(crate) use args::{Args, Argument};
pub(crate) use record::Monitor;
#[cfg(test)]
pub(crate) use spec::Count;
pub(crate) use spec::{Changes, Command, Group, Kind, Operand, Opt, switch, valued};

use crate::exit::{Failure, shown};
#[cfg(doc)]
use crate::{exit::Exit, shell::Shell};

/// All commands, in the order of the manual.
pub(crate) const COMMANDS: &[&Command] = &[
    &ls::LS,
    &place::CD,
    &place::PWD,
    &tree::TREE,
    &value::CAT,
    &stat::STAT,
    &find::FIND,
    &grep::GREP,
    &size::DU,
    &size::COUNT,
    &write::SET,
    &write::MKDIR,
    &write::RM,
    &copy::CP,
    &copy::MV,
    &perm::PERM,
    &edit::EDIT,
    &undo::UNDO,
    &watch::WATCH,
    &watch::WATCHES,
    &watch::UNWATCH,
    &wait::WAIT,
    &record::MONITOR,
    &record::PROXY,
    &tx::TX,
    &host::DOMAINS,
    &host::DEVICES,
    &device::DEVICE,
    &explain::EXPLAIN,
    &doctor::DOCTOR,
    &info::INFO,
    &document::EXPORT,
    &document::IMPORT,
    &document::DIFF,
    &session::HELP,
    &session::HISTORY,
    &session::SOURCE,
    &session::TIME,
    &session::REPEAT,
    &session::ECHO,
    &session::ALIAS,
    &session::SET_OPTION,
    &session::EXIT,
    &expert::INTRODUCE,
    &expert::RELEASE,
    &expert::RESUME,
    &expert::SET_TARGET,
    &expert::QUOTA,
    &expert::FEATURE,
    &expert::CONTROL,
    &expert::RAW,
];

/// Options that every command has.
pub(crate) const COMMON: &[Opt] = &[
    valued(
        'o',
        "output",
        ("FORMAT", Kind::Word(crate::output::Format::WORDS)),
        "Form of the output",
    ),
    switch(
        '0',
        "null",
        "End paths and raw values with NUL instead of a newline",
    ),
    switch('H', "no-header", "Print tables without a header").long_only(),
    switch('h', "help", "Explain the command"),
];

/// What every command that changes something has.
pub(crate) const DRY_RUN: Opt =
    switch('n', "dry-run", "Show what would change, and change nothing");

/// A command by its name or one of its aliases, with the options that the alias means.
pub(crate) fn find(name: &str) -> Option<(&'static Command, &'static [&'static str])> {
    COMMANDS.iter().find_map(|command| {
        if command.name == name {
            return Some((*command, &[][..]));
        }
        let alias = command.aliases.iter().find(|(alias, _)| *alias == name);
        alias.map(|(_, options)| (*command, *options))
    })
}

/// All names and aliases.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|command| {
        let aliases = command.aliases.iter().map(|(alias, _)| *alias);
        std::iter::once(command.name).chain(aliases)
    })
}

/// That there is no such command, with what may have been meant.
pub(crate) fn unknown(name: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(name);
    let failure = Failure::usage(format!("there is no command '{}'", shown(name)));
    let nearest = names()
        .map(|known| {
            (
                distance(known, &text),
                sorted(known) != sorted(&text),
                known,
            )
        })
        .min()
        .filter(|(distance, differs, known)| {
            *distance <= known.len().max(text.len()) / 3 || *distance == 1 && !differs
        });
    match nearest {
        Some((.., known)) => failure.hint(format!("is it '{known}'? 'help' lists all commands")),
        None => failure.hint("'help' lists all commands; '!program' runs one of the system's"),
    }
}

/// Whether a command takes a `{ … }`.
pub(crate) fn takes_block(command: &Command) -> bool {
    matches!(command.name, "tx" | "time" | "repeat" | "monitor")
}

/// Whether long output of a command goes through a pager.
pub(crate) fn is_paged(command: &Command) -> bool {
    matches!(
        command.group,
        Group::Look | Group::Host | Group::Documents | Group::Shell
    ) && !matches!(
        command.name,
        "source" | "time" | "repeat" | "find" | "grep" | "exit"
    )
}

fn sorted(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}

/// How many letters have to be changed, added, left out or swapped with the next to come from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) =
        (from.chars().collect(), to.chars().take(40).collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (rows[i][j] + usize::from(a != b))
                .min(rows[i][j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_options_and_operands_of_all_commands_are_sound() {
        let mut seen = BTreeSet::new();
        for name in names() {
            assert!(seen.insert(name), "{name} is there twice");
        }
        for command in COMMANDS {
            let name = command.name;
            let (mut longs, mut shorts) = (BTreeSet::new(), BTreeSet::new());
            for option in command.options {
                assert!(longs.insert(option.long), "{name} --{}", option.long);
                assert!(
                    option.short.is_none_or(|short| shorts.insert(short)),
                    "{name} --{}",
                    option.long
                );
                assert!(!option.help.ends_with('.'), "{name} --{}", option.long);
            }
            assert!(!command.summary.ends_with('.') && !command.summary.is_empty());
            assert!(!command.examples.is_empty(), "{name} has no example");
            for (alias, options) in command.aliases {
                let plain = options.iter().map(|word| Argument::plain(*word));
                let parsed = Args::parse(command, plain.chain([Argument::plain("--help")]), None);
                assert!(parsed.is_ok(), "{alias}");
            }
            let mut optional = false;
            for operand in command.operands {
                let is_optional = matches!(operand.count, Count::Maybe | Count::Any);
                assert!(is_optional || !optional, "{name}: {}", operand.name);
                optional |= is_optional;
            }
        }
    }

    #[test]
    fn a_typing_error_gets_the_nearest_name() {
        for (typed, meant) in [("sl", "ls"), ("mkdri", "mkdir"), ("caat", "cat")] {
            match unknown(typed.as_bytes()) {
                Failure::Said { hint, .. } => {
                    assert!(hint.unwrap().contains(&format!("'{meant}'")), "{typed}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
