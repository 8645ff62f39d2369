//! Taking events, and finding out what they concern.

use std::time::Instant;

use xenbus::path::PathKind;
use xenbus::watch::WatchEvent;
use xenbus::{Result, StorePath};

use super::{Cause, Work};

impl Work {
    /// Takes all events that wait.
    ///
    /// # Errors
    /// There will be no more.
    pub(super) fn collect(&mut self) -> Result<()> {
        let mut events = 0;
        while let Some(event) = self.watch.try_next()? {
            match event {
                WatchEvent::Changed(path) => {
                    events += 1;
                    self.note(&path);
                }
                WatchEvent::Initial | WatchEvent::Reset => {
                    self.losses.ask(self.fs.client().store());
                    self.fs.ledger().set_followed(true);
                    self.fs.stats().fresh();
                    // Whatever was told until now was told without a watch.
                    self.rescan = Some(Instant::now());
                }
                WatchEvent::Lost => self.lose(),
                WatchEvent::Overflow(lost) => {
                    self.fs.stats().lost.add(lost);
                    self.fs.events().lost(lost);
                    self.fs.changes().all_changed();
                    self.expire_everything();
                    self.rescan = Some(Instant::now());
                }
                _ => {}
            }
        }
        if let Some(at) = self.losses.count(events, Instant::now()) {
            self.rescan = Some(self.rescan.map_or(at, |other| at.min(other)));
        }
        while let Some(deaths) = &self.deaths {
            match deaths.try_next() {
                // A domain's nodes go with it, without events.
                Ok(Some(WatchEvent::Changed(_) | WatchEvent::Overflow(_))) => self.bury(),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => self.deaths = None,
            }
        }
        Ok(())
    }

    /// No event will tell of changes until the connection is there again.
    pub(super) fn lose(&mut self) {
        self.fs.ledger().set_followed(false);
        self.fs.stats().stale();
        self.expire_everything();
    }

    /// An event: what is being answered may be old, and what the kernel knows is to be looked at.
    fn note(&mut self, path: &StorePath) {
        if path.kind() != PathKind::Absolute {
            return;
        }
        self.fs.ledger().hit(path);
        self.fs.changes().changed(path);
        if !self.streams.is_empty() && self.fs.ledger().is_pinned(path) {
            self.note_pinned(path);
        } else if let Some(target) = self.target(path) {
            let cause = if target == *path {
                Cause::EVENT
            } else {
                Cause::DOUBT
            };
            self.dirty.mark(target, cause);
        }
        let stats = self.fs.stats();
        stats.queue.set(self.waiting());
        // Last: who sees that the event has come and the queue is empty knows that it was dealt with.
        stats.events.add(1);
    }

    /// An event in the reach of a stream: the parents that are new are looked at first, each for itself.
    fn note_pinned(&mut self, path: &StorePath) {
        self.turned(path);
        let new = self.unknown_above(path);
        self.doubt(new);
        self.dirty.mark(path.clone(), Cause::EVENT);
    }

    /// The nodes above `path` in the reach of a stream of which nothing is known, the highest first.
    pub(super) fn unknown_above(&self, path: &StorePath) -> Vec<StorePath> {
        let ledger = self.fs.ledger();
        let above = std::iter::successors(path.parent(), StorePath::parent);
        let mut new: Vec<_> = above
            .take_while(|above| {
                ledger.is_pinned(above) && ledger.with_facts(|facts| !facts.contains_key(above))
            })
            .collect();
        new.reverse();
        new
    }

    /// The node to look at because of an event at `path`: the node itself, if the kernel knows it, its directory, or
    /// something below it; otherwise the highest of its parents that was a file until now, or that is new in a directory
    /// that the kernel knows (stores tell nothing of parents that they make by the way).
    fn target(&mut self, path: &StorePath) -> Option<StorePath> {
        let inodes = self.fs.inodes();
        if inodes.knows_within(path) {
            drop(inodes);
            self.turned(path);
            return Some(path.clone());
        }
        let above = inodes.above(path);
        drop(inodes);
        if above.file.is_some() {
            return above.file;
        }
        let (directory, child) = above.directory?;
        if child == *path {
            return Some(child);
        }
        let is_new = self.fs.ledger().with_facts(|facts| {
            let children = facts.get(&directory)?.children.as_ref()?;
            Some(!children.contains_key(child.name()?))
        });
        is_new.unwrap_or(false).then_some(child)
    }

    /// If a node above was a file until now, it is a directory.
    fn turned(&mut self, path: &StorePath) {
        let above = self.fs.inodes().above(path);
        if let Some(file) = above.file {
            self.dirty.mark(file, Cause::DOUBT);
        }
    }

    /// A domain has gone: the nodes that another than domain 0 owns may have gone with it.
    fn bury(&mut self) {
        let known = self.fs.inodes().known_within(self.fs.root());
        let doubtful: Vec<_> = self.fs.ledger().with_facts(|facts| {
            known
                .into_iter()
                .map(|(path, _)| path)
                .filter(|path| {
                    facts.get(path).is_none_or(|facts| {
                        let children = facts.children.iter().flat_map(|all| all.values());
                        let mut owners = children
                            .chain([&facts.perms])
                            .map(|perms| perms.as_ref().map(|perms| perms.owner().0));
                        owners.any(|owner| owner != Some(0))
                    })
                })
                .collect()
        });
        self.doubt(doubtful);
    }

    /// Looks again at everything that the kernel knows.
    pub(super) fn look_at_everything(&mut self) {
        self.fs.changes().all_changed();
        let known = self.fs.inodes().known_within(self.fs.root());
        self.doubt(known.into_iter().map(|(path, _)| path));
        if !self.streams.is_empty() {
            let pinned: Vec<_> = self
                .fs
                .ledger()
                .with_facts(|facts| facts.keys().cloned().collect());
            self.doubt(pinned);
        }
    }

    pub(super) fn doubt(&mut self, paths: impl IntoIterator<Item = StorePath>) {
        for path in paths {
            self.dirty.mark(path, Cause::DOUBT);
        }
    }
}
