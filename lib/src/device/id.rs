//! Which device, and what a path says about it.

use std::fmt;
use std::sync::Arc;

use super::class::{Class, GENERIC, NO_DEVICES, PRIMARY_CONSOLE};
use super::nodes::{Nodes, Spot};
use super::reading::Reading;
use crate::id::DomId;
use crate::path::{ABSOLUTE_MAX, StorePath, is_name};

/// A device: a frontend domain, a kind, and an index in it. Cloning is cheap.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceId {
    domain: DomId,
    kind: Arc<str>,
    /// Empty for the primary console, which has no directory below `device`.
    index: Arc<str>,
}

impl DeviceId {
    /// The device whose frontend is `/local/domain/<domain>/device/<kind>/<index>`.
    pub fn new(domain: DomId, kind: &str, index: &str) -> Self {
        Self {
            domain,
            kind: kind.into(),
            index: index.into(),
        }
    }

    /// The console at `/local/domain/<domain>/console`.
    pub fn primary_console(domain: DomId) -> Self {
        Self::new(domain, PRIMARY_CONSOLE, "")
    }

    /// The domain of the frontend.
    pub fn domain(&self) -> DomId {
        self.domain
    }

    /// The name of the frontend's directory ("vbd").
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The number of the device in its domain, as the toolstack counts ("51712", "0").
    pub fn index(&self) -> &str {
        if self.is_primary_console() {
            "0"
        } else {
            &self.index
        }
    }

    /// Whether it is the console that every domain has.
    pub fn is_primary_console(&self) -> bool {
        self.index.is_empty()
    }

    /// Its class.
    pub fn class(&self) -> &'static Class {
        if self.is_primary_console() {
            Class::named(PRIMARY_CONSOLE).unwrap_or(&GENERIC)
        } else {
            Class::of_frontend(&self.kind)
        }
    }

    /// The frontend's directory below its domain's home ("device/vbd/51712").
    pub fn node_name(&self) -> String {
        if self.is_primary_console() {
            PRIMARY_CONSOLE.to_owned()
        } else {
            format!("device/{}/{}", self.kind, self.index)
        }
    }

    /// The frontend's directory; `None` if the names are no elements of a path.
    pub fn frontend(&self) -> Option<StorePath> {
        StorePath::home(self.domain).join(&self.node_name()).ok()
    }

    /// The device whose frontend's directory this is.
    pub fn of_frontend(path: &StorePath) -> Option<Self> {
        let elements: Vec<&str> = path.elements().collect();
        match elements[..] {
            ["local", "domain", domain, "device", kind, index] => {
                Some(Self::new(DomId::parse(domain).ok()?, kind, index))
            }
            ["local", "domain", domain, PRIMARY_CONSOLE] => {
                Some(Self::primary_console(DomId::parse(domain).ok()?))
            }
            _ => None,
        }
    }

    /// The device of a directory that says in its key `frontend` whose it is: a backend, or the toolstack's entry.
    ///
    /// The place of the directory counts more than the key: only the kind is taken from it.
    pub(crate) fn of_claim<'a>(
        nodes: &'a dyn Nodes,
        spot: &Spot<'a>,
        domain: DomId,
        kind: &str,
        index: &str,
    ) -> Self {
        let claimed = match spot.bytes(nodes, "frontend") {
            Reading::Known(value) => Self::claimed(&value, domain, index),
            _ => None,
        };
        match claimed {
            Some(id) => id,
            None if kind == PRIMARY_CONSOLE && index == "0" => Self::primary_console(domain),
            None => Self::new(domain, Class::frontend_kind(kind), index),
        }
    }
}

impl DeviceId {
    /// The device of this number in this domain at the path of a frontend, if it is one.
    fn claimed(frontend: &[u8], domain: DomId, index: &str) -> Option<Self> {
        let below = frontend.strip_prefix(b"/local/domain/")?;
        let mut elements = str::from_utf8(below).ok()?.split('/');
        if DomId::parse(elements.next()?) != Ok(domain) {
            return None;
        }
        match (elements.next()?, elements.next(), elements.next()) {
            (PRIMARY_CONSOLE, None, _) => {
                Some(Self::primary_console(domain)).filter(|id| id.index() == index)
            }
            ("device", Some(kind), Some(last)) => {
                let is_whole = elements.next().is_none() && last == index;
                let is_path = is_name(kind.as_bytes()) && frontend.len() <= ABSOLUTE_MAX;
                (is_whole && is_path).then(|| Self::new(domain, kind, index))
            }
            _ => None,
        }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} of domain {}",
            self.kind,
            self.index(),
            self.domain
        )
    }
}

/// The parts of a backend's directory, `/local/domain/<b>/backend/<kind>/<d>/<index>`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackendPlace<'a> {
    /// The backend's domain.
    pub domain: DomId,
    /// The name of the backend's directory ("qdisk").
    pub kind: &'a str,
    /// The frontend's domain.
    pub frontend: DomId,
    /// The number of the device.
    pub index: &'a str,
}

impl<'a> BackendPlace<'a> {
    /// Reads the path of a backend's directory.
    pub fn parse(path: &'a StorePath) -> Option<Self> {
        let mut elements = path.elements();
        let place = Self::from_start(&mut elements)?;
        elements.next().is_none().then_some(place)
    }

    fn from_start(elements: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        if (elements.next()?, elements.next()?) != ("local", "domain") {
            return None;
        }
        let domain = DomId::parse(elements.next()?).ok()?;
        if elements.next()? != "backend" {
            return None;
        }
        Some(Self {
            domain,
            kind: elements.next()?,
            frontend: DomId::parse(elements.next()?).ok()?,
            index: elements.next()?,
        })
    }
}

/// What has to be read again after a change at a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Concern {
    /// One device.
    Device(DeviceId),
    /// One domain, but none of its devices.
    Domain(DomId),
    /// One domain, and which devices it has.
    Home(DomId),
    /// The domains of this `/vm` entry.
    Vm(String),
    /// More than one device or domain: the whole model.
    Everything,
    /// Nothing that the model shows.
    Nothing,
}

impl Concern {
    /// What a change at `path` concerns.
    pub fn of(nodes: &dyn Nodes, path: &StorePath) -> Self {
        let elements: Vec<&str> = path.elements().collect();
        let domain = |text: &str| DomId::parse(text).ok();
        match elements[..] {
            [] | ["local" | "libxl" | "vm"] | ["local", "domain"] | ["tool", ..] => {
                Self::Everything
            }
            ["local", "domain", home, ref rest @ ..] => match (domain(home), rest) {
                (None, _) => Self::Nothing,
                (_, ["device", kind, ..]) if NO_DEVICES.contains(kind) => Self::Nothing,
                // The console's directory holds keys of the domain, too.
                (
                    Some(id),
                    []
                    | ["device" | PRIMARY_CONSOLE]
                    | ["device", _]
                    | ["error", "device"]
                    | ["error", "device", _],
                ) => Self::Home(id),
                (
                    Some(_),
                    ["backend" | "error"]
                    | ["backend", _]
                    | ["error", "backend"]
                    | ["error", "backend", _],
                ) => Self::Everything,
                (Some(_), ["backend", _, front] | ["error", "backend", _, front]) => {
                    domain(front).map_or(Self::Nothing, Self::Home)
                }
                (Some(id), ["device", kind, index, ..] | ["error", "device", kind, index, ..]) => {
                    Self::Device(DeviceId::new(id, kind, index))
                }
                (Some(id), [PRIMARY_CONSOLE, "tty"]) => Self::Domain(id),
                (Some(id), [PRIMARY_CONSOLE, ..]) => Self::Device(DeviceId::primary_console(id)),
                (
                    Some(id),
                    ["backend", kind, front, index, ..]
                    | ["error", "backend", kind, front, index, ..],
                ) => match (domain(front), backend_path(id, kind, front, index)) {
                    (Some(front), Some(backend)) => {
                        let spot = Spot::new(nodes, backend);
                        Self::Device(DeviceId::of_claim(nodes, &spot, front, kind, index))
                    }
                    _ => Self::Nothing,
                },
                (Some(_), ["error", ..]) => Self::Nothing,
                (Some(_), ["device-model", served, ..]) => {
                    domain(served).map_or(Self::Nothing, Self::Domain)
                }
                (Some(id), _) => Self::Domain(id),
            },
            ["libxl", home, ref rest @ ..] => match (domain(home), rest) {
                (None, _) => Self::Nothing,
                (Some(id), [] | ["device"] | ["device", _]) => Self::Home(id),
                (Some(id), ["device", kind, index, ..]) => {
                    match StorePath::parse(format!("/libxl/{id}/device/{kind}/{index}")) {
                        Ok(entry) => {
                            let spot = Spot::new(nodes, entry);
                            Self::Device(DeviceId::of_claim(nodes, &spot, id, kind, index))
                        }
                        Err(_) => Self::Nothing,
                    }
                }
                (Some(id), _) => Self::Domain(id),
            },
            ["vm", uuid, ..] => Self::Vm(uuid.to_owned()),
            _ => Self::Nothing,
        }
    }
}

/// The directory of a backend; `None` if the names are no elements of a path.
pub(crate) fn backend_path(
    domain: DomId,
    kind: &str,
    frontend: &str,
    index: &str,
) -> Option<StorePath> {
    StorePath::home(domain)
        .join(&format!("backend/{kind}/{frontend}/{index}"))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    #[test]
    fn a_change_concerns_the_device_or_domain_whose_directory_it_is_in() {
        let nodes: BTreeMap<StorePath, Vec<u8>> = [(
            path("/local/domain/0/backend/console/3/0/frontend"),
            b"/local/domain/3/console".to_vec(),
        )]
        .into();
        let vbd = Concern::Device(DeviceId::new(DomId(3), "vbd", "51712"));
        let console = Concern::Device(DeviceId::primary_console(DomId(3)));
        for (text, concern) in [
            ("/local/domain/3/device/vbd/51712/state", vbd.clone()),
            ("/local/domain/3/device/vbd/51712", vbd.clone()),
            ("/local/domain/3/error/device/vbd/51712/error", vbd.clone()),
            ("/local/domain/1/backend/qdisk/3/51712/state", vbd.clone()),
            (
                "/local/domain/1/error/backend/qdisk/3/51712/error",
                vbd.clone(),
            ),
            ("/libxl/3/device/vbd/51712/backend", vbd),
            ("/local/domain/3/console/port", console.clone()),
            ("/local/domain/0/backend/console/3/0/state", console),
            ("/local/domain/3/device/vbd", Concern::Home(DomId(3))),
            ("/local/domain/3/console", Concern::Home(DomId(3))),
            ("/local/domain/3", Concern::Home(DomId(3))),
            ("/libxl/3/device", Concern::Home(DomId(3))),
            ("/local/domain/0/backend/vif/3", Concern::Home(DomId(3))),
            ("/local/domain/0/backend/vif", Concern::Everything),
            ("/local/domain/0/error/backend/vif", Concern::Everything),
            ("/local/domain", Concern::Everything),
            ("/local/domain/3/name", Concern::Domain(DomId(3))),
            (
                "/local/domain/0/device-model/3/state",
                Concern::Domain(DomId(3)),
            ),
            ("/libxl/3/type", Concern::Domain(DomId(3))),
            ("/vm/ab/name", Concern::Vm("ab".into())),
            (
                "/local/domain/3/device/suspend/event-channel",
                Concern::Nothing,
            ),
            ("/local/domain/x/name", Concern::Nothing),
            ("/other/thing", Concern::Nothing),
        ] {
            assert_eq!(Concern::of(&nodes, &path(text)), concern, "{text}");
        }
    }

    #[test]
    fn a_backend_that_claims_another_domains_frontend_belongs_where_it_lies() {
        let back = path("/local/domain/0/backend/vbd/3/51712");
        let nodes: BTreeMap<StorePath, Vec<u8>> = [(
            back.child("frontend").unwrap(),
            b"/local/domain/9/device/vbd/51712".to_vec(),
        )]
        .into();
        assert_eq!(
            DeviceId::of_claim(&nodes, &Spot::new(&nodes, back), DomId(3), "vbd", "51712"),
            DeviceId::new(DomId(3), "vbd", "51712")
        );
    }

    #[test]
    fn the_primary_console_is_no_device_with_a_directory() {
        let primary = DeviceId::primary_console(DomId(3));
        let extra = DeviceId::new(DomId(3), "console", "0");
        assert_ne!(primary, extra);
        assert_eq!(primary.frontend(), Some(path("/local/domain/3/console")));
        assert_eq!(primary.to_string(), "console/0 of domain 3");
        assert_eq!(
            (primary.class().name, extra.class().name),
            ("console", "extra-console")
        );
    }
}
