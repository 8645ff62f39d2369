//! Which nodes the model needs: keys, not whole trees.

use xenbus::DomId;
use xenbus::device::class::Class;
use xenbus::tree::{Plan, Want};

/// A directory of which these keys are read.
macro_rules! keys {
    ($($key:literal),+ $(,)?) => {
        Plan::names(|name| match name {
            $($key)|+ => Plan::VALUE,
            _ => Plan::NOTHING,
        })
    };
}

/// A directory of directories whose names say nothing to us.
macro_rules! each {
    ($plan:expr) => {
        Plan::names(|_| $plan)
    };
}

/// What is asked for, from the root on.
pub const WANTED: Plan = Plan::names(|name| match name {
    "local" => {
        Plan::names(|name| only(name == "domain", Plan::names(|name| of_domain(name, HOME))))
    }
    "libxl" => Plan::names(|name| of_domain(name, TOOLSTACK)),
    "vm" => each!(keys!("start_time")),
    "tool" => Plan::names(|name| only(name == "xenstored", keys!("domid"))),
    _ => Plan::NOTHING,
});

fn only(is_wanted: bool, plan: Plan) -> Plan {
    if is_wanted { plan } else { Plan::NOTHING }
}

fn of_domain(name: &str, plan: Plan) -> Plan {
    only(DomId::parse(name).is_ok(), plan)
}

/// A directory of which is needed only whether there is anything in it.
const LISTED: Plan = Plan::names(|_| Plan::NOTHING);

/// Below `/local/domain/<d>`.
const HOME: Plan = Plan::names(|name| match name {
    "name" | "vm" => Plan::VALUE,
    "memory" => keys!("target", "static-max"),
    "control" => keys!(
        "shutdown",
        "feature-poweroff",
        "feature-reboot",
        "feature-suspend",
        "feature-balloon",
    ),
    "store" => keys!("port", "ring-ref"),
    "console" => keys!(
        "ring-ref",
        "port",
        "tty",
        "state",
        "backend",
        "backend-id",
        "protocol",
    ),
    "attr" | "drivers" | "data" => LISTED,
    "cpu" => each!(keys!("availability")),
    "device-model" => each!(keys!("state")),
    "device" => Plan::names(|kind| match kind {
        "suspend" => Plan::NOTHING,
        _ if Class::of_frontend(kind).is_generic() => each!(UNKNOWN_FRONT),
        _ => each!(FRONT),
    }),
    "backend" => each!(each!(each!(BACK))),
    // `device/<kind>/<id>/error` and `backend/<kind>/<d>/<id>/error`.
    "error" => Plan::names(|name| match name {
        "device" => each!(each!(keys!("error"))),
        "backend" => each!(each!(each!(keys!("error")))),
        _ => Plan::NOTHING,
    }),
    _ => Plan::NOTHING,
});

/// A backend's directory.
const BACK: Plan = keys!(
    "state",
    "frontend",
    "frontend-id",
    "online",
    "hotplug-status",
    "hotplug-error",
    "script",
    "physical-device",
    "kthread-pid",
);

/// A frontend's directory of a class that is not in the table: its rings are found by what their keys are called.
const UNKNOWN_FRONT: Plan = Plan::names(|name| {
    if name.starts_with("queue-") {
        Plan::new(Want::Both, |_| Plan::VALUE)
    } else {
        Plan::VALUE
    }
});

/// A frontend's directory.
const FRONT: Plan = Plan::names(|name| match name {
    "state" | "backend" | "backend-id" | "protocol" | "multi-queue-num-queues" => Plan::VALUE,
    _ if is_ring_key(name) => Plan::VALUE,
    // A card with its streams, and other numbered directories.
    _ if is_number(name) => Plan::names(|name| match name {
        _ if is_ring_key(name) => Plan::VALUE,
        _ if is_number(name) => RINGS,
        _ => Plan::NOTHING,
    }),
    _ if name.strip_prefix("queue-").is_some_and(is_number) => RINGS,
    _ => Plan::NOTHING,
});

/// A directory of a queue or a stream.
const RINGS: Plan = Plan::names(|name| only(is_ring_key(name), Plan::VALUE));

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
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
const TOOLSTACK: Plan = Plan::names(|name| match name {
    "type" => Plan::VALUE,
    "device" => each!(each!(keys!("frontend", "backend"))),
    _ => Plan::NOTHING,
});

#[cfg(test)]
mod tests {
    use xenbus::StorePath;
    use xenbus::device::class::{CLASSES, Reference};

    use super::*;

    fn want(path: &str) -> Want {
        WANTED.at(&StorePath::parse(path).unwrap()).want
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
