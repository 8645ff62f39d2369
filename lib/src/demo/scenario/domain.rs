//! Domains of a scenario.

use serde::Deserialize;

use super::device::{Device, Disk, Vif, one};

/// A domain.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the keys of the file"
)]
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Domain {
    /// Its name, as `xl list` shows it, and what the rest of the scenario calls it. With `count`, `%n` stands for the
    /// number of the copy, here and in all texts of its devices.
    pub name: String,
    /// So many copies of it, numbered from 1.
    pub count: Option<u32>,
    /// Its number; the next free one if absent.
    pub domid: Option<u32>,
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
    /// Whether its name is in the store; domains that the hypervisor starts itself have none.
    #[serde(default = "yes")]
    pub named: bool,
    /// Whether its key `vm` begins with a slash; some toolstacks leave it out.
    #[serde(default = "yes")]
    pub vm_slash: bool,
    /// Whether its kernel ever runs. Without, its frontends stay as the toolstack made them.
    #[serde(default = "yes")]
    pub boots: bool,
    /// Whether it is there at once, with all devices connected, and no driver ever moves: thousands cost little.
    #[serde(default)]
    pub prebuilt: bool,
    /// Disks.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Network interfaces.
    #[serde(default)]
    pub vifs: Vec<Vif>,
    /// Devices of all other classes.
    #[serde(default)]
    pub devices: Vec<Device>,
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
    /// Hardware-assisted, with a device model.
    Hvm,
}

impl DomainKind {
    /// The name in `/libxl/<domid>/type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pv => "pv",
            Self::Pvh => "pvh",
            Self::Hvm => "hvm",
        }
    }
}

/// Name of the first domain.
pub const DOMAIN_0: &str = "Domain-0";

pub(super) fn yes() -> bool {
    true
}

fn default_memory() -> u32 {
    256
}
