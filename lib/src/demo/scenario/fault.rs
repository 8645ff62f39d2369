//! What can be wrong with a device.

use serde::Deserialize;

/// How a driver, or the hotplug script, of a device misbehaves until it is healed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// No backend driver takes the device up: both ends stay Initialising.
    NoBackendDriver,
    /// The guest has no driver for it: the frontend stays Initialising, the backend waits in InitWait.
    NoFrontendDriver,
    /// The hotplug script never ends: the backend waits in InitWait for a guest that is ready.
    HotplugHangs,
    /// The hotplug script fails and says so in `hotplug-status` and `hotplug-error`.
    HotplugFails,
    /// The backend hangs in InitWait although everything is there.
    BackendHangs,
    /// The backend publishes Initialised where frontends expect InitWait.
    BackendInitialised,
    /// The backend does not follow a frontend that closes.
    BackendIgnoresClose,
    /// The frontend misses that the backend is Connected, and stays Initialised.
    FrontendHangs,
    /// The frontend does not answer a request to close: the device is in use.
    UnplugIgnored,
    /// The frontend begins to close and never ends.
    FrontendHangsClosing,
    /// Both ends close when unplugged, but nobody removes their directories.
    CleanUpMissing,
    /// The frontend's driver restarts again and again: each `flip` moves it from Closing to Initialising or back, and
    /// the backend looks on.
    Flapping,
}
