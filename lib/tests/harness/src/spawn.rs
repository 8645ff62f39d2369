//! Starts processes from a thread that never ends.
//!
//! The daemons ask the kernel to be killed when their parent dies, and the kernel takes the *thread* that started them
//! for the parent; a test's thread may end before a daemon that several tests share.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

type Job = (Command, Sender<io::Result<Child>>);

/// Starts a process that may ask to die with its parent.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static JOBS: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let (answer, child) = channel();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, queue) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in queue {
                // Nobody waits only if the asking thread panicked.
                drop(answer.send(command.spawn()));
            }
        });
        Mutex::new(jobs)
    });
    let gone = || io::Error::other("the thread that starts processes is gone");
    jobs.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, answer))
        .map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
