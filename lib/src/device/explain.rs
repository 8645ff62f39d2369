//! What a well-known key means, who writes it, and what its value says.
//!
//! One table ([`SECTIONS`]), after `docs/misc/xenstore-paths.pandoc` and `xen/include/public/io/*.h`.

mod classes;
mod host;
mod says;

use std::fmt;

use super::class::{Class, NO_DEVICES, PRIMARY_CONSOLE};
use super::id::DeviceId;
use crate::id::DomId;
use crate::path::StorePath;

pub use says::Value;

/// What is known of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// What the node is, one sentence.
    pub meaning: &'static str,
    /// Who writes it.
    pub writer: Writer,
    /// What its value says ("Connected", "xvda", "128 MiB"); none if it speaks for itself or was not given.
    pub says: Option<String>,
    /// The class of device that it belongs to.
    pub class: Option<&'static Class>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(says) = &self.says {
            write!(f, "{says}: ")?;
        }
        write!(f, "{} Written by {}.", self.meaning, self.writer)
    }
}

/// Who writes a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Writer {
    /// The toolstack (libxl, xapi) that manages domains.
    Toolstack,
    /// The kernel of the guest.
    Guest,
    /// The driver at the frontend's end.
    Frontend,
    /// The driver at the backend's end.
    Backend,
    /// The toolstack at first, then both drivers.
    Both,
    /// A hotplug script in the backend's domain.
    Hotplug,
    /// An agent in the guest.
    Agent,
    /// The device model (qemu).
    DeviceModel,
    /// The console daemon.
    ConsoleDaemon,
    /// The store, or who starts it.
    Store,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Toolstack => "the toolstack",
            Self::Guest => "the guest's kernel",
            Self::Frontend => "the frontend's driver",
            Self::Backend => "the backend's driver",
            Self::Both => "the toolstack, then the driver",
            Self::Hotplug => "the hotplug script",
            Self::Agent => "an agent in the guest",
            Self::DeviceModel => "the device model",
            Self::ConsoleDaemon => "the console daemon",
            Self::Store => "whoever starts the store",
        })
    }
}

/// Keys of one kind of directory.
#[derive(Debug)]
pub struct Section {
    /// Which directory.
    pub place: Place,
    /// Its keys; the first that fits counts.
    pub keys: &'static [Key],
}

/// Which kind of directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// `/`.
    Root,
    /// `/local/domain/<domid>`.
    Home,
    /// The frontend's directory of this class.
    Front(&'static str),
    /// The backend's directory of this class.
    Back(&'static str),
    /// The frontend's directory of any class.
    AnyFront,
    /// The backend's directory of any class.
    AnyBack,
}

/// A key of the dictionary.
#[derive(Debug)]
pub struct Key {
    /// Its path below the place. `*` stands for any element, `#` for digits, also within an element.
    pub pattern: &'static str,
    /// Who writes it.
    pub writer: Writer,
    /// How its value is read.
    pub value: Value,
    /// What it is.
    pub meaning: &'static str,
}

const fn key(pattern: &'static str, writer: Writer, value: Value, meaning: &'static str) -> Key {
    Key {
        pattern,
        writer,
        value,
        meaning,
    }
}

/// The whole dictionary: special places first.
pub const SECTIONS: [&[Section]; 2] = [classes::SECTIONS, host::SECTIONS];

/// What is known of the node at `path`, and of its value if that is given. `None` for keys without a name in the
/// field.
pub fn explain(path: &StorePath, value: Option<&[u8]>) -> Option<Explanation> {
    let spot = Spot::of(path)?;
    let mut sections = SECTIONS.iter().copied().flatten();
    let key = sections.find_map(|section| {
        let below = spot.below(section.place)?;
        section.keys.iter().find(|key| fits(key.pattern, below))
    })?;
    let says = match (key.pattern, spot.class) {
        // The directory of a device: its own name says more than its value.
        ("", Some(_)) => spot.device.as_ref().and_then(label),
        _ => value.and_then(|value| key.value.says(value)),
    };
    Some(Explanation {
        meaning: key.meaning,
        writer: key.writer,
        says,
        class: spot.class,
    })
}

/// Where a path is.
struct Spot<'a> {
    elements: Vec<&'a str>,
    end: End,
    class: Option<&'static Class>,
    device: Option<DeviceId>,
}

/// In whose directory a path is, and how many elements that has.
enum End {
    Front(usize),
    Back(usize),
    Home(usize),
    Root,
}

impl<'a> Spot<'a> {
    fn of(path: &'a StorePath) -> Option<Self> {
        let elements: Vec<&str> = path.elements().collect();
        let domid = |text: &str| DomId::parse(text).ok();
        let (end, device) = match elements[..] {
            ["local", "domain", home, "device", kind, index, ..] if !NO_DEVICES.contains(&kind) => {
                (
                    End::Front(6),
                    Some(DeviceId::new(domid(home)?, kind, index)),
                )
            }
            ["local", "domain", home, PRIMARY_CONSOLE, ..] => {
                (End::Front(4), Some(DeviceId::primary_console(domid(home)?)))
            }
            ["local", "domain", home, "backend", kind, front, index, ..] => {
                domid(home)?;
                (End::Back(7), Some(of_backend(domid(front)?, kind, index)))
            }
            // The toolstack keeps a copy of what it wrote into the backend.
            ["libxl", home, "device", kind, index, ..] => {
                (End::Back(5), Some(of_backend(domid(home)?, kind, index)))
            }
            ["local", "domain", home, ..] => {
                domid(home)?;
                (End::Home(3), None)
            }
            _ => (End::Root, None),
        };
        Some(Self {
            elements,
            end,
            class: device.as_ref().map(DeviceId::class),
            device,
        })
    }

    /// The elements below such a place, if the path is in one.
    fn below(&self, place: Place) -> Option<&[&'a str]> {
        let is = |name: &str| self.class.is_some_and(|class| class.name == name);
        let depth = match (place, &self.end) {
            (Place::Root, _) => 0,
            (Place::Front(name), End::Front(depth)) | (Place::Back(name), End::Back(depth))
                if is(name) =>
            {
                *depth
            }
            (Place::Home, End::Home(depth))
            | (Place::AnyFront, End::Front(depth))
            | (Place::AnyBack, End::Back(depth)) => *depth,
            _ => return None,
        };
        self.elements.get(depth..)
    }
}

fn of_backend(front: DomId, kind: &str, index: &str) -> DeviceId {
    if kind == PRIMARY_CONSOLE && index == "0" {
        DeviceId::primary_console(front)
    } else {
        DeviceId::new(front, Class::frontend_kind(kind), index)
    }
}

fn label(device: &DeviceId) -> Option<String> {
    let class = device.class();
    let name = match class.name {
        "vbd" => Value::Vbd.says(device.index().as_bytes())?,
        _ => device.index().to_owned(),
    };
    Some(format!(
        "{} {name} of domain {}",
        class.title,
        device.domain()
    ))
}

fn fits(pattern: &str, elements: &[&str]) -> bool {
    let mut wanted = pattern.split('/').filter(|element| !element.is_empty());
    elements.iter().all(|element| {
        wanted
            .next()
            .is_some_and(|wanted| fits_one(wanted, element))
    }) && wanted.next().is_none()
}

fn fits_one(wanted: &str, element: &str) -> bool {
    if wanted == "*" {
        return true;
    }
    match wanted.split_once('#') {
        None => wanted == element,
        Some((before, after)) => element
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests;
