//! A sample as one JSON object in one line.

use std::io::{self, Write};
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use xenbus::device::history::{Moment, StateLog};
use xenbus::device::parallel::map_all;
use xenbus::device::{Severity, Subject};

use crate::column::{Column, DEVICES, DOMAINS, FINDINGS, RINGS, RingRow, Scene};
use crate::model::{Counts, DeviceRow, FindingRow, Link, Scope, Snapshot};

/// Version of the form: raised when a key changes its meaning or goes.
const VERSION: u32 = 1;

pub(crate) fn write(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<()> {
    // Thousands of small pieces: each is copied where the compiler sees it, not through `dyn`.
    let mut text = Vec::with_capacity(1 << 16);
    serde_json::to_writer(&mut text, &Sample(Scene::of(snapshot)))?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Everything.
struct Sample<'a>(Scene<'a>);

impl Serialize for Sample<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scene = self.0;
        let snapshot = scene.snapshot;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", "xstop")?;
        map.serialize_entry("version", &VERSION)?;
        map.serialize_entry("time", &seconds(snapshot.wall_clock))?;
        map.serialize_entry("store", &Store(&snapshot.link, scene.now))?;
        map.serialize_entry("totals", &Totals(snapshot))?;
        let domains = List(&scene, &snapshot.domains, |scene, row| {
            Row(scene, DOMAINS, row)
        });
        map.serialize_entry("domains", &domains)?;
        // By far the most: their texts are made on all processors.
        let text = |row: &Arc<DeviceRow>| to_raw_value(&DeviceOf(&scene, row));
        let devices: Result<Vec<Box<RawValue>>, _> =
            map_all(&snapshot.devices, text).into_iter().collect();
        let devices = devices.map_err(serde::ser::Error::custom)?;
        map.serialize_entry("devices", &devices)?;
        let findings = List(&scene, &snapshot.findings, FindingOf);
        map.serialize_entry("findings", &findings)?;
        map.end()
    }
}

/// Microseconds are enough, and short.
fn seconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// A list of rows, each wrapped.
struct List<'a, R, W>(&'a Scene<'a>, &'a [Arc<R>], fn(&'a Scene<'a>, &'a R) -> W);

impl<R, W: Serialize> Serialize for List<'_, R, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.1.len()))?;
        for row in self.1 {
            list.serialize_element(&self.2(self.0, row))?;
        }
        list.end()
    }
}

/// A row of a table.
struct Row<'a, R: 'static>(&'a Scene<'a>, &'static [Column<R>], &'a R);

impl<R> Row<'_, R> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for column in self.1 {
            map.serialize_entry(column.id, &(column.get)(self.0, self.2))?;
        }
        Ok(())
    }
}

impl<R> Serialize for Row<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.1.len()))?;
        self.entries(&mut map)?;
        map.end()
    }
}

struct Store<'a>(&'a Link, Moment);

impl Serialize for Store<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(link, now) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("address", &link.address)?;
        map.serialize_entry("daemon", &link.daemon)?;
        map.serialize_entry("xen", &link.xen_version)?;
        let domain = match link.scope {
            Scope::Host => None,
            Scope::Domain(domain) => Some(domain.0),
        };
        map.serialize_entry("seen_from", &domain)?;
        map.serialize_entry("nodes", &link.nodes)?;
        let stale = link.stale.as_ref();
        let age = stale.map(|stale| seconds(now.since(stale.since)));
        map.serialize_entry("stale_seconds", &age)?;
        map.serialize_entry("stale_why", &stale.map(|stale| &stale.why))?;
        map.serialize_entry("missed", &link.lost)?;
        map.end()
    }
}

struct Totals<'a>(&'a Snapshot);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let snapshot = self.0;
        let Counts {
            total,
            connected,
            connecting,
            closing,
            broken,
            hidden,
        } = snapshot.counts;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("domains", &snapshot.domains.len())?;
        map.serialize_entry("devices", &total)?;
        map.serialize_entry("connected", &connected)?;
        map.serialize_entry("connecting", &connecting)?;
        map.serialize_entry("closing", &closing)?;
        map.serialize_entry("broken", &broken)?;
        map.serialize_entry("hidden", &hidden)?;
        for (name, severity) in [
            ("critical", Severity::Critical),
            ("warning", Severity::Warning),
            ("info", Severity::Info),
        ] {
            map.serialize_entry(name, &snapshot.findings_at(severity))?;
        }
        map.serialize_entry("changes", &snapshot.activity.count)?;
        let rate = (snapshot.activity.total * 1000.0).round() / 1000.0;
        map.serialize_entry("changes_per_second", &rate)?;
        map.end()
    }
}

/// A device, with its rings, counters and past.
struct DeviceOf<'a>(&'a Scene<'a>, &'a DeviceRow);

impl Serialize for DeviceOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(scene, row) = self;
        let mut map = serializer.serialize_map(None)?;
        Row(scene, DEVICES, row).entries(&mut map)?;
        map.serialize_entry("ring_list", &Rings(scene, row))?;
        map.serialize_entry("counters", &Counters(row))?;
        map.serialize_entry("front_history", &Past(&row.past.front, scene.now))?;
        map.serialize_entry("back_history", &Past(&row.past.back, scene.now))?;
        map.end()
    }
}

struct Rings<'a>(&'a Scene<'a>, &'a DeviceRow);

impl Serialize for Rings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(scene, row) = self;
        let count = row.rings().len();
        let mut list = serializer.serialize_seq(Some(count))?;
        // Rings keep their device alive; here it is only borrowed, so the copy of the row is cheap but needed.
        let device = Arc::new((*row).clone());
        for number in 0..count {
            let ring = RingRow {
                device: Arc::clone(&device),
                number,
            };
            list.serialize_element(&RingOf(scene, &ring))?;
        }
        list.end()
    }
}

/// A ring, without what its device says already.
struct RingOf<'a>(&'a Scene<'a>, &'a RingRow);

/// Columns that every ring shares with its device.
const OF_DEVICE: [&str; 5] = ["domid", "domain", "class", "index", "device"];

impl Serialize for RingOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for column in RINGS
            .iter()
            .filter(|column| !OF_DEVICE.contains(&column.id))
        {
            map.serialize_entry(column.id, &(column.get)(self.0, self.1))?;
        }
        map.end()
    }
}

struct Counters<'a>(&'a DeviceRow);

impl Serialize for Counters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counters = self.0.traffic.iter().flat_map(|traffic| &traffic.counters);
        let mut map = serializer.serialize_map(None)?;
        for counter in counters {
            map.serialize_entry(&*counter.name(), &counter.value)?;
        }
        map.end()
    }
}

/// What an end has shown, oldest first, and how many seconds ago that began.
struct Past<'a>(&'a StateLog, Moment);

impl Serialize for Past<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry {
            state: String,
            seconds_ago: f64,
            exact: bool,
        }
        serializer.collect_seq(self.0.entries().map(|entry| Entry {
            state: entry.seen.to_string(),
            seconds_ago: seconds(self.1.since(entry.since)),
            exact: entry.is_exact,
        }))
    }
}

/// A finding, with its evidence as a list.
struct FindingOf<'a>(&'a Scene<'a>, &'a FindingRow);

impl Serialize for FindingOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Evidence<'a> {
            path: String,
            shows: &'a str,
        }
        let Self(scene, row) = self;
        let evidence: Vec<Evidence<'_>> = row
            .finding
            .evidence
            .iter()
            .map(|evidence| Evidence {
                path: evidence.path.to_string(),
                shows: &evidence.shows,
            })
            .collect();
        let mut map = serializer.serialize_map(None)?;
        for column in FINDINGS.iter().filter(|column| column.id != "evidence") {
            map.serialize_entry(column.id, &(column.get)(scene, row))?;
        }
        let about = match row.finding.subject {
            Subject::Domain(_) => "domain",
            Subject::Device(_) => "device",
        };
        map.serialize_entry("about", about)?;
        map.serialize_entry("evidence", &evidence)?;
        map.end()
    }
}
