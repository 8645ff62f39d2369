//! # How the library is put together
//!
//! ```text
//! wire -> transport -> client -> watch / transaction / tree / mirror
//!                         ^
//!        store: the embedded XenStore        demo: a simulated host on it
//! ```
//!
//! Nothing points back: the store uses [`wire`](crate::wire), [`path`](crate::path) and [`perms`](crate::perms) and
//! nothing of the client; the client knows nothing of the store.
//!
//! ## Connections of a client
//!
//! *Request connections* have no thread of their own. Whoever waits for an answer takes the read half and is the
//! *leader*: it delivers the replies of all others, and hands the lead on when its own is there. A lone caller pays no
//! hand-over between threads. On a socket there is one such connection and any number of requests in flight on it; on
//! a device there is a pool of open files.
//!
//! The *watch connection* is opened with the first watch and has the only permanent reader. It never runs code of the
//! user and never waits for a consumer.
//!
//! ## The embedded store
//!
//! The core is a state machine without I/O, clock or threads: the same input gives the same output. One thread serves
//! all sockets around it.
