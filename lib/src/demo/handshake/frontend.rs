//! Frontends: the rings and channels that they announce, from the table of classes.

use super::classes::row;
use super::{Keys, QUEUES_MAX, pairs};
use crate::demo::board::RingUse;
use crate::demo::scenario::part::{Detail, Part};
use crate::device::class::{Reference, RingKeys, Scope};
use crate::device::ring::PageReference;

/// Numbers that the hypervisor would give out: made up, but never twice in a domain.
#[derive(Debug)]
pub(in crate::demo) struct Grants {
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
    fn reference(&mut self) -> u32 {
        self.reference += 1;
        self.reference - 1
    }

    fn channel(&mut self) -> String {
        self.channel += 1;
        (self.channel - 1).to_string()
    }
}

/// What a frontend publishes.
#[derive(Debug, Default)]
pub(in crate::demo) struct Announced {
    pub(in crate::demo) keys: Keys,
    /// The first page of each ring.
    pub(in crate::demo) rings: Vec<(PageReference, RingUse)>,
}

/// What the frontend of a device publishes when its backend offers `queues`.
pub(in crate::demo) fn announce(part: &Part, grants: &mut Grants, offered: u32) -> Announced {
    let queues = part.queues().min(offered).clamp(1, QUEUES_MAX);
    let mut announced = Announced::default();
    match &part.detail {
        Detail::Console => {}
        Detail::Disk(disk) => {
            let order = disk.ring_pages.ilog2();
            if queues > 1 {
                announced.add("multi-queue-num-queues", queues);
            }
            if order > 0 {
                announced.add("ring-page-order", order);
            }
            for queue in 0..queues {
                let below = below(queues, queue);
                announced.ring(
                    &part.class.rings[0],
                    &below,
                    "",
                    grants,
                    (queues, disk.ring_pages),
                );
                announced.add(&format!("{below}event-channel"), grants.channel());
            }
            announced.keys.extend(pairs(&[
                ("protocol", "x86_64-abi"),
                ("feature-persistent", "1"),
            ]));
        }
        Detail::Vif(vif, _) => {
            announced.add("xdp-headroom", 0);
            announced.add("multi-queue-num-queues", queues);
            for queue in 0..queues {
                let below = below(queues, queue);
                for ring in &part.class.rings[..2] {
                    announced.ring(ring, &below, "", grants, (queues, 1));
                }
                let channels: &[&str] = if vif.split_event_channels {
                    &["event-channel-tx", "event-channel-rx"]
                } else {
                    &["event-channel"]
                };
                for channel in channels {
                    announced.add(&format!("{below}{channel}"), grants.channel());
                }
            }
            announced.keys.extend(pairs(VIF_KEYS));
        }
        Detail::Other(..) => announced.others(part, grants),
    }
    announced
}

/// Where the keys of a queue are.
fn below(queues: u32, queue: u32) -> String {
    match queues {
        1 => String::new(),
        _ => format!("queue-{queue}/"),
    }
}

impl Announced {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "values are numbers: references would only be noise"
    )]
    fn add(&mut self, key: &str, value: impl ToString) {
        self.keys.push((key.to_owned(), value.to_string()));
    }

    /// One ring of `queues` like it, with all its pages.
    fn ring(
        &mut self,
        keys: &RingKeys,
        below: &str,
        suffix: &str,
        grants: &mut Grants,
        (queues, pages): (u32, u32),
    ) {
        let (key, several) = match keys.reference {
            Reference::Grant(key) | Reference::GrantOrFrame(key, _) => (key, false),
            Reference::Grants(key) => (key, pages > 1),
            Reference::Frame(key) => {
                // Frames of made-up memory, far from those of store and console.
                let frame = 0x8_0000 + u64::from(grants.reference());
                self.add(&format!("{below}{key}{suffix}"), frame);
                return;
            }
        };
        for page in 0..pages {
            let grant = grants.reference();
            let number = if several {
                page.to_string()
            } else {
                String::new()
            };
            self.add(&format!("{below}{key}{number}{suffix}"), grant);
            if page == 0 {
                let ring = RingUse {
                    role: keys.role,
                    layout: keys.layout,
                    pages,
                    queues,
                };
                self.rings.push((PageReference::Grant(grant), ring));
            }
        }
    }

    /// Rings and keys of a class that is neither disk nor network interface.
    fn others(&mut self, part: &Part, grants: &mut Grants) {
        for keys in part.class.rings {
            let (below, suffix) = match keys.scope {
                Scope::Device | Scope::Queue => (String::new(), ""),
                Scope::Numbered(count) => {
                    self.add(count, 1);
                    (String::new(), "0")
                }
                Scope::Streams(levels) => ("0/".repeat(levels.into()), ""),
            };
            self.ring(keys, &below, suffix, grants, (1, 1));
            if let Some(channel) = keys.channels.first() {
                let channel = format!("{below}{channel}{suffix}");
                // Two rings of a class may share one.
                if !self.keys.iter().any(|(key, _)| *key == channel) {
                    self.add(&channel, grants.channel());
                }
            }
        }
        if let Some(row) = row(part) {
            self.keys.extend(pairs(row.publishes));
        } else {
            self.add("ring-ref", grants.reference());
            self.add("event-channel", grants.channel());
        }
    }
}

const VIF_KEYS: &[(&str, &str)] = &[
    ("request-rx-copy", "1"),
    ("feature-rx-notify", "1"),
    ("feature-sg", "1"),
    ("feature-gso-tcpv4", "1"),
    ("feature-gso-tcpv6", "1"),
    ("feature-ipv6-csum-offload", "1"),
];
