//! How xsh ends.

use std::process::ExitCode;

/// Exit codes. A wrong command line is 2, which clap gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Success = 0,
    /// The system refused.
    Failure = 1,
    /// The command line is wrong; nothing was done.
    Usage = 2,
    /// The socket cannot be served.
    Unreachable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
