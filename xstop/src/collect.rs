//! Keeps the model true: a thread that follows the store, reads counters, and publishes snapshots.
//!
//! Whoever shows them never talks to the store; it sends [`Command`]s, and gets [`Update`]s through a function of its
//! own. The store going away is not the end: the last state stays, with the time since when it is stale.

mod clock;
mod link;
mod sampler;
mod scope;
mod wanted;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use xenbus::counters::{DriverStats, RingIndices, Root};
use xenbus::device::DeviceId;
use xenbus::device::history::Moment;
use xenbus::error::{Error, Result};
use xenbus::mirror::Mirrored;
use xenbus::watch::Bell;
use xenbus::{Client, StorePath};

use crate::model::{Link, NodeChange, Sample, Snapshot};
use crate::record::{Recorded, Timeline};

pub use clock::Clock;
pub use wanted::WANTED;
use worker::Worker;

/// What to collect, and how often.
pub struct Options {
    /// Where the system's files are.
    pub root: Root,
    /// How often the counters of visible devices are read; those of others every ten seconds, but no
    /// more than 200 devices each second.
    pub interval: Duration,
    /// Looks into ring pages, if that is wanted.
    pub pages: Option<Arc<dyn RingIndices + Send + Sync>>,
    /// Asks the drivers of network interfaces what they count.
    pub drivers: Option<Arc<dyn DriverStats + Send + Sync>>,
    /// Told of everything that comes in, before it is part of a snapshot.
    pub recorder: Option<Box<dyn Recorder>>,
    /// Whether snapshots show what was read so far while everything is read for the first time: for somebody who
    /// watches. Else the first one that is not loading has everything.
    pub progress: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: Root::default(),
            interval: Duration::from_secs(1),
            pages: None,
            drivers: None,
            recorder: None,
            progress: true,
        }
    }
}

/// What the collector tells.
#[derive(Clone, Debug)]
pub enum Update {
    /// Everything as it is now.
    Snapshot(Arc<Snapshot>),
    /// It cannot go on; why, printable.
    Fatal(String),
}

/// What the collector is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// How often the counters of visible devices are read.
    Interval(Duration),
    /// Whose counters are looked at.
    Visible(Vec<DeviceId>),
    /// Whether snapshots are wanted at all; what is seen meanwhile is not lost.
    Pause(bool),
    /// Read every counter now, and publish.
    ReadAll,
    /// In a recording: go there.
    Seek(Duration),
    /// In a recording: so many times as fast as it was.
    Speed(f64),
}

/// Sees everything that comes in.
pub trait Recorder: Send {
    /// The way to the store, whenever it differs.
    fn link(&mut self, link: &Link, now: Moment);
    /// Nodes, before anything has changed.
    fn nodes(&mut self, nodes: &mut dyn Iterator<Item = &Arc<Mirrored>>, now: Moment);
    /// A change of a node.
    fn change(&mut self, change: NodeChange<'_>, now: Moment);
    /// What counts a device.
    fn sample(&mut self, device: &DeviceId, sample: &Sample, now: Moment);
    /// Everything up to now is to be kept, whatever happens next.
    fn flush(&mut self);
}

/// The collector at work; dropping it ends it.
pub struct Handle {
    commands: Sender<Command>,
    bell: Bell,
    clock: Clock,
    client: Option<Client>,
    recorded: Option<Recorded>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Asks the thread to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<std::sync::atomic::AtomicBool>);

impl Stop {
    pub(crate) fn ask(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Starts to follow the store behind `client`. `sink` gets every snapshot, the first as soon as anything is known; it
/// is called in the collector's thread and should be brief.
///
/// # Errors
/// If the system refuses a thread.
pub fn start(
    client: Client,
    options: Options,
    sink: impl FnMut(Update) + Send + 'static,
) -> Result<Handle> {
    start_with(client, options, Clock::start(), sink)
}

/// As [`start`], with a clock that somebody else uses, too.
///
/// # Errors
/// If the system refuses a thread.
pub fn start_with(
    client: Client,
    options: Options,
    clock: Clock,
    sink: impl FnMut(Update) + Send + 'static,
) -> Result<Handle> {
    let own = Some(client.clone());
    launch(clock.clone(), own, move |commands, bell, stop| {
        let mut worker = Worker::new(client, options, clock, bell, stop);
        worker.run(&commands, Box::new(sink));
    })
}

/// Starts a thread that obeys commands.
pub(crate) fn launch(
    clock: Clock,
    client: Option<Client>,
    run: impl FnOnce(std::sync::mpsc::Receiver<Command>, Bell, Stop) + Send + 'static,
) -> Result<Handle> {
    let (sender, commands) = channel();
    let bell = Bell::new();
    let stop = Stop::default();
    let (heard, asked) = (bell.clone(), stop.clone());
    let thread = std::thread::Builder::new().name("xstop collector".into());
    let thread = thread
        .spawn(move || run(commands, heard, asked))
        .map_err(|error| Error::io("start the thread of the collector", error))?;
    Ok(Handle {
        commands: sender,
        bell,
        clock,
        client,
        recorded: None,
        stop,
        thread: Some(thread),
    })
}

impl Handle {
    /// Tells the collector something; it obeys soon.
    pub fn send(&self, command: Command) {
        // Only a collector that has ended does not listen, and it has said so.
        if self.commands.send(command).is_ok() {
            self.bell.ring();
        }
    }

    /// The clock of every moment in its snapshots.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn with_recorded(mut self, recorded: Recorded) -> Self {
        self.recorded = Some(recorded);
        self
    }

    /// In a recording: all nodes as they are at the moment that is played.
    pub fn nodes(&self) -> Option<Arc<BTreeMap<StorePath, Arc<Mirrored>>>> {
        Some(self.recorded.as_ref()?.nodes())
    }

    /// In a recording: from when to when it is.
    pub fn timeline(&self) -> Option<Timeline> {
        Some(self.recorded.as_ref()?.timeline)
    }

    /// The way to the store; none for a recording.
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.ask();
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // Only a panic of its own makes this an error, and that was printed.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
