//! The mount as the helper that repeats changes sees it: answered from what is known, without the store.

use xenbus::{Perms, StorePath};

use super::{Entry, Lifetime, XenFs, name};
use crate::attr::{Attr, Rights};
use crate::errno::{Errno, Result};
use crate::inode::{Inodes, Kind, Presentation, Shape, View};
use crate::replay::{Action, Answer, Place, Question, Replay, Step};

impl XenFs {
    /// The node that is the root of the mount.
    pub fn root(&self) -> &StorePath {
        &self.root
    }

    /// What the plain view shows this node as, as far as is known.
    pub(crate) fn kind(&self, path: &StorePath) -> Option<Kind> {
        self.inodes().known(path).kind
    }

    /// Whether the plain view shows this node as a file, as far as is known.
    pub(crate) fn is_file(&self, path: &StorePath) -> bool {
        self.kind(path) == Some(Kind::File)
    }

    /// Whether a file is open that is to create this node.
    pub(crate) fn is_held_back(&self, path: &StorePath) -> bool {
        let number = self.inodes().recorded(path);
        number.is_some_and(|number| self.handles.held_back(number).is_some())
    }

    /// Whether a node without children of which nothing is remembered is a directory.
    pub(crate) fn is_directory_when_empty(&self, value: Option<&Vec<u8>>) -> bool {
        let length = value.map_or(1, Vec::len);
        self.kind_of_leaf(length) == Kind::Directory
    }

    /// A step about a presentation of the node at `path`; `length` is that of its value. `None` for a node outside the
    /// mount.
    pub(crate) fn step(
        &self,
        action: Action,
        path: &StorePath,
        shown: Presentation,
        length: usize,
    ) -> Option<Step> {
        let directory = shown.shape == Shape::Directory;
        let perms = self.known_perms(path);
        let rights = perms.map_or(Rights::Unseen, Rights::Seen);
        let mut inodes = self.inodes();
        let (names, parents) = self.way(&mut inodes, path, shown)?;
        let id = inodes.id_of(path, shown);
        drop(inodes);
        Some(Step {
            action,
            path: path.clone(),
            names,
            parents,
            target: self.attr_of(id, directory, &rights, length),
        })
    }

    /// The names from the root of the mount to a presentation, and the directories that hold them.
    fn way(
        &self,
        inodes: &mut Inodes,
        path: &StorePath,
        shown: Presentation,
    ) -> Option<(Vec<Vec<u8>>, Vec<Place>)> {
        let view = shown.view;
        let directory = Presentation {
            view,
            shape: Shape::Directory,
        };
        let mut names = Vec::new();
        let mut parents = Vec::new();
        if view == View::Directories {
            names.push(b".dirs".to_vec());
            parents.push(Place {
                id: crate::inode::ROOT,
                path: self.root.clone(),
            });
        }
        let mut place = |path: &StorePath| Place {
            id: inodes.id_of(path, directory),
            path: path.clone(),
        };
        let mut at = self.root.clone();
        for element in path.below(&self.root)?.split('/').filter(|e| !e.is_empty()) {
            names.push(self.listed(element).into_bytes());
            parents.push(place(&at));
            at = at.child(element).ok()?;
        }
        match shown.shape {
            Shape::Directory | Shape::File => {}
            Shape::Value => {
                names.push(name::VALUE.into());
                parents.push(place(&at));
            }
            Shape::Events => {
                names.push(name::EVENTS.into());
                parents.push(place(&at));
            }
        }
        Some((names, parents))
    }

    fn known_perms(&self, path: &StorePath) -> Option<Perms> {
        self.ledger.with_facts(|facts| {
            let own = facts.get(path).and_then(|facts| facts.perms.clone());
            own.or_else(|| {
                let children = facts.get(&path.parent()?)?.children.as_ref()?;
                children.get(path.name()?)?.clone()
            })
        })
    }

    fn attr_of(&self, id: u64, directory: bool, rights: &Rights, length: usize) -> Attr {
        let (mode, uid) = self.appearance.of(rights, directory);
        Attr {
            id,
            directory,
            mode,
            uid,
            gid: self.appearance.gid(),
            size: if directory {
                0
            } else {
                self.translation.size(length)
            },
            modified: std::time::SystemTime::now(),
        }
    }

    /// LOOKUP by the helper.
    pub(crate) fn helper_finds(&self, replay: &Replay, parent: u64, name: &[u8]) -> Result<Entry> {
        let attr = match replay.explain(|step| step.answer(Question::Find(parent, name)))? {
            Answer::Missing => return Err(Errno::ENOENT),
            Answer::Target(attr) => attr,
            Answer::Way(id) => self.helper_sees(id),
        };
        if self.is_elsewhere(replay, attr.id) {
            return Err(Errno::ENOENT);
        }
        self.tell_helper(attr)
    }

    /// Whether a node has been moved since the step was made. If the kernel were told of it under its old name, it would
    /// move its own entry back there.
    fn is_elsewhere(&self, replay: &Replay, id: u64) -> bool {
        let node = self.inodes().resolve(id);
        node.is_ok_and(|node| {
            let path = replay.explain(|step| step.path_of(id).cloned());
            path.is_ok_and(|path| path != node.path)
        })
    }

    /// MKDIR or MKNOD by the helper.
    pub(crate) fn helper_makes(&self, replay: &Replay, parent: u64, name: &[u8]) -> Result<Entry> {
        match replay.finish(Question::Make(parent, name))? {
            Answer::Target(attr) => self.tell_helper(attr),
            Answer::Missing | Answer::Way(_) => Err(Errno::ENOENT),
        }
    }

    /// UNLINK or RMDIR by the helper. If a node is there again that somebody uses, it is not to be taken from them.
    pub(crate) fn helper_removes(&self, replay: &Replay, parent: u64, name: &[u8]) -> Result<()> {
        let answer = replay.finish(Question::Remove(parent, name))?;
        let Answer::Target(attr) = answer else {
            return Err(Errno::ENOENT);
        };
        let inodes = self.inodes();
        if inodes.resolve(attr.id).is_ok() {
            // Not detached: a file that turns into a directory, or a value.
            return Ok(());
        }
        let parent = inodes.resolve(parent).ok();
        let again = parent
            .and_then(|parent| parent.path.child(str::from_utf8(name).ok()?).ok())
            .is_some_and(|path| inodes.sight(&path).used);
        if again { Err(Errno::EBUSY) } else { Ok(()) }
    }

    /// GETATTR or SETATTR by the helper.
    pub(crate) fn helper_attr(&self, replay: &Replay, id: u64) -> Attr {
        replay
            .explain(|step| step.is_about(id))
            .unwrap_or_else(|_| self.helper_sees(id))
    }

    /// What the helper is told of a node that it passes.
    fn helper_sees(&self, id: u64) -> Attr {
        let node = self.inodes().resolve(id).ok();
        let rights = node
            .as_ref()
            .and_then(|node| self.known_perms(&node.path))
            .map_or(Rights::Unseen, Rights::Seen);
        self.attr_of(id, Inodes::is_directory_id(id), &rights, 0)
    }

    fn tell_helper(&self, attr: Attr) -> Result<Entry> {
        self.inodes().tell(attr.id).ok_or(Errno::ENOENT)?;
        Ok(Entry {
            attr,
            // Whoever else comes asks, so that it shows that somebody uses it.
            lifetime: Lifetime::default(),
        })
    }
}
