//! How commands and the shell end: exit codes, and the one place that reports a failure.

use std::io::{self, Write as _};

use xenbus::error::{Error, ErrorKind};
use xenbus::value::escape;
use xenbus::wire::Op;

/// Status of a command, which is `$?` and the shell's exit code.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// All went well.
    pub(crate) const SUCCESS: Self = Self(0);
    /// Not found, no match, it differs, or the system refused.
    pub(crate) const FAILURE: Self = Self(1);
    /// The command line is wrong; nothing was done.
    pub(crate) const USAGE: Self = Self(2);
    /// The store denies it.
    pub(crate) const DENIED: Self = Self(3);
    /// A transaction gave up.
    pub(crate) const CONFLICT: Self = Self(4);
    /// The store cannot be reached, or was lost.
    pub(crate) const UNREACHABLE: Self = Self(5);
    /// A limit or a quota is used up.
    pub(crate) const LIMIT: Self = Self(6);
    /// It took too long.
    pub(crate) const TIMEOUT: Self = Self(124);
    /// Ctrl-C.
    pub(crate) const INTERRUPTED: Self = Self(130);

    /// All codes with their meaning, for help and manual.
    pub(crate) const ALL: &[(Self, &str)] = &[
        (Self::SUCCESS, "All went well."),
        (
            Self::FAILURE,
            "Not found, no match, a difference, or the system refused.",
        ),
        (Self::USAGE, "The command line is wrong; nothing was done."),
        (Self::DENIED, "The store denies it."),
        (
            Self::CONFLICT,
            "A transaction gave up after conflicts with other changes.",
        ),
        (
            Self::UNREACHABLE,
            "The store cannot be reached, or the connection was lost.",
        ),
        (Self::LIMIT, "A limit or a quota is used up."),
        (
            Self::TIMEOUT,
            "The store or what was waited for took too long.",
        ),
        (Self::INTERRUPTED, "Interrupted."),
    ];

    /// Whether it is a success.
    pub(crate) fn is_success(self) -> bool {
        self == Self::SUCCESS
    }

    /// Success, if something holds, else failure.
    pub(crate) fn when(holds: bool) -> Self {
        if holds { Self::SUCCESS } else { Self::FAILURE }
    }

    /// What an error of the library means.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid if error.errno().is_none() => Self::USAGE,
            ErrorKind::Denied => Self::DENIED,
            ErrorKind::Limit | ErrorKind::TooLong => Self::LIMIT,
            ErrorKind::Conflict => Self::CONFLICT,
            ErrorKind::TimedOut => Self::TIMEOUT,
            ErrorKind::Disconnected | ErrorKind::Protocol => Self::UNREACHABLE,
            _ => Self::FAILURE,
        }
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Why a command stopped.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Something to report.
    Said {
        /// Status.
        exit: Exit,
        /// One clause, printable.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Whoever read the output has had enough: no error.
    OutputClosed,
    /// Ctrl-C.
    Interrupted,
}

impl Failure {
    /// A failure with a message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Said {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::USAGE, message)
    }

    /// The same with advice.
    pub(crate) fn hint(self, advice: impl Into<String>) -> Self {
        match self {
            Self::Said { exit, message, .. } => Self::Said {
                exit,
                message,
                hint: Some(advice.into()),
            },
            other => other,
        }
    }

    /// Something of the system failed; the names in `what` have to be printable.
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> Self {
        Self::new(Exit::FAILURE, format!("{}: {error}", what.into()))
    }

    /// The status that it means.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Said { exit, .. } => *exit,
            Self::OutputClosed => Exit::SUCCESS,
            Self::Interrupted => Exit::INTERRUPTED,
        }
    }

    /// Prints it on standard error after `place` (the shell's name, or file and line), and says the status.
    pub(crate) fn report(&self, place: &str) -> Exit {
        if let Self::Said { message, hint, .. } = self {
            let hint = hint
                .as_ref()
                .map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
            say(&format!("{place}: {message}{hint}"));
        }
        self.exit()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Said {
            exit: Exit::of(&error),
            message: error.to_string(),
            hint: hint(&error).map(str::to_owned),
        }
    }
}

/// What to do about an error.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        // C xenstored says the same of the node and of the domains.
        Error::Store { op, .. } if *op == Op::SET_PERMS && error.is_not_found() => {
            Some("either the node is missing, or a domain of the permissions does not exist")
        }
        _ => xenbus::cli::hint(error),
    }
}

impl From<xenbus::path::PathError> for Failure {
    fn from(error: xenbus::path::PathError) -> Self {
        Self::from(Error::from(error))
    }
}

/// Only output is written with plain `?`; every other use of the system says what it is about.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::io("cannot write the output", &error)
        }
    }
}

/// A line on standard error. With standard error closed there is nobody to tell.
pub(crate) fn say(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Bytes that a user or a file gave, for a message: printable, and not too long.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 80;
    if bytes.len() > MOST {
        format!("{}...", escape(&bytes[..MOST]))
    } else {
        escape(bytes).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenbus::StorePath;
    use xenbus::wire::Errno;

    #[test]
    fn every_kind_of_error_has_the_code_of_the_table() {
        let store = |errno: Errno| {
            Exit::of(&Error::Store {
                op: Op::READ,
                path: "/a".into(),
                errno,
            })
        };
        for (errno, exit) in [
            ("ENOENT", Exit::FAILURE),
            ("EACCES", Exit::DENIED),
            ("EINVAL", Exit::FAILURE),
            ("EAGAIN", Exit::CONFLICT),
            ("ENOSPC", Exit::LIMIT),
            ("E2BIG", Exit::LIMIT),
        ] {
            assert_eq!(store(Errno::from_wire(errno.as_bytes())), exit, "{errno}");
        }
        let unknown = Error::Store {
            op: Op::SET_PERMS,
            path: "/a".into(),
            errno: Errno::from_wire(b"ENOENT"),
        };
        assert!(hint(&unknown).is_some_and(|hint| hint.contains("domain of the permissions")));
        let path = Error::from(StorePath::parse("/a b").unwrap_err());
        assert_eq!(Exit::of(&path), Exit::USAGE);
        assert_eq!(
            Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit(),
            Exit::SUCCESS
        );
    }
}
