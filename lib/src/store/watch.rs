//! All watches, found by the path that changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::core::ConnId;
use super::transaction::Reach;
use super::tree::parent_of;

/// One watch, as found by its path.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) connection: ConnId,
    pub(super) token: Arc<[u8]>,
    /// Bytes at the front of an event's path that the watcher does not see, because its watch is relative.
    pub(super) hidden: usize,
    /// How many levels below count.
    pub(super) depth: Option<u32>,
}

/// All watches of all connections.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_path: HashMap<Arc<str>, BTreeMap<u64, Watch>>,
    /// The same paths, in order.
    paths: BTreeSet<Arc<str>>,
    next: u64,
}

/// The watches of one connection.
#[derive(Debug, Default)]
pub(super) struct OwnWatches {
    by_key: HashMap<(Arc<str>, Arc<[u8]>), u64>,
}

impl OwnWatches {
    /// Number of watches.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether this watch is there.
    pub(super) fn contains(&self, path: &str, token: &[u8]) -> bool {
        self.by_key.contains_key(&(path.into(), token.into()))
    }

    /// Bytes that the watches count in their domain's memory.
    pub(super) fn memory(&self) -> usize {
        self.by_key
            .keys()
            .map(|(path, token)| path.len() + token.len())
            .sum()
    }
}

impl Watches {
    /// Adds a watch that is not there yet.
    pub(super) fn add(&mut self, own: &mut OwnWatches, path: &str, watch: Watch) {
        let order = self.next;
        self.next += 1;
        let path: Arc<str> = path.into();
        own.by_key
            .insert((Arc::clone(&path), Arc::clone(&watch.token)), order);
        if !self.by_path.contains_key(&path) {
            self.paths.insert(Arc::clone(&path));
        }
        self.by_path.entry(path).or_default().insert(order, watch);
    }

    /// Removes a watch; whether it was there.
    pub(super) fn remove(&mut self, own: &mut OwnWatches, path: &str, token: &[u8]) -> bool {
        let Some(order) = own.by_key.remove(&(path.into(), token.into())) else {
            return false;
        };
        self.forget(path, order);
        true
    }

    /// Removes all watches of a connection.
    pub(super) fn remove_all(&mut self, own: &mut OwnWatches) {
        for ((path, _), order) in own.by_key.drain() {
            self.forget(&path, order);
        }
    }

    fn forget(&mut self, path: &str, order: u64) {
        if let Some(here) = self.by_path.get_mut(path) {
            here.remove(&order);
            if here.is_empty() {
                self.by_path.remove(path);
                self.paths.remove(path);
            }
        }
    }

    /// The watches that a change of `path` concerns, in the order of their registration.
    pub(super) fn concerned(&self, path: &str, reach: Reach) -> Vec<&Watch> {
        if self.by_path.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<(u64, &Watch)> = Vec::new();
        let (mut at, mut distance) = (path, 0);
        let mut places = 0;
        loop {
            if let Some(here) = self.by_path.get(at) {
                places += 1;
                found.extend(
                    here.iter()
                        .filter(|(_, watch)| watch.depth.is_none_or(|depth| distance <= depth))
                        .map(|(order, watch)| (*order, watch)),
                );
            }
            if reach == Reach::Exact || at == "/" {
                break;
            }
            at = parent_of(at);
            distance += 1;
        }
        if places > 1 {
            found.sort_unstable_by_key(|(order, _)| *order);
        }
        found.into_iter().map(|(_, watch)| watch).collect()
    }

    /// Paths below `top` that are watched, in byte order.
    pub(super) fn watched_below<'a>(&'a self, top: &str) -> impl Iterator<Item = &'a Arc<str>> {
        // A path below continues with a slash: no name that only begins alike.
        let start: Arc<str> = [top, "/"].concat().into();
        let range = (Bound::Excluded(Arc::clone(&start)), Bound::Unbounded);
        self.paths
            .range(range)
            .take_while(move |path| path.starts_with(&*start))
    }

    /// Whether there is any watch.
    pub(super) fn any(&self) -> bool {
        !self.by_path.is_empty()
    }

    /// Number of watches of all connections.
    pub(super) fn len(&self) -> usize {
        self.by_path.values().map(BTreeMap::len).sum()
    }
}
