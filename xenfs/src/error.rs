//! Why a mount did not come about.

use std::fmt;

use thiserror::Error;
use xenbus::cli::Exit;

/// Result with [`Error`](enum@Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a mount did not come about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The store, or the way to it.
    #[error(transparent)]
    Store(#[from] xenbus::Error),
    /// The mount itself, or the system around it.
    #[error("{what}: {reason}")]
    Mount {
        /// What was tried, with its path.
        what: String,
        /// What the system said, or what is in the way.
        reason: String,
        /// What to do about it, if there is something.
        hint: Option<String>,
    },
}

impl Error {
    /// An [`Error::Mount`] without a hint.
    pub fn mount(what: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Mount {
            what: what.into(),
            reason: reason.to_string(),
            hint: None,
        }
    }

    /// The same error with a way out.
    #[must_use]
    pub fn or(mut self, way_out: impl Into<String>) -> Self {
        if let Self::Mount { hint, .. } = &mut self {
            *hint = Some(way_out.into());
        }
        self
    }

    /// Prints it on standard error and says how to exit.
    pub fn report(&self) -> Exit {
        match self {
            Self::Store(error) => xenbus::cli::report("xenfs", error),
            Self::Usage(what) => {
                print(&format!(
                    "xenfs: {what}\n  hint: 'xenfs --help' lists arguments and options"
                ));
                Exit::Usage
            }
            Self::Mount { hint: None, .. } => {
                print(&format!("xenfs: {self}"));
                Exit::Failure
            }
            Self::Mount {
                hint: Some(hint), ..
            } => {
                print(&format!("xenfs: {self}\n  hint: {hint}"));
                Exit::Failure
            }
        }
    }
}

fn print(text: &str) {
    use std::io::Write as _;
    // With standard error closed there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
