//! What the registry says of a command.

use crate::exit::Outcome;
use crate::shell::Shell;

use super::args::Args;

/// A command.
pub(crate) struct Command {
    /// Its name.
    pub(crate) name: &'static str,
    /// Other names, with the options that they mean.
    pub(crate) aliases: &'static [(&'static str, &'static [&'static str])],
    /// Under which heading help and manual list it.
    pub(crate) group: Group,
    /// What it does, one clause in the imperative, without a full stop.
    pub(crate) summary: &'static str,
    /// Its options, without the common ones ([`super::COMMON`]).
    pub(crate) options: &'static [Opt],
    /// Its operands, in order.
    pub(crate) operands: &'static [Operand],
    /// More about it; paragraphs separated by empty lines.
    pub(crate) text: &'static str,
    /// Command lines that work in the demo, and what they do.
    pub(crate) examples: &'static [(&'static str, &'static str)],
    /// What it changes.
    pub(crate) changes: Changes,
    /// Does it.
    pub(crate) run: fn(&mut Shell, &Args) -> Outcome,
}

/// What a command changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Changes {
    /// Nothing in the store.
    Nothing,
    /// Nodes: it has `--dry-run` and is refused with `--read-only`.
    Nodes,
    /// The daemon or its domains: refused with `--read-only`; `--dry-run` says what would be asked.
    Daemon,
}

/// Headings of help and manual.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Group {
    Look,
    Change,
    Watch,
    Transaction,
    Host,
    Documents,
    Shell,
    Expert,
}

impl Group {
    /// All, in order.
    pub(crate) const ALL: [Self; 8] = [
        Self::Look,
        Self::Change,
        Self::Watch,
        Self::Transaction,
        Self::Host,
        Self::Documents,
        Self::Shell,
        Self::Expert,
    ];

    /// The heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Look => "Looking",
            Self::Change => "Changing",
            Self::Watch => "Watching",
            Self::Transaction => "Transactions",
            Self::Host => "Domains and devices",
            Self::Documents => "Documents",
            Self::Shell => "The shell",
            Self::Expert => "For experts",
        }
    }
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    pub(crate) short: Option<char>,
    pub(crate) long: &'static str,
    /// Name and kind of its value, if it takes one.
    pub(crate) value: Option<(&'static str, Kind)>,
    /// What it does, a sentence without a full stop.
    pub(crate) help: &'static str,
}

/// A switch.
pub(crate) const fn switch(short: char, long: &'static str, help: &'static str) -> Opt {
    Opt {
        short: Some(short),
        long,
        value: None,
        help,
    }
}

/// An option with a value.
pub(crate) const fn valued(
    short: char,
    long: &'static str,
    value: (&'static str, Kind),
    help: &'static str,
) -> Opt {
    Opt {
        short: Some(short),
        long,
        value: Some(value),
        help,
    }
}

impl Opt {
    /// The same without a letter.
    pub(crate) const fn long_only(self) -> Self {
        Self {
            short: None,
            ..self
        }
    }
}

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) count: Count,
}

/// How often an operand stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Count {
    One,
    Maybe,
    Any,
    Some,
}

impl Operand {
    pub(crate) const fn one(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            count: Count::One,
        }
    }

    pub(crate) const fn maybe(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            count: Count::Maybe,
        }
    }

    /// Any number.
    pub(crate) const fn any(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            count: Count::Any,
        }
    }

    /// At least one.
    pub(crate) const fn some(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            count: Count::Some,
        }
    }
}

/// What an operand or the value of an option is: what completion offers, and what is highlighted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A node of the store.
    Path,
    /// A node's value.
    Value,
    /// Permissions.
    Perms,
    /// A domain: number or name.
    Domain,
    /// A device, `DOM/CLASS/ID`.
    Device,
    /// A file outside.
    File,
    /// The name of a command.
    Command,
    /// A command line of this shell.
    Line,
    /// A command line of the outer shell.
    Program,
    /// A number.
    Number,
    /// Seconds, fractions allowed.
    Seconds,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A setting of the shell.
    Setting,
    /// A value of the setting before.
    SettingValue,
    /// Anything else.
    Text,
}

impl Command {
    /// All its options, the common ones last.
    pub(crate) fn all_options(&self) -> impl Iterator<Item = &'static Opt> {
        let dry_run = (self.changes != Changes::Nothing).then_some(&super::DRY_RUN);
        let own = self.options.iter();
        let common = super::COMMON
            .iter()
            .filter(|common| self.options.iter().all(|own| own.long != common.long));
        own.chain(dry_run).chain(common)
    }

    /// An option by its letter: a command's own letter hides a common one.
    pub(crate) fn short(&self, letter: char) -> Option<&'static Opt> {
        self.all_options()
            .find(|option| option.short == Some(letter))
    }

    /// An option by its long name.
    pub(crate) fn long(&self, name: &str) -> Option<&'static Opt> {
        self.all_options().find(|option| option.long == name)
    }

    /// How it is called: `ls [-lR1d] [-L N] [PATH...]`.
    pub(crate) fn synopsis(&self) -> String {
        let mut text = self.name.to_owned();
        let own = || self.options.iter();
        let letters: String = own()
            .filter(|option| option.value.is_none())
            .filter_map(|option| option.short)
            .collect();
        if !letters.is_empty() {
            text += &format!(" [-{letters}]");
        }
        for option in own().filter(|option| option.value.is_some() || option.short.is_none()) {
            let name = option
                .short
                .map_or_else(|| format!("--{}", option.long), |short| format!("-{short}"));
            text += &match option.value {
                Some((value, _)) => format!(" [{name} {value}]"),
                None => format!(" [{name}]"),
            };
        }
        for operand in self.operands {
            text.push(' ');
            text += &operand.shown();
        }
        text
    }

    /// The operand at a position.
    pub(crate) fn operand(&self, at: usize) -> Option<&'static Operand> {
        let last = || {
            self.operands
                .last()
                .filter(|last| matches!(last.count, Count::Any | Count::Some))
        };
        self.operands.get(at).or_else(last)
    }
}

impl Operand {
    /// `PATH`, `[PATH]`, `[PATH...]`, `PATH...`.
    pub(crate) fn shown(&self) -> String {
        match self.count {
            Count::One => self.name.to_owned(),
            Count::Maybe => format!("[{}]", self.name),
            Count::Any => format!("[{}...]", self.name),
            Count::Some => format!("{}...", self.name),
        }
    }
}
