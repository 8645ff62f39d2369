//! Tests of the shell: real processes, real sockets.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod command_line;
mod compat;
mod descriptors;
mod documents;
mod expert;
mod foreign;
mod hostile;
mod outer;
mod process;
mod prompt;
mod records;
mod scripts;
mod serve;
mod stores;
mod terminal;
mod transcripts;
