//! What was read again, put into the copy.

use std::sync::Arc;

use super::subscription::MirrorEvent;
use super::view::{Mirrored, Nodes};
use crate::path::StorePath;

/// Replaces the node at `root` and all below it by `fresh` (sorted, all within `root`), and tells each difference.
pub(super) fn replace(
    nodes: &mut Nodes,
    root: &StorePath,
    fresh: Vec<Mirrored>,
    mut tell: impl FnMut(MirrorEvent),
) {
    if nodes.is_empty() {
        // Everything is new and in order already.
        *nodes = fresh
            .into_iter()
            .map(|new| (new.path.clone(), Arc::new(new)))
            .collect();
        for new in nodes.values() {
            tell(MirrorEvent::Changed {
                old: None,
                new: Some(Arc::clone(new)),
            });
        }
        return;
    }
    let known: Vec<StorePath> = nodes
        .range(root.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.is_within(root))
        .cloned()
        .collect();
    let mut known = known.into_iter().peekable();
    for new in fresh {
        while let Some(gone) = known.next_if(|path| *path < new.path) {
            remove(nodes, &gone, &mut tell);
        }
        let was = known.next_if_eq(&new.path);
        let old = was.and_then(|path| nodes.get(&path).cloned());
        if old.as_deref() != Some(&new) {
            let new = Arc::new(new);
            nodes.insert(new.path.clone(), Arc::clone(&new));
            tell(MirrorEvent::Changed {
                old,
                new: Some(new),
            });
        }
    }
    for gone in known {
        remove(nodes, &gone, &mut tell);
    }
}

fn remove(nodes: &mut Nodes, path: &StorePath, tell: &mut impl FnMut(MirrorEvent)) {
    if let Some(old) = nodes.remove(path) {
        tell(MirrorEvent::Changed {
            old: Some(old),
            new: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Field;

    fn node(path: &str, value: &str) -> Mirrored {
        Mirrored {
            path: StorePath::parse(path).unwrap(),
            value: Field::Known(value.into()),
            perms: Field::Unasked,
            listed: true,
        }
    }

    /// `-path` for a node that went, `+path` for one that came, `~path` for one that changed.
    fn told(event: MirrorEvent) -> String {
        match event {
            MirrorEvent::Changed {
                old: Some(_),
                new: Some(new),
            } => format!("~{}", new.path),
            MirrorEvent::Changed { new: Some(new), .. } => format!("+{}", new.path),
            MirrorEvent::Changed { old: Some(old), .. } => format!("-{}", old.path),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn only_differences_are_told_and_only_the_subtree_is_touched() {
        let mut nodes = Nodes::new();
        for (path, value) in [
            ("/a", ""),
            ("/a/b", "1"),
            ("/a/b/c", "2"),
            ("/a/d", "3"),
            ("/a-z", ""),
        ] {
            let node = node(path, value);
            nodes.insert(node.path.clone(), Arc::new(node));
        }
        let mut changes = Vec::new();
        let root = StorePath::parse("/a").unwrap();
        let fresh = vec![
            node("/a", ""),
            node("/a/a", "0"),
            node("/a/b", "1"),
            node("/a/d", "4"),
        ];
        replace(&mut nodes, &root, fresh, |event| {
            changes.push(told(event));
        });
        assert_eq!(changes, ["+/a/a", "-/a/b/c", "~/a/d"]);
        replace(&mut nodes, &root, Vec::new(), |event| {
            changes.push(told(event));
        });
        assert_eq!(changes[3..], ["-/a", "-/a/a", "-/a/b", "-/a/d"]);
        assert_eq!(nodes.len(), 1);
    }
}
