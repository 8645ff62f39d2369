//! Domains, as the store shows them.

use std::fmt;
use std::time::Duration;

use super::layout::{Abi, Layout};
use super::nodes::{Folder, Nodes, Note, Notes};
use super::reading::{self, Reading, Text};
use super::ring::{PageReference, Place, Ring};
use crate::id::DomId;
use crate::path::StorePath;

/// Most virtual CPUs that are counted of one domain.
const MAX_VCPUS: usize = 4096;

/// A domain.
///
/// It may have been introduced before it has a name, or exist only in what others say of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Domain {
    /// Its number.
    pub id: DomId,
    /// Whether it has a directory in `/local/domain`.
    pub home: Reading<()>,
    /// Its name.
    pub name: Reading<Text>,
    /// Its UUID, from the path in its key `vm`.
    pub uuid: Reading<String>,
    /// How it is virtualised (`/libxl/<d>/type`).
    pub kind: Reading<DomainKind>,
    /// Memory that the balloon driver should reach, KiB.
    pub memory_target: Reading<u64>,
    /// Most memory it may get, KiB.
    pub memory_max: Reading<u64>,
    /// Its virtual CPUs.
    pub vcpus: Reading<Vcpus>,
    /// The terminal of its console in the domain that serves it.
    pub tty: Reading<Text>,
    /// Its connection to the store.
    pub store_ring: Option<Ring>,
    /// The device models that serve it, and how they are.
    pub device_models: Vec<DeviceModel>,
    /// When it was started, since the Unix epoch.
    pub started: Reading<Duration>,
    /// What it was asked to do ("poweroff", "suspend"…) and has not taken up yet.
    pub shutdown_request: Reading<Text>,
    /// Whether its kernel has written anything: it has run.
    pub has_run: bool,
    /// Values that make no sense.
    pub notes: Vec<Note>,
}

/// Virtual CPUs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Vcpus {
    /// Those that the toolstack wants online.
    pub online: usize,
    /// All.
    pub total: usize,
}

/// How a domain is virtualised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DomainKind {
    /// Paravirtualised.
    Pv,
    /// Hardware with an emulated machine.
    Hvm,
    /// Hardware without one.
    Pvh,
}

impl DomainKind {
    fn parse(value: &[u8]) -> Result<Self, &'static str> {
        match value {
            b"pv" => Ok(Self::Pv),
            b"hvm" => Ok(Self::Hvm),
            b"pvh" => Ok(Self::Pvh),
            _ => Err("is no known type"),
        }
    }
}

impl fmt::Display for DomainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pv => "PV",
            Self::Hvm => "HVM",
            Self::Pvh => "PVH",
        })
    }
}

/// A device model (qemu): `/local/domain/<where>/device-model/<for>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceModel {
    /// The domain in which it runs.
    pub domain: DomId,
    /// Its key `state`.
    pub path: StorePath,
    /// What it says of itself ("running").
    pub state: Reading<Text>,
}

impl DeviceModel {
    /// Whether it says that it works.
    pub fn is_running(&self) -> bool {
        self.state
            .known()
            .is_some_and(|state| state.0 == b"running")
    }
}

impl Domain {
    /// Reads one domain; there may be device models in `servers`.
    pub(crate) fn read<'a>(
        nodes: &dyn Nodes,
        id: DomId,
        servers: impl IntoIterator<Item = &'a DomId>,
    ) -> Self {
        let remarks = Notes::default();
        let home = Folder::new(nodes, &remarks, StorePath::home(id));
        let vm = vm_path(&home);
        let uuid = vm
            .clone()
            .map(|path| path.elements().nth(1).unwrap_or_default().to_owned());
        let vm_key = |key: &str, parse: fn(&[u8]) -> Result<Duration, &'static str>| match &vm {
            Reading::Known(path) => Folder::new(nodes, &remarks, path.clone()).read(key, parse),
            Reading::Denied => Reading::Denied,
            Reading::Missing | Reading::Unreadable(_) => Reading::Missing,
        };
        let kind = match StorePath::parse(format!("/libxl/{id}")) {
            Ok(path) => Folder::new(nodes, &remarks, path).read("type", DomainKind::parse),
            Err(_) => Reading::Missing,
        };
        let kib = |key| home.read(key, |value| reading::decimal(value, u64::MAX / 1024));
        let mut domain = Self {
            id,
            home: home.presence(),
            name: home.text("name"),
            uuid,
            kind,
            memory_target: kib("memory/target"),
            memory_max: kib("memory/static-max"),
            vcpus: vcpus(&home),
            tty: home.text("console/tty"),
            store_ring: store_ring(&home),
            device_models: device_models(nodes, &remarks, servers, id),
            started: vm_key("start_time", seconds),
            shutdown_request: home.text("control/shutdown").map_empty_to_missing(),
            has_run: has_run(&home),
            notes: Vec::new(),
        };
        domain.notes = remarks.into_list();
        domain
    }

    /// A domain of which no more is known than its name.
    pub fn named(id: DomId, name: Reading<Text>) -> Self {
        Self {
            id,
            home: Reading::Known(()),
            name,
            uuid: Reading::Denied,
            kind: Reading::Denied,
            memory_target: Reading::Denied,
            memory_max: Reading::Denied,
            vcpus: Reading::Denied,
            tty: Reading::Denied,
            store_ring: None,
            device_models: Vec::new(),
            started: Reading::Denied,
            shutdown_request: Reading::Denied,
            has_run: false,
            notes: Vec::new(),
        }
    }

    /// Whether there certainly is no such domain any more.
    pub fn is_gone(&self) -> bool {
        self.home.is_missing()
    }
}

impl Reading<Text> {
    /// A request that was taken up is left as an empty value.
    fn map_empty_to_missing(self) -> Self {
        match self {
            Self::Known(text) if text.is_empty() => Self::Missing,
            other => other,
        }
    }
}

/// The device models of a domain, one in each of `servers` at most.
fn device_models<'a>(
    nodes: &dyn Nodes,
    remarks: &Notes,
    servers: impl IntoIterator<Item = &'a DomId>,
    id: DomId,
) -> Vec<DeviceModel> {
    let model = |server: &DomId| {
        let home = Folder::new(nodes, remarks, StorePath::home(*server));
        let model = home.inside(&format!("device-model/{id}"))?;
        model.presence().known()?;
        Some(DeviceModel {
            domain: *server,
            path: model.path().child("state").ok()?,
            state: model.text("state"),
        })
    };
    servers.into_iter().filter_map(model).collect()
}

/// The key `vm`; some toolstacks write it without the leading slash.
fn vm_path(home: &Folder<'_>) -> Reading<StorePath> {
    home.read("vm", |value| {
        let path = if value.starts_with(b"/") {
            StorePath::parse(value)
        } else {
            StorePath::parse([b"/", value].concat())
        };
        path.ok()
            .filter(|path| path.elements().next() == Some("vm") && path.depth() > 1)
            .ok_or("is not a path below /vm")
    })
}

fn vcpus(home: &Folder<'_>) -> Reading<Vcpus> {
    let Some(cpus) = home.inside("cpu") else {
        return Reading::Missing;
    };
    cpus.names().map(|names| {
        let mut count = Vcpus::default();
        for name in names.into_iter().take(MAX_VCPUS) {
            count.total += 1;
            let online = cpus.read(&format!("{name}/availability"), |value| match value {
                b"online" => Ok(true),
                b"offline" => Ok(false),
                _ => Err("is neither online nor offline"),
            });
            count.online += usize::from(online == Reading::Known(true));
        }
        count
    })
}

fn store_ring(home: &Folder<'_>) -> Option<Ring> {
    let frame = home.read("store/ring-ref", |value| reading::decimal(value, u64::MAX));
    let channel = home.number("store/port", u32::MAX);
    if frame.is_missing() && channel.is_missing() {
        return None;
    }
    Some(Ring {
        role: "xenstore".into(),
        place: Place::Device,
        layout: Layout::XENSTORE,
        pages: Reading::Known(1),
        references: frame
            .known()
            .map(|frame| PageReference::Frame(*frame))
            .into_iter()
            .collect(),
        channel,
        capacity: Layout::XENSTORE.capacity(1, Abi::Native),
    })
}

/// Seconds since the epoch with a fraction, as the toolstack writes `start_time`.
fn seconds(value: &[u8]) -> Result<Duration, &'static str> {
    const WRONG: &str = "is not a time";
    let mut parts = value.splitn(2, |b| *b == b'.');
    let whole = reading::decimal(parts.next().unwrap_or_default(), u64::from(u32::MAX) * 256);
    let fraction = parts.next().unwrap_or(b"0");
    if fraction.len() > 9 {
        return Err(WRONG);
    }
    let digits = u32::try_from(fraction.len()).map_err(|_| WRONG)?;
    let fraction = reading::decimal32(fraction, u32::MAX).map_err(|_| WRONG)?;
    let nanos = fraction * 10_u32.pow(9 - digits);
    Ok(Duration::new(whole.map_err(|_| WRONG)?, nanos))
}

/// The toolstack leaves these empty for the guest to fill: a kernel says what it can do, an agent where it is.
fn has_run(home: &Folder<'_>) -> bool {
    const SAID: [&str; 4] = [
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/feature-balloon",
    ];
    const FILLED: [&str; 3] = ["attr", "drivers", "data"];
    SAID.iter()
        .any(|key| matches!(home.bytes(key), Reading::Known(value) if !value.is_empty()))
        || FILLED
            .iter()
            .any(|key| home.inside(key).is_some_and(|folder| folder.is_filled()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn domain(keys: &[(&str, &str)]) -> Domain {
        let map: BTreeMap<StorePath, Vec<u8>> = keys
            .iter()
            .map(|(path, value)| (StorePath::parse(path).unwrap(), value.as_bytes().to_vec()))
            .collect();
        Domain::read(&map, DomId(7), &[DomId(0), DomId(7)])
    }

    #[test]
    fn a_domain_is_read_from_its_home_its_vm_and_the_toolstacks_notes() {
        let domain = domain(&[
            ("/local/domain/7/name", "web"),
            (
                "/local/domain/7/vm",
                "/vm/3cbf4341-082d-40a9-adef-31562868e58d",
            ),
            ("/local/domain/7/memory/target", "131072"),
            ("/local/domain/7/memory/static-max", "262144"),
            ("/local/domain/7/cpu/0/availability", "online"),
            ("/local/domain/7/cpu/1/availability", "offline"),
            ("/local/domain/7/console/tty", "/dev/pts/3"),
            ("/local/domain/7/store/ring-ref", "513025"),
            ("/local/domain/7/store/port", "1"),
            ("/local/domain/7/control/feature-poweroff", "1"),
            ("/local/domain/7/control/shutdown", ""),
            ("/local/domain/0/device-model/7/state", "running"),
            ("/libxl/7/type", "hvm"),
            (
                "/vm/3cbf4341-082d-40a9-adef-31562868e58d/start_time",
                "1795347066.86",
            ),
        ]);
        assert_eq!(domain.name.to_string(), "web");
        assert_eq!(
            domain.uuid.to_string(),
            "3cbf4341-082d-40a9-adef-31562868e58d"
        );
        assert_eq!(domain.kind, Reading::Known(DomainKind::Hvm));
        assert_eq!(domain.memory_target, Reading::Known(131_072));
        let vcpus = Vcpus {
            online: 1,
            total: 2,
        };
        assert_eq!(domain.vcpus, Reading::Known(vcpus));
        assert_eq!(
            domain.started,
            Reading::Known(Duration::from_millis(1_795_347_066_860))
        );
        assert!(domain.has_run && domain.device_models[0].is_running());
        assert!(domain.shutdown_request.is_missing() && domain.notes.is_empty());
        let ring = domain.store_ring.unwrap();
        assert_eq!(ring.references, [PageReference::Frame(513_025)]);
        assert_eq!(ring.channel, Reading::Known(1));
    }

    #[test]
    fn a_vm_path_without_its_slash_is_understood_and_others_are_noted() {
        let vm = |value| domain(&[("/local/domain/7/vm", value)]);
        assert_eq!(vm("vm/ab-c").uuid, Reading::Known("ab-c".into()));
        for bad in ["/vm", "/local/domain/0", "", "\u{1b}[2J"] {
            let domain = vm(bad);
            assert!(
                domain.uuid.known().is_none() && domain.notes.len() == 1,
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_domain_without_a_name_is_still_one() {
        let domain = domain(&[("/local/domain/7/domid", "7")]);
        assert!(domain.name.is_missing() && !domain.is_gone() && !domain.has_run);
    }

    #[test]
    fn times_are_read_strictly() {
        assert_eq!(seconds(b"1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(seconds(b"7"), Ok(Duration::from_secs(7)));
        for bad in [
            &b""[..],
            b"1.",
            b".5",
            b"1.2.3",
            b"-1",
            b"1.0000000001",
            b"9e9",
        ] {
            assert!(seconds(bad).is_err(), "{bad:?}");
        }
    }
}
