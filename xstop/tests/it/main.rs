//! The dashboard as its users meet it.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod batch;
mod daemons;
mod host;
mod hostile;
mod manual;
mod navigation;
mod prometheus;
mod pty;
mod rig;
mod screens;
mod styles;
mod sweep;
