//! Where everything comes from: a store and this machine's files, a simulated host, or a recording.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tempfile::TempDir;
use xenbus::Client;
use xenbus::cli::ConnectArgs;
use xenbus::counters::{GrantedPages, KernelStats, RingIndices, Root};
use xenbus::error::{Error, Result};

use crate::collect::{self, Clock, Handle, Options, Update};
use crate::record::{Trouble, Writer, replay};

/// Where everything comes from.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Source")]
pub struct SourceArgs {
    /// The store.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// Read the counters of backends below this directory instead of /
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,

    /// Look into the pages of rings, each for a moment (only in the domain of the backends)
    #[arg(long)]
    pub map_rings: bool,

    /// Record everything that is seen in this new file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Show a recording instead of a store
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["connect", "demo", "sysroot", "map_rings", "record"]
    )]
    pub replay: Option<PathBuf>,

    /// How many times as fast as it was a recording is shown [default: 1]
    #[arg(long, value_name = "X", requires = "replay", value_parser = speed)]
    pub speed: Option<f64>,

    /// The clock of everything that is shown, if somebody else sets it, too.
    #[arg(skip)]
    pub clock: Option<Clock>,
}

/// Reads a speed.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.0..=1e6).contains(&speed) => Ok(speed),
        Ok(_) => Err("it must be from 0 to 1000000".into()),
        Err(_) => Err("not a number such as 10 or 0.5".into()),
    }
}

/// A source at work: a [`Handle`], and what has to last as long.
#[derive(Debug)]
pub struct Source {
    handle: Handle,
    recording: Option<(PathBuf, Trouble)>,
    /// Dropped last: the demo host writes into it.
    _sysroot: Option<TempDir>,
}

impl Deref for Source {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Source {
    /// Why a recording that was asked for has ended early.
    pub fn recording_trouble(&self) -> Option<String> {
        let (path, trouble) = self.recording.as_ref()?;
        let why = trouble.get()?;
        Some(format!("recording {} has ended: {why}", path.display()))
    }
}

impl SourceArgs {
    /// Starts it. `sink` gets every snapshot, in another thread; with `progress` also of what was read so far, while
    /// everything is read for the first time.
    ///
    /// # Errors
    /// What is wrong with an option, [`Error::Connect`], or what the system refuses.
    pub fn start(
        &self,
        interval: Duration,
        progress: bool,
        sink: impl FnMut(Update) + Send + 'static,
    ) -> Result<Source> {
        if let Some(path) = &self.replay {
            return Ok(Source {
                handle: replay(path, self.speed.unwrap_or(1.0), sink)?,
                recording: None,
                _sysroot: None,
            });
        }
        let mut options = Options {
            interval,
            progress,
            ..Options::default()
        };
        let mut kept = None;
        let client = if let Some(mut host) = self.connect.demo_host()? {
            let directory = if let Some(directory) = &self.sysroot {
                directory.clone()
            } else {
                let made = TempDir::with_prefix("xstop-demo-")
                    .map_err(|error| Error::io("make a directory for the demo", error))?;
                kept.insert(made).path().to_owned()
            };
            host.keep_sysroot(&directory)?;
            options.root = Root::new(directory);
            if self.map_rings {
                options.pages = Some(host.ring_indices());
            }
            Client::with_connector(host.into_connector(), self.connect.options())?
        } else {
            if let Some(directory) = &self.sysroot {
                options.root = Root::new(directory);
            }
            // What the kernel is asked about an interface is of this machine, whatever files are read.
            if self.sysroot.is_none() {
                options.drivers = KernelStats::open()
                    .ok()
                    .map(|drivers| Arc::new(drivers) as _);
            }
            if self.map_rings {
                let pages: Arc<dyn RingIndices + Send + Sync> = Arc::new(GrantedPages::open()?);
                options.pages = Some(pages);
            }
            self.connect.client()?
        };
        let clock = self.clock.clone().unwrap_or_else(Clock::start);
        let mut recording = None;
        if let Some(path) = &self.record {
            let writer = Writer::create(path, clock.epoch())?;
            recording = Some((path.clone(), writer.trouble()));
            options.recorder = Some(Box::new(writer));
        }
        Ok(Source {
            handle: collect::start_with(client, options, clock, sink)?,
            recording,
            _sysroot: kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Tool {
        #[command(flatten)]
        source: SourceArgs,
    }

    fn parse(args: &[&str]) -> Result<SourceArgs, clap::Error> {
        Tool::try_parse_from([&["xstop"], args].concat()).map(|tool| tool.source)
    }

    #[test]
    fn a_recording_excludes_every_live_source() {
        for other in [
            &["--demo"][..],
            &["--connect", "unix:/x"],
            &["--sysroot", "/x"],
            &["--map-rings"],
            &["--record", "/y"],
        ] {
            assert!(
                parse(&[&["--replay", "/x"], other].concat()).is_err(),
                "{other:?}"
            );
        }
        assert!(parse(&["--speed", "2"]).is_err());
        for bad in ["-1", "nan", "inf", "x", "1e9"] {
            let speed = format!("--speed={bad}");
            assert!(parse(&["--replay", "/x", &speed]).is_err(), "{bad}");
        }
        assert_eq!(
            parse(&["--replay", "/x", "--speed", "0.5"]).unwrap().speed,
            Some(0.5)
        );
    }
}
