//! What can go wrong, by what a caller can do about it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error as ThisError;

use crate::id::DomIdError;
use crate::path::PathError;
use crate::perms::PermsError;
use crate::wire::{Errno, Op};

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the library. Cheap to clone, because one lost connection fails many requests.
#[derive(Clone, Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The store answered with an error.
    #[error("{} {path}: {errno}", shown_op(*.op))]
    Store {
        /// What was asked.
        op: Op,
        /// The path or other subject of the request, printable.
        path: String,
        /// What the store said.
        errno: Errno,
    },
    /// We refuse the request: the store would do harm with it or misunderstand it.
    #[error("{} {path}: refused: {reason}", shown_op(*.op))]
    Refused {
        /// What was asked.
        op: Op,
        /// The path or other subject of the request, printable.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// The request does not fit into a message of this transport.
    #[error("{} {path}: {length} bytes are too long, the limit is {max}", shown_op(*.op))]
    TooLong {
        /// What was asked.
        op: Op,
        /// The path or other subject of the request, printable.
        path: String,
        /// Payload bytes that the request needs.
        length: usize,
        /// Payload bytes that the transport takes.
        max: usize,
    },
    /// This store lacks an optional operation.
    #[error("{} is not supported by this store", .op)]
    Unsupported {
        /// The operation.
        op: Op,
    },
    /// No answer within the deadline.
    #[error("{} {path}: no answer within {} s (the store hangs or is overloaded; raise the timeout to wait longer)", shown_op(*.op), .after.as_secs_f32())]
    TimedOut {
        /// What was asked.
        op: Op,
        /// The path or other subject of the request, printable.
        path: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection was lost while the request was under way; the store may or may not have carried it out.
    #[error("{} {path}: the connection to {address} was lost: {reason}", shown_op(*.op))]
    Disconnected {
        /// What was asked.
        op: Op,
        /// The path or other subject of the request, printable.
        path: String,
        /// Where the store is.
        address: String,
        /// What happened.
        reason: String,
    },
    /// No connection could be made.
    #[error("cannot connect to the store at {address}: {reason}{hint}")]
    Connect {
        /// What was tried.
        address: String,
        /// What happened.
        reason: String,
        /// What to do, starting with a separator, or empty.
        hint: String,
    },
    /// The transaction's connection was lost or replaced; nothing of it was committed.
    #[error("the transaction was lost with its connection; nothing was committed")]
    TransactionLost,
    /// A transaction conflicted again and again.
    #[error("the transaction gave up after {attempts} conflicts with other changes")]
    Conflict {
        /// How often it was tried.
        attempts: u32,
    },
    /// The store sent something that makes no sense.
    #[error("the store broke the protocol: {what}")]
    Protocol {
        /// What, printable.
        what: String,
    },
    /// Not a path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Not permissions.
    #[error(transparent)]
    Perms(#[from] PermsError),
    /// Not a domain number.
    #[error(transparent)]
    DomId(#[from] DomIdError),
    /// A text, file or environment value that cannot be used.
    #[error("{what}: {reason}")]
    Invalid {
        /// Name of the thing.
        what: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: Arc<io::Error>,
    },
}

/// The classes of [`Error`], for a caller that must choose what to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The node is missing.
    NotFound,
    /// The caller may not do it.
    Denied,
    /// What the caller gave is wrong.
    Invalid,
    /// It does not fit.
    TooLong,
    /// A quota or the memory is used up.
    Limit,
    /// The transaction conflicts; try again.
    Conflict,
    /// The store cannot do it.
    Unsupported,
    /// The store does not answer.
    TimedOut,
    /// The store cannot be reached or was lost.
    Disconnected,
    /// The store answered nonsense.
    Protocol,
    /// Anything else.
    Other,
}

impl Error {
    /// An [`Error::Io`].
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source: Arc::new(source),
        }
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store { errno, .. } => kind_of(errno),
            Self::Refused { .. }
            | Self::Path(_)
            | Self::Perms(_)
            | Self::DomId(_)
            | Self::Invalid { .. } => ErrorKind::Invalid,
            Self::TooLong { .. } => ErrorKind::TooLong,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::TimedOut { .. } => ErrorKind::TimedOut,
            Self::Disconnected { .. } | Self::Connect { .. } | Self::TransactionLost => {
                ErrorKind::Disconnected
            }
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Protocol { .. } => ErrorKind::Protocol,
            Self::Io { .. } => ErrorKind::Other,
        }
    }

    /// What the store answered, if it is the store's error.
    pub fn errno(&self) -> Option<&Errno> {
        match self {
            Self::Store { errno, .. } => Some(errno),
            _ => None,
        }
    }

    /// Whether the node is missing.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }
}

fn kind_of(errno: &Errno) -> ErrorKind {
    match errno.name() {
        "ENOENT" => ErrorKind::NotFound,
        "EACCES" | "EPERM" | "EROFS" => ErrorKind::Denied,
        "EINVAL" | "EISDIR" | "ENOTEMPTY" | "EEXIST" => ErrorKind::Invalid,
        "E2BIG" => ErrorKind::TooLong,
        "ENOSPC" | "ENOMEM" | "EQUOTA" => ErrorKind::Limit,
        "EAGAIN" => ErrorKind::Conflict,
        "ENOSYS" => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

fn shown_op(op: Op) -> String {
    op.to_string().to_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_error_names_operation_path_and_reason() {
        let error = Error::Store {
            op: Op::GET_PERMS,
            path: "/a".into(),
            errno: Errno::EACCES,
        };
        assert_eq!(
            error.to_string(),
            "get perms /a: permission denied (EACCES)"
        );
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
}
