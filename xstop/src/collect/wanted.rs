//! Which nodes the model needs: keys, not whole trees.

use xenbus::DomId;
use xenbus::StorePath;
use xenbus::device::class::Class;
use xenbus::tree::Want;

/// Keys of a frontend's or backend's directory that are needed whatever its class.
const FRONT: [&str; 5] = [
    "state",
    "backend",
    "backend-id",
    "protocol",
    "multi-queue-num-queues",
];
const BACK: [&str; 9] = [
    "state",
    "frontend",
    "frontend-id",
    "online",
    "hotplug-status",
    "hotplug-error",
    "script",
    "physical-device",
    "kthread-pid",
];

/// What is asked for at a path.
pub fn is_wanted(path: &StorePath) -> Want {
    let mut elements = path.elements();
    let next = &mut || elements.next();
    match next() {
        None => Want::Names,
        Some("local") => match next() {
            None => Want::Names,
            Some("domain") => match next() {
                None => Want::Names,
                Some(domain) if DomId::parse(domain).is_ok() => home(next),
                Some(_) => Want::Nothing,
            },
            Some(_) => Want::Nothing,
        },
        Some("libxl") => match next() {
            None => Want::Names,
            Some(domain) if DomId::parse(domain).is_ok() => toolstack(next),
            Some(_) => Want::Nothing,
        },
        Some("vm") => match (next(), next(), next()) {
            (_, None, _) => Want::Names,
            (_, Some("start_time"), None) => Want::Value,
            _ => Want::Nothing,
        },
        Some("tool") => match (next(), next(), next()) {
            (None | Some("xenstored"), None, _) => Want::Names,
            (Some("xenstored"), Some("domid"), None) => Want::Value,
            _ => Want::Nothing,
        },
        Some(_) => Want::Nothing,
    }
}

/// Below `/local/domain/<d>`.
fn home<'a>(next: &mut impl FnMut() -> Option<&'a str>) -> Want {
    let Some(first) = next() else {
        return Want::Names;
    };
    match first {
        "name" | "vm" => leaf(next),
        "memory" => keys(next, &["target", "static-max"]),
        "control" => keys(
            next,
            &[
                "shutdown",
                "feature-poweroff",
                "feature-reboot",
                "feature-suspend",
                "feature-balloon",
            ],
        ),
        "store" => keys(next, &["port", "ring-ref"]),
        "console" => keys(
            next,
            &[
                "ring-ref",
                "port",
                "tty",
                "state",
                "backend",
                "backend-id",
                "protocol",
            ],
        ),
        // What lies in them is not needed, only whether anything does.
        "attr" | "drivers" | "data" => match next() {
            None => Want::Names,
            Some(_) => Want::Nothing,
        },
        "cpu" => match (next(), next(), next()) {
            (_, None, _) => Want::Names,
            (_, Some("availability"), None) => Want::Value,
            _ => Want::Nothing,
        },
        "device-model" => match (next(), next(), next()) {
            (_, None, _) => Want::Names,
            (_, Some("state"), None) => Want::Value,
            _ => Want::Nothing,
        },
        "device" => match (next(), next()) {
            (Some("suspend"), _) | (None, Some(_)) => Want::Nothing,
            (_, None) => Want::Names,
            (Some(kind), Some(_)) => front(kind, next),
        },
        "backend" => match (next(), next(), next()) {
            (_, _, None) => Want::Names,
            (_, _, Some(_)) => keys(next, &BACK),
        },
        "error" => error(next),
        _ => Want::Nothing,
    }
}

/// Below `error`: `device/<kind>/<id>/error` and `backend/<kind>/<d>/<id>/error`.
fn error<'a>(next: &mut impl FnMut() -> Option<&'a str>) -> Want {
    let depth = match next() {
        None => return Want::Names,
        Some("device") => 2,
        Some("backend") => 3,
        Some(_) => return Want::Nothing,
    };
    for _ in 0..depth {
        if next().is_none() {
            return Want::Names;
        }
    }
    keys(next, &["error"])
}

/// Below `device/<kind>/<id>`.
fn front<'a>(kind: &str, next: &mut impl FnMut() -> Option<&'a str>) -> Want {
    let class = Class::of_frontend(kind);
    let Some(first) = next() else {
        return Want::Names;
    };
    if class.is_generic() {
        // Its rings are found by what their keys are called.
        return match (next(), next()) {
            (None, _) if first.starts_with("queue-") => Want::Both,
            (None, _) => Want::Value,
            (Some(_), None) if first.starts_with("queue-") => Want::Value,
            _ => Want::Nothing,
        };
    }
    match (first, next(), next()) {
        (key, None, _) if FRONT.contains(&key) || is_ring_key(key) => Want::Value,
        // Directories of queues, of streams, and of the streams of a card.
        (directory, None, _) if is_directory(directory) => Want::Names,
        (directory, Some(key), None) if is_directory(directory) => {
            if is_ring_key(key) {
                Want::Value
            } else if is_number(key) {
                Want::Names
            } else {
                Want::Nothing
            }
        }
        (card, Some(stream), Some(key)) if is_number(card) && is_number(stream) => {
            if is_ring_key(key) && next().is_none() {
                Want::Value
            } else {
                Want::Nothing
            }
        }
        _ => Want::Nothing,
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_directory(name: &str) -> bool {
    is_number(name) || name.strip_prefix("queue-").is_some_and(is_number)
}

/// Keys that say where a ring is, in any class.
fn is_ring_key(key: &str) -> bool {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.ends_with("ring-ref")
        || stem.ends_with("-gref")
        || stem.ends_with("page-ref")
        || stem.contains("event-channel")
        || matches!(
            key,
            "pci-op-ref" | "port" | "ring-page-order" | "num-ring-pages" | "num-rings"
        )
}

/// Below `/libxl/<d>`.
fn toolstack<'a>(next: &mut impl FnMut() -> Option<&'a str>) -> Want {
    match next() {
        None => Want::Names,
        Some("type") => leaf(next),
        Some("device") => match (next(), next()) {
            (_, None) => Want::Names,
            (_, Some(_)) => keys(next, &["frontend", "backend"]),
        },
        Some(_) => Want::Nothing,
    }
}

fn leaf<'a>(next: &mut impl FnMut() -> Option<&'a str>) -> Want {
    match next() {
        None => Want::Value,
        Some(_) => Want::Nothing,
    }
}

/// A directory with these keys.
fn keys<'a>(next: &mut impl FnMut() -> Option<&'a str>, keys: &[&str]) -> Want {
    match next() {
        None => Want::Names,
        Some(key) if keys.contains(&key) => leaf(next),
        Some(_) => Want::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use xenbus::device::class::{CLASSES, Reference};

    use super::*;

    fn want(path: &str) -> Want {
        is_wanted(&StorePath::parse(path).unwrap())
    }

    #[test]
    fn keys_of_the_model_are_read_and_the_rest_is_not() {
        for (path, wanted) in [
            ("/", Want::Names),
            ("/local/domain/3", Want::Names),
            ("/local/domain/3/name", Want::Value),
            ("/local/domain/x/name", Want::Nothing),
            ("/local/domain/3/data/meminfo_free", Want::Nothing),
            ("/local/domain/3/cpu/0", Want::Names),
            ("/local/domain/3/cpu/0/availability", Want::Value),
            ("/local/domain/3/device/vif/0", Want::Names),
            ("/local/domain/3/device/vif/0/queue-1", Want::Names),
            (
                "/local/domain/3/device/vif/0/queue-1/tx-ring-ref",
                Want::Value,
            ),
            ("/local/domain/3/device/vif/0/mac", Want::Nothing),
            ("/local/domain/3/device/vif/0/feature-sg", Want::Nothing),
            ("/local/domain/3/device/vsnd/0/1/2/ring-ref", Want::Value),
            ("/local/domain/3/device/odd/0/anything", Want::Value),
            (
                "/local/domain/3/device/suspend/event-channel",
                Want::Nothing,
            ),
            ("/local/domain/0/backend/vbd/3/51712", Want::Names),
            ("/local/domain/0/backend/vbd/3/51712/params", Want::Nothing),
            ("/local/domain/0/error/backend/vbd/3/1/error", Want::Value),
            ("/libxl/3/device/vbd/51712/state", Want::Nothing),
            ("/vm/ab/start_time", Want::Value),
            ("/vm/ab/image/kernel", Want::Nothing),
            ("/tool/xenstored/domid", Want::Value),
        ] {
            assert_eq!(want(path), wanted, "{path}");
        }
    }

    #[test]
    fn every_ring_key_of_every_class_is_read() {
        for class in CLASSES {
            for ring in class.rings {
                let (first, second) = match ring.reference {
                    Reference::Grant(key) | Reference::Grants(key) | Reference::Frame(key) => {
                        (key, key)
                    }
                    Reference::GrantOrFrame(grant, frame) => (grant, frame),
                };
                let keys = ring.channels.iter().copied().chain([first, second]);
                for kind in class.frontends {
                    for key in keys.clone() {
                        let path = format!("/local/domain/1/device/{kind}/0/{key}");
                        let numbered = format!("{path}0");
                        assert_eq!(want(&path), Want::Value, "{path}");
                        if key.ends_with("ring-ref") {
                            assert_eq!(want(&numbered), Want::Value, "{numbered}");
                        }
                    }
                }
            }
        }
    }
}
