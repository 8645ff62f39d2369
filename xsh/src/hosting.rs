//! What a host is read from: the whole store, or in a guest what it may see.

use xenbus::StorePath;
use xenbus::device::{Host, Nodes, Several};
use xenbus::tree::{Field, Snapshot, WalkOptions};

use crate::exit::Failure;
use crate::shell::{Ops, Shell};

/// Nodes in memory.
pub(crate) struct HostNodes {
    parts: Vec<Snapshot>,
}

impl HostNodes {
    /// Reads everything that we may see. A guest may not list the root: then it is its own home, and the backends that
    /// its frontends name.
    pub(crate) fn read(shell: &mut Shell, ops: &Ops) -> Result<Self, Failure> {
        let options = WalkOptions::default();
        let whole = Snapshot::take(ops, &StorePath::root(), options.clone())?;
        shell.interrupt.check()?;
        let is_denied = whole
            .get(&StorePath::root())
            .is_some_and(|root| root.children == Field::Denied);
        if !is_denied {
            return Ok(Self { parts: vec![whole] });
        }
        let home = StorePath::home(shell.own_domid()?);
        let own = Snapshot::take(ops, &home, options.clone())?;
        let devices = home.join("device")?;
        let mut backends: Vec<StorePath> = own
            .subtree(&devices)
            .iter()
            .filter(|node| node.path.name() == Some("backend"))
            .filter_map(|node| StorePath::parse(node.value.known()?).ok())
            .collect();
        backends.sort();
        backends.dedup();
        let mut parts = vec![own];
        for backend in backends {
            shell.interrupt.check()?;
            // It may be gone, or not for us to see: then it is unknown.
            match Snapshot::take(ops, &backend, options.clone()) {
                Ok(part) => parts.push(part),
                Err(error) if error.errno().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { parts })
    }

    /// The model of it.
    pub(crate) fn host(&self) -> Host {
        Host::read(&self.nodes())
    }

    /// All of it as one tree.
    fn nodes(&self) -> Several<'_> {
        Several(self.parts.iter().map(|part| part as &dyn Nodes).collect())
    }

    /// The nodes at and below a path.
    pub(crate) fn subtree(&self, path: &StorePath) -> &[xenbus::tree::Node] {
        let subtrees = self.parts.iter().map(|part| part.subtree(path));
        subtrees
            .into_iter()
            .find(|nodes| !nodes.is_empty())
            .unwrap_or_default()
    }
}
