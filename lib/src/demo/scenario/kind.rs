//! The parts of a scenario.

use serde::Deserialize;

/// A domain.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Domain {
    /// Its name, as `xl list` shows it.
    pub name: String,
    /// How it is virtualised.
    #[serde(default)]
    pub kind: DomainKind,
    /// Virtual processors.
    #[serde(default = "one")]
    pub vcpus: u32,
    /// Memory in MiB.
    #[serde(default = "default_memory")]
    pub memory: u32,
    /// Whether it runs backends for other domains (`driver_domain` in xl.cfg).
    #[serde(default)]
    pub driver_domain: bool,
    /// Disks.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Network interfaces.
    #[serde(default)]
    pub vifs: Vec<Vif>,
}

/// How a domain is virtualised.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum DomainKind {
    /// Paravirtualised.
    Pv,
    /// Hardware-assisted, without emulated devices.
    #[default]
    Pvh,
}

impl DomainKind {
    /// The name in `/libxl/<domid>/type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pv => "pv",
            Self::Pvh => "pvh",
        }
    }
}

/// A disk (`vbd`).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Disk {
    /// Name in the guest: `xvda` … `xvdp`.
    pub vdev: String,
    /// What it is stored on: a path in the backend's domain.
    pub target: String,
    /// Whether the guest may not write it.
    #[serde(default)]
    pub read_only: bool,
    /// Size in MiB.
    #[serde(default = "default_size")]
    pub size: u64,
    /// Queues that the frontend uses.
    #[serde(default = "one")]
    pub queues: u32,
    /// Name of the domain that serves it.
    #[serde(default = "domain_0")]
    pub backend: String,
}

/// A network interface (`vif`).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vif {
    /// Its address; made up if absent.
    pub mac: Option<String>,
    /// Bridge in the backend's domain.
    #[serde(default = "default_bridge")]
    pub bridge: String,
    /// Queues that the frontend uses.
    #[serde(default = "one")]
    pub queues: u32,
    /// Whether the frontend uses one event channel per direction and not one for both.
    #[serde(default)]
    pub split_event_channels: bool,
    /// Limit as `bytes,microseconds`.
    pub rate: Option<String>,
    /// Name of the domain that serves it.
    #[serde(default = "domain_0")]
    pub backend: String,
}

/// Something that happens at intervals.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Life {
    /// Seconds between two times; each is made up to a quarter longer or shorter.
    pub every: f64,
    /// What happens.
    pub what: Activity,
    /// Name of the domain that it happens to.
    pub domain: String,
    /// The device for [`Activity::Replug`]: `xvdb` or `vif1`.
    pub device: Option<String>,
}

/// What can happen to a domain.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// The toolstack changes the memory target.
    Memory,
    /// The guest's agent reports in `data/` and `attr/`.
    Agent,
    /// The guest is told to reboot, and comes back under another number.
    Reboot,
    /// A device is unplugged, and plugged again.
    Replug,
}

/// Name of the first domain.
pub const DOMAIN_0: &str = "Domain-0";

fn domain_0() -> String {
    DOMAIN_0.into()
}

fn one() -> u32 {
    1
}

fn default_memory() -> u32 {
    256
}

fn default_size() -> u64 {
    8192
}

fn default_bridge() -> String {
    "xenbr0".into()
}
