//! Limits on what a domain may use, and how an operator sees and sets them.

use super::personality::Personality;

/// The limits that hold for every unprivileged domain; 0 is no limit. The defaults are those of C xenstored 4.17.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Quotas {
    /// Nodes that a domain may own.
    pub nodes: u32,
    /// Watches.
    pub watches: u32,
    /// Open transactions.
    pub transactions: u32,
    /// Requests whose answers are not yet taken.
    pub outstanding: u32,
    /// Nodes that one transaction may use.
    pub transaction_nodes: u32,
    /// Bytes of nodes and watches.
    pub memory: u32,
    /// Bytes above which a warning is logged.
    pub soft_memory: u32,
    /// Bytes of one node: value, children's names, permissions and a fixed part.
    pub node_size: u32,
    /// Bytes of a path, a leading `/local/domain/<n>/` not counted.
    pub path_max: u32,
    /// Permission entries of a node.
    pub node_permissions: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            nodes: 1000,
            watches: 128,
            transactions: 10,
            outstanding: 20,
            transaction_nodes: 1024,
            memory: 2 * 1024 * 1024 + 512 * 1024,
            soft_memory: 2 * 1024 * 1024,
            node_size: 2048,
            path_max: 2048,
            node_permissions: 5,
        }
    }
}

impl Quotas {
    /// The defaults of a daemon.
    pub fn of(personality: Personality) -> Self {
        match personality {
            Personality::Oxenstored => Self {
                watches: 100,
                path_max: 1024,
                // It counts values only, and neither memory nor the entries of permissions.
                node_size: 0,
                memory: 0,
                soft_memory: 0,
                node_permissions: 0,
                ..Self::default()
            },
            Personality::C | Personality::C4_22 => Self::default(),
        }
    }
}

impl Quotas {
    /// The same with other values of some.
    pub(super) fn with<'a>(
        mut self,
        own: impl Iterator<Item = (&'a &'static str, &'a u32)>,
    ) -> Self {
        for (name, limit) in own {
            if let Some(row) = named(name.as_bytes()) {
                *(row.value)(&mut self) = *limit;
            }
        }
        self
    }
}

/// One row of what an operator sees.
#[derive(Debug)]
pub(super) struct Row {
    /// Name with CONTROL in C 4.17.
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) value: fn(&mut Quotas) -> &mut u32,
}

/// The quotas that C 4.17 shows for `quota`, in its order.
pub(super) const HARD: &[Row] = &[
    Row {
        name: "nodes",
        meaning: "Nodes per domain",
        value: |q| &mut q.nodes,
    },
    Row {
        name: "watches",
        meaning: "Watches per domain",
        value: |q| &mut q.watches,
    },
    Row {
        name: "transactions",
        meaning: "Transactions per domain",
        value: |q| &mut q.transactions,
    },
    Row {
        name: "outstanding",
        meaning: "Outstanding requests per domain",
        value: |q| &mut q.outstanding,
    },
    Row {
        name: "transaction-nodes",
        meaning: "Max. number of accessed nodes per transaction",
        value: |q| &mut q.transaction_nodes,
    },
    Row {
        name: "memory",
        meaning: "Total Xenstore memory per domain (error level)",
        value: |q| &mut q.memory,
    },
    Row {
        name: "node-size",
        meaning: "Max. size of a node",
        value: |q| &mut q.node_size,
    },
    Row {
        name: "path-max",
        meaning: "Max. length of a node path",
        value: |q| &mut q.path_max,
    },
    Row {
        name: "permissions",
        meaning: "Max. number of permissions per node",
        value: |q| &mut q.node_permissions,
    },
];

/// The quotas that C 4.17 shows for `quota-soft`.
pub(super) const SOFT: &[Row] = &[Row {
    name: "memory",
    meaning: "Total Xenstore memory per domain (warning level)",
    value: |q| &mut q.soft_memory,
}];

/// Whether `used` has reached `limit`.
pub(super) fn reached(used: usize, limit: u32) -> bool {
    limit != 0 && used >= limit as usize
}

/// Whether `used` is beyond `limit`.
pub(super) fn exceeded(used: usize, limit: u32) -> bool {
    limit != 0 && used > limit as usize
}

/// The quotas that GET_QUOTA and SET_QUOTA know, in the order of C 4.22, with what CONTROL says about them there.
pub(super) const NAMES: &[Row] = &[
    row("nodes", "Nodes per domain", |q| &mut q.nodes),
    row("watches", "Watches per domain", |q| &mut q.watches),
    row("outstanding", "Outstanding requests per domain", |q| {
        &mut q.outstanding
    }),
    row("memory", "Total Xenstore memory per domain", |q| {
        &mut q.memory
    }),
    row("soft-memory", "", |q| &mut q.soft_memory),
    row("transactions", "Active transactions per domain", |q| {
        &mut q.transactions
    }),
    row(
        "transaction-nodes",
        "Max. number of accessed nodes per transaction",
        |q| &mut q.transaction_nodes,
    ),
    row(
        "node-permissions",
        "Max. number of permissions per node",
        |q| &mut q.node_permissions,
    ),
    row("path-max", "Max. length of a node path", |q| {
        &mut q.path_max
    }),
    row("node-size", "Max. size of a node", |q| &mut q.node_size),
];

const fn row(name: &'static str, meaning: &'static str, value: fn(&mut Quotas) -> &mut u32) -> Row {
    Row {
        name,
        meaning,
        value,
    }
}

/// The quota with this name in GET_QUOTA and SET_QUOTA.
pub(super) fn named(name: &[u8]) -> Option<&'static Row> {
    NAMES.iter().find(|row| row.name.as_bytes() == name)
}
