//! Snapshots, one after the other, for whoever has no screen.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xenbus::client::ClientOptions;
use xenbus::error::{Error, Result};

use crate::collect::{Command, Update};
use crate::model::Snapshot;
use crate::source::{Source, SourceArgs};

/// A source, and what it tells.
pub(crate) struct Feed {
    source: Source,
    updates: Mutex<Receiver<Update>>,
    /// One sample at a time.
    sampling: Mutex<()>,
    /// How long the store may be silent before that is an error.
    patience: Duration,
    complained: Mutex<Option<String>>,
}

impl Feed {
    pub(crate) fn start(args: &SourceArgs, interval: Duration) -> Result<Self> {
        let (sender, updates) = channel();
        let source = args.start(interval, false, move |update| drop(sender.send(update)))?;
        let timeout = args.connect.timeout;
        Ok(Self {
            source,
            updates: Mutex::new(updates),
            sampling: Mutex::new(()),
            patience: timeout.unwrap_or(ClientOptions::default().timeout),
            complained: Mutex::new(None),
        })
    }

    /// Plays a recording to its end.
    pub(crate) fn go_to_end(&self) {
        self.source.send(Command::Seek(Duration::MAX));
    }

    /// Waits until everything was read once. A store that is out of reach meanwhile is an error.
    pub(crate) fn wait_complete(&self) -> Result<Arc<Snapshot>> {
        let mut stale = None;
        loop {
            let snapshot = self.next(None)?;
            if let Some(snapshot) = snapshot {
                if snapshot.link.loading.is_none() {
                    return Ok(snapshot);
                }
                match &snapshot.link.stale {
                    None => stale = None,
                    Some(why) => {
                        let since = *stale.get_or_insert_with(Instant::now);
                        if since.elapsed() >= self.patience {
                            return Err(Error::Connect {
                                address: snapshot.link.address.clone(),
                                reason: why.why.clone(),
                                hint: String::new(),
                            });
                        }
                    }
                }
            }
        }
    }

    /// Everything as it is now, with every counter just read.
    pub(crate) fn sample(&self) -> Result<Arc<Snapshot>> {
        let _one = self.sampling.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.source.clock().now();
        self.source.send(Command::Pause(false));
        self.source.send(Command::ReadAll);
        loop {
            if let Some(snapshot) = self.next(None)?
                && snapshot.now >= asked
            {
                // What happens until the next sample is not to be shown.
                self.source.send(Command::Pause(true));
                return Ok(snapshot);
            }
        }
    }

    /// Waits; what comes meanwhile is of no interest, unless it is the end.
    pub(crate) fn rest_until(&self, time: Instant) -> Result<()> {
        while self.next(Some(time))?.is_some() {}
        Ok(())
    }

    /// The next snapshot; nothing at `until`.
    fn next(&self, until: Option<Instant>) -> Result<Option<Arc<Snapshot>>> {
        let wait = until.map_or(Duration::from_hours(1), |until| {
            until.saturating_duration_since(Instant::now())
        });
        let updates = self.updates.lock().unwrap_or_else(PoisonError::into_inner);
        match updates.recv_timeout(wait) {
            Ok(Update::Snapshot(snapshot)) => Ok(Some(snapshot)),
            Ok(Update::Fatal(why)) => Err(Error::Invalid {
                what: "the collector".into(),
                reason: why,
            }),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Invalid {
                what: "the collector".into(),
                reason: "it has ended unexpectedly".into(),
            }),
        }
    }

    /// Whether this is the end of a recording.
    pub(crate) fn is_over(&self, snapshot: &Snapshot) -> bool {
        self.source
            .timeline()
            .is_some_and(|timeline| snapshot.now >= timeline.end)
    }

    /// Says once on standard error that a recording has ended early.
    pub(crate) fn complain(&self) {
        if let Some(why) = self.source.recording_trouble() {
            let mut complained = self
                .complained
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if complained.as_ref() != Some(&why) {
                // With standard error closed there is nobody to tell.
                drop(writeln!(std::io::stderr().lock(), "xstop: {why}"));
                *complained = Some(why);
            }
        }
    }
}
