//! Integration tests of the library.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod client;
mod conformance;
mod contention;
mod corpora;
mod demo;
mod device;
mod differential;
#[cfg(feature = "document")]
mod document;
mod foreign;
mod given_up;
mod histories;
mod host_model;
mod hostile;
mod hostile_store;
mod mirror;
mod peer;
mod ring;
mod ring_server;
mod standstill;
mod support;
mod transaction;
mod tree;
mod watch;
