//! What requests work on: the store itself, or a transaction's own version of it; and how the latter is committed.
//!
//! A transaction sees the store as it was at its start. At its end it becomes the store if nothing else has changed
//! it; else it is merged, if what it read and wrote lies in parts that nobody has changed; else its requests are
//! carried out again, and if one of them is answered otherwise than before it has failed.

use std::sync::Arc;

use super::path::Path;
use super::perms::{Perms, Who};
use super::tree::{Node, Tree};
use super::watches::look;
use super::{Response, operations};
use crate::store::quota::Quotas;
use crate::wire::{Errno, Op};

/// A version of the store with what was done to it.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) tree: Tree,
    /// What is to be told to watches, in order.
    pub(super) changes: Vec<Change>,
    pub(super) read_low: Option<Path>,
    pub(super) write_low: Option<Path>,
}

/// A change that watches are told of.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: Path,
    pub(super) kind: ChangeKind,
}

#[derive(Debug)]
pub(super) enum ChangeKind {
    /// Written or made.
    Set,
    /// Permissions changed; those that decided before.
    Perms(Vec<Perms>),
    /// Removed; the parent's permissions and what was removed.
    Removed(Option<Perms>, Arc<Node>),
}

/// An open transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) work: Work,
    /// The store at its start.
    pub(super) start: Tree,
    /// Every request in it, with its answer.
    pub(super) requests: Vec<(Op, Box<[u8]>, Response)>,
    /// There were too many.
    pub(super) over: bool,
    /// Bytes that the requests and answers take up, about.
    pub(super) held: usize,
}

impl Work {
    pub(super) fn on(tree: Tree) -> Self {
        Self {
            tree,
            changes: Vec::new(),
            read_low: None,
            write_low: None,
        }
    }

    pub(super) fn note_read(&mut self, path: &Path) {
        lower(&mut self.read_low, path);
    }

    pub(super) fn note_write(&mut self, path: &Path) {
        lower(&mut self.write_low, path);
    }

    pub(super) fn note_change(&mut self, path: Path, kind: ChangeKind) {
        self.changes.push(Change { path, kind });
    }
}

/// The lowest place that is above both.
fn lower(low: &mut Option<Path>, path: &Path) {
    *low = Some(match low.take() {
        None => path.clone(),
        Some(low) => low.common(path),
    });
}

impl Transaction {
    pub(super) fn start(tree: &Tree) -> Self {
        Self {
            work: Work::on(tree.clone()),
            start: tree.clone(),
            requests: Vec::new(),
            over: false,
            held: 0,
        }
    }

    /// Makes it the store's next version; whether it could be done.
    pub(super) fn commit(
        &self,
        tree: &mut Tree,
        who: Who,
        home: &str,
        quotas: &Quotas,
    ) -> Result<(), Errno> {
        if Arc::ptr_eq(&self.start.root, &tree.root) {
            *tree = self.work.tree.clone();
            return Ok(());
        }
        if self.merges(tree, self.work.read_low.as_ref())
            && self.merges(tree, self.work.write_low.as_ref())
        {
            self.merge(tree);
            return Ok(());
        }
        // Again, on what is there now.
        let mut again = Work::on(tree.clone());
        for (op, payload, answer) in &self.requests {
            let simple = operations::is_simple(*op);
            if !simple
                || operations::carry_out(&mut again, *op, payload, who, home, quotas) != *answer
            {
                return Err(Errno::EAGAIN);
            }
        }
        *tree = again.tree;
        Ok(())
    }

    /// Whether what the transaction did at and below `low` does not touch what others have done.
    fn merges(&self, tree: &Tree, low: Option<&Path>) -> bool {
        let Some(low) = low else { return true };
        let parent = low.parent();
        if self.start.get(&parent).is_none() || tree.get(&parent).is_none() {
            return false;
        }
        match (self.start.get(low), tree.get(low)) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new) && self.same_perms_above(tree, low),
            (None, None) => true,
            _ => false,
        }
    }

    fn same_perms_above(&self, tree: &Tree, low: &Path) -> bool {
        (0..=low.names().len()).all(|count| {
            let path = low.up_to(count);
            match (self.start.get(&path), tree.get(&path)) {
                (Some(old), Some(new)) => old.perms == new.perms,
                _ => false,
            }
        })
    }

    fn merge(&self, tree: &mut Tree) {
        if let Some(low) = &self.work.write_low
            && let Some(node) = self.work.tree.get(low)
        {
            tree.put(low, node.clone());
            for (owner, count) in &*self.work.tree.counts {
                let before = self.start.counts.get(owner).copied().unwrap_or_default();
                tree.count(*owner, count - before);
            }
        }
    }
}

impl ChangeKind {
    /// A change of permissions, before it is made.
    pub(super) fn perms(tree: &Tree, path: &Path) -> Self {
        Self::Perms(look(&tree.root, path))
    }

    /// Whether watches below are told too.
    pub(super) fn reaches_below(&self) -> bool {
        matches!(self, Self::Removed(..))
    }
}
