//! What happens at intervals.

use serde::Deserialize;

/// Something that happens at intervals, which the seed makes irregular.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Life {
    /// Seconds between two times; each is made up to a quarter longer or shorter.
    pub every: f64,
    /// What happens.
    pub what: Activity,
    /// Name of the domain that it happens to; any one of them if absent, a different one each time.
    pub domain: Option<String>,
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
