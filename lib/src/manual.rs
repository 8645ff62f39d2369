//! The manual: what one has to know about XenStore and about this library, chapter by chapter.
//!
//! * [`store`] - what XenStore is, what its operations do, and where its two daemons differ
//! * [`transports`] - the ways to reach it, and what each of them takes away
//! * [`client`] - order, deadlines, losing the daemon, watches and transactions as this library offers them
//! * [`architecture`] - how the library is put together

pub mod architecture;
pub mod client;
pub mod store;
pub mod transports;
