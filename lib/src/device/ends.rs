//! The two ends of a device, and the toolstack's entry for it.

use super::class::{Class, Handshake};
use super::id::{BackendPlace, DeviceId};
use super::nodes::Folder;
use super::reading::{self, Reading, Text};
use super::ring::Rings;
use super::state::XenbusState;
use crate::id::DomId;
use crate::path::StorePath;

/// A frontend's directory. Everything in it is written by the guest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frontend {
    /// The directory.
    pub path: StorePath,
    /// The state; a primary console has none.
    pub state: Reading<XenbusState>,
    /// The backend's directory, as the frontend says.
    pub backend: Reading<StorePath>,
    /// The backend's domain, as the frontend says.
    pub backend_id: Reading<DomId>,
    /// What its driver reported before it gave up.
    pub error: Reading<Text>,
    /// Its rings.
    pub rings: Rings,
}

impl Frontend {
    pub(crate) fn read(
        id: &DeviceId,
        class: &Class,
        folder: &Folder<'_>,
        home: &Folder<'_>,
    ) -> Self {
        Self {
            path: folder.path().clone(),
            state: folder.read("state", XenbusState::parse),
            backend: folder.read("backend", reading::path),
            backend_id: folder.read("backend-id", reading::domid),
            error: home.text(&format!("error/{}/error", id.node_name())),
            rings: Rings::read(class, folder),
        }
    }
}

/// A backend's directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backend {
    /// The directory.
    pub path: StorePath,
    /// The domain that serves the device.
    pub domain: DomId,
    /// The name of the directory above the frontend's domain ("qdisk").
    pub kind: String,
    /// The state.
    pub state: Reading<XenbusState>,
    /// The frontend's directory, as the backend says.
    pub frontend: Reading<StorePath>,
    /// The frontend's domain, as the backend says.
    pub frontend_id: Reading<DomId>,
    /// Whether the toolstack wants the device.
    pub online: Reading<bool>,
    /// What the hotplug script says.
    pub hotplug: Reading<Hotplug>,
    /// Why the hotplug script failed.
    pub hotplug_error: Reading<Text>,
    /// The hotplug script.
    pub script: Reading<Text>,
    /// Block devices: the device behind it, hexadecimal `major:minor`; written by the hotplug script.
    pub physical_device: Reading<Text>,
    /// Block devices that tapdisk serves: its process (`kthread-pid`).
    pub tapdisk: Reading<u32>,
    /// What its driver reported before it gave up.
    pub error: Reading<Text>,
}

impl Backend {
    /// Reads the backend at a path that is known to be of a backend's form.
    pub(crate) fn read(place: BackendPlace<'_>, folder: &Folder<'_>, home: &Folder<'_>) -> Self {
        let BackendPlace {
            domain,
            kind,
            frontend,
            index,
        } = place;
        Self {
            path: folder.path().clone(),
            domain,
            kind: kind.to_owned(),
            state: folder.read("state", XenbusState::parse),
            frontend: folder.read("frontend", reading::path),
            frontend_id: folder.read("frontend-id", reading::domid),
            online: folder.read("online", reading::flag),
            hotplug: folder.read("hotplug-status", Hotplug::parse),
            hotplug_error: folder.text("hotplug-error"),
            script: folder.text("script"),
            physical_device: folder.text("physical-device"),
            tapdisk: folder.number("kthread-pid", u32::MAX),
            error: home.text(&format!("error/backend/{kind}/{frontend}/{index}/error")),
        }
    }

    /// The directory below its domain's home ("backend/vbd/3/51712"): what the backend's kernel calls the device.
    pub fn node_name(&self) -> &str {
        let home = StorePath::home(self.domain);
        self.path.below(&home).unwrap_or_default()
    }
}

/// What the hotplug script wrote into `hotplug-status`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hotplug {
    /// Nothing so far.
    Unset,
    /// "connected": it has done its part.
    Connected,
    /// "disconnected".
    Disconnected,
    /// "error": it failed; see `hotplug-error`.
    Error,
    /// Something else.
    Other(Text),
}

impl Hotplug {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "has the form of the other parsers"
    )]
    fn parse(value: &[u8]) -> Result<Self, &'static str> {
        Ok(match value {
            b"" => Self::Unset,
            b"connected" => Self::Connected,
            b"disconnected" => Self::Disconnected,
            b"error" => Self::Error,
            other => Self::Other(Text(other.to_vec())),
        })
    }
}

impl std::fmt::Display for Hotplug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset => f.pad("unset"),
            Self::Connected => f.pad("connected"),
            Self::Disconnected => f.pad("disconnected"),
            Self::Error => f.pad("error"),
            Self::Other(text) => text.fmt(f),
        }
    }
}

/// The toolstack's own entry, `/libxl/<d>/device/<kind>/<index>`. Its `state` is a copy made at creation: never shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ToolstackEntry {
    /// The directory.
    pub path: StorePath,
    /// The backend's directory.
    pub backend: Reading<StorePath>,
}

impl ToolstackEntry {
    pub(crate) fn read(folder: &Folder<'_>) -> Self {
        Self {
            path: folder.path().clone(),
            backend: folder.read("backend", reading::path),
        }
    }
}

/// What one end shows of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen {
    /// There is no directory.
    Absent,
    /// There is a directory, but no state in it.
    Stateless,
    /// A state, perhaps one without a name.
    State(XenbusState),
    /// The state is no number.
    Garbled,
    /// We may not see it.
    Hidden,
}

impl Seen {
    /// What can be said of an end, given how its directory and its state were read.
    pub(crate) fn of<T>(end: &Reading<T>, state: impl Fn(&T) -> &Reading<XenbusState>) -> Self {
        match end {
            Reading::Missing => Self::Absent,
            Reading::Denied => Self::Hidden,
            Reading::Unreadable(_) => Self::Garbled,
            Reading::Known(end) => match state(end) {
                Reading::Known(state) => Self::State(*state),
                Reading::Missing => Self::Stateless,
                Reading::Denied => Self::Hidden,
                Reading::Unreadable(_) => Self::Garbled,
            },
        }
    }

    /// The state, if there is one.
    pub fn state(self) -> Option<XenbusState> {
        match self {
            Self::State(state) => Some(state),
            _ => None,
        }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.pad("absent"),
            Self::Stateless => f.pad("no state"),
            Self::State(state) => state.fmt(f),
            Self::Garbled => f.pad("unreadable"),
            Self::Hidden => f.pad("hidden"),
        }
    }
}

/// Whether a class's frontend has a state at all.
pub(crate) fn has_states(class: &Class) -> bool {
    class.handshake == Handshake::Usual
}
