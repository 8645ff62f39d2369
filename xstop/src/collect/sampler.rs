//! Reads the counters: of visible devices every interval, of all others every ten seconds, if they are not too many.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::DomId;
use xenbus::counters::{
    DriverStats, Index, RingIndices, Root, TapdiskStats, VifStats, sample_device,
};
use xenbus::device::{Device, DeviceId, Host};

use crate::model::Sample;

/// How often the counters of devices that nobody looks at are read.
const ROUND: Duration = Duration::from_secs(10);
/// How often some of them are: a tenth each time, so that no reading takes long.
const TURN: Duration = Duration::from_secs(1);
/// Most devices of a turn: on hosts with more than two thousand of them a round takes longer.
const TURN_MOST: usize = 200;
/// How often the files of backends are looked for again after devices came or went.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) struct Sampler {
    root: Root,
    index: Index,
    /// When the index was built, and whether devices have come or gone since.
    looked: Option<Instant>,
    is_outdated: bool,
    interval: Duration,
    visible: Vec<DeviceId>,
    pages: Option<Arc<dyn RingIndices + Send + Sync>>,
    drivers: Option<Arc<dyn DriverStats + Send + Sync>>,
    /// The domain whose files these are: only backends in it are in them.
    own: Option<DomId>,
    visible_at: Instant,
    turn_at: Instant,
    /// The last device of the last turn.
    last: Option<DeviceId>,
}

impl Sampler {
    pub(super) fn new(
        root: Root,
        interval: Duration,
        pages: Option<Arc<dyn RingIndices + Send + Sync>>,
        drivers: Option<Arc<dyn DriverStats + Send + Sync>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            root,
            index: Index::default(),
            looked: None,
            is_outdated: true,
            interval,
            visible: Vec::new(),
            pages,
            drivers,
            own: None,
            visible_at: now,
            turn_at: now,
            last: None,
        }
    }

    pub(super) fn set_own(&mut self, own: Option<DomId>) {
        self.own = own;
    }

    pub(super) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval.max(Duration::from_millis(100));
        self.visible_at = self.visible_at.min(Instant::now() + self.interval);
    }

    /// Everything that there is to count is known now: the first turn comes when the others will.
    pub(super) fn begin(&mut self) {
        self.turn_at = Instant::now() + TURN;
    }

    /// Whose counters are read every interval; those that were not until now are read at once.
    pub(super) fn set_visible(&mut self, visible: Vec<DeviceId>) {
        if visible.iter().any(|id| !self.visible.contains(id)) {
            self.visible_at = Instant::now();
        }
        self.visible = visible;
    }

    /// Devices came or went.
    pub(super) fn outdate(&mut self) {
        self.is_outdated = true;
    }

    /// Whether there is nothing to read at all.
    fn is_idle(&self) -> bool {
        self.pages.is_none() && self.index.is_empty() && !self.is_outdated
    }

    /// When to read next; `None` if there is nothing to read.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.is_idle() {
            return None;
        }
        let visible = (!self.visible.is_empty()).then_some(self.visible_at);
        Some(visible.map_or(self.turn_at, |at| at.min(self.turn_at)))
    }

    /// Reads the counters of every device.
    pub(super) fn all(&mut self, host: &Host) -> Vec<(DeviceId, Sample)> {
        self.look();
        let ids: Vec<DeviceId> = host.devices.keys().cloned().collect();
        self.sample(host, ids.iter())
    }

    /// Reads those whose time has come.
    pub(super) fn due(&mut self, host: &Host) -> Vec<(DeviceId, Sample)> {
        let now = Instant::now();
        let mut ids: BTreeSet<DeviceId> = BTreeSet::new();
        if now >= self.turn_at {
            self.look();
            self.turn_at = now + TURN;
            let turns = ROUND.as_millis() / TURN.as_millis();
            let turns = usize::try_from(turns).unwrap_or(1).max(1);
            let count = host.devices.len().div_ceil(turns).min(TURN_MOST);
            let from = match self.last.take() {
                Some(last) => Bound::Excluded(last),
                None => Bound::Unbounded,
            };
            let rest = host.devices.range((from, Bound::Unbounded));
            let turn: Vec<DeviceId> = rest.take(count).map(|(id, _)| id.clone()).collect();
            // Past the end the next turn begins at the first again.
            self.last = turn.last().filter(|_| turn.len() == count).cloned();
            ids.extend(turn);
        }
        if now >= self.visible_at {
            self.visible_at = now + self.interval;
            ids.extend(self.visible.iter().cloned());
        }
        self.sample(host, ids.iter())
    }

    /// Looks for the files of backends, if they may differ.
    fn look(&mut self) {
        let is_recent = self
            .looked
            .is_some_and(|looked| looked.elapsed() < LOOK_AGAIN);
        if self.is_outdated && !is_recent {
            self.index = Index::build(&self.root);
            self.looked = Some(Instant::now());
            self.is_outdated = false;
        }
    }

    fn sample<'a>(
        &self,
        host: &Host,
        ids: impl Iterator<Item = &'a DeviceId>,
    ) -> Vec<(DeviceId, Sample)> {
        if self.pages.is_none() && self.index.is_empty() {
            return Vec::new();
        }
        let own = self.own.or(host.roles.control);
        ids.filter_map(|id| {
            let device = host.devices.get(id)?;
            let is_ours = device
                .back
                .known()
                .is_some_and(|back| Some(back.domain) == own);
            is_ours.then(|| (id.clone(), self.read(device)))
        })
        .collect()
    }

    fn read(&self, device: &Device) -> Sample {
        let mut sample = Sample::default();
        let Some(back) = device.back.known() else {
            return sample;
        };
        let rings = device
            .front
            .known()
            .map_or(&[][..], |front| &front.rings.list);
        let files = self.index.backend(&self.root, back.node_name());
        sample.interface = files.interface().map(str::to_owned);
        match device.class.name {
            "vbd" => {
                if let Some(stats) = files.block().known() {
                    sample.add_block(stats);
                }
                if let Some(pid) = back.tapdisk.known()
                    && let Ok(disk) = device.id.index().parse()
                {
                    let domain = device.id.domain();
                    let stats = TapdiskStats::read(&self.root, *pid, domain, disk);
                    if let Some(stats) = stats.known() {
                        sample.add_tapdisk(stats);
                    }
                }
            }
            "vif" => {
                if let Some(stats) = files.net().known() {
                    sample.add_net(stats);
                }
                if let (Some(drivers), Some(interface)) = (&self.drivers, files.interface())
                    && let Some(stats) = VifStats::read(&**drivers, interface).known()
                {
                    sample.add_vif(stats);
                }
                if let Some(queues) = files.netback().known() {
                    sample.add_netback(queues, rings);
                }
            }
            _ => {}
        }
        if let Some(events) = files.events().known() {
            sample.add_events(events);
        }
        if let Some(pages) = &self.pages {
            sample.add_pages(sample_device(&**pages, device));
        }
        sample
    }
}
