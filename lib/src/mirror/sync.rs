//! The thread that keeps a mirror true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::MirrorOptions;
use super::harvest::{Crop, Harvest, Tag};
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

/// Least time between two parts that are shown while everything is read for the first time.
const SHOW: Duration = Duration::from_millis(200);
/// And so many times as long as the last of them took, so that they do not hold up the reading.
const SHOW_REST: u32 = 16;

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
                    match self.reach(&path) {
                        Reach::Inside(root) => drop(self.dirty.insert(root)),
                        Reach::Outside(above) => {
                            self.dirty.extend(above);
                            if self.options.tell_all {
                                self.shared.lock().tell_all(&MirrorEvent::Outside(path));
                            }
                        }
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

    /// Where an event at `path` is.
    fn reach(&self, path: &StorePath) -> Reach {
        let top = self.watch.path();
        if !path.is_within(top) {
            return Reach::Outside(None);
        }
        let state = self.shared.lock();
        let mut root = path.clone();
        let mut is_covered = true;
        while root != *top {
            // Where the parent is in the copy, the filter let all above pass.
            is_covered = self.options.covers(&root);
            let Some(parent) = root.parent() else {
                break;
            };
            if let Some(above) = state.nodes.get(&parent) {
                if is_covered {
                    return Reach::Inside(root);
                }
                let above = above.node();
                let is_news = above.listed && !above.more && self.options.lists(&parent);
                return Reach::Outside(is_news.then_some(parent));
            }
            root = parent;
        }
        if is_covered {
            Reach::Inside(root)
        } else {
            Reach::Outside(None)
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
        let Some(crop) = self.read(&roots)? else {
            return Ok(());
        };
        let (top, most) = (self.watch.path(), self.options.nodes_max);
        let mut size = 0;
        self.shared.change(|state| {
            for (root, fresh) in roots.iter().zip(crop.branches) {
                state.replace(root, fresh, crop.nodes);
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
    fn read(&mut self, roots: &[StorePath]) -> Result<Option<Crop>> {
        let mut burst = match self.burst.take() {
            Some(burst) if !burst.is_lost() => burst,
            _ => match Burst::open(self.client.shared())? {
                Some(burst) => burst,
                None => return self.walk(roots),
            },
        };
        let mut harvest = Harvest::new(roots, &self.options);
        // Only the first reading takes so long that somebody waits for parts of it.
        let shows = self.options.parts && self.shared.lock().scans == 0;
        let mut rest = Rest::default();
        while harvest.turn(&mut burst, &self.client)? {
            if harvest.found() > self.options.nodes_max {
                return Err(self.too_large());
            }
            if self.shared.lock().stopping {
                return Ok(None);
            }
            if shows && rest.is_over() {
                let begin = Instant::now();
                let part = harvest.so_far();
                self.shared.change(|state| {
                    state.nodes.show(part, None);
                    state.found = Some(harvest.found());
                });
                rest = Rest::after(begin.elapsed());
            }
        }
        if harvest.found() > self.options.nodes_max {
            return Err(self.too_large());
        }
        self.burst = Some(burst);
        let doubtful: Vec<usize> = (0..roots.len())
            .filter(|root| !harvest.is_certain(*root))
            .collect();
        let mut crop = harvest.into_crop();
        for root in doubtful {
            if !self.is_there(&roots[root])? {
                (crop.branches[root], crop.nodes) = (None, None);
            }
        }
        Ok(Some(crop))
    }

    /// The same on a transport that takes one request at a time.
    fn walk(&self, roots: &[StorePath]) -> Result<Option<Crop>> {
        let options = WalkOptions {
            perms: self.options.perms,
            filter: self.options.filter.clone(),
            wants: self.options.wants,
            ..WalkOptions::default()
        };
        let mut walk = Walk::over(&self.client, roots, options);
        let mut read = 0;
        let mut fresh: Vec<Vec<Mirrored>> = roots.iter().map(|_| Vec::new()).collect();
        // Children that were listed and did not come.
        let mut missing: BTreeMap<StorePath, usize> = BTreeMap::new();
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
            if let Some(count) = node.path.parent().and_then(|at| missing.get_mut(&at)) {
                *count = count.saturating_sub(1);
            }
            if let Some(count) = node.children.known() {
                missing.insert(node.path.clone(), *count);
            }
            let is_seen = node.children.known().is_some() || node.value.known().is_some();
            if node.path != roots[place] || is_seen || self.is_there(&node.path)? {
                fresh[place].push(node.into());
            }
            if self.shared.lock().stopping {
                return Ok(None);
            }
        }
        for node in fresh.iter_mut().flatten() {
            node.more = missing.get(&node.path).is_some_and(|count| *count > 0);
        }
        Ok(Some(Crop {
            branches: fresh.into_iter().map(Branch::grow).collect(),
            nodes: None,
            _husks: Vec::new(),
        }))
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

/// Where something has happened.
enum Reach {
    /// In the copy: to be read again from here on, the node itself or the highest on the way to it that the copy lacks.
    Inside(StorePath),
    /// Outside. Given is the node that was without children outside of the copy until now, to be looked at again.
    Outside(Option<StorePath>),
}

/// The time between two parts.
struct Rest {
    since: Instant,
    time: Duration,
}

impl Rest {
    fn after(cost: Duration) -> Self {
        Self {
            since: Instant::now(),
            time: SHOW.max(cost * SHOW_REST),
        }
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.time
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self::after(Duration::ZERO)
    }
}

/// Whether trying again can help: not if it is us who refuse.
fn is_passing(error: &Error) -> bool {
    !matches!(error, Error::Invalid { .. } | Error::Refused { .. })
}
