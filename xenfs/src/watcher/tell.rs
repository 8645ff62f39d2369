//! Telling: the kernel, that it must not believe any more what it was told; the helper, what to repeat.

use std::time::SystemTime;

use xenbus::StorePath;

use super::Work;
use super::change::{Change, What};
use crate::inode::{Kind, Presentation, Shape, Sight, View};
use crate::notify::Notifier;
use crate::replay::{Action, Performed, Step};

/// Steps that are under way together.
const STEPS: usize = 64;

/// How often a step is tried when the kernel has another idea of its name, from a user's look.
const TRIES: usize = 4;

const VIEWS: [View; 2] = [View::Plain, View::Directories];

/// What stands in both views before a change is told.
struct Scene {
    sight: Sight,
    above: Option<(StorePath, Sight)>,
}

impl Scene {
    /// Whether somebody may be watching the node or the directory that it is in.
    fn is_watched(&self, view: View, shape: Shape) -> bool {
        self.sight.uses(view, shape) || self.is_listed(view)
    }

    /// Whether somebody may be watching the directory that the node is in.
    fn is_listed(&self, view: View) -> bool {
        let above = self.above.as_ref();
        above.is_some_and(|(_, sight)| sight.uses(view, Shape::Directory))
    }
}

impl Work {
    /// Tells all changes.
    pub(super) fn tell(&mut self, changes: &[Change]) {
        let mut known = Vec::with_capacity(changes.len());
        // First what waits for nobody.
        for change in changes {
            let scene = self.scene(&change.path);
            if !matches!(change.what, What::Removed) && scene.sight.is_known() {
                self.attributes(&change.path, scene.sight);
            }
            if change.is_foreign() && scene.sight.is_known() {
                let now = SystemTime::now();
                let mut inodes = self.fs.inodes();
                inodes.remember(&change.path, |known| known.modified = Some(now));
            }
            known.push(scene);
        }
        let mut steps = Vec::new();
        for (change, scene) in changes.iter().zip(known) {
            match &change.what {
                What::Written {
                    directory,
                    was_filled,
                    length,
                    ..
                } => {
                    for view in VIEWS {
                        let silent = change.echo.has(view);
                        if *directory || view == View::Directories {
                            let value = Value {
                                was: *was_filled,
                                length: *length,
                                silent,
                            };
                            self.value(change, &scene, view, &value, &mut steps);
                        } else if scene.is_watched(view, Shape::File) && !silent {
                            let shown = Presentation {
                                view,
                                shape: Shape::File,
                            };
                            steps.extend(self.step(Action::Modify, &change.path, shown, *length));
                            if self.fs.kind(&change.path).is_none() {
                                // It is shown as one, and need not be asked for children next time.
                                self.fs.remember_kind(&change.path, Kind::File);
                            }
                        }
                    }
                }
                What::Perms => self.perms(change, &scene, &mut steps),
                What::Created { directory, filled } => {
                    self.perform(&mut steps);
                    self.created(change, &scene, *directory, *filled);
                }
                What::Removed => {
                    self.perform(&mut steps);
                    self.removed(change, &scene);
                }
                What::Turned => {
                    self.perform(&mut steps);
                    self.turn(change, &scene);
                }
            }
            if steps.len() >= STEPS {
                self.perform(&mut steps);
            }
        }
        self.perform(&mut steps);
    }

    /// The kernel looks again at what it was told and may be old, and so do we.
    pub(super) fn recheck(&mut self) {
        for path in std::mem::take(&mut self.rechecks) {
            let is_known = self.disbelieve(&path);
            if is_known && !self.failing {
                self.doubt([path]);
            }
        }
    }

    /// The kernel believes nothing of what it was told of the node. Whether it knows it.
    pub(super) fn disbelieve(&mut self, path: &StorePath) -> bool {
        let scene = self.scene(path);
        // Nobody who works in there is disturbed: without its name a directory has no path.
        self.name_told(path, &scene, Notifier::expire);
        self.attributes(path, scene.sight);
        self.lists(path, scene.sight);
        scene.sight.is_known()
    }

    /// The kernel asks again for the lists of the node's directories that it knows.
    fn lists(&self, path: &StorePath, sight: Sight) {
        for view in VIEWS {
            if sight.has(view, Shape::Directory) {
                let shown = Presentation {
                    view,
                    shape: Shape::Directory,
                };
                let id = self.fs.inodes().id_of(path, shown);
                self.list(id);
            }
        }
    }

    /// The kernel asks for a directory's list again, and for its `.value`.
    pub(super) fn list(&self, id: u64) {
        // Waits for whoever reads the list just now.
        self.notifier.entry(id, b".value");
        self.notifier.listing(id);
    }

    /// The kernel looks again at everything, and nobody is disturbed.
    pub(super) fn expire_everything(&self) {
        let known = self.fs.inodes().known_within(self.fs.root());
        for (path, sight) in known {
            for shown in sight.presentations() {
                let Some(step) = self.fs.step(Action::Modify, &path, shown, 0) else {
                    continue;
                };
                self.notifier.attributes(step.target.id);
                if shown.shape == Shape::Directory {
                    self.notifier.listing(step.target.id);
                }
                if let (Some(parent), Some(name)) = (step.parents.last(), step.names.last()) {
                    self.notifier.expire(parent.id, name);
                }
            }
        }
    }

    fn scene(&self, path: &StorePath) -> Scene {
        let inodes = self.fs.inodes();
        let inside = path != self.fs.root();
        Scene {
            sight: inodes.sight(path),
            above: path
                .parent()
                .filter(|_| inside)
                .map(|parent| (parent.clone(), inodes.sight(&parent))),
        }
    }

    fn attributes(&self, path: &StorePath, sight: Sight) {
        for shown in sight.presentations() {
            let id = self.fs.inodes().id_of(path, shown);
            self.notifier.attributes(id);
        }
    }

    /// A node's name leads elsewhere now, and the lists that it is in are old.
    fn name(&self, path: &StorePath, scene: &Scene) {
        self.name_told(path, scene, Notifier::entry);
    }

    fn name_told(&self, path: &StorePath, scene: &Scene, tell: fn(&Notifier, u64, &[u8])) {
        let Some((above, sight)) = &scene.above else {
            return;
        };
        for view in VIEWS {
            if sight.has(view, Shape::Directory) {
                let shown = Presentation {
                    view,
                    shape: Shape::Directory,
                };
                let id = self.fs.inodes().id_of(above, shown);
                if let Some(name) = path.name() {
                    tell(&self.notifier, id, self.fs.listed(name).as_bytes());
                }
                self.notifier.listing(id);
            }
        }
    }

    fn created(&mut self, change: &Change, scene: &Scene, directory: bool, filled: bool) {
        // Who has found it already may keep it.
        if let Some((above, sight)) = &scene.above {
            self.lists(above, *sight);
        }
        // One that was moved here has brought along the list that it had where it was.
        self.lists(&change.path, scene.sight);
        for view in VIEWS {
            if !scene.is_listed(view) || change.echo.has(view) {
                continue;
            }
            let directory = directory || view == View::Directories;
            let (action, shape) = if directory {
                (Action::MakeDirectory, Shape::Directory)
            } else {
                (Action::MakeFile, Shape::File)
            };
            let shown = Presentation { view, shape };
            let mut steps = Vec::from_iter(self.step(action, &change.path, shown, 0));
            if filled && !directory {
                steps.extend(self.step(Action::Modify, &change.path, shown, 1));
            }
            self.perform(&mut steps);
        }
    }

    fn removed(&mut self, change: &Change, scene: &Scene) {
        let path = &change.path;
        let mut steps = Vec::new();
        let within = self.fs.inodes().known_within(path);
        for (node, sight) in within.iter().rev() {
            for shown in sight.presentations() {
                if change.echo.has(shown.view) || shown.shape == Shape::Events {
                    continue;
                }
                // Its own directory is told below, whether or not the node itself is known.
                if !sight.used && node != path {
                    continue;
                }
                steps.extend(self.step(removal(shown), node, shown, 0));
            }
        }
        // And those that the kernel does not know: whoever watches their directory has seen their names.
        let own = [(path, scene.above.as_ref().map(|(_, sight)| *sight))];
        let below = change.removed_below.iter().map(|node| {
            let above = node.parent();
            let known = within
                .iter()
                .find(|(other, _)| above.as_ref() == Some(other));
            (node, known.map(|(_, sight)| *sight))
        });
        for (node, above) in below.chain(own) {
            let known = within.iter().find(|(other, _)| other == node);
            for view in VIEWS {
                let is_told = known.is_some_and(|(_, sight)| {
                    sight.presentations().any(|shown| shown.view == view)
                });
                let is_listed = above.is_some_and(|sight| sight.uses(view, Shape::Directory));
                if is_told || !is_listed || change.echo.has(view) {
                    continue;
                }
                let kind = self.fs.inodes().known(node).kind;
                let shape = match (view, kind) {
                    (View::Plain, None | Some(Kind::File)) => Shape::File,
                    _ => Shape::Directory,
                };
                let shown = Presentation { view, shape };
                if let Some(mut step) = self.step(removal(shown), node, shown, 0) {
                    step.target.id = self.fs.inodes().departed(node, shown);
                    steps.push(step);
                }
            }
        }
        // `.value` before the directory that holds it.
        steps.sort_by_key(|step| std::cmp::Reverse(step.names.len()));
        let mut inodes = self.fs.inodes();
        // A user's look may make the kernel forget what is gone before the helper comes.
        let held: Vec<_> = steps.iter().map(|step| step.target.id).collect();
        for id in &held {
            inodes.tell(*id);
        }
        let is_foreign = VIEWS.into_iter().all(|view| !change.echo.has(view));
        let is_back = is_foreign && inodes.is_used_since(path, self.asked_at);
        if is_foreign && !is_back {
            // Whoever makes a node here now makes another one. A local operation does this itself, or has moved the node.
            inodes.detach(path);
        }
        drop(inodes);
        if is_back {
            self.doubt([path.clone()]);
        } else {
            while !steps.is_empty() {
                let rest = steps.split_off(steps.len().min(STEPS));
                self.perform(&mut steps);
                steps = rest;
            }
            self.name(path, scene);
        }
        for id in held {
            self.fs.forget(id, 1);
        }
    }

    /// A file has become a directory.
    fn turn(&mut self, change: &Change, scene: &Scene) {
        let path = &change.path;
        let view = View::Plain;
        let file = Presentation {
            view,
            shape: Shape::File,
        };
        let directory = Presentation {
            view,
            shape: Shape::Directory,
        };
        if !self.fs.is_file(path) {
            // It was moved away meanwhile; where it is now, its event tells.
            return;
        }
        if scene.is_watched(view, Shape::File) && !change.echo.has(view) {
            let mut steps = Vec::new();
            steps.extend(self.step(Action::RemoveFile, path, file, 0));
            self.perform(&mut steps);
            self.name(path, scene);
            if scene.is_listed(view) {
                steps.extend(self.step(Action::MakeDirectory, path, directory, 0));
                self.perform(&mut steps);
            }
        }
        self.name(path, scene);
        // Last: if it is moved before, it is a file there, which turns.
        let mut inodes = self.fs.inodes();
        if inodes.known(path).kind == Some(Kind::File) {
            inodes.remember(path, |known| known.kind = Some(Kind::Directory));
        }
    }

    fn perms(&mut self, change: &Change, scene: &Scene, steps: &mut Vec<Step>) {
        let kind = self.fs.inodes().known(&change.path).kind;
        for view in VIEWS {
            let shape = match (view, kind) {
                (View::Plain, Some(Kind::File)) => Shape::File,
                (View::Plain, None) if !scene.sight.has(view, Shape::Directory) => Shape::File,
                _ => Shape::Directory,
            };
            if scene.is_watched(view, shape) && !change.echo.has(view) {
                let shown = Presentation { view, shape };
                steps.extend(self.step(Action::Attribute, &change.path, shown, 0));
            }
        }
    }

    /// The value of a node that is shown as a directory: the file `.value` in it, while it is not empty.
    fn value(
        &mut self,
        change: &Change,
        scene: &Scene,
        view: View,
        value: &Value,
        steps: &mut Vec<Step>,
    ) {
        let path = &change.path;
        let directory = Presentation {
            view,
            shape: Shape::Directory,
        };
        let shown = Presentation {
            view,
            shape: Shape::Value,
        };
        let sight = scene.sight;
        if !sight.has(view, Shape::Directory) && !sight.has(view, Shape::Value) {
            return;
        }
        let filled = value.length > 0;
        let watched = sight.uses(view, Shape::Directory) && !value.silent;
        let was = value.was.unwrap_or(sight.has(view, Shape::Value) || filled);
        if watched && was && !filled {
            steps.extend(self.step(Action::RemoveFile, path, shown, 0));
            self.perform(steps);
        }
        // Also if it only has another value than before: several changes are told as one, and a list that was read between
        // them may show the one in the middle.
        let id = self.fs.inodes().id_of(path, directory);
        self.list(id);
        if watched && !was && filled {
            steps.extend(self.step(Action::MakeFile, path, shown, 0));
        }
        if watched && filled {
            steps.extend(self.step(Action::Modify, path, shown, value.length));
        }
    }

    fn step(
        &self,
        action: Action,
        path: &StorePath,
        shown: Presentation,
        length: usize,
    ) -> Option<Step> {
        self.replay.as_ref()?;
        self.fs.step(action, path, shown, length)
    }

    /// Has steps done, each as well as can be: what counts is that the kernel believes nothing old.
    fn perform(&mut self, steps: &mut Vec<Step>) {
        let mut left = &steps[..];
        let mut tries = TRIES;
        while !left.is_empty()
            && let Some(Performed { done, failed }) = self.run_steps(left)
        {
            left = &left[done..];
            let (Some(errno), Some(step)) = (failed, left.first()) else {
                break;
            };
            tries = if done > 0 { TRIES } else { tries } - 1;
            if tries > 0
                && step.is_in_the_way(errno)
                && let (Some(parent), Some(name)) = (step.parents.last(), step.names.last())
            {
                self.notifier.entry(parent.id, name);
            } else {
                self.fs.stats().failed.add(1);
                left = &left[1..];
                tries = TRIES;
            }
        }
        // The kernel's clock is coarse: for a moment it would believe what the helper was told.
        for step in steps.drain(..) {
            self.notifier.attributes(step.target.id);
        }
    }

    /// `None` if there is no helper and none to be had.
    fn run_steps(&mut self, steps: &[Step]) -> Option<Performed> {
        let replay = self.replay.as_ref()?;
        let performed = replay.perform(steps);
        if performed.is_err() {
            replay.stop();
            self.replay = None;
        }
        performed.ok()
    }
}

/// The value of a directory, before and now.
struct Value {
    was: Option<bool>,
    length: usize,
    silent: bool,
}

fn removal(shown: Presentation) -> Action {
    match shown.shape {
        Shape::Directory => Action::RemoveDirectory,
        Shape::File | Shape::Value | Shape::Events => Action::RemoveFile,
    }
}
