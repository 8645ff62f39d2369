//! What happens at given times.

use serde::Deserialize;

use super::fault::Fault;

/// Something that happens at a given time.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Seconds since the devices were connected. At 0 it is done before the host is said to be ready.
    pub at: f64,
    /// Seconds until it happens again, if it does.
    pub every: Option<f64>,
    /// What happens.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// Name of the domain that it happens to.
    pub domain: Option<String>,
    /// Its device: `xvda`, `vif0`, `vkbd0`.
    pub device: Option<String>,
    /// For [`Deed::Fault`] and [`Deed::Heal`]: which one.
    pub fault: Option<Fault>,
    /// For [`Deed::Crash`]: what the toolstack does then.
    pub then: Option<After>,
    /// For [`Deed::Write`], [`Deed::Remove`] and [`Deed::Error`] of a device: which end of it.
    pub end: Option<End>,
    /// For [`Deed::Write`] and [`Deed::Remove`]: the key of that end. Without one, [`Deed::Remove`] removes all of it.
    pub key: Option<String>,
    /// For [`Deed::Write`] and [`Deed::Remove`]: the node, in place of device and key.
    pub path: Option<String>,
    /// For [`Deed::Write`]: the value; for [`Deed::Error`]: what the driver says.
    pub value: Option<String>,
    /// For [`Deed::Write`]: permissions, such as `n0,r1`.
    pub perms: Option<String>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// The guest crashes.
    Crash,
    /// The guest's kernel starts anew without closing its devices, and has no drivers for them.
    CrashKernel,
    /// The guest switches itself off.
    Poweroff,
    /// The guest restarts.
    Reboot,
    /// The domain is gone, its backends with it, and nobody clears up after those that used them.
    Die,
    /// The domain is gone, and the toolstack died before it removed the backends.
    Vanish,
    /// The toolstack takes a device away.
    Unplug,
    /// The toolstack plugs a device in that was taken away.
    Plug,
    /// The frontend closes on its own.
    Close,
    /// The frontend moves from Closing to Initialising, or from another state to Closing.
    Flip,
    /// From now on something is wrong with a device.
    Fault,
    /// A fault is over; all of a device without `fault`.
    Heal,
    /// A driver reports an error below `error/`.
    Error,
    /// A node is written.
    Write,
    /// A node is removed.
    Remove,
    /// The device's ring indices come to the end of their 32 bits.
    Wrap,
    /// The device's counters begin at 0 again.
    Restart,
    /// Requests of the device are not answered any more: its rings fill up.
    Stall,
    /// The guest writes impossible indices into its rings.
    Lie,
    /// The device works as before [`Deed::Stall`] and [`Deed::Lie`].
    Flow,
}

impl Deed {
    /// Whether it concerns only what a device has to do, and no node of the store.
    pub(super) fn is_traffic(self) -> bool {
        matches!(
            self,
            Self::Wrap | Self::Restart | Self::Stall | Self::Lie | Self::Flow
        )
    }
}

/// What the toolstack does with a domain that crashed (`on_crash` in xl.cfg).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// It is removed.
    #[default]
    Destroy,
    /// It is made again.
    Restart,
    /// It stays as it is.
    Preserve,
}

/// One side of a device.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// In the guest.
    Frontend,
    /// In the domain that serves it.
    Backend,
}
