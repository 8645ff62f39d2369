//! Writing the lines of `.events`.
//!
//! Below the top of an open stream everything is known, whatever the kernel knows: without what was there before nobody
//! could say whether a node is new.

use std::sync::Arc;

use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{ErrorKind, StorePath};

use super::Work;
use super::change::{Change, What};
use crate::errno::{Errno, Result};
use crate::events::{Kind, Line, Stream};
use crate::ledger::Digest;

impl Work {
    /// Begins the streams that were opened, and forgets what the closed ones needed.
    pub(super) fn tend_streams(&mut self) {
        let before = self.streams.len();
        self.streams.retain(|stream| !stream.is_closed());
        if self.streams.len() < before {
            self.unpin();
        }
        for begin in self.fs.events().take_begun() {
            let begun = self.begin(&begin.stream);
            if begun.is_ok() {
                self.streams.push(begin.stream);
            } else {
                self.unpin();
            }
            (begin.done)(begun);
        }
    }

    /// Reads everything that a stream tells of. Events that come meanwhile are looked at afterwards.
    fn begin(&mut self, stream: &Arc<Stream>) -> Result<()> {
        let mut pins: Vec<_> = self
            .streams
            .iter()
            .map(|other| other.path().clone())
            .collect();
        pins.push(stream.path().clone());
        self.fs.ledger().set_pins(pins);
        let snapshot = Snapshot::take(self.fs.client().store(), stream.path(), WalkOptions::full());
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            // What may not be read now may be later.
            Err(error) if error.kind() == ErrorKind::Denied => return Ok(()),
            Err(error) => return Err(Errno::from(&error)),
        };
        self.fs.ledger().with_facts(|facts| {
            for node in snapshot.nodes() {
                let known = facts.entry(node.path.clone()).or_default();
                if known.value.is_none() {
                    known.value = node.value.known().map(|value| Digest::of(value));
                }
                if known.perms.is_none() {
                    known.perms = node.perms.known().cloned();
                }
                known.children.get_or_insert_default();
                let (Some(parent), Some(name)) = (node.path.parent(), node.path.name()) else {
                    continue;
                };
                if node.path == *stream.path() {
                    continue;
                }
                let above = facts.entry(parent).or_default();
                let children = above.children.get_or_insert_default();
                children
                    .entry(name.into())
                    .or_insert_with(|| node.perms.known().cloned());
            }
        });
        Ok(())
    }

    /// Forgets what nobody needs to know any more.
    fn unpin(&self) {
        let pins: Vec<_> = self
            .streams
            .iter()
            .map(|other| other.path().clone())
            .collect();
        let ledger = self.fs.ledger();
        ledger.set_pins(pins.clone());
        let inodes = self.fs.inodes();
        let is_needed = |path: &StorePath| {
            pins.iter().any(|pin| path.is_within(pin)) || inodes.sight(path).is_known()
        };
        ledger.with_facts(|facts| facts.retain(|path, _| is_needed(path)));
    }

    /// Writes changes into the streams that tell of them.
    pub(super) fn write_lines(&self, changes: &[Change]) {
        if self.streams.is_empty() {
            return;
        }
        for change in changes {
            let kind = match change.what {
                What::Created { .. } => Kind::Created,
                What::Removed if change.untold => continue,
                What::Removed => Kind::Removed,
                What::Written { .. } => Kind::Modified,
                What::Perms => Kind::Perms,
                // The kernel's business: the node itself is as it was.
                What::Turned => continue,
            };
            for path in &change.removed_below {
                self.write_line(&Line {
                    kind,
                    path,
                    value: None,
                    perms: None,
                });
            }
            self.write_line(&Line {
                kind,
                path: &change.path,
                value: change.value.as_deref(),
                perms: change.perms.as_ref(),
            });
        }
    }

    fn write_line(&self, line: &Line<'_>) {
        let mut told = self
            .streams
            .iter()
            .filter(|stream| line.path.is_within(stream.path()))
            .peekable();
        if told.peek().is_some() {
            let text = line.text();
            told.for_each(|stream| stream.push(&text));
        }
    }
}
