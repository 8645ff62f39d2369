//! Running scripts: expansion, redirections, dispatch, status.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use xenbus::Transaction;

use super::{Mode, Shell, When, read_file};
use crate::cmd::{self, Args, Argument, Changes};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::output::{Format, Out, Sink, screen};
use crate::parse::{Chain, Join, Script, Step, To, What, Wrong, parse};
use crate::token::{Piece, Word, lex};

/// Scripts within scripts, blocks, aliases.
const DEPTH_MAX: usize = 64;

impl Shell {
    /// Runs a text; a failure of a script ends it.
    pub(crate) fn run_text(&mut self, text: &[u8]) -> Exit {
        match parse(&lex(text)) {
            Ok(script) => self.run_script(&script),
            Err(wrong) => self.fail(&syntax(text, &wrong)),
        }
    }

    /// Runs a script: to its end in the prompt and with `--keep-going`, else up to the first failure.
    pub(crate) fn run_script(&mut self, script: &Script) -> Exit {
        if self.depth == DEPTH_MAX {
            return self.fail(&Failure::usage("scripts within scripts without end"));
        }
        self.depth += 1;
        let mut exit = Exit::SUCCESS;
        let mut worst = Exit::SUCCESS;
        for chain in &script.chains {
            exit = self.run_chain(chain);
            if !exit.is_success() && worst.is_success() {
                worst = exit;
            }
            let stops = !exit.is_success() && !self.goes_on();
            if stops || self.leaving.is_some() || self.interrupt.is_raised() {
                break;
            }
        }
        self.depth -= 1;
        if self.mode != Mode::Interactive && self.settings.keep_going {
            return worst;
        }
        exit
    }

    /// Whether a failure ends nothing. In a block one failure ends the block.
    fn goes_on(&self) -> bool {
        !self.is_in_block() && (self.mode == Mode::Interactive || self.settings.keep_going)
    }

    fn run_chain(&mut self, chain: &Chain) -> Exit {
        let mut exit = self.run_step(&chain.first);
        for (join, step) in &chain.rest {
            if self.leaving.is_some() || self.interrupt.is_raised() {
                break;
            }
            if exit.is_success() == (*join == Join::And) {
                exit = self.run_step(step);
            }
        }
        exit
    }

    fn run_step(&mut self, step: &Step) -> Exit {
        let outcome = self.try_step(step);
        let exit = match outcome {
            Ok(exit) => exit,
            Err(failure) => self.report(&failure),
        };
        self.status = exit;
        exit
    }

    /// Reports a failure and makes it the status.
    pub(crate) fn fail(&mut self, failure: &Failure) -> Exit {
        self.status = self.report(failure);
        self.status
    }

    fn report(&mut self, failure: &Failure) -> Exit {
        // What was written before the failure stands before it.
        drop(std::io::Write::flush(&mut self.out));
        if self.interrupt.is_raised() {
            // What stopping it broke is no news.
            return Exit::INTERRUPTED;
        }
        failure.report(&self.place)
    }

    fn try_step(&mut self, step: &Step) -> Outcome {
        let input = match &step.from {
            Some(file) => Some(read_file(&self.expand(file).bytes)?),
            None => None,
        };
        let redirected = match &step.to {
            Some((file, to)) => Some(self.open_output(&self.expand(file).bytes, *to)?),
            None => None,
        };
        match &step.what {
            What::Outside(program) => run_outside(program),
            What::Command { words, block } => {
                let mut arguments: Vec<_> = words.iter().map(|word| self.expand(word)).collect();
                self.expand_alias(&mut arguments)?;
                let out = match (&step.pipe, redirected) {
                    (Some(program), _) => {
                        let sink = Sink::pipe(program)
                            .map_err(|error| Failure::io("cannot run /bin/sh", &error))?;
                        Some(Out::new(sink, false, self.settings.color == When::Always))
                    }
                    (None, Some(out)) => Some(out),
                    (None, None) => None,
                };
                self.input = input;
                let outcome =
                    self.with_output(out, |shell| shell.run_arguments(arguments, block.as_ref()));
                self.input = None;
                outcome
            }
        }
    }

    /// Runs something with its output elsewhere. A failure of the program behind a pipe is a failure.
    pub(crate) fn with_output(
        &mut self,
        out: Option<Out>,
        run: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let Some(mut out) = out else {
            return run(self);
        };
        out.style = self.settings.style;
        let outer = std::mem::replace(&mut self.out, out);
        let outcome = run(self);
        let out = std::mem::replace(&mut self.out, outer);
        let ended = out.finish();
        let exit = match outcome {
            // The reader has had enough.
            Err(Failure::OutputClosed) => Exit::SUCCESS,
            other => other?,
        };
        match ended {
            Ok(Some(status)) if exit.is_success() => Ok(Exit(status)),
            Ok(_) => Ok(exit),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs a command given as words of an argument list, in which wild cards work.
    pub(crate) fn run_words(&mut self, words: &[Vec<u8>]) -> Outcome {
        let words = words.iter().map(|word| Word::from_argument(word));
        let mut arguments: Vec<_> = words.map(|word| self.expand(&word)).collect();
        self.expand_alias(&mut arguments)?;
        self.run_arguments(arguments, None)
    }

    /// Does something in a transaction of its own if it consists of several steps and none is open, again when others
    /// interfere. With `--dry-run` nothing is changed, and none is needed.
    pub(crate) fn atomically(
        &mut self,
        several: bool,
        mut body: impl FnMut(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !several || self.settings.dry_run || self.transaction().is_some() {
            return body(self);
        }
        self.with_retries(|shell| body(shell).map(|()| Exit::SUCCESS))
            .map(drop)
    }

    /// Runs `body` in a transaction and commits if it succeeds; from the start again when the store reports a
    /// conflict.
    pub(crate) fn with_retries(&mut self, mut body: impl FnMut(&mut Self) -> Outcome) -> Outcome {
        for attempt in 0..Transaction::ATTEMPTS {
            self.interrupt.check()?;
            self.begin(true)?;
            let outcome = body(self);
            let ended = match &outcome {
                Ok(exit) if exit.is_success() => self.commit(),
                _ => self.abort(),
            };
            let conflict = |exit: Exit| exit == Exit::CONFLICT;
            match (outcome, ended) {
                (Ok(exit), Err(failure)) if exit.is_success() && !conflict(failure.exit()) => {
                    return Err(failure);
                }
                (Ok(exit), Ok(_)) if !conflict(exit) => return Ok(exit),
                (Err(failure), _) if !conflict(failure.exit()) => return Err(failure),
                _ => std::thread::sleep(Transaction::pause(attempt)),
            }
        }
        let attempts = Transaction::ATTEMPTS;
        Err(xenbus::Error::Conflict { attempts }.into())
    }

    /// Runs a command given as its arguments, the first of which names it.
    pub(crate) fn run_arguments(
        &mut self,
        mut arguments: Vec<Argument>,
        block: Option<&Script>,
    ) -> Outcome {
        if arguments.is_empty() {
            return Ok(Exit::SUCCESS);
        }
        let name = arguments.remove(0).bytes;
        let found = str::from_utf8(&name).ok().and_then(cmd::find);
        let Some((command, implied)) = found else {
            return Err(cmd::unknown(&name));
        };
        let implied = implied.iter().map(|word| Argument::plain(*word));
        let args = Args::parse(command, implied.chain(arguments), block.cloned())?;
        if block.is_some() && !cmd::takes_block(command) {
            return Err(args.wrong("it takes no block"));
        }
        let settings = self.settings;
        let outcome = self
            .set_common(&args)
            .and_then(|()| self.dispatch(command, &args));
        // What `set-option` sets stays, what the options of a command say does not.
        if command.name != "set-option" {
            self.settings = settings;
            self.out.style = settings.style;
        }
        outcome
    }

    fn set_common(&mut self, args: &Args) -> Result<(), Failure> {
        if let Some(word) = args.text("output")? {
            self.settings.style.format = Format::named(word)
                .ok_or_else(|| args.wrong(&format!("-o is one of {}", Format::WORDS.join(", "))))?;
        }
        if args.has("null") {
            self.settings.style.nul = true;
        }
        if args.has("no-header") {
            self.settings.style.header = false;
        }
        if args.command.changes != Changes::Nothing && args.has("dry-run") {
            self.settings.dry_run = true;
        }
        self.out.style = self.settings.style;
        Ok(())
    }

    fn dispatch(&mut self, command: &'static cmd::Command, args: &Args) -> Outcome {
        if args.has("help") {
            cmd::help::show(self, command)?;
            return Ok(Exit::SUCCESS);
        }
        let changes = command.changes != Changes::Nothing;
        if changes && self.settings.read_only && !self.settings.dry_run {
            return Err(Failure::new(
                Exit::DENIED,
                format!("{}: refused, the session is read-only", command.name),
            )
            .hint("set-option read-only off allows it"));
        }
        let is_paged = cmd::is_paged(command)
            && self.settings.pager
            && self.mode == Mode::Interactive
            && self.out.is_terminal;
        let outcome = if is_paged {
            let pager = Sink::Pager(crate::output::pager(screen().1.saturating_sub(1)));
            let out = Out::new(pager, true, self.out.has_color);
            self.with_output(Some(out), |shell| (command.run)(shell, args))
        } else {
            (command.run)(self, args)
        };
        match std::io::Write::flush(&mut self.out) {
            Ok(()) => outcome,
            Err(error) => outcome.and(Err(error.into())),
        }
    }

    /// The words of an alias instead of it.
    fn expand_alias(&self, arguments: &mut Vec<Argument>) -> Result<(), Failure> {
        // Each alias once: one may be named like the command that it calls.
        let mut used = Vec::new();
        while let Some(first) = arguments.first() {
            let name = String::from_utf8_lossy(&first.bytes).into_owned();
            let Some(text) = self.aliases.get(&name).filter(|_| !used.contains(&name)) else {
                break;
            };
            let words = alias_words(text)?;
            let words = words.iter().map(|word| self.expand(word));
            arguments.splice(..1, words.collect::<Vec<_>>());
            used.push(name);
        }
        Ok(())
    }

    /// A word's variables.
    fn expand(&self, word: &Word) -> Argument {
        let mut argument = Argument::default();
        for piece in &word.pieces {
            match piece {
                Piece::Text { bytes, quoted } => {
                    argument.bytes.extend_from_slice(bytes);
                    argument.is_pattern |= !quoted && super::glob::has_wildcard(bytes);
                }
                Piece::Status => argument
                    .bytes
                    .extend_from_slice(self.status.0.to_string().as_bytes()),
                Piece::Last => argument.bytes.extend_from_slice(self.last.as_bytes()),
            }
        }
        argument
    }

    /// Output to a file outside.
    fn open_output(&self, name: &[u8], to: To) -> Result<Out, Failure> {
        let mut options = File::options();
        options.create(true);
        match to {
            To::Replace => options.write(true).truncate(true),
            To::Append => options.append(true),
        };
        let file = options
            .open(file_name(name))
            .map_err(|error| Failure::io(format!("cannot write {}", shown(name)), &error))?;
        let has_color = self.settings.color == When::Always;
        Ok(Out::new(Sink::file(file), false, has_color))
    }

    /// Our own standard output.
    pub(crate) fn standard_output(&self) -> Out {
        let is_terminal = rustix::termios::isatty(rustix::stdio::stdout());
        let wants = || {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
        };
        let has_color = match self.settings.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && wants(),
        };
        let mut out = Out::new(Sink::stdout(), is_terminal, has_color);
        out.style = self.settings.style;
        out
    }
}

/// The words of an alias.
pub(crate) fn alias_words(text: &str) -> Result<Vec<Word>, Failure> {
    let script = parse(&lex(text.as_bytes())).map_err(|wrong| syntax(text.as_bytes(), &wrong))?;
    let only_words = |step: &Step| step.to.is_none() && step.from.is_none() && step.pipe.is_none();
    match <[Chain; 1]>::try_from(script.chains) {
        Ok([chain]) if chain.rest.is_empty() && only_words(&chain.first) => {
            match chain.first.what {
                What::Command { words, block: None } => Ok(words),
                _ => Err(Failure::usage("an alias stands for words, not for a block")),
            }
        }
        _ => Err(Failure::usage(
            "an alias stands for one command and its arguments",
        )),
    }
}

/// A name of a file outside; `~` is the user's home there.
pub(crate) fn file_name(name: &[u8]) -> PathBuf {
    let path = PathBuf::from(OsString::from_vec(name.to_vec()));
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}

/// What is wrong with a text, with the place in it.
pub(crate) fn syntax(text: &[u8], wrong: &Wrong) -> Failure {
    match wrong {
        Wrong::Unfinished { what, .. } => Failure::usage(format!("syntax: {what}")),
        Wrong::Fault { span, what } => {
            let at = &text[span.start.min(text.len())..span.end.min(text.len())];
            Failure::usage(format!("syntax: at '{}': {what}", shown(at)))
        }
    }
}

fn run_outside(program: &[u8]) -> Outcome {
    let status = crate::output::shell(program)
        .status()
        .map_err(|error| Failure::io("cannot run /bin/sh", &error))?;
    Ok(Exit(crate::output::status(status)))
}
