//! Watches where nobody does them (NetBSD's device): look again at intervals and compare.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::directory::names;
use super::registry::Entry;
use super::request::Subject;
use super::watching::Hub;
use crate::error::{Error, ErrorKind, Result};
use crate::path::{PathKind, StorePath};
use crate::wire::{Op, Payload};

/// What was seen at the last look: each node below a watched path, and a digest of its value and permissions.
type Snapshot = BTreeMap<StorePath, u64>;

/// Most nodes below one watched path.
const MOST_NODES: usize = 200_000;

/// The watches of a client that are done by looking, and what was seen.
#[derive(Default)]
pub(super) struct Polls {
    seen: HashMap<u64, Poll>,
}

struct Poll {
    snapshot: Snapshot,
    due: Instant,
}

impl Polls {
    /// Looks at every path whose time has come, and tells what is different. Gives the time of the next look.
    ///
    /// # Errors
    /// If the connection was lost.
    pub(super) fn look(
        &mut self,
        hub: &Hub,
        connection: &Arc<Connection>,
    ) -> Result<Option<Instant>> {
        let watches = hub.registry().all();
        self.seen
            .retain(|number, _| watches.iter().any(|(watched, _)| watched == number));
        for (number, entry) in &watches {
            let now = Instant::now();
            if self.seen.get(number).is_some_and(|poll| poll.due > now) {
                continue;
            }
            let snapshot = match snapshot(hub, connection, entry) {
                Ok(snapshot) => snapshot,
                Err(error @ Error::Refused { .. }) => {
                    hub.registry().remove(*number);
                    entry.queue.end(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let poll = Poll {
                snapshot,
                due: now + entry.interval,
            };
            match self.seen.remove(number) {
                Some(before) => tell(entry, &before.snapshot, &poll.snapshot),
                // What stores send first.
                None => entry.queue.changed(entry.path.clone(), &entry.path),
            }
            self.seen.insert(*number, poll);
        }
        Ok(self.seen.values().map(|poll| poll.due).min())
    }
}

/// How long a path is left alone after it was looked at, unless its owner says otherwise.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

fn tell(entry: &Entry, before: &Snapshot, now: &Snapshot) {
    if entry.path.kind() == PathKind::Special {
        let (fewer, more) = if entry.path == StorePath::release_domain() {
            (now, before)
        } else {
            (before, now)
        };
        if more.keys().any(|path| !fewer.contains_key(path)) {
            entry.queue.changed(entry.path.clone(), &entry.path);
        }
        return;
    }
    for (path, digest) in now {
        if before.get(path) != Some(digest) {
            entry.queue.changed(path.clone(), &entry.path);
        }
    }
    for path in before.keys().filter(|path| !now.contains_key(*path)) {
        // One event for a subtree, as stores do.
        let parent_went = path
            .parent()
            .is_some_and(|parent| before.contains_key(&parent) && !now.contains_key(&parent));
        if !parent_went {
            entry.queue.changed(path.clone(), &entry.path);
        }
    }
}

fn snapshot(hub: &Hub, connection: &Arc<Connection>, entry: &Entry) -> Result<Snapshot> {
    let mut snapshot = Snapshot::new();
    // What special paths tell of shows in the list of domains.
    let (top, depth) = match entry.path.kind() {
        PathKind::Special => (StorePath::parse("/local/domain")?, Some(1)),
        PathKind::Absolute | PathKind::Relative => (entry.path.clone(), entry.depth),
    };
    let mut open = vec![(top, 0)];
    while let Some((path, level)) = open.pop() {
        if snapshot.len() >= MOST_NODES {
            return Err(Error::Refused {
                op: Op::WATCH,
                path: entry.path.to_string(),
                reason: "there are too many nodes to look at at intervals",
            });
        }
        let ask = |op| {
            let payload = Payload::new().string(path.as_bytes());
            let subject = Subject::Path(path.clone());
            let answer = hub.send(connection, op, payload, subject)?.wait();
            match answer {
                Err(error @ Error::Store { .. }) => Ok(Err(error)),
                Err(error) => Err(error),
                Ok(payload) => Ok(Ok(payload)),
            }
        };
        let (value, perms) = (ask(Op::READ)?, ask(Op::GET_PERMS)?);
        if [&value, &perms].iter().any(|answer| {
            answer
                .as_ref()
                .is_err_and(|e| e.kind() == ErrorKind::NotFound)
        }) {
            continue;
        }
        let mut digest = DefaultHasher::new();
        for answer in [value, perms] {
            answer.map_err(|error| error.to_string()).hash(&mut digest);
        }
        if depth.is_none_or(|most| level < most)
            && let Ok(list) = ask(Op::DIRECTORY)?
        {
            for name in names(&path, &list)? {
                // A path that would be too long cannot be watched by anybody.
                if let Ok(child) = path.child(&name) {
                    open.push((child, level + 1));
                }
            }
        }
        snapshot.insert(path, digest.finish());
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::WatchEvent;
    use crate::watch::queue::Queue;

    fn told(path: &str, before: &[(&str, u64)], now: &[(&str, u64)]) -> Vec<WatchEvent> {
        let parse = |text: &str| StorePath::parse(text).unwrap();
        let snapshot = |nodes: &[(&str, u64)]| {
            nodes
                .iter()
                .map(|(path, digest)| (parse(path), *digest))
                .collect()
        };
        let entry = Entry {
            path: parse(path),
            depth: None,
            interval: INTERVAL,
            queue: Arc::new(Queue::new(100, None)),
        };
        entry.queue.changed(entry.path.clone(), &entry.path);
        tell(&entry, &snapshot(before), &snapshot(now));
        let next = || entry.queue.next_until(Some(Instant::now())).unwrap();
        assert_eq!(next(), Some(WatchEvent::Initial));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_look_tells_what_is_new_changed_and_gone_and_a_subtree_once() {
        let changed = |path: &str| WatchEvent::Changed(StorePath::parse(path).unwrap());
        assert_eq!(
            told(
                "/w",
                &[("/w", 1), ("/w/a", 1), ("/w/g", 1), ("/w/g/h", 1)],
                &[("/w", 1), ("/w/a", 2), ("/w/n", 1)],
            ),
            [changed("/w/a"), changed("/w/n"), changed("/w/g")]
        );
    }

    #[test]
    fn special_paths_tell_of_domains_that_come_or_go() {
        let (few, many) = (
            [("/local/domain", 1)],
            [("/local/domain", 1), ("/local/domain/3", 1)],
        );
        assert_eq!(told("@introduceDomain", &few, &many).len(), 1);
        assert_eq!(told("@introduceDomain", &many, &few).len(), 0);
        assert_eq!(told("@releaseDomain", &many, &few).len(), 1);
    }
}
