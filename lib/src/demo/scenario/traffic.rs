//! What devices have to do.

use serde::Deserialize;

/// Traffic of devices, from when they are connected.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Traffic {
    /// Name of a domain; all if absent.
    pub domain: Option<String>,
    /// A device of it (`xvda`, `vif0`), or a class (`vbd`, `vif`); all if absent.
    pub device: Option<String>,
    /// Read requests a second, for disks.
    #[serde(default)]
    pub reads: f64,
    /// Write requests a second, for disks.
    #[serde(default)]
    pub writes: f64,
    /// Packets a second that the guest receives.
    #[serde(default)]
    pub received: f64,
    /// Packets a second that the guest sends; for devices that are neither disks nor network interfaces, requests.
    #[serde(default)]
    pub sent: f64,
    /// Bytes of a request or packet, on average.
    #[serde(default = "page")]
    pub size: u32,
    /// Share of the ring that is in use, on average: 0 to 1.
    #[serde(default = "little")]
    pub fill: f64,
    /// How much it all goes up and down: 0 (steady) to 1 (from nothing to twice as much).
    #[serde(default)]
    pub swing: f64,
    /// Seconds between two high tides.
    #[serde(default = "minute")]
    pub period: f64,
}

fn page() -> u32 {
    4096
}

fn little() -> f64 {
    0.1
}

fn minute() -> f64 {
    60.0
}
