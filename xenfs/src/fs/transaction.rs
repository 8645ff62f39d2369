//! A file system inside a transaction: what it sees, and how it ends.
//!
//! C xenstored refuses a commit if any node that the transaction has read or changed was changed meanwhile. So nothing
//! is asked in it that the user did not ask for: what is on the way to a node, and what a directory looks like, is
//! taken from outside, unless the transaction has changed it. A name that is missing outside is asked for inside: that
//! it is missing is an answer that the user may rely on, and there is nothing behind it to be on the way to.

use std::sync::{Arc, Mutex};

use xenbus::StorePath;

use super::look::Facts;
use super::source::{Inside, Source};
use super::{Entry, Health, XenFs};
use crate::attr::Rights;
use crate::errno::{Errno, Result};
use crate::events::Streams;
use crate::handle::Handles;
use crate::inode::{Inodes, Kind, Known, ROOT, Shape, Space, View};
use crate::ledger::Ledger;
use crate::settings::Cache;

impl XenFs {
    /// Starts a transaction, as a file system of its own in `space`.
    pub(crate) fn begin(outside: &Arc<Self>, space: Space) -> Result<Self> {
        let root = outside.node(ROOT)?.path;
        outside.writable()?;
        Ok(Self {
            client: Source::begin(Arc::clone(outside))?,
            appearance: outside.appearance.clone(),
            caller: outside.caller,
            translation: outside.translation,
            empty: outside.empty,
            read_only: outside.read_only,
            // What it sees is nobody else's, and over at any moment.
            cache: Cache::None,
            names: outside.names,
            inodes: Mutex::new(Inodes::new(&root, space)),
            handles: Handles::new(space),
            mounted: outside.mounted,
            timeout: outside.timeout,
            tx_timeout: outside.tx_timeout,
            health: Health::clone(&outside.health),
            stats: Arc::clone(&outside.stats),
            // Nothing tells what changes in here but what is done in here.
            ledger: Ledger::default(),
            changes: Arc::default(),
            events: Streams::new(Arc::default()),
            root,
        })
    }

    /// The root of the tree, made known to the kernel.
    pub(crate) fn top(&self) -> Result<Entry> {
        let root = self.inodes().root().ok_or(Errno::ESTALE)?;
        let rights = self.rights_on_the_way(&root)?;
        let node = self.introduce(&root, View::Plain, Shape::Directory);
        Ok(self.entry(&node, &rights, 0))
    }

    /// The nodeid of the root.
    pub(crate) fn top_id(&self) -> u64 {
        self.inodes().root_id()
    }

    /// Whether the kernel knows anything of this tree.
    pub(crate) fn is_known(&self) -> bool {
        self.inodes().is_known()
    }

    /// Commits the transaction that this file system is in. It is over then, whether or not that succeeds.
    ///
    /// # Errors
    /// EBUSY if something that it has seen or changed was changed by others: nothing was committed. ESTALE if it is
    /// over already.
    pub(crate) fn commit(&self) -> Result<()> {
        let Some(inside) = self.client.inside() else {
            return Err(Errno::EINVAL);
        };
        let held_back = self.commit_all_pending();
        let transaction = inside.end().ok_or(Errno::ESTALE)?;
        if let Err(error) = held_back {
            // Not all that was asked for can be committed, so nothing is.
            drop(transaction.abort());
            return Err(error);
        }
        let outside = inside.outside();
        let known = self.inodes().remembered_within(&self.root);
        // Before anybody outside can look at what is new: what it is shown as then, it stays.
        let settled = outside.settle_kinds(&known);
        if let Err(error) = transaction.commit() {
            outside.unsettle_kinds(&settled);
            return Err(error.into());
        }
        outside.changes().all_written();
        // What was removed and made again is another node now. The rest is told by events, as any change.
        for path in inside.removed() {
            if self.inodes().recorded(&path).is_some() {
                outside.inodes().detach(&path);
                outside.ledger().recheck(&path);
            }
        }
        for (path, known) in known {
            outside.take_over(&path, &known);
        }
        Ok(())
    }

    /// Gives the transaction up, if it is not over already.
    pub(crate) fn abort(&self) {
        if let Some(transaction) = self.client.inside().and_then(Inside::end) {
            // A store that does not answer has lost it or loses it with the connection.
            drop(transaction.abort());
        }
    }

    /// Remembers what a transaction shows nodes as of which that is not settled here, and says which those are.
    fn settle_kinds(&self, known: &[(StorePath, Known)]) -> Vec<StorePath> {
        let mut inodes = self.inodes();
        let open = |path: &StorePath| inodes.known(path).kind.is_none();
        let new = known
            .iter()
            .filter(|(path, known)| known.kind.is_some() && open(path));
        let new: Vec<_> = new.cloned().collect();
        for (path, inside) in &new {
            inodes.remember(path, |known| known.kind = inside.kind);
        }
        new.into_iter().map(|(path, _)| path).collect()
    }

    /// Forgets that again.
    fn unsettle_kinds(&self, paths: &[StorePath]) {
        let mut inodes = self.inodes();
        for path in paths {
            inodes.remember(path, |known| known.kind = None);
        }
    }

    /// Remembers what a transaction knows of a node.
    fn take_over(&self, path: &StorePath, inside: &Known) {
        self.inodes().remember(path, |known| {
            if inside.made_here {
                *known = *inside;
            }
            known.kind = known.kind.or(inside.kind);
            known.modified = inside.modified.or(known.modified);
        });
    }

    /// Tells the store what closed files have held back: closing reaches us late.
    fn commit_all_pending(&self) -> Result<()> {
        for file in self.handles.all_pending() {
            let committed = self.commit_pending(&file);
            self.handles.settle(&file);
            committed?;
        }
        Ok(())
    }

    /// Remembers what outside is remembered of what is about to be moved: nobody knows it by its new path.
    pub(super) fn bring_along(&self, from: &StorePath) {
        let Some(inside) = self.client.inside() else {
            return;
        };
        let remembered = inside.outside().inodes().remembered_within(from);
        for (path, outside) in remembered {
            if self.client.outside(&path).is_some() {
                self.inodes()
                    .remember(&path, |known| known.kind = known.kind.or(outside.kind));
            }
        }
    }

    /// [`XenFs::examine`], for who may only be passing.
    pub(super) fn examine_on_the_way(&self, view: View, path: &StorePath) -> Result<Facts> {
        let Some(outside) = self.client.outside(path) else {
            return self.examine(view, path);
        };
        match outside.examine(view, path) {
            Ok(facts) if facts.kind == Kind::Directory => Ok(facts),
            // It has gained a child in here.
            Ok(facts) if self.known_kind(path) == Some(Kind::Directory) => Ok(Facts {
                kind: Kind::Directory,
                length: 0,
                ..facts
            }),
            Err(Errno::ENOENT) => {
                self.client.is_missing(path);
                self.examine(view, path)
            }
            other => other,
        }
    }

    /// [`XenFs::rights`], for who may only be passing.
    pub(super) fn rights_on_the_way(&self, path: &StorePath) -> Result<Rights> {
        match self
            .client
            .outside(path)
            .map(|outside| outside.rights(path))
        {
            None | Some(Err(Errno::ENOENT)) => self.rights(path),
            Some(other) => other,
        }
    }

    /// What the node at `path` is, as far as that is settled.
    pub(super) fn known_kind(&self, path: &StorePath) -> Option<Kind> {
        if self.client.has_changes_below(path) {
            return Some(Kind::Directory);
        }
        let known = self.inodes().known(path).kind;
        known.or_else(|| self.client.outside(path)?.inodes().known(path).kind)
    }
}
