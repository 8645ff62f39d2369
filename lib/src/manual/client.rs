//! # Using the client
//!
//! A [`Client`](crate::Client) is cheap to clone and may be used from any thread.
//!
//! ## Order
//!
//! Program order holds between *completed* requests. Requests that are under way together are unordered, on every
//! transport; who needs an order waits, or uses a transaction.
//!
//! ## Deadlines
//!
//! Every request has one (5 s unless set otherwise), connecting has one, and a late reply is dropped by its number.
//! TRANSACTION_START waits longer, because a live update of the daemon holds it back up to 60 s. Time in which the
//! program itself could not run (its guest was paused or moved, it was stopped) does not count.
//!
//! ## Losing the daemon
//!
//! * Requests under way fail with [`Error::Disconnected`](crate::Error::Disconnected): the store may or may not have
//!   carried them out, so the library does not repeat them.
//! * The next request connects again.
//! * A watch tells [`Lost`](crate::WatchEvent::Lost), is set again with back-off, and then tells
//!   [`Reset`](crate::WatchEvent::Reset): whatever was known has to be read again.
//! * An open transaction fails with [`Error::TransactionLost`](crate::Error::TransactionLost).
//!
//! ## Watches
//!
//! Each watch has a token of its own, because C xenstored merges the events of overlapping watches with one token.
//! Events wait in a bounded queue; when it overflows, [`Overflow`](crate::WatchEvent::Overflow) says how many were
//! dropped. Dropping the [`Watch`](crate::Watch) ends it, and events that were under way are not seen any more.
//!
//! ## Transactions
//!
//! Inside a transaction C xenstored fixes each node at its first access, so two reads may show a state that never was,
//! and only the commit tells; oxenstored works on a snapshot. Both are served by
//! [`Client::transaction`](crate::Client::transaction), which starts over on a conflict: the body must have no other
//! effects. Read inside what must not have changed: a blind write does not conflict on oxenstored.
//!
//! ## Hostile peers
//!
//! Any domain may have chosen any byte of a value. [`value::escape`](crate::value::escape) makes it printable; names
//! and paths are checked against the grammar when they arrive and are harmless.
