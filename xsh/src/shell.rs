//! The session: where we are, how we are connected, what is set.

mod change;
mod glob;
mod interrupt;
mod journal;
mod line;
mod path;
mod planned;
mod run;
mod settings;
mod store;

use std::collections::{BTreeMap, VecDeque};

use xenbus::StorePath;
use xenbus::cli::ConnectArgs;

pub(crate) use change::Change;
pub(crate) use glob::matcher;
pub(crate) use interrupt::Interrupt;
pub(crate) use journal::{After, Before, Entry, Journal, Undo};
pub(crate) use line::Lines;
pub(crate) use path::domain_names;
pub(crate) use run::{alias_words, file_name, syntax};
pub(crate) use settings::{SETTINGS, Settings, When};
pub(crate) use store::Ops;

use crate::cmd::Monitor;
use crate::exit::{Exit, Failure};
use crate::notice::Notices;
use crate::output::{Out, Sink};
use crate::watching::Background;

/// Where commands come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// The argument list: one command.
    Arguments,
    /// `-c`, a file or standard input.
    Script,
    /// The prompt.
    Interactive,
}

/// A session.
pub(crate) struct Shell {
    pub(crate) mode: Mode,
    pub(crate) settings: Settings,
    /// The current node.
    pub(crate) cwd: StorePath,
    /// The node before it, for `cd -`.
    pub(crate) previous: Option<StorePath>,
    /// `$_`: the last path that a command was given.
    pub(crate) last: String,
    /// `$?`.
    pub(crate) status: Exit,
    /// Where the output of the command goes.
    pub(crate) out: Out,
    /// `< file`.
    input: Option<Vec<u8>>,
    /// Whether standard input is where commands come from.
    pub(crate) reads_commands: bool,
    /// What stands before an error: the shell's name, or the file and the line.
    pub(crate) place: String,
    /// Set by `exit`.
    pub(crate) leaving: Option<Exit>,
    /// Words that stand for other words.
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) interrupt: Interrupt,
    /// The open streams to the store.
    pub(crate) lines: Lines,
    /// What is told while somebody types.
    pub(crate) notices: Notices,
    /// Watches that report above the prompt.
    pub(crate) watches: Background,
    /// Shows the messages of our connection.
    pub(crate) monitor: Option<Monitor>,
    /// Lines of the prompt, oldest first.
    pub(crate) history: VecDeque<String>,
    /// Set by `history --clear`.
    pub(crate) clears_history: bool,
    /// What can be undone.
    pub(crate) journal: Journal,
    store: store::Store,
    /// Commands within commands.
    depth: usize,
}

impl Shell {
    /// A session that connects when a command needs it.
    pub(crate) fn new(connect: ConnectArgs, mode: Mode, settings: Settings) -> Self {
        let mut shell = Self {
            mode,
            cwd: StorePath::root(),
            previous: None,
            last: String::new(),
            status: Exit::SUCCESS,
            out: Out::new(Sink::stdout(), false, false),
            input: None,
            reads_commands: false,
            place: "xsh".to_owned(),
            leaving: None,
            aliases: BTreeMap::new(),
            interrupt: Interrupt::default(),
            lines: Lines::default(),
            notices: Notices::new(false),
            watches: Background::default(),
            monitor: None,
            history: VecDeque::new(),
            clears_history: false,
            journal: Journal::new(mode != Mode::Arguments),
            store: store::Store::new(connect),
            settings,
            depth: 0,
        };
        shell.out = shell.standard_output();
        shell
    }

    /// Whether somebody can answer a question.
    pub(crate) fn may_ask(&self) -> bool {
        !self.reads_commands
            && rustix::termios::isatty(rustix::stdio::stdin())
            && rustix::termios::isatty(rustix::stdio::stderr())
    }

    /// Asks before something is destroyed. Where nobody can be asked, only `forced` lets it pass.
    pub(crate) fn confirm(&mut self, question: &str, forced: bool) -> Result<(), Failure> {
        if forced || self.settings.dry_run {
            return Ok(());
        }
        if !self.may_ask() {
            return Err(
                Failure::usage(format!("{question} Nobody is there to say yes"))
                    .hint("-f does it without asking"),
            );
        }
        eprint!("{question} [y/N] ");
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::io("cannot read the answer", &error))?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            Ok(())
        } else {
            Err(Failure::new(Exit::FAILURE, "nothing was done"))
        }
    }

    /// What a command reads: the file of `<`, or standard input.
    pub(crate) fn read_input(&mut self, what: &str) -> Result<Vec<u8>, Failure> {
        use std::io::Read as _;
        if let Some(input) = self.input.take() {
            return Ok(input);
        }
        if self.reads_commands || self.mode == Mode::Interactive {
            return Err(Failure::usage(format!(
                "{what}: standard input is where commands come from"
            ))
            .hint("give a file: < FILE"));
        }
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(INPUT_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::io("cannot read standard input", &error))?;
        bounded(bytes, "standard input")
    }
}

/// Most bytes that a command reads of a file.
pub(crate) const INPUT_MAX: u64 = 256 << 20;

/// The bytes of a file outside, bounded.
pub(crate) fn read_file(name: &[u8]) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let shown = crate::exit::shown(name);
    let file = std::fs::File::open(file_name(name))
        .map_err(|error| Failure::io(format!("cannot open {shown}"), &error))?;
    let mut bytes = Vec::new();
    file.take(INPUT_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io(format!("cannot read {shown}"), &error))?;
    bounded(bytes, &shown)
}

fn bounded(bytes: Vec<u8>, what: &str) -> Result<Vec<u8>, Failure> {
    if bytes.len() as u64 > INPUT_MAX {
        let most = INPUT_MAX >> 20;
        return Err(Failure::new(
            Exit::LIMIT,
            format!("{what} has more than {most} MiB"),
        ));
    }
    Ok(bytes)
}
