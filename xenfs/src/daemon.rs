//! The life of the process: from the command line to the background, and to the end of the mount.
//!
//! To go to the background the program starts itself again (a fork without exec would have to come before any
//! thread, and the demo host has some). The new process does everything: it connects, mounts, answers the kernel's
//! INIT, and then says "mounted" through a pipe. The first one waits for that, so its status tells whether the mount
//! is live, and errors still reach the terminal.

mod ready;
mod serve;
mod spawn;

use std::ffi::OsString;

use xenbus::cli::Exit;

use crate::cli::Plan;
use ready::Ready;

/// Mounts as `plan` says. `arguments` is the command line that it came from.
///
/// Returns when the mount is live (background) or has ended (foreground).
pub fn run(plan: Plan, arguments: &[OsString]) -> u8 {
    let served = if plan.foreground {
        serve::serve(plan, Ready::nobody())
    } else {
        match Ready::from_environment() {
            Some(ready) => serve::serve(plan, ready),
            None => return spawn::spawn(&plan, arguments),
        }
    };
    match served {
        Ok(()) => Exit::Success as u8,
        Err(error) => error.report() as u8,
    }
}
