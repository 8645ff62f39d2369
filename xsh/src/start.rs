//! What happens before and after everything else.
//!
//! A script starts the shell for every value that it reads, so what happens before the first command counts. The
//! standard library's own start looks for the end of the main thread's stack in `/proc/self/maps`, so that it can put
//! "has overflowed its stack" into words: a quarter of all instructions of `xsh read PATH`. Where the C library hands
//! the arguments to the standard library by itself (GNU on Linux), the shell is therefore a program without that start
//! and does here what else it does: closed standard streams are opened, SIGPIPE is ignored, a panic is status 101, and
//! standard output is flushed. A stack that overflows still hits its guard and ends the process, by SIGSEGV and without
//! the words.

use std::process::abort;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stderr, stdin, stdout};

/// Status of a program that panicked, as the standard library has it.
const PANICKED: i32 = 101;

/// Does what the command line says, and ends the process.
pub fn start() -> ! {
    open_standard_streams();
    ignore_broken_pipes();
    let status = std::panic::catch_unwind(crate::run).map_or(PANICKED, i32::from);
    // Flushes standard output, as nothing else does without the standard library's start.
    std::process::exit(status)
}

/// Opens `/dev/null` where a standard stream is closed: the next file that is opened would be taken for it.
fn open_standard_streams() {
    for stream in [stdin(), stdout(), stderr()] {
        if fcntl_getfd(stream) == Err(Errno::BADF) {
            // Takes the lowest number that is free, which is this one.
            match rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()) {
                Ok(null) => std::mem::forget(null),
                Err(_) => abort(),
            }
        }
    }
}

/// Makes a closed pipe an error of the write, which is told, instead of our end. Programs that we start have the
/// default again.
fn ignore_broken_pipes() {
    #[expect(unsafe_code, reason = "a call of the C library")]
    // SAFETY: no handler is set, and no other thread runs yet.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if before == libc::SIG_ERR {
        abort();
    }
}
