//! Runs the real XenStore daemons without Xen, for the tests of every crate of the workspace.
//!
//! Debian's unmodified C `xenstored` and `oxenstored` run on a preloaded stand-in for the Xen libraries
//! (`shim/shim.c`), without root, as many at once as a test wants, each in a directory of its own. A test can act as
//! an unprivileged domain over a real shared ring page ([`Daemon::introduce`]).
//!
//! ```no_run
//! xenbus_harness::for_each_daemon(|daemon| {
//!     let stream = std::os::unix::net::UnixStream::connect(daemon.socket()).unwrap();
//!     // … speak to the daemon …
//! });
//! ```
//!
//! What the machine lacks is skipped visibly, and fails where `CI=true` is set: see [`requires`].

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

mod daemon;
mod guest;
mod raw;
mod run_dir;
mod shim;
mod skip;
mod spawn;

pub use daemon::{Daemon, Kind, available, for_each_daemon};
pub use guest::{DomainState, Doorbell, Guest};
pub use skip::{requires, requires_fuse, requires_tool, skip};
