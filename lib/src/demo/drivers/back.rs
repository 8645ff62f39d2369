//! Backends: what Linux's blkback and netback do in the store, and the hotplug scripts of a driver domain.

use super::State;
use super::link::{Keys, Link};
use crate::demo::hotplug;
use crate::error::Result;

/// Bytes of a sector (`sectors` counts these).
const SECTOR: u64 = 512;

/// A backend's driver.
pub(super) struct Back {
    pub(super) link: Link,
    kind: BackKind,
    /// Whether the hotplug script is ours to run (`xl devd` in a driver domain; in domain 0 the toolstack does it).
    hotplug: bool,
}

/// Which driver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BackKind {
    /// A disk.
    Vbd {
        /// Its size in MiB.
        size: u64,
    },
    /// A network interface.
    Vif,
}

impl Back {
    pub(super) fn new(link: Link, kind: BackKind, hotplug: bool) -> Self {
        Self {
            link,
            kind,
            hotplug,
        }
    }

    /// Does what the two states ask for.
    pub(super) fn turn(&self) -> Result<()> {
        let link = &self.link;
        match (link.state(), link.other_state()) {
            (State::Initialising, _) => self.offer(),
            (State::InitWait, State::Initialised | State::Connected) if self.is_plugged() => {
                match self.kind {
                    BackKind::Vbd { size } => {
                        let writable = link.key("mode").as_deref() == Some(b"w");
                        link.publish(|keys| disk_is_there(keys, size, writable), State::Connected)
                    }
                    // netback waits for the frontend's last word.
                    BackKind::Vif if link.other_state() == State::Connected => {
                        link.switch(State::Connected)
                    }
                    BackKind::Vif => Ok(()),
                }
            }
            (State::Closed | State::Unknown, _) => Ok(()),
            (_, State::Closed | State::Unknown) => self.close(),
            (State::InitWait | State::Initialised | State::Connected, State::Closing) => {
                link.switch(State::Closing)
            }
            _ => Ok(()),
        }
    }

    /// Says what the backend can do, and waits for the frontend.
    fn offer(&self) -> Result<()> {
        let offers = match self.kind {
            BackKind::Vbd { .. } => VBD_OFFERS,
            BackKind::Vif => VIF_OFFERS,
        };
        let queues = [("multi-queue-max-queues", QUEUES_MAX)];
        self.link.publish(
            |keys| keys.set_all(offers).and_then(|()| keys.set_all(&queues)),
            State::InitWait,
        )?;
        if self.hotplug {
            let keys = match self.kind {
                BackKind::Vbd { .. } => {
                    hotplug::block(&self.link.key("params").unwrap_or_default())
                }
                BackKind::Vif => hotplug::vif(),
            };
            self.link
                .add(|own| keys.iter().try_for_each(|(key, value)| own.set(key, value)))?;
        }
        Ok(())
    }

    /// Whether the hotplug script has done its part.
    fn is_plugged(&self) -> bool {
        match self.kind {
            BackKind::Vbd { .. } => self.link.key("physical-device").is_some(),
            BackKind::Vif => self.link.key("hotplug-status").as_deref() == Some(b"connected"),
        }
    }

    fn close(&self) -> Result<()> {
        self.link.switch(State::Closed)?;
        match self.kind {
            BackKind::Vif => self.link.remove("hotplug-status"),
            BackKind::Vbd { .. } => Ok(()),
        }
    }
}

/// Most queues that a backend offers.
const QUEUES_MAX: &str = "4";

const VBD_OFFERS: &[(&str, &str)] = &[
    ("feature-max-indirect-segments", "256"),
    ("max-ring-page-order", "4"),
];

const VIF_OFFERS: &[(&str, &str)] = &[
    ("feature-sg", "1"),
    ("feature-gso-tcpv4", "1"),
    ("feature-gso-tcpv6", "1"),
    ("feature-ipv6-csum-offload", "1"),
    ("feature-rx-copy", "1"),
    ("feature-xdp-headroom", "1"),
    ("feature-rx-flip", "0"),
    ("feature-multicast-control", "1"),
    ("feature-dynamic-multicast-control", "1"),
    ("feature-split-event-channels", "1"),
    ("feature-ctrl-ring", "1"),
];

/// What blkback writes when it connects.
fn disk_is_there(keys: &mut Keys<'_>, size: u64, writable: bool) -> Result<()> {
    let sectors = (size << 20) / SECTOR;
    if writable {
        keys.set_all(&[
            ("feature-flush-cache", "1"),
            ("discard-granularity", "4096"),
            ("discard-alignment", "0"),
            ("discard-secure", "0"),
            ("feature-discard", "1"),
            ("feature-barrier", "1"),
        ])?;
    } else {
        keys.set_all(&[("feature-flush-cache", "0"), ("feature-barrier", "0")])?;
    }
    keys.set_all(&[
        ("feature-persistent", "1"),
        ("sectors", &sectors.to_string()),
        // Bit 2 is "read only" (VDISK_READONLY of blkif.h).
        ("info", if writable { "0" } else { "4" }),
        ("sector-size", "512"),
        ("physical-sector-size", "512"),
    ])
}
