//! What a simulated host consists of, read from YAML.

mod check;
mod copies;
mod device;
mod domain;
mod fault;
mod life;
pub(super) mod part;
mod place;
mod timeline;
mod traffic;

use std::path::Path;

use serde::Deserialize;

pub use device::{Device, Disk, Vif};
pub use domain::{DOMAIN_0, Domain, DomainKind};
pub use fault::Fault;
pub use life::{Activity, Life};
pub use timeline::{After, Deed, End, Step};
pub use traffic::Traffic;

use super::toolstack::nodes_of;
use crate::error::{Error, Result};
use crate::value::escape;
use copies::Scale;

/// Largest scenario file, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// The shipped scenarios: name and YAML.
const SHIPPED: [(&str, &str); 6] = [
    ("small", include_str!("scenario/small.yaml")),
    ("quiet", include_str!("scenario/quiet.yaml")),
    ("busy", include_str!("scenario/busy.yaml")),
    ("dom0less", include_str!("scenario/dom0less.yaml")),
    ("broken", include_str!("scenario/broken.yaml")),
    ("datacenter", include_str!("scenario/datacenter.yaml")),
];

/// A simulated host: its domains, their devices, and what happens to them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Starts the random numbers: the same seed gives the same uuids, addresses and changes.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// How time passes.
    #[serde(default)]
    pub time: Time,
    /// Seconds of one step where time is stepped (default 1); see [`super::Host::advance`].
    pub step: Option<f64>,
    /// What there is besides the domains.
    #[serde(default)]
    pub host: HostKind,
    /// Nodes that are there from the beginning, besides those of domains and devices.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// The domains besides domain 0, in the order of their creation.
    #[serde(default)]
    pub domains: Vec<Domain>,
    /// What the devices have to do. Of several entries for one device the last counts.
    #[serde(default)]
    pub traffic: Vec<Traffic>,
    /// What happens again and again once all are running.
    #[serde(default)]
    pub life: Vec<Life>,
    /// What happens at given times.
    #[serde(default)]
    pub timeline: Vec<Step>,
}

/// How time passes on a host.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Time {
    /// As everywhere.
    #[default]
    Real,
    /// It stands still until [`super::Host::advance`].
    Stepped,
}

/// What there is on a host besides the domains.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HostKind {
    /// Whether domain 0 is there, which controls the others and serves their devices.
    pub domain_0: bool,
    /// Whether the toolstack keeps records in `/libxl` and `/vm`.
    pub toolstack: bool,
    /// Number of the domain that the store runs in, if it is not domain 0.
    pub store_domain: Option<u32>,
}

impl Default for HostKind {
    fn default() -> Self {
        Self {
            domain_0: true,
            toolstack: true,
            store_domain: None,
        }
    }
}

/// A node of the initial tree.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    /// Absolute path.
    pub path: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
    /// Its permissions, such as `n0,r1`; its parent's if absent.
    pub perms: Option<String>,
}

impl Scenario {
    /// Name of the scenario that `--demo` without a value means.
    pub const DEFAULT: &'static str = "small";

    /// Names of the shipped scenarios.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The shipped scenario of that name, or else the scenario in that file; the default for an empty name.
    ///
    /// A number after a colon says how many copies are made of the domains that have `count`: `busy:200`. Of more than
    /// 40 the others are prebuilt. `busy:20000nodes` makes as many as give about so many nodes.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the file.
    pub fn find(name: &str) -> Result<Self> {
        let whole = if name.is_empty() { Self::DEFAULT } else { name };
        let yaml = |name: &str| SHIPPED.iter().find(|(shipped, _)| *shipped == name);
        let (name, scale) = match Scale::split(whole) {
            Some(split) if yaml(whole).is_none() && !Path::new(whole).exists() => split,
            _ => (whole, Scale::AsIs),
        };
        match yaml(name) {
            Some((_, yaml)) => {
                Self::parse_scaled(yaml, scale).map_err(|reason| invalid(whole, reason))
            }
            None => Self::load_scaled(Path::new(name), scale),
        }
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the file.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_scaled(path, Scale::AsIs)
    }

    fn load_scaled(path: &Path, scale: Scale) -> Result<Self> {
        let name = path.to_string_lossy();
        let refused = |error: std::io::Error| {
            let shipped: Vec<_> = Self::shipped().collect();
            let names = shipped.join(", ");
            invalid(
                &name,
                format!("{error} (neither a file nor one of the shipped scenarios: {names})"),
            )
        };
        let metadata = std::fs::metadata(path).map_err(refused)?;
        if !metadata.is_file() {
            return Err(invalid(&name, "it is not a regular file".into()));
        }
        if metadata.len() > FILE_MAX {
            return Err(invalid(&name, format!("it is over {FILE_MAX} bytes long")));
        }
        let yaml = std::fs::read_to_string(path).map_err(refused)?;
        Self::parse_scaled(&yaml, scale).map_err(|reason| invalid(&name, reason))
    }

    /// Reads a scenario from YAML text.
    ///
    /// # Errors
    /// What is wrong, with key, line and column.
    pub fn parse(yaml: &str) -> Result<Self, String> {
        Self::parse_scaled(yaml, Scale::AsIs)
    }

    fn parse_scaled(yaml: &str, scale: Scale) -> Result<Self, String> {
        let mut scenario: Self = serde_yaml::from_str(yaml)
            .map_err(|error| escape(error.to_string().as_bytes()).to_string())?;
        let host = scenario.host;
        let origin = copies::make(&mut scenario, scale, |domain| nodes_of(host, domain))?;
        check::check(&scenario, &origin).map_err(|wrong| wrong.describe(yaml))?;
        Ok(scenario)
    }

    /// The domain of that name, and its place.
    pub(super) fn domain(&self, name: &str) -> Option<(usize, &Domain)> {
        let mut domains = self.domains.iter().enumerate();
        domains.find(|(_, domain)| domain.name == name)
    }
}

fn default_seed() -> u64 {
    1
}

fn invalid(name: &str, reason: String) -> Error {
    Error::Invalid {
        what: format!("scenario '{}'", escape(name.as_bytes())),
        reason,
    }
}

#[cfg(test)]
mod tests;
