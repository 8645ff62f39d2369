//! What a simulated host consists of, read from YAML.

mod check;
mod kind;

use std::path::Path;

use serde::Deserialize;

pub(super) use check::virtual_device;
pub use kind::{Activity, DOMAIN_0, Disk, Domain, DomainKind, Life, Vif};

use crate::error::{Error, Result};
use crate::value::escape;

/// Largest scenario file, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// The shipped scenarios: name and YAML.
const SHIPPED: [(&str, &str); 2] = [
    ("small", include_str!("scenario/small.yaml")),
    ("quiet", include_str!("scenario/quiet.yaml")),
];

/// A simulated host: its domains, their devices, and what happens to them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Starts the random numbers: the same seed gives the same uuids, addresses and changes.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// The domains besides domain 0, in the order of their creation.
    #[serde(default)]
    pub domains: Vec<Domain>,
    /// What happens again and again once all are running.
    #[serde(default)]
    pub life: Vec<Life>,
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
    /// # Errors
    /// [`Error::Invalid`] with the place in the file.
    pub fn find(name: &str) -> Result<Self> {
        let name = if name.is_empty() { Self::DEFAULT } else { name };
        if let Some((_, yaml)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(yaml).map_err(|reason| invalid(name, reason));
        }
        Self::load(Path::new(name))
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the file.
    pub fn load(path: &Path) -> Result<Self> {
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
        Self::parse(&yaml).map_err(|reason| invalid(&name, reason))
    }

    /// Reads a scenario from YAML text.
    ///
    /// # Errors
    /// What is wrong, with key, line and column where they are known.
    pub fn parse(yaml: &str) -> Result<Self, String> {
        let scenario: Self = serde_yaml::from_str(yaml)
            .map_err(|error| escape(error.to_string().as_bytes()).to_string())?;
        check::check(&scenario)?;
        Ok(scenario)
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
