//! XenStore for Rust: the wire protocol, every transport, a client with watches and transactions, the
//! xenbus split-driver model, and an embedded store that needs no Xen.
//!
//! One direction throughout: bytes → [`wire`] → [`client`] → a tool's model → a tool's view.
//!
//! ```
//! use xenbus::{Operations, store::{Server, StoreOptions}, client::{Client, ClientOptions}, path::StorePath, id::DomId};
//!
//! let server = Server::start(StoreOptions::default())?;
//! let client = Client::with_connector(server.connector(DomId::DOM0), ClientOptions::default())?;
//! let name = StorePath::parse("/local/domain/1/name")?;
//! client.write(&name, b"guest")?;
//! assert_eq!(client.read(&name)?, b"guest");
//! # Ok::<(), xenbus::Error>(())
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

pub mod address;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod counters;
#[cfg(feature = "demo")]
pub mod demo;
pub mod device;
#[cfg(feature = "document")]
pub mod document;
pub mod error;
pub mod id;
pub mod manual;
pub mod mirror;
pub mod path;
pub mod perms;
#[cfg(feature = "store")]
pub mod store;
pub mod tap;
pub mod transaction;
pub mod transport;
pub mod tree;
pub mod value;
pub mod watch;
pub mod wire;

pub use client::{Client, ClientOptions, Operations};
pub use error::{Error, ErrorKind, Result};
pub use id::{DomId, ReqId, TxId};
pub use path::StorePath;
pub use perms::{Access, Perm, Perms};
pub use transaction::Transaction;
pub use watch::{Watch, WatchEvent};
