//! Where the events of a watch come from: a mirror of the subtree, which knows old values, or the bare watch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use xenbus::mirror::{Mirror, MirrorEvent, MirrorOptions, Mirrored, Subscription};
use xenbus::path::PathKind;
use xenbus::tree::Field;
use xenbus::watch::{Bell, WatchOptions};
use xenbus::{Client, Error, StorePath, Watch, WatchEvent};

use super::{Seen, SeenKind};

/// How to watch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SourceOptions {
    /// Levels below the path; `None`: all.
    pub(crate) depth: Option<u32>,
    /// Only that something happened, without reading values.
    pub(crate) bare: bool,
    /// Also what is there at the start.
    pub(crate) initial: bool,
}

/// Events that may wait to be told.
const QUEUE: usize = 4096;

/// The events of one watch.
pub(crate) struct Source {
    path: StorePath,
    options: SourceOptions,
    bell: Bell,
    kind: Kind,
    ready: VecDeque<Seen>,
    ended: bool,
}

enum Kind {
    Mirror(Box<(Mirror, Subscription)>),
    Watch(Watch),
}

impl Source {
    /// Watches a path; `bell` is rung when there is something to fetch, and may be rung by others.
    pub(crate) fn start(
        client: &Client,
        path: &StorePath,
        options: SourceOptions,
        bell: Bell,
    ) -> Result<Self, Error> {
        let mut ready = VecDeque::new();
        let kind = if options.bare || path.kind() == PathKind::Special {
            let mut watching = WatchOptions::default();
            watching.depth = options.depth;
            watching.queue = QUEUE;
            watching.bell = Some(bell.clone());
            Kind::Watch(client.watch_with(path, watching)?)
        } else {
            let mut mirroring = MirrorOptions::default();
            mirroring.perms = true;
            if let Some(depth) = options.depth {
                let most = path.depth() + depth as usize;
                mirroring.filter = Some(Arc::new(move |path| path.depth() <= most));
            }
            let mirror = Mirror::start(client, path, mirroring)?;
            // What is there now is the start, not a change.
            let deadline = Instant::now() + xenbus::ClientOptions::default().timeout;
            mirror.wait_fresh(deadline)?;
            let subscription = mirror.subscribe(QUEUE, Some(bell.clone()));
            if options.initial {
                mirror.look(|view| {
                    ready.extend(view.subtree(path).map(|node| changed(None, Some(node))));
                });
            }
            Kind::Mirror(Box::new((mirror, subscription)))
        };
        Ok(Self {
            path: path.clone(),
            options,
            bell,
            kind,
            ready,
            ended: false,
        })
    }

    /// The next event; `None` if there is none by `deadline`, or if the bell was rung by somebody else.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Option<Seen> {
        if let Some(seen) = self.try_next() {
            return Some(seen);
        }
        self.bell.wait_until(deadline);
        self.try_next()
    }

    /// The next event if there is one now.
    pub(crate) fn try_next(&mut self) -> Option<Seen> {
        if let Some(seen) = self.ready.pop_front() {
            return Some(seen);
        }
        if self.ended {
            return None;
        }
        match &self.kind {
            Kind::Mirror(both) => {
                let (mirror, subscription) = &**both;
                let event = subscription.try_next()?;
                let path = self.path.to_string();
                Some(match event {
                    MirrorEvent::Changed { old, new } => {
                        let seen = changed(old.as_ref(), new.as_ref());
                        // Both may have changed.
                        if let (Some(old), Some(new)) = (&old, &new)
                            && old.value != new.value
                            && old.perms != new.perms
                        {
                            self.ready.push_back(perms(old, new));
                        }
                        seen
                    }
                    MirrorEvent::Stale => Seen::about(SeenKind::Lost, path),
                    MirrorEvent::Fresh => Seen::about(SeenKind::Restored, path),
                    MirrorEvent::Dropped(count) => Seen::about(SeenKind::Dropped(count), path),
                    _ => {
                        self.ended = true;
                        let why = mirror.status().ended;
                        let why = why.map_or_else(|| path, |error| error.to_string());
                        Seen::about(SeenKind::Ended, why)
                    }
                })
            }
            Kind::Watch(watch) => loop {
                let path = self.path.to_string();
                return Some(match watch.try_next() {
                    Ok(None) => return None,
                    Ok(Some(WatchEvent::Initial)) if self.options.initial => {
                        Seen::about(SeenKind::Fired, path)
                    }
                    Ok(Some(WatchEvent::Changed(path))) => {
                        let below = path.depth().saturating_sub(self.path.depth());
                        if self.options.depth.is_some_and(|most| below > most as usize) {
                            continue;
                        }
                        Seen::about(SeenKind::Fired, path.to_string())
                    }
                    Ok(Some(WatchEvent::Lost)) => Seen::about(SeenKind::Lost, path),
                    Ok(Some(WatchEvent::Reset)) => Seen::about(SeenKind::Restored, path),
                    Ok(Some(WatchEvent::Overflow(count))) => {
                        Seen::about(SeenKind::Dropped(count), path)
                    }
                    // The first event, which says nothing new.
                    Ok(Some(_)) => continue,
                    Err(error) => {
                        self.ended = true;
                        Seen::about(SeenKind::Ended, error.to_string())
                    }
                });
            },
        }
    }

    /// Whether nothing will come any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }
}

/// A node differs.
fn changed(old: Option<&Arc<Mirrored>>, new: Option<&Arc<Mirrored>>) -> Seen {
    let value = |node: Option<&Arc<Mirrored>>| node.and_then(|node| node.value.known().cloned());
    let kind = match (old, new) {
        (None, _) => SeenKind::Added,
        (_, None) => SeenKind::Removed,
        (Some(old), Some(new)) if old.value == new.value => return perms(old, new),
        _ => SeenKind::Changed,
    };
    Seen {
        time: SystemTime::now(),
        kind,
        path: new
            .or(old)
            .map_or_else(String::new, |node| node.path.to_string()),
        old: value(old),
        new: value(new),
    }
}

/// A node's permissions differ.
fn perms(old: &Arc<Mirrored>, new: &Arc<Mirrored>) -> Seen {
    let text = |node: &Mirrored| match &node.perms {
        Field::Known(perms) => Some(perms.to_string().into_bytes()),
        _ => None,
    };
    Seen {
        time: SystemTime::now(),
        kind: SeenKind::Perms,
        path: new.path.to_string(),
        old: text(old),
        new: text(new),
    }
}
