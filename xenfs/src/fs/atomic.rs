//! Transactions, on stores whose transactions are no snapshots.
//!
//! C xenstored fixes each node at its first access inside the transaction, so nodes accessed at different moments may
//! contradict each other: a parent that lists a child which is gone, a child that its parent does not list. Removing
//! the latter, the daemon takes its own database for damaged and answers EIO. The commit would be refused anyway.

mod undo;

use xenbus::wire::Errno;
use xenbus::{Error, ErrorKind, Operations, Result, StorePath};

use self::undo::Undo;
use super::XenFs;
use super::source::Source;

impl XenFs {
    /// Runs `body` in a transaction until no other change is in its way; inside a transaction of the user's, once, as a
    /// part of that, of which nothing stays if it fails. What `body` removes, it removes last.
    pub(super) fn atomically<T>(
        &self,
        mut body: impl FnMut(&dyn Operations) -> Result<T>,
    ) -> Result<T> {
        match &self.client {
            Source::Store(client) => {
                client.transaction(|transaction| body(transaction).map_err(contradiction))
            }
            Source::Transaction(_) => {
                let undo = Undo::new(&self.client);
                body(&undo)
                    .map_err(contradiction)
                    .inspect_err(|_| undo.roll_back())
            }
        }
    }
}

fn contradiction(error: Error) -> Error {
    match error {
        Error::Store { op, path, errno } if errno == Errno::EIO => Error::Store {
            op,
            path,
            errno: Errno::EAGAIN,
        },
        other => other,
    }
}

/// Fixes the node above `path`, before `path` itself is looked at: who is removed by somebody else then shows as
/// missing, not as a contradiction.
///
/// # Errors
/// ENOENT if there is no such node; not when it may not be read.
pub(super) fn fix_above(transaction: &dyn Operations, path: &StorePath) -> Result<()> {
    match path.parent().map(|above| transaction.perms(&above)) {
        Some(Err(error)) if error.kind() != ErrorKind::Denied => Err(error),
        _ => Ok(()),
    }
}

/// What was listed is gone: a contradiction, to be tried again.
pub(super) fn vanished(error: Error) -> Error {
    match error {
        Error::Store { op, path, errno } if errno == Errno::ENOENT => Error::Store {
            op,
            path,
            errno: Errno::EAGAIN,
        },
        other => other,
    }
}
