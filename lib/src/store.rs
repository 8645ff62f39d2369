//! The embedded XenStore: a state machine without I/O, and listeners around it.
//!
//! [`core::Core`] is the store: requests in, replies and events out, the same output for the same input. [`Server`]
//! serves one to Unix sockets, to the shared rings of domains and to memory connections from a single thread.
//!
//! It behaves as C xenstored 4.17, or as another daemon: see [`Personality`].

mod access;
mod administration;
mod bytes;
mod check;
mod children;
mod connection;
mod control;
pub mod core;
mod domain;
mod features;
mod lax;
pub mod listener;
mod names;
mod node;
mod nodes;
pub mod output;
mod oxen;
mod personality;
mod quota;
mod request;
mod server;
mod space;
mod transacting;
mod transaction;
mod tree;
mod watch;
mod watching;
mod world;

use std::fmt;
use std::sync::Arc;

pub use domain::Life;
pub use personality::Personality;
pub use quota::Quotas;
pub use server::Server;
pub use server::ring::Channel;

/// Takes lines for an operator; printable.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// How a store behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Which daemon it is like.
    pub personality: Personality,
    /// Limits on what a domain may use.
    pub quotas: Quotas,
    /// Bytes that may wait for a client that does not read, before it is disconnected. For all clients together 16 times
    /// as much may wait, then the one is disconnected for which the most does.
    pub output_max: usize,
    /// Bytes of nodes, watches and open transactions that the store may hold in all, as quotas count them: no daemon
    /// limits what privileged clients write, but memory has an end. Beyond it writes fail with ENOMEM.
    pub memory_max: usize,
    /// Where lines for an operator go: by default to standard error.
    pub log: Log,
}

impl StoreOptions {
    /// The options of a daemon, with its quotas.
    pub fn of(personality: Personality) -> Self {
        Self {
            personality,
            quotas: Quotas::of(personality),
            output_max: 16 * 1024 * 1024,
            memory_max: 1024 * 1024 * 1024,
            log: Arc::new(|line| eprintln!("xenbus store: {line}")),
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::of(Personality::default())
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("personality", &self.personality)
            .field("quotas", &self.quotas)
            .field("output_max", &self.output_max)
            .field("memory_max", &self.memory_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
