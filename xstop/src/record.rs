//! Recordings: everything that came in, as lines of JSON.
//!
//! The first line says what it is: [`FORMAT`], [`VERSION`], when and where. Each other line has the seconds since then
//! (`t`) and one thing that happened: nodes that were there (`nodes`), that these were all (`complete`), a change of a
//! node (`path`, and `value` or `gone`), what counted a device (`sample`), or how the store was in reach (`link`).

mod line;
mod replay;
mod value;
mod writer;

pub use line::{FORMAT, Header, Line, VERSION};
pub(crate) use replay::Recorded;
pub use replay::{Timeline, replay};
pub use writer::{Trouble, Writer};

#[cfg(test)]
mod tests;
