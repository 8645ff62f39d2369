//! Live numbers of devices: what drivers count, and how full rings are.
//!
//! XenStore holds no numbers. They come from files of the domain that serves a device, below a configurable [`Root`],
//! from the pages of the rings themselves ([`RingIndices`]), and from drivers that are asked ([`DriverStats`]). Everything is opened read-only. A source that is not
//! there is *unknown*, never zero; whatever a guest can write is checked.

mod backend;
mod driver;
mod file;
mod grant;
mod indices;
mod netback;
mod netdev;
mod rate;
mod tapdisk;

pub use backend::{BackendFiles, BlockStats, EventStats, Index};
pub use driver::{DriverStats, KernelStats, VifStats};
pub use file::Root;
pub use grant::GrantedPages;
pub use indices::{Fill, Occupancy, RingIndices, Words, sample_device, sample_ring};
pub use netback::{Credit, Napi, NetbackQueue, NetbackRing, RxQueue};
pub use netdev::NetStats;
pub use rate::{Meter, Width};
pub use tapdisk::{TapdiskDirection, TapdiskStats};
