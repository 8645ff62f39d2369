//! Real mounts, used by real programs.

mod attributes;
mod copy;
mod echoes;
mod events;
mod faults;
mod fresh;
mod guest;
mod inotify;
mod lines;
mod listeners;
mod looker;
mod meddler;
mod model;
mod poll;
mod race;
pub(crate) mod rig;
mod shape;
mod soak;
mod tools;
mod transactions;
mod values;
