//! Frontends: what Linux's blkfront and netfront do in the store.

use super::State;
use super::link::{Keys, Link};
use crate::error::Result;

/// A frontend's driver.
pub(super) struct Front {
    pub(super) link: Link,
    kind: FrontKind,
}

/// Which driver, and how it is set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FrontKind {
    /// A disk.
    Vbd {
        /// Queues that it wants.
        queues: u32,
    },
    /// A network interface.
    Vif {
        /// Queues that it wants.
        queues: u32,
        /// Whether it uses an event channel per direction.
        split: bool,
    },
}

/// Numbers that the hypervisor would give out: made up, but never twice in a domain.
#[derive(Debug)]
pub(super) struct Grants {
    reference: u32,
    channel: u32,
}

impl Default for Grants {
    fn default() -> Self {
        // The first are reserved for store and console.
        Self {
            reference: 8,
            channel: 8,
        }
    }
}

impl Grants {
    fn reference(&mut self) -> String {
        self.reference += 1;
        (self.reference - 1).to_string()
    }

    fn channel(&mut self) -> String {
        self.channel += 1;
        (self.channel - 1).to_string()
    }
}

impl Front {
    pub(super) fn new(link: Link, kind: FrontKind) -> Self {
        Self { link, kind }
    }

    /// Does what the two states ask for.
    pub(super) fn turn(&self, grants: &mut Grants) -> Result<()> {
        let link = &self.link;
        match (link.state(), link.other_state(), self.kind) {
            (State::Initialising, State::InitWait, FrontKind::Vbd { queues }) => {
                let queues = self.agreed("multi-queue-max-queues", queues)?;
                link.publish(|keys| vbd(keys, grants, queues), State::Initialised)
            }
            (State::Initialising, State::InitWait, FrontKind::Vif { queues, split }) => {
                let queues = self.agreed("multi-queue-max-queues", queues)?;
                link.publish(|keys| vif(keys, grants, queues, split), State::Connected)
            }
            (State::Initialised, State::Connected, _) => link.switch(State::Connected),
            (State::Closed | State::Unknown, ..) => Ok(()),
            (_, State::Closing | State::Closed, _)
            | (State::Connected | State::Closing, State::Unknown, _) => link.switch(State::Closed),
            _ => Ok(()),
        }
    }

    /// As many queues as both ends can do.
    fn agreed(&self, key: &str, wanted: u32) -> Result<u32> {
        let offered = self.link.key_of_other(key)?;
        let offered = str::from_utf8(&offered).ok().and_then(|n| n.parse().ok());
        Ok(wanted.min(offered.unwrap_or(1)).max(1))
    }
}

fn vbd(keys: &mut Keys<'_>, grants: &mut Grants, queues: u32) -> Result<()> {
    let ring = |keys: &mut Keys<'_>, grants: &mut Grants, below: &str| {
        keys.set(&format!("{below}ring-ref"), &grants.reference())?;
        keys.set(&format!("{below}event-channel"), &grants.channel())
    };
    if queues == 1 {
        ring(keys, grants, "")?;
    } else {
        keys.set("multi-queue-num-queues", &queues.to_string())?;
        for queue in 0..queues {
            ring(keys, grants, &format!("queue-{queue}/"))?;
        }
    }
    keys.set_all(&[("protocol", "x86_64-abi"), ("feature-persistent", "1")])
}

fn vif(keys: &mut Keys<'_>, grants: &mut Grants, queues: u32, split: bool) -> Result<()> {
    keys.set("xdp-headroom", "0")?;
    keys.set("multi-queue-num-queues", &queues.to_string())?;
    for queue in 0..queues {
        let below = match queues {
            1 => String::new(),
            _ => format!("queue-{queue}/"),
        };
        keys.set(&format!("{below}tx-ring-ref"), &grants.reference())?;
        keys.set(&format!("{below}rx-ring-ref"), &grants.reference())?;
        if split {
            keys.set(&format!("{below}event-channel-tx"), &grants.channel())?;
            keys.set(&format!("{below}event-channel-rx"), &grants.channel())?;
        } else {
            keys.set(&format!("{below}event-channel"), &grants.channel())?;
        }
    }
    keys.set_all(&[
        ("request-rx-copy", "1"),
        ("feature-rx-notify", "1"),
        ("feature-sg", "1"),
        ("feature-gso-tcpv4", "1"),
        ("feature-gso-tcpv6", "1"),
        ("feature-ipv6-csum-offload", "1"),
    ])
}
