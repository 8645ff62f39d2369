//! Writing files: WRITE, and the truncations of SETATTR. Each is one WRITE of the whole value to the store.

use std::time::{Duration, Instant, SystemTime};

use xenbus::{ErrorKind, Operations, StorePath};

use super::{XenFs, value};
use crate::errno::{Errno, Result, of_write};
use crate::handle::{Append, File, State};
use crate::inode::{Node, Shape};
use crate::ledger::Left;

/// For how long a node that was there is taken to be there still when it is written: the store would make a removed
/// node again, with all above it, and so bring back a domain's tree from the dead.
const CONFIRMED: Duration = Duration::from_secs(1);

impl XenFs {
    /// Writes into a file. The store has the new value when this returns.
    ///
    /// # Errors
    /// The store's refusal; EFBIG for what cannot be a value. A refused first write leaves the old value alone, also
    /// when the file was opened to be truncated.
    pub fn write(&self, handle: u64, offset: u64, data: &[u8]) -> Result<u32> {
        let file = self.handles.file(handle)?;
        if !file.writable {
            return Err(Errno::EBADF);
        }
        let node = self.node(file.id)?;
        let mut state = file.state();
        let result = self.write_locked(&node, &file, &mut state, offset, data);
        // Written or refused, nothing is pending any more.
        if file.is_pending() {
            self.handles.settle(&file);
        }
        match result {
            Ok(()) => {
                self.touch(&node.path);
                Ok(u32::try_from(data.len()).unwrap_or(u32::MAX))
            }
            Err(error) => {
                state.content = None;
                Err(error)
            }
        }
    }

    fn write_locked(
        &self,
        node: &Node,
        file: &File,
        state: &mut State,
        offset: u64,
        data: &[u8],
    ) -> Result<()> {
        let mut content = if file.is_truncated() {
            Vec::new()
        } else {
            self.content_to_change(node, file, state)?
        };
        let offset = match file.append {
            // The kernel's idea of the end may be old.
            Append::Yes => content.len() as u64,
            Append::No => offset,
        };
        value::splice(&mut content, offset, data, &node.path)?;
        self.confirm(node, file, state)?;
        self.store(node, state, content)
    }

    /// Sets the size of an open file.
    pub(super) fn truncate_open(&self, file: &std::sync::Arc<File>, size: u64) -> Result<()> {
        let node = self.node(file.id)?;
        let mut state = file.state();
        if size == 0 && file.is_truncated() {
            return Ok(());
        }
        let mut content = if file.is_truncated() {
            Vec::new()
        } else {
            self.content_to_change(&node, file, &mut state)?
        };
        if content.len() as u64 == size && !file.is_truncated() {
            return Ok(());
        }
        value::resize(&mut content, size, &node.path)?;
        self.confirm(&node, file, &mut state)?;
        self.store(&node, &mut state, content)?;
        if file.is_pending() {
            self.handles.settle(file);
        }
        Ok(())
    }

    /// Sets the size of a file that the caller has not opened.
    pub(super) fn truncate(&self, node: &Node, size: u64) -> Result<()> {
        if node.presentation.shape == Shape::Directory {
            return Err(Errno::EISDIR);
        }
        self.materialize(&node.path)?;
        let mut content = match self.content(&node.path) {
            Ok(content) if content.len() as u64 == size => return Ok(()),
            // A value that may be written but not read can still be emptied.
            Err(Errno::EACCES) if size == 0 => Vec::new(),
            other => other?,
        };
        value::resize(&mut content, size, &node.path)?;
        self.store(node, &mut State::default(), content)?;
        self.handles.invalidate(node.number);
        Ok(())
    }

    /// Gives the store a new value: what the file's content stands for.
    fn store(&self, node: &Node, state: &mut State, content: Vec<u8>) -> Result<()> {
        let value = self.translation.value(&content);
        let echo = self
            .ledger
            .echo(&node.path, node.presentation.view, Left::value(value));
        self.client
            .write(&node.path, value)
            .map_err(|error| of_write(&error))?;
        echo.done();
        state.stored = Some(value.to_vec());
        state.content = Some(content);
        state.confirmed = Some(Instant::now());
        state.snapshot = None;
        state.brought = None;
        Ok(())
    }

    /// What is in the file before a write that keeps some of it.
    ///
    /// A handle goes on from what it wrote itself: the newline that reading adds is not in there. Appending looks
    /// first whether that still is the value, so that two writers of one log do not undo each other.
    fn content_to_change(&self, node: &Node, file: &File, state: &mut State) -> Result<Vec<u8>> {
        if file.append == Append::No
            && let Some(content) = state.content.take()
        {
            return Ok(content);
        }
        match self.client.read(&node.path) {
            Ok(value) => {
                state.confirmed = Some(Instant::now());
                match state.content.take() {
                    Some(content) if state.stored.as_ref() == Some(&value) => Ok(content),
                    _ => Ok(self.translation.content(value)),
                }
            }
            Err(error) if error.is_not_found() && file.is_held_back() => Ok(Vec::new()),
            // A value that may be written but not read: replaced, there is nothing to keep.
            Err(error) if error.kind() == ErrorKind::Denied && file.append == Append::No => {
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that writing does not bring a removed node back.
    pub(super) fn confirm(&self, node: &Node, file: &File, state: &mut State) -> Result<()> {
        if file.is_held_back() && node.presentation.shape == Shape::File {
            return Ok(());
        }
        if state.confirmed.is_some_and(|at| at.elapsed() < CONFIRMED) {
            return Ok(());
        }
        match self.client.perms(&node.path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Denied => {}
            Err(error) => return Err(error.into()),
        }
        state.confirmed = Some(Instant::now());
        Ok(())
    }

    /// The name of `path` was made or removed in its directory through this mount just now.
    pub(super) fn touch_above(&self, path: &StorePath) {
        if let Some(above) = path.parent() {
            self.touch(&above);
        }
    }

    /// The node was changed through this mount just now.
    pub(super) fn touch(&self, path: &StorePath) {
        self.changes.written(path);
        let now = SystemTime::now();
        self.inodes()
            .remember(path, |known| known.modified = Some(now));
    }
}
