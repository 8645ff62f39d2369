//! Whether the parts of a scenario fit together.

mod device;
mod happening;

use super::Scenario;
use super::domain::{DOMAIN_0, Domain};
use super::place::{Within, Wrong};
use crate::id::DomId;
use crate::path::{PathKind, StorePath};
use crate::perms::Perms;

const DOMAINS_MAX: usize = 20_000;
const DEVICES_MAX: usize = 32;
const VCPUS_MAX: u32 = 512;
const MEMORY_MAX: u32 = 1 << 24;
const TEXT_MAX: usize = 256;
/// Domains that live: each is a client of the store with a thread.
const LIVING_MAX: usize = 200;
/// Devices that a driver domain can serve: each has up to 40 nodes there.
const SERVED_MAX: usize = 25;
/// Seconds: ten times a second at most, once a day at least.
const EVERY: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;

type Check = Result<(), Wrong>;

/// Checks what the types cannot say. Copies have been made already; `origin` is the place of each domain in the file.
pub(super) fn check(scenario: &Scenario, origin: &[usize]) -> Check {
    let domains = &scenario.domains;
    most("domains", domains.len(), DOMAINS_MAX).within("domains")?;
    let living = domains.iter().filter(|domain| !domain.prebuilt).count();
    most("domains that are not prebuilt", living, LIVING_MAX).within("domains")?;
    let mut names = Names::default();
    for (domain, place) in domains.iter().zip(origin) {
        check_domain(scenario, domain, &names)
            .within(*place)
            .within("domains")?;
        names.add(domain);
    }
    for (domain, place) in domains.iter().zip(origin) {
        serves_few(domains, &domain.name)
            .within(*place)
            .within("domains")?;
    }
    for (place, node) in scenario.nodes.iter().enumerate() {
        is_node(&node.path)
            .within("path")
            .and(
                node.perms
                    .as_deref()
                    .map_or(Ok(()), is_perms)
                    .within("perms"),
            )
            .within(place)
            .within("nodes")?;
    }
    if let Some(step) = scenario.step {
        between("step", step, EVERY).within("step")?;
    }
    happening::check(scenario)
}

/// The nodes of backends belong to the domain that serves them, and a guest may own only so many.
fn serves_few(domains: &[Domain], name: &str) -> Check {
    let living = domains.iter().filter(|domain| !domain.prebuilt);
    let served = living.flat_map(|domain| {
        let disks = domain.disks.iter().map(|disk| &disk.backend);
        let vifs = domain.vifs.iter().map(|vif| &vif.backend);
        let others = domain.devices.iter().map(|device| &device.backend);
        disks.chain(vifs).chain(others)
    });
    match served.filter(|backend| *backend == name).count() {
        0..=SERVED_MAX => Ok(()),
        served => Err(Wrong::new(format!(
            "it serves {served} devices of domains that are not prebuilt; a guest's 1000 nodes are enough for {SERVED_MAX}"
        ))),
    }
}

/// The domains above, by name.
#[derive(Default)]
struct Names<'a> {
    serving: std::collections::BTreeMap<&'a str, bool>,
    domids: std::collections::BTreeSet<u32>,
}

impl<'a> Names<'a> {
    fn add(&mut self, domain: &'a Domain) {
        self.serving.insert(&domain.name, domain.driver_domain);
        self.domids.extend(domain.domid);
    }
}

fn check_domain(scenario: &Scenario, domain: &Domain, above: &Names<'_>) -> Check {
    text(&domain.name).within("name")?;
    if domain.name == DOMAIN_0 || above.serving.contains_key(&*domain.name) {
        return Err(
            Wrong::new(format!("'{}' is taken", domain.name.escape_debug())).within("name"),
        );
    }
    if let Some(domid) = domain.domid {
        if domid == 0 || domid >= DomId::FIRST_RESERVED.0 {
            return Err(Wrong::new(format!(
                "it is not between 1 and {}",
                DomId::FIRST_RESERVED.0 - 1
            ))
            .within("domid"));
        }
        if above.domids.contains(&domid) {
            return Err(Wrong::new("two domains have this number").within("domid"));
        }
    }
    range(domain.vcpus, VCPUS_MAX).within("vcpus")?;
    range(domain.memory, MEMORY_MAX).within("memory")?;
    device::check(scenario, domain, above)
}

/// A backend must be there before its frontends, as on a real host.
fn backend(scenario: &Scenario, name: &str, above: &Names<'_>) -> Check {
    let wrong = match above.serving.get(name) {
        _ if name == DOMAIN_0 && scenario.host.domain_0 => return Ok(()),
        Some(true) => return Ok(()),
        Some(false) => format!("'{name}' lacks driver-domain: true"),
        None if name == DOMAIN_0 => format!("there is no {DOMAIN_0} on this host"),
        None => format!(
            "'{}' is neither {DOMAIN_0} nor a domain above this one",
            name.escape_debug()
        ),
    };
    Err(Wrong::new(wrong).within("backend"))
}

fn is_node(path: &str) -> Check {
    match StorePath::parse(path) {
        Ok(parsed) if parsed.kind() == PathKind::Absolute && !parsed.is_root() => Ok(()),
        Ok(_) => Err(Wrong::new("it is not an absolute path of a node")),
        Err(error) => Err(Wrong::new(error.to_string())),
    }
}

fn is_perms(perms: &str) -> Check {
    let parsed = perms.parse::<Perms>();
    parsed
        .map(drop)
        .map_err(|error| Wrong::new(error.to_string()))
}

fn text(text: &str) -> Check {
    if text.is_empty() || text.len() > TEXT_MAX || text.chars().any(char::is_control) {
        return Err(Wrong::new(format!(
            "it is empty, over {TEXT_MAX} bytes or has control characters"
        )));
    }
    Ok(())
}

fn range(number: u32, max: u32) -> Check {
    if (1..=max).contains(&number) {
        return Ok(());
    }
    Err(Wrong::new(format!("it is not between 1 and {max}")))
}

fn between(what: &str, number: f64, range: std::ops::RangeInclusive<f64>) -> Check {
    if range.contains(&number) {
        return Ok(());
    }
    let (from, to) = (range.start(), range.end());
    Err(Wrong::new(format!("{what} is not between {from} and {to}")))
}

fn most(what: &str, number: usize, max: usize) -> Check {
    if number <= max {
        return Ok(());
    }
    Err(Wrong::new(format!(
        "{number} {what}, at most {max} are allowed"
    )))
}
