//! `poll` on an open file: as with an attribute of sysfs, POLLPRI and POLLERR say that it changed since it was read.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fuser::PollNotifier;
use xenbus::StorePath;

/// How often the nodes that are open have changed, and who waits for the next time.
#[derive(Default)]
pub struct Changes {
    nodes: Mutex<HashMap<StorePath, Node>>,
}

#[derive(Default)]
struct Node {
    opens: usize,
    changes: u64,
    /// How often it was written through this mount.
    writes: u64,
    waiting: Vec<PollNotifier>,
}

impl Changes {
    /// The node was opened. Returns the number of its changes.
    pub fn open(&self, path: &StorePath) -> u64 {
        let mut nodes = self.nodes();
        let node = nodes.entry(path.clone()).or_default();
        node.opens += 1;
        node.changes
    }

    /// An open file of the node was closed.
    pub fn close(&self, path: &StorePath) {
        let mut nodes = self.nodes();
        if let Some(node) = nodes.get_mut(path) {
            node.opens -= 1;
            if node.opens == 0 {
                nodes.remove(path);
            }
        }
    }

    /// How often an open node has changed.
    pub fn count(&self, path: &StorePath) -> u64 {
        self.nodes().get(path).map_or(0, |node| node.changes)
    }

    /// A number that grows with whatever is known to change an open node: its events, and the writes of this mount, which
    /// are done before their events come.
    pub fn version(&self, path: &StorePath) -> u64 {
        let nodes = self.nodes();
        nodes.get(path).map_or(0, |node| node.changes + node.writes)
    }

    /// The node was written through this mount.
    pub fn written(&self, path: &StorePath) {
        if let Some(node) = self.nodes().get_mut(path) {
            node.writes += 1;
        }
    }

    /// Any node may have been written through this mount.
    pub fn all_written(&self) {
        for node in self.nodes().values_mut() {
            node.writes += 1;
        }
    }

    /// Whether an open node has changed since it had changed `seen` times. `waiting` is told when it changes again.
    pub fn poll(&self, path: &StorePath, seen: u64, waiting: Option<PollNotifier>) -> bool {
        let mut nodes = self.nodes();
        let Some(node) = nodes.get_mut(path) else {
            return true;
        };
        // Also if it has changed already: an edge-triggered waiter asks only once.
        if let Some(waiting) = waiting {
            // One for each open file: the kernel names it again with each poll.
            node.waiting
                .retain(|other| other.handle().0 != waiting.handle().0);
            node.waiting.push(waiting);
        }
        node.changes != seen
    }

    /// An event at `path`: the node, and if it was removed all below it, changed.
    pub fn changed(&self, path: &StorePath) {
        let mut nodes = self.nodes();
        if nodes.is_empty() {
            return;
        }
        let waiting: Vec<_> = nodes
            .iter_mut()
            .filter(|(open, _)| open.is_within(path))
            .flat_map(|(_, node)| {
                node.changes += 1;
                std::mem::take(&mut node.waiting)
            })
            .collect();
        drop(nodes);
        wake(waiting);
    }

    /// Anything may have changed.
    pub fn all_changed(&self) {
        self.changed(&StorePath::root());
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<StorePath, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes whoever polls. Takes no lock of the mount.
fn wake(waiting: Vec<PollNotifier>) {
    for notifier in waiting {
        // The file was closed, or the mount has ended: nobody waits.
        drop(notifier.notify());
    }
}
