//! Directory streams of a kernel that does not tell when it opens and closes a directory, because it keeps the lists.
//!
//! The kernel looks for its place in a kept list by the position that the entry before has, and the list may have been
//! replaced meanwhile. So a position is made from the entry's name. The last lists are remembered: a list is read to its
//! end as it was at the beginning, also when an entry on the way has gone.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::errno::Result;
use crate::fs::DirEntry;
use crate::mounted::Mounted;

/// Lists that are remembered.
const LISTS: usize = 256;

/// Names in all of them together, beyond which the oldest are forgotten.
const NAMES: usize = 65_536;

/// The streams that are being read.
#[derive(Default)]
pub(super) struct Streams {
    key: RandomState,
    lists: Mutex<VecDeque<Arc<List>>>,
}

struct List {
    directory: u64,
    handle: u64,
    /// The index after each entry that was told, by its position.
    positions: Mutex<HashMap<u64, u64>>,
}

impl List {
    fn positions(&self) -> MutexGuard<'_, HashMap<u64, u64>> {
        self.positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    /// Gives the entries of the directory `id` from position `offset` on to `push`.
    pub(super) fn read(
        &self,
        fs: &Mounted,
        id: u64,
        offset: u64,
        mut push: impl FnMut(DirEntry) -> bool,
    ) -> Result<()> {
        let known = if offset == 0 {
            None
        } else {
            self.find(id, offset)
        };
        let (list, index) = match known {
            Some(known) => known,
            None => (self.add(fs, id, fs.opendir(id)?), 0),
        };
        // In a list that is forgotten: behind the entry of that name, if it is still there.
        let mut skipping = offset != 0 && index == 0;
        fs.readdir(list.handle, index, |mut entry| {
            let position = self.position(&entry.name);
            list.positions().insert(position, entry.next);
            if skipping {
                skipping = position != offset;
                return true;
            }
            entry.next = position;
            push(entry)
        })
    }

    fn position(&self, name: &str) -> u64 {
        // Positive for programs, and not 0, the beginning.
        (self.key.hash_one(name) >> 2) | 1
    }

    fn find(&self, id: u64, position: u64) -> Option<(Arc<List>, u64)> {
        let lists = self.lists();
        let mut own = lists.iter().rev().filter(|list| list.directory == id);
        own.find_map(|list| {
            let index = *list.positions().get(&position)?;
            Some((Arc::clone(list), index))
        })
    }

    fn add(&self, fs: &Mounted, directory: u64, handle: u64) -> Arc<List> {
        let list = Arc::new(List {
            directory,
            handle,
            positions: Mutex::default(),
        });
        let mut lists = self.lists();
        lists.push_back(Arc::clone(&list));
        let mut names: usize = lists.iter().map(|list| list.positions().len()).sum();
        let mut forgotten = Vec::new();
        while (lists.len() > LISTS || names > NAMES)
            && lists.len() > 1
            && let Some(oldest) = lists.pop_front()
        {
            names -= oldest.positions().len();
            forgotten.push(oldest.handle);
        }
        drop(lists);
        for handle in forgotten {
            fs.releasedir(handle);
        }
        list
    }

    fn lists(&self) -> MutexGuard<'_, VecDeque<Arc<List>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
