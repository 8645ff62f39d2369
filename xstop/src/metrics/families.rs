//! What is told, family by family.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use xenbus::device::history::StateLog;
use xenbus::device::layout::Capacity;
use xenbus::device::{Seen, Severity, Subject};

use crate::column::{FINDINGS, Scene, class_of, find, rings, severity_name};
use crate::model::{DeviceRow, Snapshot, all_kinds};

/// One snapshot.
#[derive(Debug)]
pub(super) struct Metrics(pub(super) Arc<Snapshot>);

type Labels = Vec<(&'static str, String)>;

/// Every name begins so.
const PREFIX: &str = "xstop";

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut told = Told {
            encoder: &mut encoder,
            snapshot: &self.0,
        };
        told.store()?;
        told.domains()?;
        told.devices()?;
        told.rings()?;
        told.counters()?;
        told.findings()
    }
}

struct Told<'a, 'b> {
    encoder: &'a mut DescriptorEncoder<'b>,
    snapshot: &'a Snapshot,
}

impl Told<'_, '_> {
    /// A family of what is now. Without a sample it is left out.
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let name = format!("{PREFIX}_{name}");
        let mut family = self
            .encoder
            .encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            of(&mut family, &labels, |metric| metric.encode_gauge(&value))?;
        }
        Ok(())
    }

    /// A family of what only grows.
    fn counts(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let name = format!("{PREFIX}_{name}");
        let mut family = self
            .encoder
            .encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            of(&mut family, &labels, |metric| {
                metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
            })?;
        }
        Ok(())
    }

    fn store(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let link = &snapshot.link;
        let about = vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("address", link.address.clone()),
            ("daemon", link.daemon.unwrap_or_default().to_owned()),
            ("xen", link.xen_version.clone().unwrap_or_default()),
        ];
        self.gauges(
            "build_info",
            "What tells, and which store it looks at.",
            [(about, 1.0)],
        )?;
        let is_up = if link.stale.is_none() { 1.0 } else { 0.0 };
        self.gauges(
            "up",
            "Whether the store is in reach: else everything is as it was then.",
            [(Labels::new(), is_up)],
        )?;
        let stale = link.stale.as_ref();
        let stale = stale.map_or(0.0, |stale| snapshot.now.since(stale.since).as_secs_f64());
        self.gauges(
            "stale_seconds",
            "For how long the store has been out of reach.",
            [(Labels::new(), stale)],
        )?;
        self.counts(
            "changes",
            "Changes seen in the store.",
            [(Labels::new(), snapshot.activity.count)],
        )?;
        self.counts(
            "missed_changes",
            "Changes that came too fast to be logged.",
            [(Labels::new(), link.lost)],
        )
    }

    fn domains(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let rows = || snapshot.domains.iter();
        let labels =
            |id: xenbus::DomId| vec![("domid", id.to_string()), ("domain", snapshot.name_of(id))];
        self.gauges(
            "domain_info",
            "A domain, and what it is.",
            rows().map(|row| {
                let domain = &row.domain;
                let mut labels = labels(domain.id);
                let known = |text: String, is_known| if is_known { text } else { String::new() };
                let uuid = domain.uuid.known().map_or_else(String::new, |uuid| {
                    xenbus::value::escape(uuid.as_bytes()).to_string()
                });
                labels.extend([
                    ("uuid", uuid),
                    (
                        "type",
                        known(domain.kind.to_string(), domain.kind.known().is_some()),
                    ),
                    ("role", row.role.name().to_owned()),
                ]);
                (labels, 1.0)
            }),
        )?;
        self.gauges(
            "domain_uptime_seconds",
            "How long a domain has run, or has been seen.",
            rows().filter_map(|row| {
                let age = row.uptime(snapshot.now, snapshot.wall_clock)?;
                Some((labels(row.domain.id), age.seen.as_secs_f64()))
            }),
        )?;
        self.gauges(
            "domain_vcpus",
            "Virtual CPUs that are online.",
            rows().filter_map(|row| {
                let vcpus = row.domain.vcpus.known()?.online;
                Some((labels(row.domain.id), f64::from(u32::try_from(vcpus).ok()?)))
            }),
        )?;
        self.gauges(
            "domain_memory_target_bytes",
            "Memory that a domain should have.",
            rows().filter_map(|row| {
                let kib = *row.domain.memory_target.known()?;
                Some((labels(row.domain.id), approximate(kib) * 1024.0))
            }),
        )?;
        self.gauges(
            "domain_devices",
            "Devices of a domain by condition.",
            rows().flat_map(|row| {
                let counts = row.devices;
                [
                    ("connected", counts.connected),
                    ("connecting", counts.connecting),
                    ("closing", counts.closing),
                    ("broken", counts.broken),
                    ("hidden", counts.hidden),
                ]
                .map(|(condition, count)| {
                    let mut labels = labels(row.domain.id);
                    labels.push(("condition", condition.to_owned()));
                    (labels, f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
                })
            }),
        )
    }

    fn devices(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let rows = || snapshot.devices.iter();
        let ends = |row: &DeviceRow| {
            [
                ("front", row.device.front_seen()),
                ("back", row.device.back_seen()),
            ]
        };
        self.gauges(
            "device_connected",
            "Whether both ends of a device are connected.",
            rows().map(|row| {
                let is_settled = f64::from(u8::from(row.device.is_settled()));
                (labels_of(snapshot, row), is_settled)
            }),
        )?;
        self.gauges(
            "device_state",
            "State that an end of a device shows: 1 Initialising, 2 InitWait, 3 Initialised, 4 Connected, 5 Closing, \
             6 Closed, 7 Reconfiguring, 8 Reconfigured.",
            rows().flat_map(|row| {
                ends(row).into_iter().filter_map(move |(end, seen)| {
                    let state = f64::from(seen.state()?.0);
                    Some((with(labels_of(snapshot, row), "end", end), state))
                })
            }),
        )?;
        self.gauges(
            "device_end_missing",
            "Whether an end of a device is missing from the store.",
            rows().flat_map(|row| {
                ends(row).map(move |(end, seen)| {
                    let is_missing = f64::from(u8::from(seen == Seen::Absent));
                    (with(labels_of(snapshot, row), "end", end), is_missing)
                })
            }),
        )?;
        self.gauges(
            "device_state_age_seconds",
            "For how long an end of a device has shown its state, as far as that was seen.",
            rows().flat_map(|row| {
                let logs: [(&str, &StateLog); 2] =
                    [("front", &row.past.front), ("back", &row.past.back)];
                logs.into_iter().filter_map(move |(end, log)| {
                    let age = log.age(snapshot.now)?.seen.as_secs_f64();
                    Some((with(labels_of(snapshot, row), "end", end), age))
                })
            }),
        )
    }

    fn rings(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let all: Vec<_> = rings(snapshot)
            .filter_map(|row| {
                let ring = row.ring()?;
                let mut labels = labels_of(snapshot, &row.device);
                labels.push(("ring", printable(&ring.role)));
                labels.push(("queue", printable(&ring.place.to_string())));
                let entries = match ring.capacity {
                    Capacity::Requests(entries) => Some(entries),
                    _ => row.fill().map(xenbus::counters::Fill::size),
                };
                let used = row.fill().map(xenbus::counters::Fill::clamped);
                Some((labels, ring.pages.known().copied(), entries, used))
            })
            .collect();
        self.gauges(
            "ring_pages",
            "Pages of a ring.",
            all.iter()
                .filter_map(|(labels, pages, ..)| Some((labels.clone(), f64::from((*pages)?)))),
        )?;
        self.gauges(
            "ring_entries",
            "Entries of a ring; bytes for rings of bytes.",
            all.iter().filter_map(|(labels, _, entries, _)| {
                Some((labels.clone(), f64::from((*entries)?)))
            }),
        )?;
        self.gauges(
            "ring_used",
            "Entries in use, where something tells.",
            all.iter()
                .filter_map(|(labels, .., used)| Some((labels.clone(), f64::from((*used)?)))),
        )
    }

    fn counters(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let mut by_kind: BTreeMap<&str, Vec<(Labels, u64)>> = BTreeMap::new();
        for row in snapshot.devices.iter() {
            let Some(traffic) = &row.traffic else {
                continue;
            };
            for counter in &traffic.counters {
                let mut labels = labels_of(snapshot, row);
                if let Some(queue) = counter.queue {
                    labels.push(("queue", queue.to_string()));
                }
                let (_, factor) = counter.kind.metric();
                let value = counter.value.saturating_mul(factor);
                by_kind
                    .entry(counter.kind.id)
                    .or_default()
                    .push((labels, value));
            }
        }
        for kind in all_kinds() {
            let samples = by_kind.remove(kind.id).unwrap_or_default();
            let (name, _) = kind.metric();
            let name = format!("device_{name}");
            let help = format!("Of a device: {}.", kind.title);
            if kind.is_counter {
                self.counts(&name, &help, samples)?;
            } else {
                let samples = samples.into_iter();
                self.gauges(
                    &name,
                    &help,
                    samples.map(|(labels, value)| (labels, approximate(value))),
                )?;
            }
        }
        Ok(())
    }

    fn findings(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let severities = [Severity::Info, Severity::Warning, Severity::Critical];
        self.gauges(
            "findings",
            "How many findings there are.",
            severities.map(|severity| {
                let labels = vec![("severity", severity_name(severity).to_owned())];
                let count = u32::try_from(snapshot.findings_at(severity)).unwrap_or(u32::MAX);
                (labels, f64::from(count))
            }),
        )?;
        let scene = Scene::of(snapshot);
        // A device may have the same finding only once, so labels do not repeat.
        let samples: BTreeMap<Labels, f64> = snapshot
            .findings
            .iter()
            .map(|row| {
                let cell = |id| {
                    find(FINDINGS, id).map_or_else(String::new, |column| {
                        (column.get)(&scene, row).plain().into_owned()
                    })
                };
                let mut labels = vec![
                    ("severity", severity_name(row.finding.severity).to_owned()),
                    ("finding", row.finding.id.to_owned()),
                    ("domid", cell("domid")),
                    ("domain", cell("domain")),
                ];
                if let Subject::Device(_) = row.finding.subject {
                    labels.extend([
                        ("class", cell("class")),
                        ("index", cell("index")),
                        ("device", cell("device")),
                    ]);
                }
                (labels, 1.0)
            })
            .collect();
        self.gauges("finding", "Something that is wrong.", samples)
    }
}

/// Encodes one sample.
fn of(
    family: &mut MetricEncoder<'_>,
    labels: &Labels,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.is_empty() {
        encode(family)
    } else {
        encode(&mut family.encode_family(labels)?)
    }
}

/// What tells a device from all others.
fn labels_of(snapshot: &Snapshot, row: &DeviceRow) -> Labels {
    let device = &row.device;
    let domain = device.id.domain();
    let backend = row.backend_domain();
    vec![
        ("domid", domain.to_string()),
        ("domain", snapshot.name_of(domain)),
        ("class", printable(&class_of(device))),
        ("index", printable(device.id.index())),
        ("device", printable(&device.label())),
        (
            "backend",
            backend.map_or_else(String::new, |id| snapshot.name_of(id)),
        ),
    ]
}

fn with(mut labels: Labels, name: &'static str, value: &str) -> Labels {
    labels.push((name, value.to_owned()));
    labels
}

fn printable(text: &str) -> String {
    xenbus::value::escape(text.as_bytes()).to_string()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the format has no other numbers"
)]
fn approximate(number: u64) -> f64 {
    number as f64
}
