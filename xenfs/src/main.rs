//! Mounts XenStore as a file system.

use std::process::ExitCode;

fn main() -> ExitCode {
    xenfs::run(std::env::args_os())
}
