//! How the background process tells its parent that the mount is live.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;

use rustix::fs::{FileType, fstat};
use sd_notify::NotifyState;

use crate::error::{Error, Result};
use crate::log;

/// Set for the background process: its standard input is the pipe to its parent.
pub(super) const VARIABLE: &str = "_XENFS_READY";

/// What goes through the pipe.
pub(super) const MOUNTED: &[u8] = b"mounted\n";

/// Who waits for the mount.
pub(super) struct Ready {
    parent: Option<File>,
}

impl Ready {
    /// Nobody: the process stays in the foreground.
    pub(super) fn nobody() -> Self {
        Self { parent: None }
    }

    /// The parent, if this is a background process that is starting.
    pub(super) fn from_environment() -> Option<Self> {
        std::env::var_os(VARIABLE)?;
        let input = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        let is_pipe = fstat(&input)
            .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Fifo);
        is_pipe.then(|| Self {
            parent: Some(input.into()),
        })
    }

    /// Whether this process goes to the background.
    pub(super) fn is_background(&self) -> bool {
        self.parent.is_some()
    }

    /// Goes to the background for good: the standard streams are given up, then the parent is told.
    ///
    /// # Errors
    /// The parent has gone: nobody knows about the mount.
    pub(super) fn tell(self) -> Result<()> {
        let Some(mut parent) = self.parent else {
            tell_systemd(&[NotifyState::Ready]);
            return Ok(());
        };
        let null = File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(|error| Error::mount("open /dev/null", error))?;
        rustix::stdio::dup2_stdin(&null)
            .and_then(|()| rustix::stdio::dup2_stdout(&null))
            .and_then(|()| rustix::stdio::dup2_stderr(&null))
            .map_err(|error| Error::mount("give up the standard streams", error))?;
        log::to_background();
        parent
            .write_all(MOUNTED)
            .map_err(|error| Error::mount("report the mount", error))
    }
}

/// Tells systemd the state of its service; nothing where there is no `NOTIFY_SOCKET`.
pub(super) fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warning(format_args!(
            "cannot tell systemd how the mount is: {error}"
        ));
    }
}
