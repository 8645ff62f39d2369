//! What happens on the host: traffic, life, timeline.

use super::super::domain::{DOMAIN_0, Domain};
use super::super::life::{Activity, Life};
use super::super::place::{Within, Wrong};
use super::super::timeline::{Deed, Step};
use super::super::traffic::Traffic;
use super::super::{Scenario, part};
use super::{Check, EVERY, between, is_node, is_perms};

pub(super) fn check(scenario: &Scenario) -> Check {
    for (place, traffic) in scenario.traffic.iter().enumerate() {
        check_traffic(scenario, traffic)
            .within(place)
            .within("traffic")?;
    }
    for (place, life) in scenario.life.iter().enumerate() {
        check_life(scenario, life).within(place).within("life")?;
    }
    for (place, step) in scenario.timeline.iter().enumerate() {
        check_step(scenario, step)
            .within(place)
            .within("timeline")?;
    }
    Ok(())
}

fn find<'a>(scenario: &'a Scenario, name: &str) -> Result<&'a Domain, Wrong> {
    let named = scenario.domain(name).map(|(_, domain)| domain);
    let none = || Wrong::new(format!("there is no domain '{}'", name.escape_debug()));
    named.ok_or_else(|| none().within("domain"))
}

fn has_device(domain: &Domain, label: &str) -> Check {
    if part::all(domain).iter().any(|part| part.label == label) {
        return Ok(());
    }
    let (name, label) = (&domain.name, label.escape_debug());
    Err(Wrong::new(format!("'{name}' has no device '{label}'")).within("device"))
}

fn check_traffic(scenario: &Scenario, traffic: &Traffic) -> Check {
    const RATE: std::ops::RangeInclusive<f64> = 0.0..=1e7;
    if let Some(name) = &traffic.domain {
        let domain = find(scenario, name)?;
        if let Some(device) = &traffic.device
            && !part::all(domain)
                .iter()
                .any(|part| part.class.name == device)
        {
            has_device(domain, device)?;
        }
    }
    between("the rate", traffic.reads, RATE).within("reads")?;
    between("the rate", traffic.writes, RATE).within("writes")?;
    between("the rate", traffic.received, RATE).within("received")?;
    between("the rate", traffic.sent, RATE).within("sent")?;
    between("it", f64::from(traffic.size), 1.0..=16_777_216.0).within("size")?;
    between("it", traffic.fill, 0.0..=1.0).within("fill")?;
    between("it", traffic.swing, 0.0..=1.0).within("swing")?;
    between("it", traffic.period, 1.0..=86_400.0).within("period")
}

fn check_life(scenario: &Scenario, life: &Life) -> Check {
    between("it", life.every, EVERY).within("every")?;
    let domain = match &life.domain {
        Some(name) => Some(find(scenario, name)?),
        None => None,
    };
    match (life.what, &life.device, domain) {
        (Activity::Replug, None, _) => {
            return Err(Wrong::new("replug needs a device, such as xvdb or vif0"));
        }
        (Activity::Replug, Some(_), None) => return Err(Wrong::new("replug needs a domain")),
        (Activity::Replug, Some(device), Some(domain)) => has_device(domain, device)?,
        (_, Some(_), _) => return Err(Wrong::new("only replug takes it").within("device")),
        (_, None, _) => {}
    }
    let moves = matches!(life.what, Activity::Replug | Activity::Reboot);
    match domain {
        Some(domain) if moves && (domain.prebuilt || !domain.boots) => {
            Err(Wrong::new("a domain without drivers cannot do that").within("what"))
        }
        Some(domain) if life.what == Activity::Reboot && domain.driver_domain => {
            let wrong = "a driver domain cannot reboot while others use its backends";
            Err(Wrong::new(wrong).within("what"))
        }
        _ => Ok(()),
    }
}

/// Which of the optional keys a deed takes.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row of a table of yes and no"
)]
struct Takes {
    domain: bool,
    device: bool,
    value: bool,
    place: bool,
}

impl Deed {
    fn takes(self) -> Takes {
        let (domain, device, value, place) = match self {
            Self::Crash
            | Self::CrashKernel
            | Self::Poweroff
            | Self::Reboot
            | Self::Die
            | Self::Vanish => (true, false, false, false),
            Self::Unplug
            | Self::Plug
            | Self::Close
            | Self::Flip
            | Self::Fault
            | Self::Heal
            | Self::Wrap
            | Self::Restart
            | Self::Stall
            | Self::Lie
            | Self::Flow => (true, true, false, false),
            Self::Error => (true, true, true, false),
            Self::Write => (true, true, true, true),
            Self::Remove => (true, true, false, true),
        };
        Takes {
            domain,
            device,
            value,
            place,
        }
    }
}

fn check_step(scenario: &Scenario, step: &Step) -> Check {
    let takes = step.deed.takes();
    between("it", step.at, 0.0..=86_400.0).within("at")?;
    if let Some(every) = step.every {
        between("it", every, EVERY).within("every")?;
    }
    let none_taken = |key: &'static str| {
        let wrong = format!("'{key}' means nothing to what is done here");
        Err(Wrong::new(wrong).within(key))
    };
    let needed = |key: &str| Err(Wrong::new(format!("'{key}' is missing")));
    match (&step.path, &step.domain) {
        (Some(_), _) if !takes.place => return none_taken("path"),
        (Some(path), None) => {
            is_node(path).within("path")?;
            if step.device.is_some() || step.end.is_some() || step.key.is_some() {
                return Err(Wrong::new("a path stands alone").within("path"));
            }
        }
        (Some(_), Some(_)) => return none_taken("domain"),
        (None, None) if takes.domain => return needed("domain"),
        (None, None) => {}
        (None, Some(name)) if name == DOMAIN_0 => return none_taken("domain"),
        (None, Some(name)) => {
            let domain = find(scenario, name)?;
            match &step.device {
                Some(_) if !takes.device => return none_taken("device"),
                Some(device) => has_device(domain, device)?,
                None if takes.device => return needed("device"),
                None => {}
            }
            let moves = !takes.place && step.deed != Deed::Error && !step.deed.is_traffic();
            if domain.prebuilt && moves {
                let wrong = "a prebuilt domain has no drivers that could do that";
                return Err(Wrong::new(wrong).within("do"));
            }
        }
    }
    let is_place = takes.place && step.path.is_none();
    for (key, given, allowed, required) in [
        (
            "fault",
            step.fault.is_some(),
            matches!(step.deed, Deed::Fault | Deed::Heal),
            step.deed == Deed::Fault,
        ),
        ("then", step.then.is_some(), step.deed == Deed::Crash, false),
        (
            "end",
            step.end.is_some(),
            takes.place || step.deed == Deed::Error,
            is_place || step.deed == Deed::Error,
        ),
        ("key", step.key.is_some(), is_place, is_place && takes.value),
        ("value", step.value.is_some(), takes.value, takes.value),
        (
            "perms",
            step.perms.is_some(),
            step.deed == Deed::Write,
            false,
        ),
    ] {
        if given && !allowed {
            return none_taken(key);
        }
        if required && !given {
            return needed(key);
        }
    }
    step.perms
        .as_deref()
        .map_or(Ok(()), is_perms)
        .within("perms")
}
