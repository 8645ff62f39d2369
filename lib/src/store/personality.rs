//! In what the daemons differ, as one table.

use super::control::{self, Control};
use crate::wire::Errno;

/// Which daemon the store behaves as.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Personality {
    /// C xenstored of Xen 4.17 (and, in what matters, up to 4.20).
    #[default]
    C,
    /// C xenstored of Xen 4.22 and later: watch depth, DOMID_ANY, features and quotas as operations.
    C4_22,
    /// oxenstored of Xen 4.17.
    Oxenstored,
}

impl Personality {
    /// Every personality.
    pub const ALL: &[Self] = &[Self::C, Self::C4_22, Self::Oxenstored];

    /// The name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::C4_22 => "c4.22",
            Self::Oxenstored => "oxenstored",
        }
    }

    /// The row of the table.
    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::C => &C,
            Self::C4_22 => &C4_22,
            Self::Oxenstored => &OXENSTORED,
        }
    }
}

/// What a personality decides.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a table of what is so and what is not"
)]
pub(super) struct Rules {
    /// It is oxenstored: whatever concerns nodes, watches and transactions is done by [`super::oxen`], and of the rest
    /// of this table only the features and the first nodes count.
    pub(super) oxenstored: bool,
    /// Whether privileged connections are held to the limit on paths too.
    pub(super) path_limit_for_all: bool,
    /// Fixed part of a node's size for quotas.
    pub(super) node_overhead: usize,
    /// GET_PERMS takes `@introduceDomain` and `@releaseDomain`.
    pub(super) special_perms_readable: bool,
    pub(super) watch_quota: Errno,
    /// Bits of `server_features`; also switch watch depth (4) and DOMID_ANY (8).
    pub(super) features: u32,
    /// Operations 23 to 26.
    pub(super) feature_operations: bool,
    /// INTRODUCE of a domain that is introduced already starts its connections anew, and empties its ring.
    pub(super) introduce_resets: bool,
    /// The ring's error word is written, whatever the features say.
    pub(super) ring_errors: bool,
    /// What a domain uses must stay below its limits; before, one more than the limit was allowed of most.
    pub(super) limits_are_ends: bool,
    /// The hypervisor says which domains have changed, and a dying domain stays introduced until it is dead.
    pub(super) changes_are_told: bool,
    /// What permissions said about a domain goes with it.
    pub(super) entries_die: bool,
    /// How CONTROL shows things.
    pub(super) control: &'static Control,
    /// Numbers of domains are read strictly.
    pub(super) strict_domids: bool,
    /// Nodes at the start, with their values.
    pub(super) initial: &'static [(&'static str, &'static str)],
}

/// Watch depth, and `@…/<domid>` (bit of `server_features`).
pub(super) const WATCH_DEPTH: u32 = 4;
/// DOMID_ANY in permissions (bit of `server_features`).
pub(super) const DOMID_ANY: u32 = 8;

const C: Rules = Rules {
    oxenstored: false,
    path_limit_for_all: true,
    node_overhead: 24,
    special_perms_readable: false,
    watch_quota: Errno::E2BIG,
    features: 0,
    feature_operations: false,
    introduce_resets: true,
    ring_errors: true,
    limits_are_ends: false,
    changes_are_told: false,
    entries_die: false,
    control: &control::C4_17,
    strict_domids: false,
    initial: &[("/tool", ""), ("/tool/xenstored", "")],
};

const C4_22: Rules = Rules {
    path_limit_for_all: false,
    node_overhead: 16,
    special_perms_readable: true,
    watch_quota: Errno::ENOSPC,
    features: 2 | WATCH_DEPTH | DOMID_ANY,
    feature_operations: true,
    limits_are_ends: true,
    changes_are_told: true,
    entries_die: true,
    control: &control::C4_22,
    strict_domids: true,
    ..C
};

const OXENSTORED: Rules = Rules {
    oxenstored: true,
    features: 1,
    introduce_resets: false,
    ring_errors: false,
    initial: &[
        ("/@introduceDomain", ""),
        ("/@releaseDomain", ""),
        ("/local", ""),
        ("/tool", ""),
        ("/tool/xenstored", "/usr/lib/xen-4.17/bin/oxenstored"),
    ],
    ..C
};
