//! Where the requests of a file system go: to the store, or into a transaction.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use xenbus::client::{NameList, Pending, Request, Subject};
use xenbus::wire::Op;
use xenbus::{Client, Error, Operations, StorePath, Transaction};

use super::XenFs;
use crate::errno::{Errno, Result};

/// The store as a file system sees it.
pub(crate) enum Source {
    /// As it is.
    Store(Client),
    /// As a transaction sees it.
    Transaction(Box<Inside>),
}

/// A transaction, and what it has changed so far.
pub(crate) struct Inside {
    outside: Arc<XenFs>,
    /// `None` when it is over.
    transaction: RwLock<Option<Transaction>>,
    changes: Mutex<Changes>,
}

/// The nodes that a transaction has changed, or found to be other than outside.
#[derive(Default)]
struct Changes(BTreeMap<StorePath, Change>);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Change {
    Other,
    Removed,
}

impl Source {
    /// A transaction on the store of `outside`.
    pub(super) fn begin(outside: Arc<XenFs>) -> xenbus::Result<Self> {
        let transaction = outside.client.store().begin()?;
        Ok(Self::Transaction(Box::new(Inside {
            outside,
            transaction: RwLock::new(Some(transaction)),
            changes: Mutex::default(),
        })))
    }

    /// The store itself.
    pub(crate) fn store(&self) -> &Client {
        match self {
            Self::Store(client) => client,
            Self::Transaction(inside) => inside.outside.client.store(),
        }
    }

    /// The transaction, if this is one.
    pub(super) fn inside(&self) -> Option<&Inside> {
        match self {
            Self::Store(_) => None,
            Self::Transaction(inside) => Some(inside),
        }
    }

    /// Whether there is anything to ask.
    ///
    /// # Errors
    /// ESTALE for a transaction that is over.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Transaction(inside) if !inside.is_open() => Err(Errno::ESTALE),
            _ => Ok(()),
        }
    }

    /// The file system outside, if that is who to ask about the node at `path`: what is asked inside belongs to what
    /// the transaction relies on, which is no matter of the directories on the way to a node.
    pub(super) fn outside(&self, path: &StorePath) -> Option<&XenFs> {
        let inside = self.inside()?;
        (!inside.changes().touch(path)).then_some(&*inside.outside)
    }

    /// Whether the transaction has changed something below `path`, which is then a directory in it.
    pub(super) fn has_changes_below(&self, path: &StorePath) -> bool {
        self.inside()
            .is_some_and(|inside| inside.changes().are_below(path))
    }

    /// The transaction does not have the node at `path`, whatever there is outside.
    pub(super) fn is_missing(&self, path: &StorePath) {
        if let Some(inside) = self.inside() {
            inside.changes().note(path);
        }
    }
}

impl Inside {
    /// The file system outside.
    pub(super) fn outside(&self) -> &XenFs {
        &self.outside
    }

    /// The nodes that the transaction has removed, also if it has made them again.
    pub(super) fn removed(&self) -> Vec<StorePath> {
        let changes = self.changes();
        let removed = changes
            .0
            .iter()
            .filter(|(_, change)| **change == Change::Removed);
        removed.map(|(path, _)| path.clone()).collect()
    }

    fn is_open(&self) -> bool {
        let transaction = self.transaction.read();
        transaction.is_ok_and(|transaction| transaction.is_some())
    }

    /// Takes the transaction out: it is over.
    pub(super) fn end(&self) -> Option<Transaction> {
        let transaction = self.transaction.write();
        transaction.unwrap_or_else(PoisonError::into_inner).take()
    }

    fn ask<T>(&self, ask: impl FnOnce(&dyn Operations) -> Pending<T>) -> Pending<T>
    where
        T: Default + Send + 'static,
    {
        let transaction = self.transaction.read();
        let transaction = transaction.unwrap_or_else(PoisonError::into_inner);
        match &*transaction {
            Some(transaction) => ask(transaction),
            None => Pending::ready(Err(Error::TransactionLost)).then(|_| Ok(T::default())),
        }
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changes {
    fn carry_out(&mut self, op: Op, path: &StorePath) {
        match op {
            Op::WRITE | Op::MKDIR | Op::SET_PERMS => self.note(path),
            Op::RM => {
                let below = self.below(path).cloned().collect::<Vec<_>>();
                for below in below {
                    self.0.remove(&below);
                }
                self.0.insert(path.clone(), Change::Removed);
            }
            _ => {}
        }
    }

    /// The node is another than outside. What was removed once stays so for all that is below it outside, even if it is
    /// made again.
    fn note(&mut self, path: &StorePath) {
        self.0.entry(path.clone()).or_insert(Change::Other);
    }

    /// Whether the node at `path` is not what it is outside.
    fn touch(&self, path: &StorePath) -> bool {
        self.0.contains_key(path)
            || std::iter::successors(path.parent(), StorePath::parent)
                .any(|above| self.0.get(&above) == Some(&Change::Removed))
    }

    fn are_below(&self, path: &StorePath) -> bool {
        self.below(path).next().is_some()
    }

    fn below<'a>(&'a self, path: &'a StorePath) -> impl Iterator<Item = &'a StorePath> {
        self.0
            .range(path.clone()..)
            .map(|(other, _)| other)
            .take_while(move |other| other.is_within(path))
            .filter(move |other| *other != path)
    }
}

impl Operations for Source {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        match self {
            Self::Store(client) => client.submit(request),
            Self::Transaction(inside) => {
                if let Subject::Path(path) = &request.subject {
                    inside.changes().carry_out(request.op, path);
                }
                inside.ask(|transaction| transaction.submit(request))
            }
        }
    }

    fn submit_directory(&self, path: &StorePath) -> Pending<NameList> {
        match self {
            Self::Store(client) => client.submit_directory(path),
            Self::Transaction(inside) => {
                inside.ask(|transaction| transaction.submit_directory(path))
            }
        }
    }
}
