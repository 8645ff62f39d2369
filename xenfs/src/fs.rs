//! The file system, on nodeids, without a kernel: every operation returns a result.
//!
//! DOCS

mod identity;
mod list;
mod look;
mod make;
mod name;
mod open;
mod remove;
mod rename;
mod set;
mod value;
mod write;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use xenbus::{Client, StorePath};

pub use list::DirEntry;
pub use look::{Entry, Lifetime};
pub use open::{OpenFlags, Opened};
pub use rename::RenameFlags;
pub use set::{SetAttr, Time};

use crate::attr::{Appearance, Caller};
use crate::errno::{Errno, Result};
use crate::handle::Handles;
use crate::inode::{Inodes, Node};
use crate::settings::{Cache, EmptyNode, Settings};
use name::Name;
use value::Translation;

/// How long the kernel may believe what is only as true as its last look at the store.
const SHORT: Duration = Duration::from_secs(1);

/// XenStore as a file system.
pub struct XenFs {
    client: Client,
    appearance: Appearance,
    caller: Caller,
    translation: Translation,
    empty: EmptyNode,
    read_only: bool,
    cache: Cache,
    inodes: Mutex<Inodes>,
    handles: Handles,
    mounted: SystemTime,
}

impl XenFs {
    /// A file system over the store that `client` is connected to.
    ///
    /// # Errors
    /// When the store does not answer, or the node that is to be the root cannot be found.
    pub fn new(client: Client, settings: Settings) -> xenbus::Result<Self> {
        let caller = identity::caller(&client)?;
        let root = identity::root(&client, &settings.subdir, caller)?;
        Ok(Self {
            appearance: Appearance::new(&settings, caller),
            caller,
            translation: if settings.raw {
                Translation::Raw
            } else {
                Translation::Line
            },
            empty: settings.empty,
            read_only: settings.read_only,
            cache: settings.cache,
            inodes: Mutex::new(Inodes::new(root)),
            handles: Handles::default(),
            mounted: SystemTime::now(),
            client,
        })
    }

    /// The store.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The kernel forgets `lookups` look-ups of a nodeid.
    pub fn forget(&self, id: u64, lookups: u64) {
        self.inodes().forget(id, lookups);
    }

    pub(crate) fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn node(&self, id: u64) -> Result<Node> {
        self.inodes().resolve(id)
    }

    fn directory(&self, id: u64) -> Result<Node> {
        let node = self.node(id)?;
        if node.is_directory() {
            Ok(node)
        } else {
            Err(Errno::ENOTDIR)
        }
    }

    pub(crate) fn writable(&self) -> Result<()> {
        if self.read_only {
            Err(Errno::EROFS)
        } else {
            Ok(())
        }
    }

    /// Where a name in a directory leads.
    fn target(&self, parent: &Node, name: &[u8]) -> Result<Target> {
        match Name::parse(name) {
            Name::Directories if parent.id == crate::inode::ROOT => Ok(Target::Directories),
            Name::Directories | Name::Illegal => Err(Errno::EINVAL),
            Name::Value => Ok(Target::Value),
            Name::Child(name) if parent.path.is_root() && name::is_phantom(name) => {
                Err(Errno::EINVAL)
            }
            Name::Child(name) => Ok(Target::Child(parent.path.child(name)?)),
            Name::Alias(alias) => self.resolve_alias(&parent.path, alias).map(Target::Child),
        }
    }
}

/// Where a name leads.
enum Target {
    /// The tree of `.dirs`.
    Directories,
    /// The value of the directory itself.
    Value,
    /// A child.
    Child(StorePath),
}
