//! Where the user is.

use xenbus::DomId;
use xenbus::device::DeviceId;

use super::ViewId;

/// What is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// A whole view.
    View(ViewId),
    /// The devices of one domain, those that it serves included.
    Domain(DomId),
    /// One device.
    Device(DeviceId),
}

impl Place {
    /// The view to which it belongs.
    pub fn view(&self) -> ViewId {
        match self {
            Self::View(view) => *view,
            Self::Domain(_) | Self::Device(_) => ViewId::Devices,
        }
    }
}
