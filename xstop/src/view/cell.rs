//! How single facts look, wherever they are shown.

use xenbus::StorePath;
use xenbus::device::layout::{Capacity, Unit};
use xenbus::device::ring::Ring;
use xenbus::device::{Reading, Seen, Severity, XenbusState, explain};

use super::canvas::Look;
use crate::model::DeviceRow;
use crate::theme::Role;

/// The sign of what an end shows.
pub fn state_sign(look: &Look, seen: Seen) -> &'static str {
    let g = look.glyphs;
    match seen {
        Seen::State(state) if state == XenbusState::CONNECTED => g.ok,
        Seen::State(XenbusState::CLOSING | XenbusState::CLOSED) => g.warning,
        Seen::State(state) if state.name().is_some() => g.moving,
        Seen::State(_) | Seen::Garbled | Seen::Absent => g.critical,
        Seen::Stateless | Seen::Hidden => g.unknown,
    }
}

/// The role of what an end shows. Standing still in a handshake is not wrong by itself: findings say what is.
pub fn state_role(seen: Seen) -> Role {
    match seen {
        Seen::State(state) if state == XenbusState::CONNECTED => Role::Ok,
        Seen::State(XenbusState::CLOSING | XenbusState::CLOSED) => Role::Warning,
        Seen::State(state) if state.name().is_some() => Role::Info,
        Seen::State(_) | Seen::Garbled | Seen::Absent => Role::Critical,
        Seen::Stateless | Seen::Hidden => Role::Dim,
    }
}

/// The sign of a severity; of none, that all is well.
pub fn severity_sign(look: &Look, severity: Option<Severity>) -> &'static str {
    let g = look.glyphs;
    match severity {
        None => g.ok,
        Some(Severity::Info) => g.info,
        Some(Severity::Warning) => g.warning,
        Some(Severity::Critical) => g.critical,
    }
}

/// The role of a severity; of none, that all is well.
pub fn severity_role(severity: Option<Severity>) -> Role {
    match severity {
        None => Role::Ok,
        Some(Severity::Info) => Role::Info,
        Some(Severity::Warning) => Role::Warning,
        Some(Severity::Critical) => Role::Critical,
    }
}

/// A severity in one word.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// The sign and the role of a device's health: the worst of its findings, else whether it is connected.
pub fn health(look: &Look, row: &DeviceRow) -> (&'static str, Role) {
    match row.worst() {
        None if !row.device.is_settled() => (look.glyphs.moving, Role::Info),
        worst => (severity_sign(look, worst), severity_role(worst)),
    }
}

/// What a value says beyond itself, in a word or two: "Connected", "512 MiB"; not what only repeats it.
pub fn meaning(path: &StorePath, value: &[u8]) -> Option<String> {
    let says = explain(path, Some(value))?.says?;
    let brief = says.split(" (").next().unwrap_or_default();
    let repeats = brief.split(' ').any(|word| word.as_bytes() == value);
    let is_flag = matches!(brief, "yes" | "no");
    let is_brief = brief.split(' ').count() <= 3;
    (!value.is_empty() && !repeats && !is_flag && is_brief).then(|| brief.to_owned())
}

/// How much a ring holds: "256", "1024/2048 B" for both ways, or why that is not known.
pub fn capacity(ring: &Ring) -> String {
    match ring.capacity {
        Capacity::Requests(entries) => entries.to_string(),
        Capacity::Duplex {
            unit,
            into_guest,
            from_guest,
        } => {
            let unit = match unit {
                Unit::Entries => "",
                Unit::Bytes => " B",
            };
            if from_guest == 0 {
                format!("{into_guest}{unit} in")
            } else {
                format!("{into_guest}/{from_guest}{unit}")
            }
        }
        Capacity::InThePage => "in the page".into(),
        Capacity::Unknown => "unknown".into(),
    }
}

/// How many rings of how many entries: "2×32", "4×256+1" with a control ring, "1×4p×128" with more than a page each.
pub fn geometry(look: &Look, rings: &[Ring]) -> String {
    let times = look.glyphs.times;
    let Some(first) = rings.first() else {
        return look.glyphs.unknown.into();
    };
    let is_alike = |ring: &Ring| ring.capacity == first.capacity && ring.pages == first.pages;
    // The control ring of a network device is one of its own; the others decide.
    let alike = rings.iter().filter(|ring| is_alike(ring)).count();
    let pages = match first.pages {
        Reading::Known(1) => String::new(),
        Reading::Known(pages) => format!("{pages}p{times}"),
        _ => format!("?p{times}"),
    };
    let entries = match first.capacity {
        Capacity::Requests(entries) => entries.to_string(),
        Capacity::Duplex {
            into_guest,
            from_guest,
            ..
        } => format!("{into_guest}/{from_guest}"),
        Capacity::InThePage | Capacity::Unknown => "?".into(),
    };
    let rest = rings.len() - alike;
    let more = if rest > 0 {
        format!("+{rest}")
    } else {
        String::new()
    };
    format!("{alike}{times}{pages}{entries}{more}")
}
