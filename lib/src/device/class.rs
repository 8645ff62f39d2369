//! The classes of devices: one table.

mod table;

pub use table::CLASSES;

use super::layout::Layout;

/// A class of devices: how its directories are called, how its handshake runs, where its rings are announced.
#[derive(Debug, Eq, PartialEq)]
pub struct Class {
    /// Short name, unique; for most the name of the frontend's directory.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Names of directories below `device/`.
    pub frontends: &'static [&'static str],
    /// Names of directories below `backend/`. The frontend's and the backend's name may differ (vbd and qdisk).
    pub backends: &'static [&'static str],
    /// How the states move.
    pub handshake: Handshake,
    /// What serves it in the backend domain.
    pub served_by: &'static str,
    /// Where rings are announced in the frontend's directory.
    pub rings: &'static [RingKeys],
}

/// How the two ends of a class find each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handshake {
    /// Both ends have a `state` and meet at Connected.
    Usual,
    /// The frontend has no `state`, and the backend's says nothing: the primary console.
    Silent,
    /// Both ends have a `state`, but the store may hold the backend only: virtio.
    BackendOnly,
}

/// Where one kind of ring of a class is announced.
#[derive(Debug, Eq, PartialEq)]
pub struct RingKeys {
    /// What the ring is for, unique in its class.
    pub role: &'static str,
    /// The key of its pages.
    pub reference: Reference,
    /// Keys of its event channel; the first that is present counts.
    pub channels: &'static [&'static str],
    /// What its pages look like.
    pub layout: Layout,
    /// In which directories to look.
    pub scope: Scope,
}

/// How pages are named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reference {
    /// One grant reference in this key.
    Grant(&'static str),
    /// `KEY`, or `KEY0`, `KEY1`… with `ring-page-order` or `num-ring-pages`.
    Grants(&'static str),
    /// A frame number of the guest in this key.
    Frame(&'static str),
    /// A grant reference in the first key, or in older guests a frame number in the second.
    GrantOrFrame(&'static str, &'static str),
}

/// In which directories the keys of a ring are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Once per queue: in the frontend's directory, or in `queue-0`, `queue-1`… with `multi-queue-num-queues`.
    Queue,
    /// Once, in the frontend's directory.
    Device,
    /// As often as this key says; the number is appended to the keys.
    Numbered(&'static str),
    /// In every directory this many levels below the frontend's whose name is a number.
    Streams(u8),
}

/// The class of the frontend `/local/domain/<d>/console`.
pub const PRIMARY_CONSOLE: &str = "console";

/// What a kind without a row in the table is taken for. Its rings are found by the usual endings of their keys.
pub static GENERIC: Class = Class {
    name: "unknown",
    title: "device of an unknown class",
    frontends: &[],
    backends: &[],
    handshake: Handshake::Usual,
    served_by: "its backend driver",
    rings: &[],
};

/// Directories below `device/` that are no devices: `device/suspend/event-channel` has no state and no backend.
pub const NO_DEVICES: [&str; 1] = ["suspend"];

impl Class {
    /// The class with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CLASSES.iter().find(|class| class.name == name)
    }

    /// The class of the frontends below `device/<kind>`; [`GENERIC`] if it is not in the table.
    pub fn of_frontend(kind: &str) -> &'static Self {
        CLASSES
            .iter()
            .find(|class| class.frontends.contains(&kind))
            .unwrap_or(&GENERIC)
    }

    /// The name of the frontends' directory that belongs to `backend/<kind>`.
    pub fn frontend_kind(backend: &str) -> &str {
        CLASSES
            .iter()
            .find(|class| class.backends.contains(&backend) && !class.frontends.is_empty())
            .and_then(|class| class.frontends.first())
            .copied()
            .unwrap_or(backend)
    }

    /// Whether this stands for everything that is not in the table.
    pub fn is_generic(&self) -> bool {
        self.name == GENERIC.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_frontend_directories_are_unique() {
        for (at, class) in CLASSES.iter().enumerate() {
            for other in &CLASSES[at + 1..] {
                assert_ne!(class.name, other.name);
                assert!(
                    !class
                        .frontends
                        .iter()
                        .any(|kind| other.frontends.contains(kind)),
                    "{} and {}",
                    class.name,
                    other.name
                );
            }
        }
    }

    #[test]
    fn a_backend_of_another_name_belongs_to_its_frontend() {
        for (backend, frontend) in [
            ("vbd", "vbd"),
            ("qdisk", "vbd"),
            ("vbd3", "vbd"),
            ("tap", "vbd"),
            ("qusb", "vusb"),
            ("vinput", "vkbd"),
            ("xen_9pfs", "9pfs"),
            ("console", "console"),
            ("something", "something"),
        ] {
            assert_eq!(Class::frontend_kind(backend), frontend);
        }
        assert!(Class::of_frontend("something").is_generic());
    }
}
