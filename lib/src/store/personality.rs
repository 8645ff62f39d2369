//! In what the daemons differ, as one table.

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
    /// oxenstored of Xen 4.17. Its transactions, which replay and merge, are not imitated: they conflict as in C.
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
    /// Whether privileged connections are held to the limit on paths too.
    pub(super) path_limit_for_all: bool,
    /// Largest value, for privileged connections too.
    pub(super) value_max: Option<usize>,
    /// Fixed part of a node's size for quotas.
    pub(super) node_overhead: usize,
    /// Names of children sorted instead of in order of creation.
    pub(super) sorted_names: bool,
    /// Replies over 4096 bytes are sent; otherwise E2BIG.
    pub(super) long_replies: bool,
    pub(super) directory_part: bool,
    pub(super) unknown_transaction: Errno,
    /// The caller's own events come after the reply.
    pub(super) events_after_reply: bool,
    /// Equal pending events are merged.
    pub(super) merge_events: bool,
    /// `RM /` empties the store.
    pub(super) root_removable: bool,
    /// The `@` names are nodes of their own, shown in the root.
    pub(super) special_nodes: bool,
    /// GET_PERMS takes `@introduceDomain` and `@releaseDomain`.
    pub(super) special_perms_readable: bool,
    /// RM of a node fires watches on missing nodes below it.
    pub(super) rm_fires_missing: bool,
    /// Whether a missing node is told as such to everybody.
    pub(super) missing_is_no_secret: bool,
    /// Owner given in SET_PERMS must exist.
    pub(super) owner_must_exist: bool,
    /// A guest may not give a node away: the error.
    pub(super) give_away: Option<Errno>,
    pub(super) watch_quota: Errno,
    pub(super) quota: Errno,
    /// Bits of `server_features`; also switch watch depth (4) and DOMID_ANY (8).
    pub(super) features: u32,
    /// Operations 23 to 26.
    pub(super) feature_operations: bool,
    /// INTRODUCE of a domain that is introduced already starts its connections anew, and empties its ring.
    pub(super) introduce_resets: bool,
    /// The ring's error word is written, whatever the features say.
    pub(super) ring_errors: bool,
    /// Any CONTROL command is answered OK, to guests too.
    pub(super) lax_control: bool,
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
    path_limit_for_all: true,
    value_max: None,
    node_overhead: 24,
    sorted_names: false,
    long_replies: false,
    directory_part: true,
    unknown_transaction: Errno::ENOENT,
    events_after_reply: false,
    merge_events: true,
    root_removable: false,
    special_nodes: false,
    special_perms_readable: false,
    rm_fires_missing: false,
    missing_is_no_secret: false,
    owner_must_exist: true,
    give_away: Some(Errno::EPERM),
    watch_quota: Errno::E2BIG,
    quota: Errno::ENOSPC,
    features: 0,
    feature_operations: false,
    introduce_resets: true,
    ring_errors: true,
    lax_control: false,
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
    strict_domids: true,
    ..C
};

const OXENSTORED: Rules = Rules {
    value_max: Some(2048),
    sorted_names: true,
    long_replies: true,
    directory_part: false,
    unknown_transaction: Errno::EIO,
    events_after_reply: true,
    merge_events: false,
    root_removable: true,
    special_nodes: true,
    special_perms_readable: true,
    rm_fires_missing: true,
    missing_is_no_secret: true,
    owner_must_exist: false,
    give_away: None,
    watch_quota: Errno::EQUOTA,
    quota: Errno::EQUOTA,
    features: 1,
    introduce_resets: false,
    ring_errors: false,
    lax_control: true,
    initial: &[
        ("/@introduceDomain", ""),
        ("/@releaseDomain", ""),
        ("/local", ""),
        ("/tool", ""),
        ("/tool/xenstored", "/usr/lib/xen-4.17/bin/oxenstored"),
    ],
    ..C
};
