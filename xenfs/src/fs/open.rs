//! Opening, reading and closing files: OPEN, CREATE, READ, FLUSH, RELEASE.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use xenbus::{ErrorKind, Operations, StorePath};

use super::{Entry, Following, Target, XenFs};
use crate::attr::Rights;
use crate::errno::{Errno, Result};
use crate::handle::{Append, Brought, File, State};
use crate::inode::{Kind, Node, Shape, View};
use crate::ledger::Left;

/// How old a value may be that opening brought and the first read shows. Whoever opens a file to read it does so within
/// microseconds; whoever waits longer wants to see what was done meanwhile.
const AT_ONCE: Duration = Duration::from_millis(2);

/// The flags of `open(2)` that matter here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpenFlags(OFlags);

impl OpenFlags {
    /// The flags as they arrive in a request.
    pub fn new(flags: i32) -> Self {
        Self(OFlags::from_bits_retain(flags.cast_unsigned()))
    }

    /// Whether the file may be changed through it.
    pub(crate) fn writes(self) -> bool {
        self.0.intersection(OFlags::RWMODE) != OFlags::RDONLY || self.truncates()
    }

    fn reads(self) -> bool {
        self.0.intersection(OFlags::RWMODE) != OFlags::WRONLY
    }

    fn truncates(self) -> bool {
        self.0.contains(OFlags::TRUNC)
    }

    fn excludes(self) -> bool {
        self.0.contains(OFlags::EXCL)
    }

    fn append(self) -> Append {
        if self.0.contains(OFlags::APPEND) {
            Append::Yes
        } else {
            Append::No
        }
    }
}

/// An open file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opened {
    /// Its handle.
    pub handle: u64,
    /// Whether closing a descriptor of it means anything to us.
    pub wants_flush: bool,
}

impl XenFs {
    /// Opens a file.
    ///
    /// # Errors
    /// ESTALE when it is not there as a file any more: the kernel then looks the name up again.
    pub fn open(&self, id: u64, flags: OpenFlags) -> Result<Opened> {
        let node = self.found(id)?;
        if flags.writes() {
            self.writable()?;
        }
        // Before the store is asked: what changes from now on makes the answer old.
        let following = self.following(&node.path);
        let brought = match node.presentation.shape {
            Shape::Directory => return Err(Errno::EISDIR),
            Shape::File => self.check_file(&node, flags, &following)?,
            Shape::Value => self.check_value(&node, flags, &following)?,
            Shape::Events => return Err(Errno::ENOENT),
        };
        if !self.inodes().use_again(node.id) {
            // Removed, and known to be, while we asked: there may be another one.
            return Err(Errno::ESTALE);
        }
        let file = File::new(node.id, node.number, flags.writes(), flags.append())
            .following(following)
            .bringing(brought)
            .truncating(flags.truncates());
        Ok(self.opened(file))
    }

    /// Creates a file in the directory `parent` and opens it. Unless it must be new (`O_EXCL`), the store is told with
    /// the first write, so that creating and writing is one WRITE there.
    pub fn create(&self, parent: u64, name: &[u8], flags: OpenFlags) -> Result<(Entry, Opened)> {
        self.writable()?;
        let parent = self.directory(parent)?;
        let view = parent.presentation.view;
        match self.target(&parent, name)? {
            Target::Directories => Err(Errno::EISDIR),
            Target::Value => self.create_value(&parent, flags),
            Target::Events => Err(Errno::EACCES),
            // Every node is a directory there: nothing but a value can be created as a file.
            Target::Child(_) if view == View::Directories => Err(Errno::EPERM),
            Target::Child(path) => self.create_file(&parent, &path, flags),
        }
    }

    /// Reads from a file. A read at the start asks the store, unless opening just did; those that follow see the same
    /// content to its end.
    pub fn read(&self, handle: u64, offset: u64, size: usize) -> Result<Vec<u8>> {
        let file = self.handles.file(handle)?;
        let node = self.node(file.id)?;
        if file.is_truncated() || self.handles.is_emptied(node.number) {
            return Ok(Vec::new());
        }
        if offset == 0 {
            self.seeing(&file);
        }
        let mut state = file.state();
        let content = match state.snapshot.take() {
            Some(content) if offset > 0 => content,
            _ => match self.just_brought(&file, &node, &mut state) {
                Some(value) => self.translation.content(value),
                None => self.content(&node.path)?,
            },
        };
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(content.len());
        let end = start.saturating_add(size).min(content.len());
        let bytes = content[start..end].to_vec();
        // Who has been told of the end and reads on, waits for something new (tail -f).
        if !bytes.is_empty() {
            state.snapshot = Some(content);
        }
        Ok(bytes)
    }

    /// A descriptor of the file was closed; others may be open.
    pub fn flush(&self, handle: u64) -> Result<()> {
        let file = self.handles.file(handle)?;
        file.flush();
        // Everybody sees it as empty from now on.
        if file.is_truncated()
            && let Ok(node) = self.node(file.id)
        {
            self.touch(&node.path);
        }
        Ok(())
    }

    /// The last descriptor of the file was closed.
    pub fn release(&self, handle: u64) -> Result<()> {
        let file = self.handles.file(handle)?;
        let committed = if file.is_pending() {
            let committed = self.commit_pending(&file);
            self.handles.settle(&file);
            committed
        } else {
            Ok(())
        };
        self.handles.remove_file(handle);
        committed
    }

    /// Tells the store what an open file has held back: that its node is there, that its value is empty.
    pub(super) fn commit_pending(&self, file: &Arc<File>) -> Result<()> {
        // What was removed meanwhile stays removed.
        let node = match self.node(file.id) {
            Err(Errno::ENOENT) => return Ok(()),
            other => other?,
        };
        let mut state = file.state();
        if file.is_truncated() {
            self.confirm(&node, file, &mut state)?;
            let echo = self
                .ledger
                .echo(&node.path, node.presentation.view, Left::value(b""));
            self.client
                .write(&node.path, b"")
                .map_err(|error| crate::errno::of_write(&error))?;
            echo.done();
            self.touch(&node.path);
        } else if file.is_held_back() && node.presentation.shape == Shape::File {
            let echo = self
                .ledger
                .echo(&node.path, node.presentation.view, Left::empty());
            self.client.mkdir(&node.path)?;
            echo.done();
        }
        Ok(())
    }

    /// If the node at `path` is held back by an open file, it is created now.
    pub(crate) fn materialize(&self, path: &StorePath) -> Result<()> {
        let number = self.inodes().recorded(path);
        let Some(file) = number.and_then(|number| self.handles.held_back(number)) else {
            return Ok(());
        };
        self.commit_pending(&file)?;
        self.handles.settle(&file);
        Ok(())
    }

    /// What reading a node as a file returns.
    pub(super) fn content(&self, path: &StorePath) -> Result<Vec<u8>> {
        Ok(self.translation.content(self.client.read(path)?))
    }

    /// The value that opening brought, if this is the first read, follows at once, and nothing is known to have changed.
    fn just_brought(&self, file: &File, node: &Node, state: &mut State) -> Option<Vec<u8>> {
        let brought = state.brought.take()?;
        let following = file.following.as_ref()?;
        let is_true = self.ledger.is_certain()
            && *following.path() == node.path
            && brought.asked.elapsed() < AT_ONCE
            && brought.version == following.version();
        is_true.then_some(brought.value)
    }

    fn opened(&self, mut file: File) -> Opened {
        if file.following.is_none() {
            let node = self.inodes().resolve(file.id);
            file.following = node.ok().map(|node| self.following(&node.path));
        }
        let wants_flush = file.is_pending();
        let (handle, _) = self.handles.add_file(file);
        Opened {
            handle,
            wants_flush,
        }
    }

    /// Whether a node is still a file, and whether it can be opened so.
    fn check_file(
        &self,
        node: &Node,
        flags: OpenFlags,
        following: &Following,
    ) -> Result<Option<Brought>> {
        if !flags.writes() && self.ledger.is_certain() {
            return self.check_by_reading(node, following);
        }
        let children = self.submit_has_children(&node.path);
        let rights = (flags.writes() && self.own_domid().is_some())
            .then(|| self.client.submit_perms(&node.path));
        match children.wait() {
            Ok(false) => {}
            Ok(true) => {
                self.found_as(&node.path, Kind::Directory);
                return Err(Errno::ESTALE);
            }
            // The kernel may have believed in a node that is gone: with O_CREAT it must create it, not fail.
            Err(error) if error.is_not_found() => return self.gone_or_held_back(node),
            Err(error) if error.kind() == ErrorKind::Denied && !flags.reads() => {}
            Err(error) => return Err(error.into()),
        }
        // Told now rather than at the first write: `: > file` never writes.
        if let Some(Ok(perms)) = rights.map(xenbus::client::Pending::wait)
            && self.appearance.forbids_writing(&Rights::Seen(perms))
        {
            return Err(Errno::EACCES);
        }
        Ok(None)
    }

    /// Whether a node is there and may be read, asked by what a read will want to know anyway: opening and reading is
    /// one round trip. That it is still a file, events have told.
    fn check_by_reading(&self, node: &Node, following: &Following) -> Result<Option<Brought>> {
        let (version, asked) = (following.version(), Instant::now());
        match self.client.read(&node.path) {
            Ok(value) => Ok(Some(Brought {
                value,
                asked,
                version,
            })),
            Err(error) if error.is_not_found() => self.gone_or_held_back(node),
            Err(error) => Err(error.into()),
        }
    }

    /// What opening a file comes to whose node the store does not have.
    fn gone_or_held_back(&self, node: &Node) -> Result<Option<Brought>> {
        self.client.is_missing(&node.path);
        match self.handles.held_back(node.number) {
            Some(_) => Ok(None),
            None => Err(Errno::ESTALE),
        }
    }

    fn check_value(
        &self,
        node: &Node,
        flags: OpenFlags,
        following: &Following,
    ) -> Result<Option<Brought>> {
        let (version, asked) = (following.version(), Instant::now());
        match self.client.read(&node.path) {
            Ok(value) if !value.is_empty() || self.handles.is_being_written(node.number) => {
                Ok(Some(Brought {
                    value,
                    asked,
                    version,
                }))
            }
            Ok(_) => Err(Errno::ESTALE),
            Err(error) if error.is_not_found() => Err(Errno::ESTALE),
            Err(error) if error.kind() == ErrorKind::Denied && !flags.reads() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn create_value(&self, parent: &Node, flags: OpenFlags) -> Result<(Entry, Opened)> {
        match self.client.read(&parent.path) {
            Ok(value) if !value.is_empty() && flags.excludes() => return Err(Errno::EEXIST),
            Ok(_) => {}
            // It cannot be seen, but perhaps be written.
            Err(error) if error.kind() == ErrorKind::Denied && !flags.reads() => {}
            Err(error) => return Err(error.into()),
        }
        let rights = self.rights(&parent.path)?;
        if self.appearance.forbids_writing(&rights) {
            return Err(Errno::EACCES);
        }
        let node = self.introduce(&parent.path, parent.presentation.view, Shape::Value);
        let file = File::new(node.id, node.number, true, flags.append())
            .truncating(flags.truncates())
            .holding_back(rights.clone());
        let opened = self.opened(file);
        Ok((self.entry(&node, &rights, 0), opened))
    }

    fn create_file(
        &self,
        parent: &Node,
        path: &StorePath,
        flags: OpenFlags,
    ) -> Result<(Entry, Opened)> {
        let view = parent.presentation.view;
        if flags.excludes() {
            let entry = self.make(parent, path, Kind::File)?;
            let node = self.node(entry.attr.id)?;
            let file = File::new(node.id, node.number, true, flags.append());
            return Ok((entry, self.opened(file)));
        }
        let below = self.rights(&parent.path)?;
        if self.appearance.forbids_writing(&below) {
            return Err(Errno::EACCES);
        }
        if below == Rights::Unseen {
            // What it will look like cannot be known: let the store make it now.
            let echo = self.ledger.echo(path, view, Left::empty());
            self.client.mkdir(path)?;
            self.remember_made(path, view, Kind::File);
            echo.done();
            let entry = self.look_at_made(view, path, Kind::File)?;
            let node = self.node(entry.attr.id)?;
            let file = File::new(node.id, node.number, true, flags.append());
            return Ok((entry, self.opened(file)));
        }
        let rights = self.appearance.inherited(&below);
        self.remember_made(path, view, Kind::File);
        let node = self.introduce(path, view, Shape::File);
        let file = File::new(node.id, node.number, true, flags.append())
            .truncating(flags.truncates())
            .holding_back(rights.clone());
        let opened = self.opened(file);
        Ok((self.entry(&node, &rights, 0), opened))
    }
}
