//! Live numbers of a device: what counts it, how fast that grows, how full its rings are.

mod kinds;
mod metered;
mod sample;
mod series;

use std::borrow::Cow;

use xenbus::counters::{Fill, Occupancy};
use xenbus::device::Reading;
use xenbus::device::history::Moment;

use super::Flow;

pub use kinds::{Kind, Unit, all_kinds, find_kind};
pub(super) use metered::Metered;
pub use sample::Sample;
pub use series::{Point, Series};

/// The live numbers of a device at one moment.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// When they were read.
    pub at: Moment,
    /// The network interface of its backend.
    pub interface: Option<String>,
    /// Everything that counts it.
    pub counters: Vec<Counter>,
    /// How full each ring is, in the order in which the frontend's rings are listed.
    pub rings: Vec<RingUse>,
    /// What it moves.
    pub flow: Flow,
    /// What it moved.
    pub series: Series,
}

impl Traffic {
    /// A counter, in all queues that have it.
    pub fn counters<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Counter> {
        self.counters
            .iter()
            .filter(move |counter| counter.kind.id == id)
    }

    /// The counter of this name; that of the first queue if queues have it.
    pub fn counter(&self, id: &str) -> Option<&Counter> {
        self.counters.iter().find(|counter| counter.kind.id == id)
    }
}

/// A number that something counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter {
    /// What it counts.
    pub kind: &'static Kind,
    /// Of which queue, for what queues count.
    pub queue: Option<u32>,
    /// The number, as it was read.
    pub value: u64,
    /// How fast it grows, per second; unknown until it was read twice, and for what is no counter.
    pub rate: Option<f64>,
}

impl Counter {
    /// Its name, with the queue's number if it has one ("tx_pending.1").
    pub fn name(&self) -> Cow<'static, str> {
        match self.queue {
            Some(queue) => format!("{}.{queue}", self.kind.id).into(),
            None => self.kind.id.into(),
        }
    }
}

/// How full a ring is.
#[derive(Clone, Debug, PartialEq)]
pub struct RingUse {
    /// The numbers; missing if nothing tells.
    pub occupancy: Reading<Occupancy>,
    /// What told.
    pub source: UseSource,
}

/// What tells how full a ring is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UseSource {
    /// Nothing.
    #[default]
    None,
    /// The network backend's debugging files.
    Netback,
    /// The shared page itself.
    Page,
}

impl UseSource {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Netback => "netback",
            Self::Page => "page",
        }
    }
}

impl RingUse {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        occupancy: Reading::Missing,
        source: UseSource::None,
    };

    /// How much of how much, of the fuller direction.
    pub fn fill(&self) -> Option<Fill> {
        Some(match self.occupancy.known()? {
            Occupancy::Requests { in_flight, .. } => *in_flight,
            Occupancy::Duplex {
                into_guest,
                from_guest,
                ..
            } => {
                let fuller = |fill: &Fill| {
                    u64::from(fill.clamped()) * 1_000_000 / u64::from(fill.size().max(1))
                };
                match from_guest {
                    Some(from) if fuller(from) > fuller(into_guest) => *from,
                    _ => *into_guest,
                }
            }
        })
    }

    /// The same as a share of the size, 0 to 1.
    pub fn share(&self) -> Option<f64> {
        let fill = self.fill()?;
        (fill.size() > 0).then(|| f64::from(fill.clamped()) / f64::from(fill.size()))
    }
}
