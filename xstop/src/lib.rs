//! Shows the frontends, backends and rings of a Xen host.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

pub mod collect;
pub mod column;
pub mod model;
pub mod record;
