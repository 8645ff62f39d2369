//! The thread that keeps a mirror true.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::MirrorOptions;
use super::harvest::{Harvest, Tag};
use super::shared::Shared;
use super::subscription::MirrorEvent;
use super::tree::Branch;
use super::view::Mirrored;
use crate::client::{Burst, Client, Operations};
use crate::error::{Error, ErrorKind, Result};
use crate::path::StorePath;
use crate::tree::{Found, Walk, WalkOptions};
use crate::watch::{Bell, Watch, WatchEvent};

/// How long after a failed reading the next is tried; doubled each time up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often what was read so far is shown, while everything is read for the first time.
const SHOW: Duration = Duration::from_millis(200);

/// The thread's side.
pub(super) struct Sync {
    client: Client,
    /// For reading, once that was needed.
    burst: Option<Burst<Tag>>,
    watch: Watch,
    deaths: Option<Watch>,
    options: MirrorOptions,
    shared: Arc<Shared>,
    bell: Bell,
    /// Where to read again.
    dirty: BTreeSet<StorePath>,
    /// Whether the watch's connection is lost, so that nothing tells of changes.
    lost: bool,
    /// When to try again after a failure, and how long was waited.
    retry: Option<(Instant, Duration)>,
}

impl Sync {
    pub(super) fn new(
        client: Client,
        watch: Watch,
        deaths: Option<Watch>,
        options: MirrorOptions,
        shared: Arc<Shared>,
        bell: Bell,
    ) -> Self {
        let dirty = BTreeSet::from([watch.path().clone()]);
        Self {
            client,
            burst: None,
            watch,
            deaths,
            options,
            shared,
            bell,
            dirty,
            lost: false,
            retry: None,
        }
    }

    pub(super) fn run(mut self) {
        while !self.shared.lock().stopping {
            let outcome = self.collect().and_then(|()| self.read_again());
            match outcome {
                Ok(()) => self.retry = None,
                Err(error) if is_passing(&error) => {
                    self.shared.change(|state| {
                        state.stale();
                        state.trouble = Some(error);
                    });
                    let (first, most) = RETRY;
                    let wait = self.retry.map_or(first, |(_, wait)| most.min(wait * 2));
                    self.retry = Some((Instant::now() + wait, wait));
                }
                Err(error) => {
                    self.shared.change(|state| state.end(error));
                    return;
                }
            }
            self.bell.wait_until(self.retry.map(|(at, _)| at));
        }
    }

    /// Takes the events that wait.
    fn collect(&mut self) -> Result<()> {
        let top = self.watch.path().clone();
        let mut events = 0;
        let mut all = false;
        while let Some(event) = self.watch.try_next()? {
            match event {
                WatchEvent::Changed(path) => {
                    events += 1;
                    if let Some(root) = self.root_of(&path) {
                        self.dirty.insert(root);
                    } else if self.options.tell_all {
                        self.shared.lock().tell_all(&MirrorEvent::Outside(path));
                    }
                }
                WatchEvent::Lost => (self.lost, self.burst) = (true, None),
                WatchEvent::Reset => (self.lost, all, self.burst) = (false, true, None),
                WatchEvent::Initial | WatchEvent::Overflow(_) => all = true,
            }
        }
        if let Some(deaths) = &self.deaths {
            while let Ok(Some(event)) = deaths.try_next() {
                all |= matches!(event, WatchEvent::Changed(_) | WatchEvent::Overflow(_));
            }
        }
        if all {
            self.dirty.insert(top);
        }
        self.shared.change(|state| {
            state.events += events;
            if self.lost {
                state.stale();
            }
        });
        Ok(())
    }

    /// Where to read again because of an event at `path`: the highest node on the way to it that the copy lacks, or
    /// the node itself; `None` if it is not mirrored.
    fn root_of(&self, path: &StorePath) -> Option<StorePath> {
        let top = self.watch.path();
        if !path.is_within(top) {
            return None;
        }
        let state = self.shared.lock();
        let mut root = path.clone();
        loop {
            if root == *top {
                return Some(root);
            }
            // Where the parent is in the copy, the filter let all above pass.
            if !self.options.covers(&root) {
                return None;
            }
            let parent = root.parent()?;
            if state.nodes.get(&parent).is_some() {
                return Some(root);
            }
            root = parent;
        }
    }

    /// Reads what is dirty, and puts it into the copy. What could not be read stays dirty.
    fn read_again(&mut self) -> Result<()> {
        // Sorted: what lies within another comes directly after it.
        let mut roots: Vec<StorePath> = Vec::new();
        for path in &self.dirty {
            if roots.last().is_none_or(|last| !path.is_within(last)) {
                roots.push(path.clone());
            }
        }
        if roots.is_empty() {
            return Ok(());
        }
        let Some(fresh) = self.read(&roots)? else {
            return Ok(());
        };
        let (top, most) = (self.watch.path(), self.options.nodes_max);
        let mut size = 0;
        self.shared.change(|state| {
            for (root, fresh) in roots.iter().zip(fresh) {
                state.replace(root, fresh);
            }
            state.found = None;
            if roots[0] == *top {
                state.scans += 1;
            }
            if !self.lost {
                state.fresh();
            }
            size = state.nodes.len();
        });
        self.dirty.clear();
        if size > most {
            Err(self.too_large())
        } else {
            Ok(())
        }
    }

    /// Reads these subtrees; `None` if the mirror is to end.
    fn read(&mut self, roots: &[StorePath]) -> Result<Option<Vec<Option<Branch>>>> {
        let mut burst = match self.burst.take() {
            Some(burst) if !burst.is_lost() => burst,
            _ => match Burst::open(self.client.shared())? {
                Some(burst) => burst,
                None => return self.walk(roots),
            },
        };
        let mut harvest = Harvest::new(roots, &self.options);
        // Only the first reading takes so long that somebody waits for parts of it.
        let is_first = self.shared.lock().nodes.root().is_none();
        let mut shown = Instant::now();
        while harvest.turn(&mut burst, &self.client)? {
            if harvest.found() > self.options.nodes_max {
                return Err(self.too_large());
            }
            if self.shared.lock().stopping {
                return Ok(None);
            }
            if is_first && shown.elapsed() >= SHOW {
                let part = harvest.so_far();
                self.shared.change(|state| {
                    state.nodes.show(part);
                    state.found = Some(harvest.found());
                });
                shown = Instant::now();
            }
        }
        if harvest.found() > self.options.nodes_max {
            return Err(self.too_large());
        }
        self.burst = Some(burst);
        let doubtful: Vec<usize> = (0..roots.len())
            .filter(|root| !harvest.is_certain(*root))
            .collect();
        let mut fresh = harvest.into_branches();
        for root in doubtful {
            if !self.is_there(&roots[root])? {
                fresh[root] = None;
            }
        }
        Ok(Some(fresh))
    }

    /// The same on a transport that takes one request at a time.
    fn walk(&self, roots: &[StorePath]) -> Result<Option<Vec<Option<Branch>>>> {
        let options = WalkOptions {
            perms: self.options.perms,
            filter: self.options.filter.clone(),
            wants: self.options.wants,
            ..WalkOptions::default()
        };
        let mut walk = Walk::over(&self.client, roots, options);
        let mut read = 0;
        let mut fresh: Vec<Vec<Mirrored>> = roots.iter().map(|_| Vec::new()).collect();
        let mut place = 0;
        while let Some(found) = walk.step()? {
            let Found::Node(node) = found else {
                continue;
            };
            read += 1;
            if read > self.options.nodes_max {
                return Err(self.too_large());
            }
            while !node.path.is_within(&roots[place]) {
                place += 1;
            }
            let is_seen = node.children.known().is_some() || node.value.known().is_some();
            if node.path != roots[place] || is_seen || self.is_there(&node.path)? {
                fresh[place].push(node.into());
            }
            if self.shared.lock().stopping {
                return Ok(None);
            }
        }
        Ok(Some(fresh.into_iter().map(Branch::grow).collect()))
    }

    /// Whether a node that an event named, and that may not be read, is really there: EACCES does not prove it.
    fn is_there(&self, path: &StorePath) -> Result<bool> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Ok(true);
        };
        if path == self.watch.path() {
            return Ok(true);
        }
        match self.client.directory(&parent) {
            Ok(names) => Ok(names.iter().any(|other| other == name)),
            Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn too_large(&self) -> Error {
        Error::Invalid {
            what: format!("mirror of {}", self.watch.path()),
            reason: format!("there are more than {} nodes", self.options.nodes_max),
        }
    }
}

/// Whether trying again can help: not if it is us who refuse.
fn is_passing(error: &Error) -> bool {
    !matches!(error, Error::Invalid { .. } | Error::Refused { .. })
}
