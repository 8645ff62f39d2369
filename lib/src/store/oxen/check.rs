//! Is the store in order?

use std::collections::BTreeMap;

use crate::store::core::Core;

impl Core {
    /// What is out of order; nothing, unless there is a bug.
    pub(in crate::store) fn oxen_check(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut owned = BTreeMap::<i64, i64>::new();
        let tree = &self.oxen.tree;
        tree.root
            .for_each(&mut |node| *owned.entry(node.perms.owner).or_default() += 1);
        // The root is not counted when it is made, and nodes that go with their parent's owner stay counted.
        // Once the root was removed, the counts of those who owned it are wrong by what oxenstored has taken off.
        let are_kept = |domid: i64| domid != 0 && !tree.has_lost_root;
        for (domid, found) in owned.into_iter().filter(|(domid, _)| are_kept(*domid)) {
            let counted = tree.counts.get(&domid).copied().unwrap_or_default();
            if counted < found {
                faults.push(format!(
                    "domain {domid} has {found} nodes, counted are {counted}"
                ));
            }
        }
        let held: usize = self.oxen.transactions.values().map(|t| t.held).sum();
        if held != self.oxen.held {
            let counted = self.oxen.held;
            faults.push(format!(
                "transactions hold {held} bytes, counted are {counted}"
            ));
        }
        let watching = self.oxen.watches.connections();
        let transacting = self
            .oxen
            .transactions
            .keys()
            .map(|(connection, _)| *connection);
        for connection in watching.chain(transacting) {
            if !self.connections.contains_key(&connection) {
                faults.push(format!(
                    "connection {} is gone and has something left",
                    connection.0
                ));
            }
        }
        faults
    }
}
