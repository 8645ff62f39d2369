//! Integration tests of the library.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod client;
mod demo;
mod peer;
mod transaction;
mod watch;
