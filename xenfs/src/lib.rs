//! XenStore as a file system.
//!
//! A command line ([`cli`], [`options`]) becomes a mount ([`mount`]) and a process that serves it ([`daemon`]). A
//! request of the kernel comes in at the adaptor ([`fuse`]), goes to the tree that it is about ([`mounted`]: the store,
//! a transaction, a hidden file), is carried out by the file system ([`fs`]) on its inodes ([`inode`]) and open files
//! ([`handle`]), and what the store says against it becomes an error number ([`errno`]).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

pub mod attr;
pub mod cli;
pub mod daemon;
pub mod errno;
pub mod error;
pub mod events;
pub mod fs;
pub mod fuse;
pub mod guard;
pub mod handle;
pub mod heap;
pub mod inode;
pub mod ledger;
pub mod live;
pub mod log;
pub mod mount;
pub mod mounted;
pub mod notify;
pub mod options;
pub mod poll;
pub mod replay;
pub mod settings;
pub mod stats;
pub mod unit;
pub mod watcher;
pub mod xattr;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use cli::Task;
use xenbus::cli::Exit;

/// Runs the program with `arguments`, the first of which is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    if std::env::var_os(replay::HELPER_VARIABLE).is_some() {
        replay::run_helper();
        return Exit::Success.into();
    }
    if let Ok(ward) = std::env::var(guard::VARIABLE) {
        guard::run(&ward);
        return Exit::Success.into();
    }
    let arguments: Vec<_> = arguments.into_iter().collect();
    let task = match cli::parse(arguments.iter().cloned()) {
        Ok(task) => task,
        Err(error) => {
            // Help and version go to standard output and are no error. With the stream closed there is nobody to tell.
            drop(error.print());
            return u8::try_from(error.exit_code()).map_or(Exit::Usage.into(), ExitCode::from);
        }
    };
    match task {
        Ok(Task::Mount(plan)) => daemon::run(*plan, &arguments).into(),
        Ok(Task::PrintUnit(text)) => {
            drop(std::io::stdout().write_all(text.as_bytes()));
            Exit::Success.into()
        }
        Ok(Task::Completions(shell)) => {
            // A reader that has seen enough is no error.
            drop(std::io::stdout().write_all(&cli::completions(shell)));
            Exit::Success.into()
        }
        Err(error) => error.report().into(),
    }
}
