//! Waiting for changes: `poll` on an open file, and `.events`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fuser::PollNotifier;
use xenbus::StorePath;

use super::{Entry, Lifetime, OpenFlags, XenFs};
use crate::errno::{Errno, Result};
use crate::events::{Stream, Streams};
use crate::handle::File;
use crate::inode::{Node, Shape, Space};
use crate::poll::Changes;

/// What an open file has seen of its node's changes.
pub struct Following {
    changes: Arc<Changes>,
    path: StorePath,
    seen: AtomicU64,
}

impl Following {
    /// The node, by the path that it was opened by.
    pub(super) fn path(&self) -> &StorePath {
        &self.path
    }

    /// A number that grows with whatever is known to change the node.
    pub(super) fn version(&self) -> u64 {
        self.changes.version(&self.path)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.changes.close(&self.path);
    }
}

impl XenFs {
    /// The open `.events`.
    pub(crate) fn events(&self) -> &Streams {
        &self.events
    }

    /// Begins to count a node's changes for a file that is being opened.
    pub(super) fn following(&self, path: &StorePath) -> Following {
        Following {
            seen: self.changes.open(path).into(),
            path: path.clone(),
            changes: Arc::clone(&self.changes),
        }
    }

    /// The file is about to be read from its start: what has changed until now will have been seen.
    pub(super) fn seeing(&self, file: &File) {
        if let Some(following) = &file.following {
            let count = self.changes.count(&following.path);
            following.seen.store(count, Ordering::Release);
        }
    }

    /// Whether an open file has changed since it was opened or read from its start. `waiting` is told when
    /// it changes again.
    pub fn poll(&self, handle: u64, waiting: Option<PollNotifier>) -> Result<bool> {
        let file = self.handles.file(handle)?;
        let Some(following) = &file.following else {
            return Ok(false);
        };
        let seen = following.seen.load(Ordering::Acquire);
        Ok(self.changes.poll(&following.path, seen, waiting))
    }

    /// Finds `.events` in a directory.
    pub(super) fn find_events(&self, parent: &Node) -> Result<Entry> {
        if self.inodes().space() != Space::MAIN {
            // Nobody else changes anything in a transaction.
            return Err(Errno::ENOENT);
        }
        let rights = self.rights(&parent.path)?;
        let node = self.introduce(&parent.path, parent.presentation.view, Shape::Events);
        Ok(Entry {
            lifetime: Lifetime::default(),
            ..self.entry(&node, &rights, 0)
        })
    }

    /// Whether a nodeid is an `.events`.
    pub fn is_events(&self, id: u64) -> bool {
        let node = self.inodes().resolve(id);
        node.is_ok_and(|node| node.presentation.shape == Shape::Events)
    }

    /// Opens an `.events`. `done` gets the handle when every later change will be in it.
    ///
    /// # Errors
    /// EACCES for writing; EOPNOTSUPP where nothing tells of changes.
    pub fn open_events(
        self: &Arc<Self>,
        id: u64,
        flags: OpenFlags,
        done: impl FnOnce(Result<u64>) + Send + 'static,
    ) {
        let node = match self.found(id) {
            Ok(_) if flags.writes() => return done(Err(Errno::EACCES)),
            Ok(_) if !self.ledger.has_watcher() => return done(Err(Errno::EOPNOTSUPP)),
            Ok(node) => node,
            Err(error) => return done(Err(error)),
        };
        let handle = self.handles.number();
        let fs = Arc::clone(self);
        self.events.open(handle, &node.path, move |begun| {
            if begun.is_err() {
                fs.events.close(handle);
            }
            done(begun.map(|()| handle));
        });
        self.ledger.bell().ring();
    }

    /// An open `.events`.
    pub fn stream(&self, handle: u64) -> Option<Arc<Stream>> {
        self.events.get(handle)
    }

    /// Closes an `.events`; whether `handle` was one.
    pub fn close_events(&self, handle: u64) -> bool {
        let closed = self.events.close(handle);
        if closed {
            // The watcher forgets what it knew for it.
            self.ledger.bell().ring();
        }
        closed
    }
}
