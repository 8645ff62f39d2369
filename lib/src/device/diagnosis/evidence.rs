//! The nodes that prove a finding.

use super::Case;
use crate::device::reading::Reading;
use crate::path::StorePath;

/// A node, and what it held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// The node.
    pub path: StorePath,
    /// What it held ("4 (Connected)", "missing"), printable.
    pub shows: String,
}

impl Evidence {
    pub(super) fn new(path: &StorePath, shows: impl Into<String>) -> Self {
        Self {
            path: path.clone(),
            shows: shows.into(),
        }
    }
}

/// Which node proves something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    /// The frontend's `state`, or its missing directory.
    Front,
    /// The backend's `state`, or where it should be.
    Back,
    /// The backend's `online`.
    Online,
    /// The backend's `hotplug-status`.
    HotplugStatus,
    /// The backend's `hotplug-error`.
    HotplugError,
    /// The backend's `script`.
    Script,
    /// The backend's `physical-device`, for block devices.
    PhysicalDevice,
    /// The frontend's `backend`.
    BackendKey,
    /// The backend's `frontend`.
    FrontendKey,
    /// The toolstack's entry.
    Toolstack,
    /// The home of the frontend's domain.
    Home,
    /// The states of device models.
    DeviceModel,
}

impl Case<'_> {
    /// The nodes that these name, as far as they exist for this device.
    pub(super) fn evidence(&self, proofs: &[Proof]) -> Vec<Evidence> {
        proofs.iter().flat_map(|proof| self.prove(*proof)).collect()
    }

    fn prove(&self, proof: Proof) -> Vec<Evidence> {
        let device = self.device;
        let back = device.back.known();
        let one = |evidence: Option<Evidence>| evidence.into_iter().collect();
        match proof {
            Proof::Front => one(device.id.frontend().map(|path| {
                let (path, shows) = match &device.front {
                    Reading::Known(front) => (with(&path, "state"), state(&front.state)),
                    other => (path, other.as_ref_shown()),
                };
                Evidence { path, shows }
            })),
            Proof::Back => one(match (back, self.expected_backend()) {
                (Some(back), _) => Some(Evidence {
                    path: with(&back.path, "state"),
                    shows: state(&back.state),
                }),
                (None, Some(path)) => Some(Evidence::new(path, device.back.as_ref_shown())),
                (None, None) => None,
            }),
            Proof::Online => one(back.map(|b| {
                key(&b.path, "online", {
                    let online = b.online.clone().map(u8::from);
                    online.to_string()
                })
            })),
            Proof::HotplugStatus => one(back.map(|b| {
                let status = b.hotplug.clone().map(|status| format!("{status}"));
                key(&b.path, "hotplug-status", status.to_string())
            })),
            Proof::HotplugError => one(back
                .filter(|b| !b.hotplug_error.is_missing())
                .map(|b| key(&b.path, "hotplug-error", b.hotplug_error.to_string()))),
            Proof::Script => one(back
                .filter(|b| !b.script.is_missing())
                .map(|b| key(&b.path, "script", b.script.to_string()))),
            Proof::PhysicalDevice => one(back
                .filter(|b| device.class.name == "vbd" && b.kind == "vbd")
                .map(|b| key(&b.path, "physical-device", b.physical_device.to_string()))),
            Proof::BackendKey => one(device
                .front
                .known()
                .map(|f| key(&f.path, "backend", f.backend.to_string()))),
            Proof::FrontendKey => {
                one(back.map(|b| key(&b.path, "frontend", b.frontend.to_string())))
            }
            Proof::Toolstack => one(device
                .toolstack
                .known()
                .map(|t| key(&t.path, "backend", t.backend.to_string()))),
            Proof::Home => {
                let home = StorePath::home(device.id.domain());
                let shows = if self.is_domain_gone() {
                    "missing"
                } else {
                    "there"
                };
                vec![Evidence::new(&home, shows)]
            }
            Proof::DeviceModel => self
                .domain
                .iter()
                .flat_map(|domain| &domain.device_models)
                .map(|model| Evidence::new(&model.path, model.state.to_string()))
                .collect(),
        }
    }

    /// Where the backend should be, by whoever is trusted most.
    fn expected_backend(&self) -> Option<&StorePath> {
        let entry = self.device.toolstack.known();
        let front = self.device.front.known();
        entry
            .and_then(|entry| entry.backend.known())
            .or_else(|| front.and_then(|front| front.backend.known()))
    }
}

impl<T> Reading<T> {
    /// How something that is not known is shown.
    fn as_ref_shown(&self) -> String {
        match self {
            Self::Known(_) => "there".to_owned(),
            Self::Missing => "missing".to_owned(),
            Self::Denied => "not readable for us".to_owned(),
            Self::Unreadable(bad) => bad.to_string(),
        }
    }
}

fn state(state: &Reading<crate::device::XenbusState>) -> String {
    match state {
        Reading::Known(state) => match state.name() {
            Some(name) => format!("{} ({name})", state.0),
            None => format!("{} (no such state)", state.0),
        },
        other => other.to_string(),
    }
}

fn key(above: &StorePath, name: &str, shows: String) -> Evidence {
    Evidence {
        path: with(above, name),
        shows,
    }
}

/// The key below a directory; the directory itself if the path gets too long.
fn with(above: &StorePath, name: &str) -> StorePath {
    above.child(name).unwrap_or_else(|_| above.clone())
}
