//! Tests of the file system, with and without a real mount.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod argv;
mod claims;
mod cli;
mod count;
mod daemon;
mod hurt;
mod mount;
mod mount8;
mod ops;
mod process;
mod readme;
mod stores;
mod suites;
mod systemd;
mod watchdog;
