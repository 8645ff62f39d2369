//! The xenbus split-driver model: domains, frontends, backends, rings, and what is wrong with them.
//!
//! Everything here is a pure function of a tree of [`Nodes`] (a snapshot, a mirror, a map) and, for findings, of time
//! handed in as data. Nothing here talks to a store.

pub mod class;
pub mod diagnosis;
pub mod domain;
pub mod ends;
pub mod explain;
pub mod history;
pub mod host;
pub mod id;
pub mod layout;
pub mod nodes;
pub mod parallel;
pub mod reading;
pub mod ring;
pub mod roles;
mod sources;
pub mod state;
pub mod vbd;

pub use diagnosis::{Circumstances, Finding, Run, Severity, Subject, diagnose};
pub use domain::Domain;
pub use ends::{Backend, Frontend, Seen};
pub use explain::explain;
pub use history::{History, Moment};
pub use host::{Device, Host};
pub use id::{Concern, DeviceId};
pub use nodes::{Nodes, Note};
pub use reading::{BadValue, Reading, Text};
pub use sources::Several;
pub use state::XenbusState;
pub use vbd::VbdNumber;
