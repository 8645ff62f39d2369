//! Tests of the file system, with and without a real mount.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod count;
mod mount;
mod stores;
