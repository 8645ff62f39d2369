//! What a mount is asked to be: the mount options, resolved.

use std::time::Duration;

use xenbus::StorePath;

/// How a mount behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Nothing may be changed through the mount (`ro`).
    pub read_only: bool,
    /// Other users may use the mount (`allow_other`).
    pub allow_other: bool,
    /// Owner of all files (`uid=`); `None`: the user who mounts.
    pub uid: Option<u32>,
    /// Group of all files (`gid=`); `None`: the group of the user who mounts.
    pub gid: Option<u32>,
    /// Everybody may do what the mount itself may, but for these permission bits (`umask=`, octal); `None`: the modes
    /// follow the nodes' permissions.
    pub umask: Option<u32>,
    /// Files belong to uid `base + domid` of the node's owner (`owner=domid+BASE`, BASE >= 100000).
    pub owner_base: Option<u32>,
    /// The node that becomes the root of the mount (`subdir=`).
    pub subdir: Subdir,
    /// Values are bytes: no newline is added or stripped (`raw`).
    pub raw: bool,
    /// What an empty node without children is, if nothing else tells (`empty=file|dir`).
    pub empty: EmptyNode,
    /// Whether the kernel may keep what it was told (`cache=auto|none`).
    pub cache: Cache,
    /// How long a request to the store may take (`timeout=`, seconds).
    pub timeout: Duration,
    /// For how long a transaction may be unused before it is given up (`tx-timeout=`, seconds).
    pub tx_timeout: Duration,
    /// Which names there can be. No mount option.
    pub names: Names,
}

/// Which node becomes the root of the mount.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Subdir {
    /// The store's root.
    #[default]
    Root,
    /// The home of the own domain, whatever its number (`subdir=~`).
    Home,
    /// This node.
    Node(StorePath),
}

/// What an empty node without children is shown as.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EmptyNode {
    /// A file: `echo poweroff > control/shutdown` works.
    #[default]
    File,
    /// A directory.
    Directory,
}

/// Whether the kernel may keep what it was told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Cache {
    /// For as long as it is certain to be true.
    #[default]
    Auto,
    /// Never: every access asks the store.
    None,
}

/// Which names files can have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Names {
    /// Those that nodes can have.
    #[default]
    Legal,
    /// All, by another spelling in the store: for test suites that name their files as they like.
    Any,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_only: false,
            allow_other: false,
            uid: None,
            gid: None,
            umask: None,
            owner_base: None,
            subdir: Subdir::Root,
            raw: false,
            empty: EmptyNode::File,
            cache: Cache::Auto,
            timeout: Duration::from_secs(5),
            tx_timeout: Duration::from_mins(1),
            names: Names::Legal,
        }
    }
}
