//! Real mounts, used by real programs.

mod rig;
mod tools;
