//! The collector's thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use xenbus::client::Operations;
use xenbus::counters::Root;
use xenbus::device::{DeviceId, Domain, Reading, Text};
use xenbus::error::{Error, ErrorKind, Result};
use xenbus::mirror::MirrorEvent;
use xenbus::watch::Bell;
use xenbus::{Client, DomId, StorePath};

use super::sampler::Sampler;
use super::scope::{Extent, Mirrors};
use super::{Clock, Command, Options, Recorder, Stop, Update, link};
use crate::model::{Builder, Link, NodeChange, Scope, Stale};

/// Least time between two snapshots.
const PACE: Duration = Duration::from_millis(100);
/// So many times as long as the last of them took is another rest, when thousands of nodes change.
const REST: u32 = 20;
/// But a screen has to follow.
const PACE_MOST: Duration = Duration::from_millis(250);
/// Least time between two snapshots while the nodes are being read.
const PACE_LOADING: Duration = Duration::from_millis(250);
/// And so many times as long as the last of them took, so that they do not hold up the reading.
const REST_LOADING: u32 = 8;
/// How often the store is tried if it is out of reach at the start.
const RETRY: Duration = Duration::from_secs(1);

pub(super) type Sink = Box<dyn FnMut(Update) + Send>;

pub(super) struct Worker {
    client: Client,
    clock: Clock,
    bell: Bell,
    stop: Stop,
    builder: Builder,
    sampler: Sampler,
    recorder: Option<Box<dyn Recorder>>,
    link: Arc<Link>,
    is_paused: bool,
    /// Whether a snapshot is due although nothing differs.
    is_asked: bool,
    published: Option<Instant>,
    /// How long that took.
    cost: Duration,
    phase: Phase,
}

/// How far it is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Phase {
    /// Everything is being read for the first time.
    Reading,
    /// The same, and what was read so far is shown.
    Showing,
    /// Everything was read, and is followed.
    Following,
}

impl Worker {
    pub(super) fn new(
        client: Client,
        options: Options,
        clock: Clock,
        bell: Bell,
        stop: Stop,
    ) -> Self {
        let link = Link {
            address: client.address(),
            xen_version: xen_version(&options.root),
            since: clock.now(),
            loading: Some(0),
            ..Link::default()
        };
        Self {
            builder: Builder::new(clock.epoch()),
            sampler: Sampler::new(
                options.root,
                options.interval,
                options.pages,
                options.drivers,
            ),
            recorder: options.recorder,
            client,
            clock,
            bell,
            stop,
            link: Arc::new(link),
            is_paused: false,
            is_asked: false,
            published: None,
            cost: Duration::ZERO,
            phase: if options.progress {
                Phase::Showing
            } else {
                Phase::Reading
            },
        }
    }

    pub(super) fn run(&mut self, commands: &Receiver<Command>, mut sink: Sink) {
        if let Err(error) = self.follow(commands, &mut sink) {
            sink(Update::Fatal(error.to_string()));
        }
    }

    /// Follows the store until it is asked to stop.
    fn follow(&mut self, commands: &Receiver<Command>, sink: &mut Sink) -> Result<()> {
        let Some(mut mirrors) = self.begin(commands, sink)? else {
            return Ok(());
        };
        loop {
            if self.stop.is_asked() || !self.obey(commands) {
                return Ok(());
            }
            self.take_events(&mut mirrors)?;
            if self.is_complete() {
                self.take_samples();
            }
            let wait = self.publish(&mut mirrors, sink);
            if let Some(recorder) = &mut self.recorder {
                recorder.flush();
            }
            self.bell.wait_until(wait);
        }
    }

    /// Finds out where this is, shows the domains, and starts to read the rest. Tries again while the store is out of
    /// reach. `None` if it was asked to stop.
    fn begin(&mut self, commands: &Receiver<Command>, sink: &mut Sink) -> Result<Option<Mirrors>> {
        loop {
            match self.try_begin(sink) {
                Ok(mirrors) => return Ok(Some(mirrors)),
                Err(error) if is_passing(&error) => {
                    self.set_stale(Some(error.to_string()));
                    let snapshot = self.builder.snapshot(&self.link, self.clock.now());
                    sink(Update::Snapshot(snapshot));
                }
                Err(error) => return Err(error),
            }
            self.bell.wait_until(Some(Instant::now() + RETRY));
            if self.stop.is_asked() || !self.obey(commands) {
                return Ok(None);
            }
        }
    }

    fn try_begin(&mut self, sink: &mut Sink) -> Result<Mirrors> {
        let (scope, daemon) = link::find(&self.client)?;
        self.change_link(|link| {
            link.scope = scope;
            link.daemon = daemon;
            link.stale = None;
        });
        if self.phase == Phase::Showing && scope == Scope::Host {
            self.show_domains(sink)?;
        }
        let extent = Extent {
            is_full: self.recorder.is_some(),
            has_progress: self.phase == Phase::Showing,
        };
        let mirrors = Mirrors::start(&self.client, scope, extent, &self.bell)?;
        self.sampler.set_own(mirrors.own());
        Ok(mirrors)
    }

    /// The first useful picture: which domains there are.
    fn show_domains(&mut self, sink: &mut Sink) -> Result<()> {
        let top = StorePath::parse("/local/domain")?;
        let names = match self.client.directory(&top) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        let ids: Vec<DomId> = names
            .iter()
            .filter_map(|name| DomId::parse(name).ok())
            .collect();
        let paths = ids.iter().map(|id| StorePath::home(*id).child("name"));
        let paths = paths.collect::<std::result::Result<Vec<_>, _>>()?;
        let mut domains = Vec::with_capacity(ids.len());
        for (id, name) in ids.into_iter().zip(self.client.read_many(&paths)?) {
            let name = match name {
                Ok(name) => Reading::Known(Text(name)),
                // A domain may be introduced before it has a name.
                Err(error) if error.is_not_found() => Reading::Missing,
                Err(error) if error.kind() == ErrorKind::Denied => Reading::Denied,
                Err(error) => return Err(error),
            };
            domains.push(Domain::named(id, name));
        }
        self.builder.introduce(domains);
        sink(Update::Snapshot(
            self.builder.snapshot(&self.link, self.clock.now()),
        ));
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.phase == Phase::Following
    }

    /// Takes the commands that wait; whether anybody can still give some.
    fn obey(&mut self, commands: &Receiver<Command>) -> bool {
        loop {
            match commands.try_recv() {
                Ok(Command::Interval(interval)) => self.sampler.set_interval(interval),
                Ok(Command::Visible(devices)) => self.sampler.set_visible(devices),
                Ok(Command::Pause(pause)) => self.is_paused = pause,
                Ok(Command::ReadAll) => {
                    let samples = self.sampler.all(self.builder.host());
                    self.take(samples);
                    // Whoever asks waits for the answer.
                    (self.is_asked, self.published) = (true, None);
                }
                // Of a recording only.
                Ok(Command::Seek(_) | Command::Speed(_)) => {}
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take_events(&mut self, mirrors: &mut Mirrors) -> Result<()> {
        let status = mirrors.main.mirror.status();
        if let Some(ended) = status.ended {
            return Err(ended);
        }
        let now = self.clock.now();
        if !self.is_complete() {
            let is_read = status.stale_since.is_none() && status.scans > 0;
            if self.link.nodes != status.nodes && self.phase == Phase::Showing {
                // A further part of them is there.
                self.builder.reread();
            }
            self.change_link(|link| {
                link.loading = (!is_read).then_some(status.nodes);
                link.nodes = status.nodes;
                link.scans = status.scans;
            });
            if is_read {
                self.phase = Phase::Following;
                // Whoever has waited for it waits no longer.
                self.published = None;
                self.sampler.begin();
                mirrors.listen();
                self.builder.reread();
                if let Some(recorder) = &mut self.recorder {
                    let mut all = Vec::new();
                    mirrors.each(|node| all.push(Arc::clone(node)));
                    recorder.link(&self.link, now);
                    recorder.nodes(&mut all.iter(), now);
                }
            }
            let trouble = status.trouble.filter(|_| !is_read);
            self.set_stale(trouble.map(|error| error.to_string()));
            return Ok(());
        }
        let events = mirrors.events();
        let mut lost = 0;
        if !events.is_empty() {
            mirrors.look(|nodes| {
                for event in &events {
                    match event {
                        MirrorEvent::Changed { old, new } => {
                            let Some(node) = new.as_ref().or(old.as_ref()) else {
                                continue;
                            };
                            let change = NodeChange {
                                path: &node.path,
                                old: old.as_deref(),
                                new: new.as_deref(),
                            };
                            if let Some(recorder) = &mut self.recorder {
                                recorder.change(change, now);
                            }
                            self.builder.changed(nodes, change, now);
                        }
                        MirrorEvent::Outside(path) => self.builder.touched(path, now),
                        MirrorEvent::Dropped(count) => {
                            lost += count;
                            self.builder.reread();
                        }
                        _ => {}
                    }
                }
            });
        }
        self.change_link(|link| {
            link.nodes = status.nodes;
            link.scans = status.scans;
            link.lost += lost;
        });
        if status.stale_since.is_some() {
            let why = status.trouble.map(|error| error.to_string());
            let lost = || "the connection to the store is lost".to_owned();
            self.set_stale(Some(why.unwrap_or_else(lost)));
        } else {
            self.set_stale(None);
        }
        Ok(())
    }

    fn take_samples(&mut self) {
        if self.sampler.next().is_some_and(|at| at <= Instant::now()) {
            let samples = self.sampler.due(self.builder.host());
            self.take(samples);
        }
    }

    fn take(&mut self, samples: Vec<(DeviceId, crate::model::Sample)>) {
        let now = self.clock.now();
        for (id, sample) in samples {
            if let Some(recorder) = &mut self.recorder {
                recorder.sample(&id, &sample, now);
            }
            self.builder.sampled(&id, sample, now);
        }
    }

    /// Publishes a snapshot if one is due; when to look again, if not for a reason that rings the bell.
    fn publish(&mut self, mirrors: &mut Mirrors, sink: &mut Sink) -> Option<Instant> {
        let pace = if self.is_complete() {
            PACE.max(self.cost * REST).min(PACE_MOST)
        } else {
            PACE_LOADING.max(self.cost * REST_LOADING)
        };
        let now = Instant::now();
        let due = self.published.map_or(now, |last| last + pace);
        let time = self.builder.next().and_then(|at| self.clock.instant_of(at));
        let has_time_passed = time.is_some_and(|at| at <= now);
        let is_wanted = self.is_asked || self.builder.is_dirty() || has_time_passed;
        if is_wanted && due <= now && !self.is_paused {
            let moment = self.clock.now();
            let devices = self.builder.host().devices.len();
            mirrors.look(|nodes| {
                self.builder.settle(nodes, self.is_complete(), moment);
            });
            if mirrors.follow_other_ends(self.builder.host()) {
                self.builder.reread();
            }
            if self.is_complete() && devices != self.builder.host().devices.len() {
                self.sampler.outdate();
            }
            sink(Update::Snapshot(self.builder.snapshot(&self.link, moment)));
            self.published = Some(Instant::now());
            self.cost = now.elapsed();
            self.is_asked = false;
        }
        let is_wanted = self.is_asked || self.builder.is_dirty();
        let again = self.published.map_or(now, |last| last + pace);
        let publishing = (is_wanted && !self.is_paused).then_some(again);
        let time = self.builder.next().and_then(|at| self.clock.instant_of(at));
        let time = time.filter(|_| !self.is_paused).map(|at| at.max(again));
        let sampling = self.sampler.next().filter(|_| self.is_complete());
        [publishing, time, sampling].into_iter().flatten().min()
    }

    fn set_stale(&mut self, why: Option<String>) {
        let stale = why.map(|why| Stale {
            since: match &self.link.stale {
                Some(stale) => stale.since,
                None => self.clock.now(),
            },
            why,
        });
        self.change_link(|link| link.stale = stale);
    }

    /// Changes what is known of the way to the store; a difference is worth a snapshot.
    fn change_link(&mut self, change: impl FnOnce(&mut Link)) {
        let mut link = (*self.link).clone();
        change(&mut link);
        if link != *self.link {
            self.is_asked |= link.stale != self.link.stale || link.loading != self.link.loading;
            self.link = Arc::new(link);
            if self.is_complete()
                && let Some(recorder) = &mut self.recorder
            {
                recorder.link(&self.link, self.clock.now());
            }
        }
    }
}

/// Whether trying again can help.
fn is_passing(error: &Error) -> bool {
    !matches!(error, Error::Invalid { .. } | Error::Refused { .. })
}

/// The hypervisor's version as its files say.
fn xen_version(root: &Root) -> Option<String> {
    let text = |name: &str| {
        root.text(&format!("sys/hypervisor/version/{name}"))
            .known()
            .map(ToString::to_string)
    };
    let (major, minor) = (text("major")?, text("minor")?);
    Some(format!(
        "{major}.{minor}{}",
        text("extra").unwrap_or_default()
    ))
}
