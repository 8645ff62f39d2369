//! The file system, on nodeids, without a kernel: every operation returns a result.
//!
//! These are its rules; `xenfs(8)` states the same ones for users.
//!
//! # Shape
//!
//! - A node without children is a *file*: its value. A node with children is a *directory*; its own value is the file
//!   `.value` in it, which is there (found and listed) exactly while the value is not empty. Creating `.value` sets the
//!   value, removing it empties the value, and a directory with a `.value` is not empty for `rmdir`.
//! - What a node once was, it stays: a directory that loses its last child remains a directory. Only a file that gains
//!   a child turns into a directory; files that were open on it go on working. This is remembered for everything that
//!   the kernel knows and for 65,536 further nodes, for the life of the mount.
//! - `mkdir` makes a directory, everything else that creates makes a file. An empty node without children of which
//!   nothing is remembered is a file (with `empty=dir` a directory).
//! - `.dirs` in the root of the mount is found but not listed: below it every node is a directory with its value in
//!   `.value`. This is how to make a child of a node that is shown as a file.
//! - A node that may not be read is a directory with mode `d-wx--x--x` that can be walked through and not listed, so
//!   that a guest reaches its own home. The store refuses unreadable and missing nodes alike, so such a directory may
//!   not exist. If it may be written, `echo VALUE > DIRECTORY/.value` writes it, although `.value` is not found there.
//! - The root does not show `@introduceDomain` and `@releaseDomain`, which one daemon lists. Other names with a `@` are
//!   nodes like any other.
//! - A name with a character that no node can have (anything but `A-Z a-z 0-9 - _ @`) is not there, without asking the
//!   store, and cannot be created: EINVAL. Temporary and backup files of programs (`.x.swp`, `x~`, `.x.AbC123`) fail so.
//! - A node's name longer than 255 bytes is listed as its first 200 bytes, `~`, and 32 hexadecimal digits (the 128-bit
//!   FNV-1a hash of the whole name). Both this alias and, where the kernel lets it through, the whole name are found.
//! - A listing is the list of names at the moment when the directory was opened or rewound, in the store's order.
//!
//! # Values
//!
//! - Reading a file returns the value and, unless it is empty, a newline. Of what is written, one newline at the end is
//!   not stored. With `raw` bytes are bytes. The size is always the length of what reading returns.
//! - Every `write()` is one WRITE of the whole value so far, done when it returns; its error is the store's. One `echo`
//!   is exactly one WRITE. `fsync` has nothing to do.
//! - Opening with `O_TRUNC` changes nothing yet: the first `write()` replaces the value, closing without one empties it.
//!   Once a descriptor has been closed, the mount shows the file as empty already. If the first write is refused, the
//!   old value stays.
//! - Creating a file tells the store with the first `write()`, with the setting of times or permissions, or when it is
//!   closed, whichever comes first; the mount shows it at once. With `O_EXCL` it is made at once, in a transaction.
//! - `O_APPEND` appends to the value as it is in the store at that moment (not atomically with other clients).
//! - Content that cannot fit into one message with the node's path (4096 bytes together) is refused with EFBIG, before
//!   anything of it is stored.
//! - A write never brings back a node that somebody removed: ENOENT (looked at when the node was last seen more than a
//!   second ago).
//! - `open()`, and every read at offset 0, ask the store; the reads that follow see the same content up to its end. While
//!   events are certain `open()` brings the value, and the first read shows it if it follows within 2 ms and nothing is
//!   known to have changed: so opening and reading is one request.
//!
//! # Changes
//!
//! - `mkdir`, `mknod`, `O_EXCL`, `unlink`, `rmdir` and `rename` look and change in one transaction: two clients cannot
//!   both create a node, and nothing is removed that has just gained a child. After 64 conflicts: EBUSY.
//! - `rename` moves a leaf or a subtree of up to 4096 nodes (more: EXDEV, and `mv` copies) with values and permissions.
//!   In a domain without privilege the moved nodes belong to that domain. `RENAME_NOREPLACE` is honoured, other flags are
//!   EINVAL.
//! - A file made through the mount that is moved over another takes over that one's permissions, unless its own were
//!   set: so editing with `sed -i` or `vim` keeps the permissions of a node.
//! - Hard links, symbolic links, devices and pipes cannot be made (EPERM). The root cannot be removed (EBUSY).
//!
//! # Attributes
//!
//! - The owner of a file may read and write it, the group nothing; "other" is the access that the first permission entry
//!   gives to all domains. Directories have `x` where they have `r`. With `allow_other` "other" is 0 on a privileged
//!   connection. With `umask=` the owner's bits hold for group and other too, but for the bits given.
//! - In a domain without privilege the owner's bits are what the domain may do, and "other" never exceeds them.
//! - `uid=` and `gid=` set owner and group; with `owner=domid+BASE` the owner is BASE plus the number of the domain that
//!   owns the node.
//! - `chmod` and `chown` that would change something fail with EPERM: permissions are set in `user.xenstore.perms`.
//!   They succeed without effect on a node that was made through this mount, and on a file that is open for writing,
//!   because `cp -a`, `tar` and editors insist on them there.
//! - Times: when the mount last changed the node, or what `touch` said; otherwise when it was mounted. The store keeps
//!   none, so a time is forgotten with the mount.
//! - The link count is 1 everywhere; `statfs` reports no blocks.
//! - `user.xenstore.perms` is the permissions as in `n0,r5` (`n r w b` and a domain's number; the first entry names the
//!   owner and what all others may do). It can be set, strictly parsed (EINVAL), and is listed: `cp -a` carries it.
//! - `user.xenstore.value` is the value without any translation. It can be set, and is not listed. Neither can be
//!   removed (EPERM); other attributes are ENODATA, other classes EOPNOTSUPP.
//!
//! # What a reader may rely on
//!
//! - Content is never older than the last WRITE that was answered before `open()`. A node that was just created is found.
//! - A file that was removed is ESTALE at `open()`, and the kernel looks its name up again. So is a file that has become a
//!   directory, where events are not certain or it is opened for writing; otherwise that follows the event.
//! - While the store's events tell of everything (a privileged connection with watches) the kernel keeps what it was
//!   told until an event says otherwise: sizes, modes, listings and types follow the event. An answer that an event
//!   overtakes is not kept, and nothing that was kept is believed when the connection is lost.
//! - Otherwise the kernel believes a directory's name and mode, and the size and mode of an open file, for up to one
//!   second; a file's name never. With `cache=none` it believes nothing.
//! - That a name is not there is never believed, nor is what may not be read.
//! - While the store is away operations fail with EIO, at the latest after `timeout=` (those that need a transaction
//!   after the client's longer deadline for starting one). As long as a store is known to hang, operations fail at once.
//!   When it is back everything goes on, with the same inode numbers, also in working directories inside the mount; what
//!   has vanished meanwhile is told as removed.
//!
//! # Errors
//!
//! EACCES and EPERM as the store says; EDQUOT for any quota (`ENOSPC` and `EQUOTA` of the daemons); EFBIG for a value that
//! does not fit; EBUSY for a transaction that conflicted too often; EROFS on a read-only mount; ENAMETOOLONG for a path
//! that no store takes; EIO for a store that does not answer, was lost or talks nonsense.

mod any_name;
mod atomic;
mod follow;
mod health;
mod identity;
mod list;
mod look;
mod make;
mod name;
mod open;
mod remove;
mod rename;
mod replay;
mod set;
mod source;
mod transaction;
mod value;
mod write;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use xenbus::{Client, StorePath};

pub use follow::Following;
pub use list::DirEntry;
pub use look::{Entry, Lifetime};
pub use open::{OpenFlags, Opened};
pub use rename::RenameFlags;
pub use set::{SetAttr, Time};

use crate::attr::{Appearance, Caller};
use crate::errno::{Errno, Result};
use crate::events::Streams;
use crate::handle::Handles;
use crate::inode::{Inodes, Node, Space};
use crate::ledger::Ledger;
use crate::poll::Changes;
use crate::settings::{Cache, EmptyNode, Names, Settings};
use crate::stats::Stats;
use health::Health;
use name::Name;
use source::Source;
use value::Translation;

/// How many nodes the kernel forgets until it is looked whether memory has become free.
const MANY: usize = 1024;

/// How long the kernel may believe what events keep true.
const FOREVER: Duration = Duration::from_secs(1 << 32);

/// How long the kernel may believe what is only as true as its last look at the store.
const SHORT: Duration = Duration::from_secs(1);

/// XenStore as a file system.
pub struct XenFs {
    client: Source,
    appearance: Appearance,
    caller: Caller,
    translation: Translation,
    empty: EmptyNode,
    read_only: bool,
    cache: Cache,
    names: Names,
    inodes: Mutex<Inodes>,
    handles: Handles,
    mounted: SystemTime,
    timeout: Duration,
    tx_timeout: Duration,
    health: Health,
    stats: Arc<Stats>,
    root: StorePath,
    ledger: Ledger,
    changes: Arc<Changes>,
    events: Streams,
}

impl XenFs {
    /// A file system over the store that `client` is connected to.
    ///
    /// # Errors
    /// When the store does not answer, or the node that is to be the root cannot be found.
    pub fn new(client: Client, settings: &Settings) -> xenbus::Result<Self> {
        let caller = identity::caller(&client)?;
        let root = identity::root(&client, &settings.subdir, caller)?;
        let stats = Arc::<Stats>::default();
        Ok(Self {
            appearance: Appearance::new(settings, caller),
            caller,
            translation: if settings.raw {
                Translation::Raw
            } else {
                Translation::Line
            },
            empty: settings.empty,
            read_only: settings.read_only,
            cache: settings.cache,
            names: settings.names,
            inodes: Mutex::new(Inodes::new(&root, Space::MAIN)),
            handles: Handles::new(Space::MAIN),
            mounted: SystemTime::now(),
            timeout: settings.timeout,
            tx_timeout: settings.tx_timeout,
            health: Health::default(),
            ledger: Ledger::default(),
            changes: Arc::default(),
            events: Streams::new(Arc::clone(&stats)),
            stats,
            root,
            client: Source::Store(client),
        })
    }

    /// What the mount counts about its watches and its cache.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// What the kernel was told.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether events, if there are any, tell of everything: a domain is told only of what it may read.
    pub(crate) fn may_trust_events(&self) -> bool {
        self.caller == Caller::Privileged && self.cache == Cache::Auto
    }

    /// How often open files have changed.
    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Number of files that are open, those included that are just being closed.
    pub fn open_files(&self) -> usize {
        self.handles.files()
    }

    /// How long a request to the store may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// For how long a transaction may be unused.
    pub(crate) fn tx_timeout(&self) -> Duration {
        self.tx_timeout
    }

    /// Since when this is mounted.
    pub(crate) fn mounted(&self) -> SystemTime {
        self.mounted
    }

    /// How nodes are shown.
    pub(crate) fn appearance(&self) -> &Appearance {
        &self.appearance
    }

    /// Whether we may do everything.
    pub(crate) fn is_privileged(&self) -> bool {
        self.caller == Caller::Privileged
    }

    /// Whether a nodeid is the root.
    pub(crate) fn is_top(&self, id: u64) -> bool {
        self.inodes().is_root(id)
    }

    /// Tells how long an operation took: too long raises the question whether the store still answers.
    pub(crate) fn took(&self, time: Duration) {
        if time >= self.timeout {
            self.health.doubt(self.client.store());
        }
    }

    /// The store as this file system sees it.
    pub(crate) fn client(&self) -> &Source {
        &self.client
    }

    /// The kernel forgets `lookups` look-ups of a nodeid.
    pub fn forget(&self, id: u64, lookups: u64) {
        let mut inodes = self.inodes();
        let Some(path) = inodes.forget(id, lookups) else {
            return;
        };
        // Before anybody looks it up again: what is learnt then stays.
        self.ledger.forget(&path);
        if inodes.count().is_multiple_of(MANY) {
            // Much may be free now.
            self.ledger.bell().ring();
        }
    }

    pub(crate) fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is worth asking the store.
    pub(crate) fn check(&self) -> Result<()> {
        self.client.check()?;
        self.health.check()
    }

    /// What a nodeid stands for; the first thing that an operation asks, before it asks the store.
    pub(crate) fn node(&self, id: u64) -> Result<Node> {
        self.check()?;
        self.inodes().resolve(id)
    }

    /// [`XenFs::node`] of what a name has led to: if it is gone the kernel has to look at the names again, because there may
    /// be another one by now.
    fn found(&self, id: u64) -> Result<Node> {
        self.node(id).map_err(|error| match error {
            Errno::ENOENT => Errno::ESTALE,
            other => other,
        })
    }

    fn directory(&self, id: u64) -> Result<Node> {
        let node = self.found(id)?;
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

    /// How a name is spelled in the store.
    fn spelled<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        if self.names == Names::Any {
            any_name::spelled(name)
        } else {
            Cow::Borrowed(name)
        }
    }

    /// Where a name in a directory leads.
    fn target(&self, parent: &Node, name: &[u8]) -> Result<Target> {
        match Name::parse(&self.spelled(name)) {
            Name::Directories if self.inodes().is_root(parent.id) => Ok(Target::Directories),
            Name::Directories | Name::Illegal => Err(Errno::EINVAL),
            Name::Value => Ok(Target::Value),
            Name::Events => Ok(Target::Events),
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
    /// The stream of what changes in the directory.
    Events,
    /// A child.
    Child(StorePath),
}
