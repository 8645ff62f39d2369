//! The command line.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use xenbus::demo::Scenario;
use xenbus::store::Personality;

/// The XenStore shell
#[derive(Debug, Parser)]
#[command(name = "xsh", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve an embedded store on a socket, for any client that looks at XENSTORED_PATH
    Serve(ServeArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
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
            Command::Serve(serve) => serve,
            Command::Completions { .. } => unreachable!("only serve was asked for"),
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
