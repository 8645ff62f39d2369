//! How a tool ends: exit codes and the one place that reports errors.

use std::io::Write as _;
use std::process::ExitCode;

use crate::error::{Error, ErrorKind};

/// Exit codes that all tools share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// The store or the system refused, or something was not found.
    Failure = 1,
    /// The command line, a configuration file or the environment is wrong; nothing was done.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Path(_) | Error::Perms(_) | Error::DomId(_) | Error::Invalid { .. } => {
                Self::Usage
            }
            _ => Self::Failure,
        }
    }
}

/// Prints `tool: error` with a hint, if there is one, on standard error, and says how to exit.
pub fn report(tool: &str, error: &Error) -> Exit {
    let hint = hint(error).map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
    // With standard error closed there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{tool}: {error}{hint}"));
    Exit::from(error)
}

/// What a user may do about an error that does not say so itself.
pub fn hint(error: &Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::Denied => {
            Some("only the node's owner, domains named in its permissions and domain 0 may do that")
        }
        ErrorKind::Limit => {
            Some("remove nodes or watches, or raise the quota of the daemon for this domain")
        }
        ErrorKind::Protocol => Some("is that a XenStore? XENBUS_TRACE=1 shows every message"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StorePath;
    use crate::wire::{Errno, Op};

    #[test]
    fn what_the_user_gave_wrongly_is_a_usage_error_and_the_rest_a_failure() {
        let usage = Error::from(StorePath::parse("/a b").unwrap_err());
        assert_eq!(Exit::from(&usage), Exit::Usage);
        let denied = Error::Store {
            op: Op::READ,
            path: "/a".into(),
            errno: Errno::EACCES,
        };
        assert_eq!(Exit::from(&denied), Exit::Failure);
        assert!(hint(&denied).is_some() && hint(&usage).is_none());
    }
}
