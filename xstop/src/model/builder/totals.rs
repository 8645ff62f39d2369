//! Numbers about all rows, kept while rows come, change and go: nobody has to count thousands for each snapshot.

use std::collections::BTreeMap;

use xenbus::DomId;
use xenbus::device::{Device, Seen};

use crate::model::{Counts, DeviceRow};

#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    /// Devices of which both ends were read.
    pub(super) read: usize,
    serving: BTreeMap<DomId, usize>,
}

impl Totals {
    /// A row is as `new` from now on, and was as `old`.
    pub(super) fn replace(&mut self, old: Option<&DeviceRow>, new: Option<&DeviceRow>) {
        if let Some(old) = old {
            self.counts.remove(&old.device);
            self.read -= usize::from(is_read(&old.device));
        }
        if let Some(new) = new {
            self.counts.add(&new.device);
            self.read += usize::from(is_read(&new.device));
        }
        let (was, is) = (old.and_then(serving), new.and_then(serving));
        if was == is {
            return;
        }
        if let Some(count) = was.and_then(|was| self.serving.get_mut(&was)) {
            *count -= 1;
        }
        if let Some(is) = is {
            *self.serving.entry(is).or_default() += 1;
        }
    }

    /// How many devices have their backends in a domain.
    pub(super) fn served_by(&self, domain: DomId) -> usize {
        self.serving.get(&domain).copied().unwrap_or(0)
    }
}

/// The domain of the backend that is there.
fn serving(row: &DeviceRow) -> Option<DomId> {
    Some(row.device.back.known()?.domain)
}

fn is_read(device: &Device) -> bool {
    device.front_seen() != Seen::Hidden && device.back_seen() != Seen::Hidden
}
