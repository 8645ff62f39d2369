//! A subtree read and written inside a transaction.

use xenbus::client::Request;
use xenbus::wire::Op;
use xenbus::{DomId, Operations, Perms, Result, StorePath};

use crate::attr::owned_by;
use crate::fs::atomic::vanished;
use crate::inode::View;
use crate::ledger::{Echo, Ledger, Left};

/// Most nodes that are moved in one transaction; a bigger subtree is for `mv` to copy.
const MOST: usize = 4096;

/// How many requests are under way at once.
const WINDOW: usize = 64;

/// Nodes with everything they have, each one before those below it.
pub(super) struct Subtree {
    nodes: Vec<Image>,
    root: StorePath,
}

struct Image {
    path: StorePath,
    value: Vec<u8>,
    perms: Perms,
}

impl Subtree {
    /// Reads the node at `root` and all below; `None` if it is too big.
    pub(super) fn read(transaction: &dyn Operations, root: &StorePath) -> Result<Option<Self>> {
        let mut nodes = Vec::new();
        let mut level = vec![root.clone()];
        while !level.is_empty() {
            let mut below = Vec::new();
            for window in level.chunks(WINDOW) {
                let asked: Vec<_> = window
                    .iter()
                    .map(|path| {
                        let children = transaction.submit_directory(path);
                        let value = transaction.submit_read(path);
                        (path, children, value, transaction.submit_perms(path))
                    })
                    .collect();
                for (path, children, value, perms) in asked {
                    let torn = |error| if path == root { error } else { vanished(error) };
                    for name in children.wait().map_err(torn)? {
                        below.push(path.child(&name)?);
                    }
                    nodes.push(Image {
                        path: path.clone(),
                        value: value.wait().map_err(vanished)?,
                        perms: perms.wait().map_err(vanished)?,
                    });
                }
                if nodes.len() + below.len() > MOST {
                    return Ok(None);
                }
            }
            level = below;
        }
        Ok(Some(Self {
            nodes,
            root: root.clone(),
        }))
    }

    pub(super) fn has_children(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Length of the top node's value.
    pub(super) fn root_length(&self) -> usize {
        self.nodes.first().map_or(0, |image| image.value.len())
    }

    /// The same at `to`; `None` if a path becomes too long. A domain that is not privileged, `own`, owns what it
    /// makes and cannot give it away.
    pub(super) fn moved(self, to: &StorePath, own: Option<DomId>) -> Option<Self> {
        let root = self.root;
        let nodes = self.nodes.into_iter().map(|image| {
            let path = image.path.moved(&root, to).ok()?;
            let perms = match own {
                Some(own) => owned_by(&image.perms, own),
                None => image.perms,
            };
            Some(Image {
                path,
                value: image.value,
                perms,
            })
        });
        Some(Self {
            nodes: nodes.collect::<Option<_>>()?,
            root: to.clone(),
        })
    }

    /// What the nodes will be, so that their events are recognised.
    pub(super) fn echoes<'a>(
        &self,
        ledger: &'a Ledger,
        view: View,
        keep_perms: bool,
    ) -> Vec<Echo<'a>> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .map(|(at, image)| {
                let perms = (at > 0 || !keep_perms).then(|| image.perms.clone());
                let left = Left {
                    perms,
                    ..Left::value(&image.value)
                };
                ledger.echo(&image.path, view, left)
            })
            .collect()
    }

    /// Writes all nodes; with `keep_perms` the top one keeps the permissions that it has.
    pub(super) fn write(&self, transaction: &dyn Operations, keep_perms: bool) -> Result<()> {
        for window in self.nodes.chunks(WINDOW) {
            let writes: Vec<_> = window
                .iter()
                .map(|image| transaction.submit_write(&image.path, &image.value))
                .collect();
            for write in writes {
                write.wait()?;
            }
        }
        let all_but = usize::from(keep_perms);
        for window in self.nodes.get(all_but..).unwrap_or_default().chunks(WINDOW) {
            let settings: Vec<_> = window
                .iter()
                .map(|image| {
                    let mut request = Request::path(Op::SET_PERMS, &image.path);
                    request.payload = request.payload.raw(&image.perms.to_wire());
                    transaction.submit(request)
                })
                .collect();
            for setting in settings {
                setting.wait()?;
            }
        }
        Ok(())
    }
}
