//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use xenbus::cli::ConnectArgs;
use xenbus::demo::Scenario;
use xenbus::store::Personality;

use crate::compat;
use crate::output::Format;
use crate::shell::{Settings, When};

/// The XenStore shell: at a prompt, for scripts, and as single commands
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[command(
    name = "xsh",
    version,
    disable_help_subcommand = true,
    after_help = "'xsh help' lists the commands of the shell, 'xsh help COMMAND' explains one; without a command it is a prompt",
    subcommand_negates_reqs = true,
    override_usage = "xsh [OPTIONS] [COMMAND [ARGUMENTS]]\n       xsh [OPTIONS] -c LINE | -f FILE | FILE"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,

    /// Run LINE, which may be several commands
    #[arg(short = 'c', long = "command", value_name = "LINE")]
    pub(crate) line: Option<OsString>,

    /// Run the commands in FILE ('-' is standard input)
    #[arg(short, long, value_name = "FILE", conflicts_with = "line")]
    pub(crate) file: Option<PathBuf>,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::WORDS))]
    pub(crate) output: Option<String>,

    /// End paths and raw values with NUL instead of a newline
    #[arg(short = '0', long)]
    pub(crate) null: bool,

    /// Print tables without a header
    #[arg(long)]
    pub(crate) no_header: bool,

    /// When output has colours
    #[arg(long, value_name = "WHEN", value_parser = PossibleValuesParser::new(When::WORDS))]
    pub(crate) color: Option<String>,

    /// Go on after a failure of a script
    #[arg(short, long)]
    pub(crate) keep_going: bool,

    /// Show what would change, and change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Refuse everything that changes the store
    #[arg(long)]
    pub(crate) read_only: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// The settings that the options ask for.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings {
            dry_run: self.dry_run,
            read_only: self.read_only,
            keep_going: self.keep_going,
            ..Settings::default()
        };
        let format = self.output.as_deref().and_then(Format::named);
        settings.style.format = format.unwrap_or_default();
        settings.style.nul = self.null;
        settings.style.header = !self.no_header;
        settings.color = self
            .color
            .as_deref()
            .and_then(When::named)
            .unwrap_or_default();
        settings
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve an embedded store on a socket, for any client that looks at XENSTORED_PATH
    Serve(ServeArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: OuterShell,
    },
    /// What the last of some words may become; the completions of the outer shells ask this
    #[command(hide = true, disable_help_flag = true)]
    CompleteWords {
        /// The words after the program's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Do as xenstore-NAME of xenstore-utils does; so does xsh under that name
    #[command(disable_help_flag = true)]
    Compat {
        /// The program
        name: Tool,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// One of the shell's own commands, or a script.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// A shell that has completions of ours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OuterShell {
    Bash,
    Zsh,
    Fish,
}

/// One of xenstore-utils as a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool(pub(crate) &'static str);

impl ValueEnum for Tool {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Tool; compat::Tool::ALL.len()] = {
            let mut all = [Tool(""); compat::Tool::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = Tool(compat::Tool::ALL[at].0);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let mode = self.0.strip_prefix(compat::Tool::PREFIX)?;
        Some(PossibleValue::new(mode).alias(self.0))
    }
}

/// Options of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Socket to make (mode 0600); a stale one is replaced
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,

    /// Fill the store with a simulated Xen host that lives: a shipped scenario or a YAML file
    #[arg(
        long,
        value_name = "SCENARIO|FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = Scenario::DEFAULT
    )]
    pub(crate) demo: Option<String>,

    /// Keep files below DIR that move with the demo's traffic, as the kernel shows them below /sys
    #[arg(long, value_name = "DIR", requires = "demo")]
    pub(crate) sysroot: Option<PathBuf>,

    /// Daemon to behave as
    #[arg(long, value_enum, default_value = "c", value_name = "DAEMON")]
    pub(crate) personality: PersonalityArg,
}

/// A [`Personality`] as a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PersonalityArg(pub(crate) Personality);

impl ValueEnum for PersonalityArg {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(Personality::C),
            Self(Personality::C4_22),
            Self(Personality::Oxenstored),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self.0 {
            Personality::C => "C xenstored of Xen 4.17",
            Personality::C4_22 => "C xenstored of Xen 4.22 and later",
            Personality::Oxenstored => "oxenstored of Xen 4.17",
            _ => return None,
        };
        Some(PossibleValue::new(self.0.name()).help(help))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_personality_has_a_word() {
        Cli::command().debug_assert();
        let words = PersonalityArg::value_variants().iter();
        let words: Vec<_> = words.map(|p| p.0.name()).collect();
        let all: Vec<_> = Personality::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(words, all);
    }

    #[test]
    fn demo_takes_its_value_only_with_an_equals_sign() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["xsh", "serve"], args].concat());
        let serve = |args: &[&str]| match parse(args).unwrap().command {
            Some(Command::Serve(serve)) => serve,
            other => unreachable!("only serve was asked for, not {other:?}"),
        };
        assert_eq!(serve(&["--socket", "/s"]).demo, None);
        assert_eq!(
            serve(&["--socket", "/s", "--demo"]).demo.as_deref(),
            Some(Scenario::DEFAULT)
        );
        assert_eq!(
            serve(&["--demo=quiet", "--socket", "/s"]).demo.as_deref(),
            Some("quiet")
        );
        assert!(parse(&["--socket", "/s", "--demo", "quiet"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
