//! Undoing a part of a transaction: the store knows no transaction inside a transaction.

use std::sync::{Mutex, MutexGuard, PoisonError};

use xenbus::client::{NameList, Pending, Request, Subject};
use xenbus::wire::Op;
use xenbus::{Operations, Perms, StorePath};

use crate::fs::source::Source;

/// A transaction of the user's, and what its nodes were before this part of it changed them.
pub(super) struct Undo<'a> {
    inside: &'a Source,
    before: Mutex<Vec<(StorePath, Before)>>,
}

/// What a node was.
enum Before {
    Missing,
    There(Vec<u8>, Perms),
    /// We may not read it, so it stays as it will be.
    Hidden,
}

impl<'a> Undo<'a> {
    pub(super) fn new(inside: &'a Source) -> Self {
        Self {
            inside,
            before: Mutex::default(),
        }
    }

    /// Makes the nodes what they were. What the store refuses now stays: there is nothing more to be done.
    pub(super) fn roll_back(&self) {
        let before = std::mem::take(&mut *self.before());
        for (path, before) in before.into_iter().rev() {
            match before {
                Before::Missing => drop(self.inside.rm(&path)),
                Before::There(value, perms) => {
                    drop(self.inside.write(&path, &value));
                    drop(self.inside.set_perms(&path, &perms));
                }
                Before::Hidden => {}
            }
        }
    }

    /// Remembers the node at `path`, which is about to be changed. One that is made has nothing below it to remember.
    fn remember(&self, path: &StorePath) {
        let is_remembered = self.before().iter().any(|(other, before)| {
            path == other || matches!(before, Before::Missing) && path.is_within(other)
        });
        if is_remembered {
            return;
        }
        let value = self.inside.submit_read(path);
        let perms = self.inside.submit_perms(path);
        let before = match (value.wait(), perms.wait()) {
            (Ok(value), Ok(perms)) => Before::There(value, perms),
            (Err(error), _) if error.is_not_found() => Before::Missing,
            _ => Before::Hidden,
        };
        self.before().push((path.clone(), before));
    }

    fn before(&self) -> MutexGuard<'_, Vec<(StorePath, Before)>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operations for Undo<'_> {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        if let (Op::WRITE | Op::MKDIR | Op::SET_PERMS, Subject::Path(path)) =
            (request.op, &request.subject)
        {
            self.remember(path);
        }
        self.inside.submit(request)
    }

    fn submit_directory(&self, path: &StorePath) -> Pending<NameList> {
        self.inside.submit_directory(path)
    }
}
