//! What all parts of a host know of its devices: what they are, what is wrong with them, and what they have to do.

mod flow;
mod indices;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use flow::{Counts, Flow};
pub(super) use indices::{Requests, RingUse};

use super::clock::Clock;
use super::scenario::part::Part;
use super::scenario::{Fault, Traffic};
use crate::device::class::Handshake;
use crate::device::id::DeviceId;
use crate::device::ring::PageReference;
use crate::id::DomId;

/// The devices of a host. Cloning is cheap: all clones show the same.
#[derive(Clone, Debug)]
pub(super) struct Board {
    slots: Arc<Mutex<Slots>>,
    pub(super) clock: Clock,
    seed: u64,
}

#[derive(Debug, Default)]
struct Slots {
    devices: BTreeMap<DeviceId, Slot>,
    pages: HashMap<(DomId, PageReference), (DeviceId, RingUse)>,
}

/// A device.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) part: Arc<Part>,
    /// The domain that serves it.
    pub(super) backend: DomId,
    /// Whether no driver moves it.
    prebuilt: bool,
    faults: BTreeSet<Fault>,
    pub(super) flow: Flow,
    /// What the backend's driver takes for its state, as sysfs shows it.
    pub(super) state: &'static str,
}

impl Board {
    pub(super) fn new(seed: u64, clock: Clock) -> Self {
        Self {
            slots: Arc::default(),
            clock,
            seed,
        }
    }

    /// A device was made.
    pub(super) fn add(
        &self,
        id: DeviceId,
        part: &Arc<Part>,
        backend: DomId,
        prebuilt: bool,
        traffic: Option<&Traffic>,
    ) {
        let slot = Slot {
            part: Arc::clone(part),
            backend,
            prebuilt,
            faults: part.fault.into_iter().collect(),
            flow: Flow::new(self.seed, &id, traffic),
            state: if prebuilt {
                "Connected"
            } else {
                "Initialising"
            },
        };
        let mut slots = self.slots();
        slots.devices.insert(id, slot);
    }

    /// A device was removed.
    pub(super) fn forget(&self, id: &DeviceId) {
        let mut slots = self.slots();
        slots.devices.remove(id);
        slots.pages.retain(|_, (of, _)| of != id);
    }

    /// What a driver needs to know of a device; nothing of one that is not its to move.
    pub(super) fn driven(&self, id: &DeviceId) -> Option<Arc<Part>> {
        let slots = self.slots();
        let has_driver =
            |slot: &&Slot| !slot.prebuilt && slot.part.class.handshake != Handshake::Silent;
        let slot = slots.devices.get(id).filter(has_driver)?;
        Some(Arc::clone(&slot.part))
    }

    /// Whether this is wrong with a device.
    pub(super) fn has(&self, id: &DeviceId, fault: Fault) -> bool {
        let slots = self.slots();
        let slot = slots.devices.get(id);
        slot.is_some_and(|slot| slot.faults.contains(&fault))
    }

    /// Whether nothing is wrong with a device.
    pub(super) fn is_sound(&self, id: &DeviceId) -> bool {
        let slots = self.slots();
        let slot = slots.devices.get(id);
        slot.is_some_and(|slot| slot.faults.is_empty())
    }

    /// From now on this is wrong with a device.
    pub(super) fn afflict(&self, id: &DeviceId, fault: Fault) {
        if let Some(slot) = self.slots().devices.get_mut(id) {
            slot.faults.insert(fault);
        }
    }

    /// This, or nothing at all, is wrong with a device any more.
    pub(super) fn heal(&self, id: &DeviceId, fault: Option<Fault>) {
        if let Some(slot) = self.slots().devices.get_mut(id) {
            slot.faults
                .retain(|other| fault.is_some_and(|fault| fault != *other));
        }
    }

    /// The frontend announced these rings.
    pub(super) fn announce(&self, id: &DeviceId, rings: Vec<(PageReference, RingUse)>) {
        let mut slots = self.slots();
        slots.pages.retain(|_, (of, _)| of != id);
        for (page, ring) in rings {
            slots.pages.insert((id.domain(), page), (id.clone(), ring));
        }
    }

    /// The device works from now on, or does not any more.
    pub(super) fn connect(&self, id: &DeviceId, is_connected: bool) {
        let now = self.clock.now();
        self.change(id, |flow| {
            if flow.is_connected() != is_connected {
                flow.connect(is_connected.then_some(now));
            }
        });
    }

    /// The backend has another state.
    pub(super) fn note(&self, id: &DeviceId, state: &'static str) {
        if let Some(slot) = self.slots().devices.get_mut(id) {
            slot.state = state;
        }
    }

    /// Changes what a device has to do.
    pub(super) fn change(&self, id: &DeviceId, change: impl FnOnce(&mut Flow)) {
        if let Some(slot) = self.slots().devices.get_mut(id) {
            change(&mut slot.flow);
        }
    }

    /// The domain whose kernel's files are of interest: domain 0, or the first that serves devices.
    pub(super) fn hardware(&self) -> DomId {
        let slots = self.slots();
        let serving = slots.devices.values().map(|slot| slot.backend);
        serving.min_by_key(|domid| domid.0).unwrap_or(DomId::DOM0)
    }

    /// The devices that a domain serves.
    pub(super) fn served_by(&self, backend: DomId) -> Vec<(DeviceId, Slot)> {
        let slots = self.slots();
        let served = slots
            .devices
            .iter()
            .filter(|(_, slot)| slot.backend == backend);
        served
            .map(|(id, slot)| (id.clone(), slot.clone()))
            .collect()
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
