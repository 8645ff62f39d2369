//! The lines of a recording.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xenbus::DomId;
use xenbus::counters::{Fill, Occupancy};
use xenbus::device::layout::Unit;
use xenbus::device::reading::BadValue;
use xenbus::device::{DeviceId, Reading};

use super::value::Node;
use crate::model::{Link, RingUse, Sample, Scope, UseSource};

/// What every recording says that it is.
pub const FORMAT: &str = "xstop-recording";
/// Version of the format: raised when an older reader would misunderstand a line.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// When it began, seconds since the Unix epoch.
    pub epoch: f64,
    /// What made it.
    pub program: String,
}

/// Any other line.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Line {
    /// Seconds since the beginning.
    pub t: f64,
    /// Nodes that were there before anything changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<BTreeMap<String, Node>>,
    /// These were all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
    /// A node that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it is now; missing with `gone` and with `outside`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "node_or_null"
    )]
    pub value: Option<Node>,
    /// It is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// What counted a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleLine>,
    /// How the store was in reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkLine>,
}

/// Keeps `null` (may not be read) apart from a missing key.
fn node_or_null<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Node>, D::Error> {
    Node::deserialize(reader).map(Some)
}

/// What counted a device.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SampleLine {
    /// The frontend's domain.
    pub domain: u32,
    /// The frontend's directory below it: kind, and index if it has one ("vif/0", "console").
    pub device: String,
    /// The network interface of its backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Numbers by name, with a point and the queue's number where queues count.
    pub counters: BTreeMap<String, u64>,
    /// How full each ring is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<Option<RingLine>>,
}

/// How full a ring is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct RingLine {
    /// What told: "netback" or "page".
    pub from: String,
    /// Entries in use, or bytes towards the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u32>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// Requests and responses so far, in a ring of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub req_prod: Option<u32>,
    /// See `req_prod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsp_prod: Option<u32>,
    /// Whether bytes are counted, in a pair of rings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bytes: bool,
    /// The same of the other direction, from the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_out: Option<u32>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_out: Option<u32>,
    /// It could not be read; why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How the store was in reach.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LinkLine {
    /// Where it was.
    pub address: String,
    /// Which daemon it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<String>,
    /// The hypervisor's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xen: Option<String>,
    /// The domain with whose eyes it was seen, if not the whole host was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<u32>,
    /// Since which second it was out of reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<f64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_why: Option<String>,
    /// Changes that were missed.
    #[serde(default)]
    pub lost: u64,
}

impl SampleLine {
    pub(super) fn of(id: &DeviceId, sample: &Sample) -> Self {
        let device = if id.is_primary_console() {
            id.kind().to_owned()
        } else {
            format!("{}/{}", id.kind(), id.index())
        };
        let counters = sample.numbers.iter().map(|(kind, queue, value)| {
            let name = match queue {
                Some(queue) => format!("{}.{queue}", kind.id),
                None => kind.id.to_owned(),
            };
            (name, *value)
        });
        let rings = sample.rings.iter().map(RingLine::of).collect();
        Self {
            domain: id.domain().0,
            device,
            interface: sample.interface.clone(),
            counters: counters.collect(),
            rings,
        }
    }

    /// The device and its numbers; numbers of kinds that this version does not have are left out.
    pub(super) fn read(self) -> (DeviceId, Sample) {
        let domain = DomId(self.domain);
        let id = match self.device.split_once('/') {
            Some((kind, index)) => DeviceId::new(domain, kind, index),
            None => DeviceId::primary_console(domain),
        };
        let mut sample = Sample {
            interface: self.interface,
            ..Sample::default()
        };
        for (name, value) in self.counters {
            match name.split_once('.') {
                Some((name, queue)) => sample.add(name, queue.parse().ok(), value),
                None => sample.add(&name, None, value),
            }
        }
        let rings = self.rings.into_iter();
        sample.rings = rings
            .map(|ring| ring.map_or(RingUse::UNKNOWN, RingLine::read))
            .collect();
        (id, sample)
    }
}

fn claimed(fill: Fill) -> u32 {
    match fill {
        Fill::Used { used, .. } => used,
        Fill::Impossible { claimed, .. } => claimed,
    }
}

impl RingLine {
    fn of(ring: &RingUse) -> Option<Self> {
        if ring.source == UseSource::None {
            return None;
        }
        let from = ring.source.name().to_owned();
        Some(match &ring.occupancy {
            Reading::Known(Occupancy::Requests {
                in_flight,
                req_prod,
                rsp_prod,
            }) => Self {
                from,
                used: Some(claimed(*in_flight)),
                of: Some(in_flight.size()),
                req_prod: Some(*req_prod),
                rsp_prod: Some(*rsp_prod),
                ..Self::default()
            },
            Reading::Known(Occupancy::Duplex {
                unit,
                into_guest,
                from_guest,
            }) => Self {
                from,
                used: Some(claimed(*into_guest)),
                of: Some(into_guest.size()),
                bytes: *unit == Unit::Bytes,
                used_out: from_guest.map(claimed),
                of_out: from_guest.map(Fill::size),
                ..Self::default()
            },
            other => Self {
                from,
                trouble: Some(match other {
                    Reading::Unreadable(bad) => bad.why().to_owned(),
                    _ => "denied".to_owned(),
                }),
                ..Self::default()
            },
        })
    }

    fn read(self) -> RingUse {
        let source = match self.from.as_str() {
            "netback" => UseSource::Netback,
            "page" => UseSource::Page,
            _ => return RingUse::UNKNOWN,
        };
        let fill = |used, of| Some(Fill::between(0, used?, of?));
        let into = fill(self.used, self.of);
        let occupancy = match (into, self.req_prod, self.rsp_prod) {
            _ if self.trouble.as_deref() == Some("denied") => Reading::Denied,
            _ if self.trouble.is_some() => {
                Reading::Unreadable(BadValue::new(b"", "could not be read"))
            }
            (Some(in_flight), Some(req_prod), Some(rsp_prod)) => {
                Reading::Known(Occupancy::Requests {
                    in_flight,
                    req_prod,
                    rsp_prod,
                })
            }
            (Some(into_guest), ..) => Reading::Known(Occupancy::Duplex {
                unit: if self.bytes {
                    Unit::Bytes
                } else {
                    Unit::Entries
                },
                into_guest,
                from_guest: fill(self.used_out, self.of_out),
            }),
            (None, ..) => Reading::Missing,
        };
        RingUse { occupancy, source }
    }
}

impl LinkLine {
    pub(super) fn of(link: &Link) -> Self {
        Self {
            address: link.address.clone(),
            daemon: link.daemon.map(str::to_owned),
            xen: link.xen_version.clone(),
            domain: match link.scope {
                Scope::Host => None,
                Scope::Domain(domain) => Some(domain.0),
            },
            stale_since: link.stale.as_ref().map(|stale| stale.since.0.as_secs_f64()),
            stale_why: link.stale.as_ref().map(|stale| stale.why.clone()),
            lost: link.lost,
        }
    }
}
