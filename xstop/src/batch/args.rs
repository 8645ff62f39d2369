//! The options.

use clap::{Args, ValueEnum};

/// What is wanted without a screen.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Without a screen")]
pub struct BatchArgs {
    /// Print samples instead of showing a screen
    #[arg(short, long)]
    pub batch: bool,

    /// How many samples to print [default: no end]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Form of the samples: text, a JSON object a line, or CSV
    #[arg(short, long, value_enum, value_name = "FORM", default_value = "text")]
    pub output: Output,

    /// What to print as text or CSV [default: all as text, devices as CSV]
    #[arg(long, value_enum, value_name = "TABLE")]
    pub table: Option<Table>,

    /// Print one sample: the same as -b -n 1
    #[arg(long, conflicts_with_all = ["count", "check"])]
    pub once: bool,

    /// Print findings (those that a filter lets through) and exit as a monitoring plugin: 0 none, 1 warning, 2 critical, 3 unknown
    #[arg(
        long,
        value_name = "FILTER",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with_all = ["batch", "count", "openmetrics"]
    )]
    pub check: Option<String>,

    /// Tell metrics: in a file (for a textfile collector), or by HTTP at PORT or ADDRESS:PORT, on the loopback by default
    #[arg(
        long,
        value_name = "FILE|ADDR",
        require_equals = true,
        conflicts_with = "batch"
    )]
    pub openmetrics: Option<String>,
}

impl BatchArgs {
    /// Whether no screen is wanted.
    pub fn is_wanted(&self) -> bool {
        self.is_batch() || self.check.is_some() || self.openmetrics.is_some()
    }

    /// Whether samples are to be printed.
    pub(super) fn is_batch(&self) -> bool {
        self.batch || (self.once && self.openmetrics.is_none())
    }

    /// After how many samples to end.
    pub(super) fn samples(&self) -> Option<u64> {
        if self.once { Some(1) } else { self.count }
    }
}

/// The form of samples.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// Tables for people.
    #[default]
    Text,
    /// A JSON object per sample, in one line.
    Json,
    /// One table, with a head.
    Csv,
}

/// What is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Table {
    /// The domains.
    Domains,
    /// The devices.
    Devices,
    /// The rings.
    Rings,
    /// What is wrong.
    Findings,
}
