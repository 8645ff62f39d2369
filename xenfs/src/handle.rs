//! Open files and directory streams.

mod directory;
mod file;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use directory::{Directory, Listed, Listing};
pub use file::{Append, Brought, File, State};

use crate::errno::{Errno, Result};
use crate::inode::Space;

/// The table of open files and directories.
pub struct Handles {
    last: AtomicU64,
    open: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    files: HashMap<u64, Arc<File>>,
    directories: HashMap<u64, Arc<Directory>>,
    /// Files with something that the store does not know yet, by the number of their node.
    pending: HashMap<u64, Vec<Arc<File>>>,
    /// How many files that may be written are open on each node.
    writers: HashMap<u64, usize>,
}

impl Handles {
    /// An empty table; its handles are numbers of `space`.
    pub fn new(space: Space) -> Self {
        Self {
            last: AtomicU64::new(space.first()),
            open: Mutex::default(),
        }
    }

    /// A number that no other handle has.
    pub fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds an open file.
    pub fn add_file(&self, file: File) -> (u64, Arc<File>) {
        let handle = self.number();
        let file = Arc::new(file);
        let mut table = self.table();
        if file.writable {
            *table.writers.entry(file.number).or_default() += 1;
        }
        if file.is_pending() {
            let pending = table.pending.entry(file.number).or_default();
            pending.push(Arc::clone(&file));
        }
        table.files.insert(handle, Arc::clone(&file));
        (handle, file)
    }

    /// An open file.
    ///
    /// # Errors
    /// EBADF if there is none of that number.
    pub fn file(&self, handle: u64) -> Result<Arc<File>> {
        let table = self.table();
        table.files.get(&handle).cloned().ok_or(Errno::EBADF)
    }

    /// Number of open files.
    pub fn files(&self) -> usize {
        self.table().files.len()
    }

    /// Takes a file out of the table.
    pub fn remove_file(&self, handle: u64) {
        let mut table = self.table();
        if let Some(file) = table.files.remove(&handle)
            && file.writable
            && let Some(count) = table.writers.get_mut(&file.number)
        {
            *count -= 1;
            if *count == 0 {
                table.writers.remove(&file.number);
            }
        }
    }

    /// The file holds nothing back any more.
    pub fn settle(&self, file: &Arc<File>) {
        file.settle();
        let mut table = self.table();
        if let Some(list) = table.pending.get_mut(&file.number) {
            list.retain(|other| !Arc::ptr_eq(other, file));
            if list.is_empty() {
                table.pending.remove(&file.number);
            }
        }
    }

    /// The open file that holds back the creation of node `number`.
    pub fn held_back(&self, number: u64) -> Option<Arc<File>> {
        let table = self.table();
        let mut files = table.pending.get(&number)?.iter();
        files.find(|file| file.is_held_back()).cloned()
    }

    /// All files with something that the store does not know yet.
    pub fn all_pending(&self) -> Vec<Arc<File>> {
        self.table().pending.values().flatten().cloned().collect()
    }

    /// All files that hold back the creation of their node.
    pub fn all_held_back(&self) -> Vec<Arc<File>> {
        let table = self.table();
        let files = table.pending.values().flatten();
        files.filter(|file| file.is_held_back()).cloned().collect()
    }

    /// Whether node `number` shows as empty, because its value is about to be.
    pub fn is_emptied(&self, number: u64) -> bool {
        let table = self.table();
        let files = table.pending.get(&number);
        files.is_some_and(|files| files.iter().any(|file| file.shows_as_empty()))
    }

    /// Whether node `number` has something that the store does not know yet.
    pub fn is_pending(&self, number: u64) -> bool {
        self.table().pending.contains_key(&number)
    }

    /// Whether a file that may be written is open on node `number`.
    pub fn is_being_written(&self, number: u64) -> bool {
        self.table().writers.contains_key(&number)
    }

    /// The open files on node `number` forget what they know of the value: it was changed past them.
    pub fn invalidate(&self, number: u64) {
        let files: Vec<_> = {
            let table = self.table();
            let files = table.files.values().filter(|f| f.number == number);
            files.cloned().collect()
        };
        for file in files {
            *file.state() = State::default();
        }
    }

    /// Adds an open directory.
    pub fn add_directory(&self, directory: Directory) -> u64 {
        let handle = self.number();
        let mut table = self.table();
        table.directories.insert(handle, Arc::new(directory));
        handle
    }

    /// An open directory.
    ///
    /// # Errors
    /// EBADF if there is none of that number.
    pub fn directory(&self, handle: u64) -> Result<Arc<Directory>> {
        let table = self.table();
        let directory = table.directories.get(&handle);
        directory.cloned().ok_or(Errno::EBADF)
    }

    /// Takes a directory out of the table.
    pub fn remove_directory(&self, handle: u64) {
        self.table().directories.remove(&handle);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
