//! Whether the parts of a scenario fit together.

use super::Scenario;
use super::kind::{Activity, DOMAIN_0, Domain, Life};

const DOMAINS_MAX: usize = 1000;
const DEVICES_MAX: usize = 16;
const VCPUS_MAX: u32 = 512;
const QUEUES_MAX: u32 = 64;
const MEMORY_MAX: u32 = 1 << 24;
const TEXT_MAX: usize = 256;
/// Seconds: ten times a second at most, once a day at least.
const EVERY: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;

/// Checks what the types cannot say.
pub(super) fn check(scenario: &Scenario) -> Result<(), String> {
    let domains = &scenario.domains;
    most("domains", domains.len(), DOMAINS_MAX)?;
    for (index, domain) in domains.iter().enumerate() {
        let earlier = &domains[..index];
        check_domain(domain, earlier)
            .map_err(|wrong| format!("domain '{}': {wrong}", domain.name.escape_debug()))?;
    }
    for life in &scenario.life {
        check_life(life, domains)
            .map_err(|wrong| format!("life of '{}': {wrong}", life.domain.escape_debug()))?;
    }
    Ok(())
}

fn check_domain(domain: &Domain, earlier: &[Domain]) -> Result<(), String> {
    text("name", &domain.name)?;
    if domain.name == DOMAIN_0 || earlier.iter().any(|other| other.name == domain.name) {
        return Err("the name is taken".into());
    }
    range("vcpus", domain.vcpus, VCPUS_MAX)?;
    range("memory", domain.memory, MEMORY_MAX)?;
    most("disks", domain.disks.len(), DEVICES_MAX)?;
    most("vifs", domain.vifs.len(), DEVICES_MAX)?;
    for (index, disk) in domain.disks.iter().enumerate() {
        if virtual_device(&disk.vdev).is_none() {
            return Err(format!(
                "vdev '{}' is not one of xvda to xvdp",
                disk.vdev.escape_debug()
            ));
        }
        if domain.disks[..index]
            .iter()
            .any(|other| other.vdev == disk.vdev)
        {
            return Err(format!("there are two disks {}", disk.vdev));
        }
        text("target", &disk.target)?;
        range("queues", disk.queues, QUEUES_MAX)?;
        if disk.size == 0 || disk.size > 1 << 30 {
            return Err("size is not between 1 and 1073741824 MiB".into());
        }
        backend(&disk.backend, earlier)?;
    }
    for vif in &domain.vifs {
        if let Some(mac) = &vif.mac {
            let pairs: Vec<&str> = mac.split(':').collect();
            let hex = |pair: &&str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            if pairs.len() != 6 || !pairs.iter().all(hex) {
                return Err(format!(
                    "mac '{}' is not of the form 00:16:3e:xx:xx:xx",
                    mac.escape_debug()
                ));
            }
        }
        if let Some(rate) = &vif.rate {
            let numbers = rate
                .split_once(',')
                .map(|(bytes, time)| (bytes.parse::<u64>(), time.parse::<u64>()));
            if !matches!(numbers, Some((Ok(_), Ok(_)))) {
                return Err(format!(
                    "rate '{}' is not bytes,microseconds",
                    rate.escape_debug()
                ));
            }
        }
        text("bridge", &vif.bridge)?;
        range("queues", vif.queues, QUEUES_MAX)?;
        backend(&vif.backend, earlier)?;
    }
    Ok(())
}

/// A backend must be there before its frontends, as on a real host.
fn backend(name: &str, earlier: &[Domain]) -> Result<(), String> {
    if name == DOMAIN_0 {
        return Ok(());
    }
    match earlier.iter().find(|domain| domain.name == name) {
        Some(domain) if domain.driver_domain => Ok(()),
        Some(_) => Err(format!("backend '{name}' lacks driver-domain: true")),
        None => Err(format!(
            "backend '{}' is neither {DOMAIN_0} nor a domain above this one",
            name.escape_debug()
        )),
    }
}

fn check_life(life: &Life, domains: &[Domain]) -> Result<(), String> {
    let Some(domain) = domains.iter().find(|domain| domain.name == life.domain) else {
        return Err("there is no such domain".into());
    };
    if !EVERY.contains(&life.every) {
        return Err(format!(
            "every is not between {} and {} seconds",
            EVERY.start(),
            EVERY.end()
        ));
    }
    match (life.what, &life.device) {
        (Activity::Replug, None) => Err("replug needs a device, such as xvdb or vif0".into()),
        (Activity::Replug, Some(device)) if !has_device(domain, device) => {
            Err(format!("it has no device '{}'", device.escape_debug()))
        }
        (Activity::Replug, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err("only replug takes a device".into()),
    }?;
    if life.what == Activity::Reboot && domain.driver_domain {
        return Err("a driver domain cannot reboot while others use its backends".into());
    }
    Ok(())
}

fn has_device(domain: &Domain, name: &str) -> bool {
    domain.disks.iter().any(|disk| disk.vdev == name)
        || (0..domain.vifs.len()).any(|index| name == format!("vif{index}"))
}

/// The device number of `xvda` … `xvdp`: major 202, 16 minors each (`xen/include/public/io/blkif.h`).
pub(in crate::demo) fn virtual_device(vdev: &str) -> Option<u32> {
    match vdev.as_bytes() {
        [b'x', b'v', b'd', letter @ b'a'..=b'p'] => Some(202 << 8 | u32::from(letter - b'a') << 4),
        _ => None,
    }
}

fn text(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > TEXT_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "{what} is empty, over {TEXT_MAX} bytes or has control characters"
        ));
    }
    Ok(())
}

fn range(what: &str, number: u32, max: u32) -> Result<(), String> {
    if (1..=max).contains(&number) {
        return Ok(());
    }
    Err(format!("{what} is not between 1 and {max}"))
}

fn most(what: &str, number: usize, max: usize) -> Result<(), String> {
    if number <= max {
        return Ok(());
    }
    Err(format!("{number} {what}, at most {max} are allowed"))
}
