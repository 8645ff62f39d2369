//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap_complete::Shell;

use crate::batch::BatchArgs;
use crate::config::INTERVALS;
use crate::source::SourceArgs;
use crate::theme::ThemeName;

/// Shows every frontend, backend and ring of a Xen host, and why a device is stuck
#[derive(Debug, Parser)]
#[command(name = "xstop", version)]
pub struct Cli {
    /// Where everything comes from.
    #[command(flatten)]
    pub source: SourceArgs,

    /// What is wanted without a screen.
    #[command(flatten)]
    pub batch: BatchArgs,

    /// Seconds between two readings of counters, or two samples
    #[arg(short = 'd', long = "delay", value_name = "SECS", value_parser = interval)]
    pub interval: Option<Duration>,

    /// Colours of the screen [default: auto]
    #[arg(
        long,
        value_enum,
        value_name = "THEME",
        help_heading = "Screen",
        hide_possible_values = true
    )]
    pub theme: Option<ThemeName>,

    /// Only ASCII characters on the screen, whatever the locale says
    #[arg(long, help_heading = "Screen")]
    pub ascii: bool,

    /// Switch the mouse on from the start
    #[arg(long, help_heading = "Screen")]
    pub mouse: bool,

    /// Configuration to use instead of ~/.config/xstop/config.yaml
    #[arg(long, value_name = "FILE", help_heading = "Screen")]
    pub config: Option<PathBuf>,

    /// Print a configuration with everything that can be set, and exit
    #[arg(long, help_heading = "Screen")]
    pub print_config: bool,

    /// Print the completions of a shell, and exit
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,
}

/// Reads the seconds between two readings.
fn interval(text: &str) -> Result<Duration, String> {
    let [least, most] = INTERVALS;
    let time = xenbus::cli::timeout(text)?;
    if (least..=most).contains(&time.as_secs_f64()) {
        Ok(time)
    } else {
        Err(format!("must be from {least} to {most} seconds"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let parse = |args: &[&str]| Cli::try_parse_from([&["xstop"], args].concat());
        let cli = parse(&["--demo", "-d", "0.5", "--theme", "ansi-light"]).unwrap();
        assert_eq!(cli.interval, Some(Duration::from_millis(500)));
        assert_eq!(cli.theme, Some(ThemeName::AnsiLight));
        assert!(parse(&["-d", "0.01"]).is_err());
        assert!(parse(&["small"]).is_err());
    }
}
