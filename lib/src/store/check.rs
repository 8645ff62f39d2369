//! Is the store in order? What CONTROL `check` asks, and every test after every step.

use std::collections::BTreeMap;

use super::core::{Core, Identity};
use super::domain::Usage;
use crate::id::DomId;

impl Core {
    /// What is out of order; nothing, unless there is a bug. Takes time in proportion to the store.
    pub fn check_store(&self) -> Vec<String> {
        if self.world.rules.oxenstored {
            return self.oxen_check();
        }
        let mut faults = Vec::new();
        let mut usage = BTreeMap::<DomId, Usage>::new();
        let mut reached = 0;
        let mut memory = 0;
        let mut stack = vec![(std::sync::Arc::from("/"), self.world.tree.find("/"))];
        while let Some((path, id)) = stack.pop() {
            let Some((id, node)) = id.and_then(|id| Some((id, self.world.tree.node(id)?))) else {
                faults.push(format!("{path} is listed by its parent and missing"));
                continue;
            };
            reached += 1;
            if self.world.tree.find(&path) != Some(id) || !self.world.tree.is_indexed(id) {
                faults.push(format!("{path} is not found, or its children are not"));
            }
            memory += self.world.footprint(path.len(), node);
            let of = usage.entry(node.acl.owner()).or_default();
            of.nodes += 1;
            of.memory += self.world.rules.node_overhead + node.variable_size() + path.len();
            let children = node.children.iter();
            stack.extend(children.map(|child| (child.path_below(&path), child.node())));
        }
        if reached != self.world.tree.len() {
            let lost = self.world.tree.len() - reached.min(self.world.tree.len());
            faults.push(format!("{lost} nodes are listed by no parent"));
        }
        for connection in self.connections.values() {
            memory += connection.watches.memory();
            memory += connection.watches.len() * super::watching::WATCH;
            memory += connection
                .transactions
                .values()
                .map(|t| t.memory)
                .sum::<usize>();
            if let Identity::Domain(domid) = connection.identity {
                let of = usage.entry(domid).or_default();
                of.watches += connection.watches.len();
                of.memory += connection.watches.memory();
                of.transactions += connection.transactions.len();
            }
        }
        if memory != self.world.memory {
            let counted = self.world.memory;
            faults.push(format!("{memory} bytes are held, counted are {counted}"));
        }
        for domid in self.world.domains.known() {
            let (counted, found) = (
                self.world.domains.usage(domid),
                usage.remove(&domid).unwrap_or_default(),
            );
            if counted != found {
                faults.push(format!(
                    "domain {domid} uses {found:?}, counted are {counted:?}"
                ));
            }
        }
        for (domid, usage) in usage {
            faults.push(format!("domain {domid} is not known and uses {usage:?}"));
        }
        let own: usize = self.connections.values().map(|c| c.watches.len()).sum();
        if own != self.watches.len() {
            faults.push(format!(
                "{own} watches are known to their connections, {} are indexed",
                self.watches.len()
            ));
        }
        faults
    }
}
