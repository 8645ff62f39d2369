//! Errors of the store as errors of a system call: one table.

use std::fmt;

use rustix::io::Errno as System;
use xenbus::Error;

/// Error number of a system call.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Errno(System);

/// Result of an operation of the file system.
pub type Result<T> = std::result::Result<T, Errno>;

macro_rules! errnos {
    ($($name:ident = $system:ident;)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`.")]
            pub const $name: Self = Self(System::$system);)*

            fn name(self) -> Option<&'static str> {
                $(if self.0 == System::$system { return Some(stringify!($name)); })*
                None
            }
        }
    };
}

errnos! {
    EPERM = PERM;
    ENOENT = NOENT;
    EIO = IO;
    EBADF = BADF;
    EAGAIN = AGAIN;
    ENOMEM = NOMEM;
    EACCES = ACCESS;
    EBUSY = BUSY;
    EEXIST = EXIST;
    EXDEV = XDEV;
    ENOTDIR = NOTDIR;
    EISDIR = ISDIR;
    EINVAL = INVAL;
    EFBIG = FBIG;
    ENOSPC = NOSPC;
    EROFS = ROFS;
    ERANGE = RANGE;
    ENAMETOOLONG = NAMETOOLONG;
    ENOTEMPTY = NOTEMPTY;
    ENODATA = NODATA;
    EOPNOTSUPP = OPNOTSUPP;
    ESTALE = STALE;
    EDQUOT = DQUOT;
}

impl Errno {
    /// The number that the kernel knows.
    pub fn code(self) -> i32 {
        self.0.raw_os_error()
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// Longest path that every daemon takes (oxenstored's shipped configuration).
const SHORTEST_LIMIT: usize = 1024;

/// The table. Total: what it does not name is EIO, "the file system below is at fault".
///
/// `ENOSPC` and `EQUOTA` are the same thing said by the C daemon and by oxenstored; a user is told EDQUOT by both,
/// because the limit is his domain's and not the store's.
impl From<&Error> for Errno {
    fn from(error: &Error) -> Self {
        match error {
            // A daemon says EINVAL of a path beyond its limit, the lowest of which is this one.
            Error::Store { path, errno, .. }
                if errno.name() == "EINVAL" && path.len() > SHORTEST_LIMIT =>
            {
                Self::ENAMETOOLONG
            }
            Error::Store { errno, .. } => of_store(errno.name()),
            Error::TooLong { .. } => Self::EFBIG,
            Error::Unsupported { .. } => Self::EOPNOTSUPP,
            // What would empty the store. And a conflict: EAGAIN would be right, but tools take it for "no data yet" and
            // try again for ever.
            Error::Refused { .. } | Error::Conflict { .. } => Self::EBUSY,
            Error::Path(fault) => match fault.fault() {
                xenbus::path::PathFault::TooLong { .. } => Self::ENAMETOOLONG,
                _ => Self::EINVAL,
            },
            Error::Perms(_) | Error::DomId(_) | Error::Invalid { .. } => Self::EINVAL,
            _ => Self::EIO,
        }
    }
}

impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<xenbus::path::PathError> for Errno {
    fn from(error: xenbus::path::PathError) -> Self {
        Self::from(&Error::from(error))
    }
}

/// The error of a store's WRITE: a value that is too big is EFBIG, not "argument list too long".
pub fn of_write(error: &Error) -> Errno {
    match error {
        Error::Store { errno, .. } if errno.name() == "E2BIG" => Errno::EFBIG,
        other => other.into(),
    }
}

fn of_store(name: &str) -> Errno {
    match name {
        "ENOENT" => Errno::ENOENT,
        "EACCES" => Errno::EACCES,
        "EPERM" => Errno::EPERM,
        "EROFS" => Errno::EROFS,
        "EINVAL" => Errno::EINVAL,
        "EEXIST" => Errno::EEXIST,
        "EISDIR" => Errno::EISDIR,
        "ENOTEMPTY" => Errno::ENOTEMPTY,
        "ENOSPC" | "EQUOTA" => Errno::EDQUOT,
        "ENOMEM" => Errno::ENOMEM,
        "E2BIG" => Errno::EFBIG,
        "EBUSY" | "EAGAIN" => Errno::EBUSY,
        "ENOSYS" => Errno::EOPNOTSUPP,
        _ => Errno::EIO,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use xenbus::StorePath;
    use xenbus::wire::{self, Op};

    use super::*;

    fn store(name: &str) -> Error {
        Error::Store {
            op: Op::WRITE,
            path: "/a".into(),
            errno: wire::Errno::from_wire(name.as_bytes()),
        }
    }

    #[test]
    fn every_error_that_a_daemon_sends_has_its_row() {
        let rows = [
            ("EINVAL", Errno::EINVAL),
            ("EACCES", Errno::EACCES),
            ("EEXIST", Errno::EEXIST),
            ("EISDIR", Errno::EISDIR),
            ("ENOENT", Errno::ENOENT),
            ("ENOMEM", Errno::ENOMEM),
            ("ENOSPC", Errno::EDQUOT),
            ("EIO", Errno::EIO),
            ("ENOTEMPTY", Errno::ENOTEMPTY),
            ("ENOSYS", Errno::EOPNOTSUPP),
            ("EROFS", Errno::EROFS),
            ("EBUSY", Errno::EBUSY),
            ("EAGAIN", Errno::EBUSY),
            ("EISCONN", Errno::EIO),
            ("E2BIG", Errno::EFBIG),
            ("EPERM", Errno::EPERM),
            ("EQUOTA", Errno::EDQUOT),
        ];
        for known in wire::Errno::ALL {
            assert!(
                rows.iter().any(|(name, _)| *name == known.name()),
                "no row for {known:?}"
            );
        }
        for (name, errno) in rows {
            assert_eq!(Errno::from(store(name)), errno, "{name}");
        }
        assert_eq!(Errno::from(store("EWHATEVER")), Errno::EIO);
        let long = Error::Store {
            op: Op::READ,
            path: "/a".repeat(600),
            errno: wire::Errno::EINVAL,
        };
        assert_eq!(Errno::from(long), Errno::ENAMETOOLONG);
    }

    #[test]
    fn errors_of_ours_have_their_row() {
        let lost = Error::Disconnected {
            op: Op::READ,
            path: "/".into(),
            address: "unix:/s".into(),
            reason: "closed".into(),
        };
        let late = Error::TimedOut {
            op: Op::READ,
            path: "/".into(),
            after: Duration::from_secs(5),
        };
        let garbage = Error::Protocol {
            what: "nonsense".into(),
        };
        for error in [lost, late, garbage, Error::TransactionLost] {
            assert_eq!(Errno::from(&error), Errno::EIO, "{error}");
        }
        assert_eq!(Errno::from(Error::Conflict { attempts: 32 }), Errno::EBUSY);
        let long = StorePath::parse(format!("/{}", "a".repeat(4000))).unwrap_err();
        assert_eq!(Errno::from(long), Errno::ENAMETOOLONG);
        let dot = StorePath::parse("/a.b").unwrap_err();
        assert_eq!(Errno::from(dot), Errno::EINVAL);
        let big = Error::TooLong {
            op: Op::WRITE,
            path: "/a".into(),
            length: 5000,
            max: 4096,
        };
        assert_eq!(Errno::from(big), Errno::EFBIG);
        assert_eq!(of_write(&store("E2BIG")), Errno::EFBIG);
    }
}
