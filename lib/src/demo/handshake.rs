//! What toolstack, scripts and drivers write into the directories of a device, class by class.

mod backend;
mod classes;
mod frontend;
mod hotplug;

pub(super) use backend::{connects, offers, reported};
pub(super) use classes::{toolstack_backend, toolstack_frontend};
pub(super) use frontend::{Announced, Grants, announce};
pub(super) use hotplug::{script, script_frontend};

/// Keys and values, in the order of writing.
pub(super) type Keys = Vec<(String, String)>;

/// Most queues that a backend offers.
pub(super) const QUEUES_MAX: u32 = 4;

fn pairs(pairs: &[(&str, &str)]) -> Keys {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(own).collect()
}
