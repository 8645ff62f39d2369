//! Copies of domains: `count`, and the number after a scenario's name.

use super::Scenario;
use super::domain::Domain;

/// Copies that live; more are prebuilt.
const LIVING: u32 = 40;

const COPIES_MAX: u32 = 20_000;

/// How many copies are asked for in place of those that the file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scale {
    /// As the file says.
    AsIs,
    /// So many guests.
    Guests(u32),
    /// As many guests as make about so many nodes.
    Nodes(u32),
}

impl Scale {
    /// Splits `NAME:200` and `NAME:20000nodes`; nothing if what follows the colon is neither.
    pub(super) fn split(name: &str) -> Option<(&str, Self)> {
        let (name, scale) = name.rsplit_once(':')?;
        let scale = match scale.strip_suffix("nodes") {
            Some(nodes) => Self::Nodes(nodes.parse().ok()?),
            None => Self::Guests(scale.parse().ok()?),
        };
        Some((name, scale))
    }
}

/// Makes the copies. Returns the place in the file of each domain.
///
/// # Errors
/// If there is nothing to be scaled.
pub(super) fn make(
    scenario: &mut Scenario,
    scale: Scale,
    nodes_of: impl Fn(&Domain) -> u32,
) -> Result<Vec<usize>, String> {
    let mut domains = Vec::new();
    let mut origin = Vec::new();
    if scale != Scale::AsIs && scenario.domains.iter().all(|domain| domain.count.is_none()) {
        return Err("it has no domains with 'count' and cannot be scaled".into());
    }
    for (place, domain) in scenario.domains.iter().enumerate() {
        let Some(count) = domain.count else {
            domains.push(domain.clone());
            origin.push(place);
            continue;
        };
        let count = match scale {
            Scale::AsIs => count,
            Scale::Guests(guests) => guests,
            Scale::Nodes(nodes) => (nodes / nodes_of(domain).max(1)).max(1),
        };
        if !(1..=COPIES_MAX).contains(&count) {
            return Err(format!(
                "{count} copies of '{}', between 1 and {COPIES_MAX} can be made",
                domain.name.escape_debug()
            ));
        }
        for number in 1..=count {
            let mut copy = copy(domain, number);
            copy.prebuilt |= scale != Scale::AsIs && number > LIVING;
            domains.push(copy);
            origin.push(place);
        }
    }
    scenario.domains = domains;
    Ok(origin)
}

/// Puts the number in place of `%n` in every text.
fn copy(domain: &Domain, number: u32) -> Domain {
    let mut copy = domain.clone();
    copy.count = None;
    copy.domid = domain.domid.map(|first| first.saturating_add(number - 1));
    let number = number.to_string();
    let put = |text: &mut String| *text = text.replace("%n", &number);
    put(&mut copy.name);
    for disk in &mut copy.disks {
        put(&mut disk.target);
        put(&mut disk.backend);
    }
    for vif in &mut copy.vifs {
        vif.mac.iter_mut().for_each(put);
        put(&mut vif.bridge);
        put(&mut vif.backend);
    }
    for device in &mut copy.devices {
        put(&mut device.backend);
        let keys = [&mut device.frontend_keys, &mut device.backend_keys];
        keys.into_iter()
            .flat_map(|keys| keys.values_mut())
            .for_each(put);
    }
    copy
}
