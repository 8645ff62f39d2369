//! A simulated Xen host on the embedded store: no Xen, no root, and yet a tree that lives.
//!
//! A toolstack writes what `xl` writes, guests and backends connect their devices by the real handshakes as ordinary
//! clients of the store, each acting as its own domain. A [`Scenario`] says which domains and devices there are, what
//! is wrong with them, what they have to do, and what happens when (the manual page `xenstore-scenario(5)` has the
//! format). [`Host::keep_sysroot`] keeps the files of the backends' kernel, [`Host::ring_indices`] shows ring pages:
//! both move with the traffic, and [`crate::counters`] reads both.

mod board;
mod clock;
mod drivers;
mod handshake;
mod host;
mod random;
pub mod scenario;
mod state;
mod stop;
mod sysroot;
mod toolstack;

pub use host::Host;
pub use scenario::Scenario;
