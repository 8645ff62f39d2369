//! The table of mount options.

use std::fmt;

use rustix::mount::MountFlags;

use super::{Options, parse};
use crate::settings::{Cache, EmptyNode};

/// One mount option.
pub struct MountOption {
    /// Its name, without the value. A final `*` stands for any ending.
    pub name: &'static str,
    /// What it does, in one line; empty if it does nothing (it exists because fstab or mount(8) gives it).
    pub help: &'static str,
    kind: Kind,
}

enum Kind {
    /// `name`.
    Flag(fn(&mut Options)),
    /// `name=VALUE`, with what stands for the value in texts.
    Value(&'static str, fn(&mut Options, &str) -> Result<(), String>),
    /// `name` or `name=VALUE`, without effect.
    Passive,
}

impl MountOption {
    /// Whether it does nothing.
    pub fn is_passive(&self) -> bool {
        matches!(self.kind, Kind::Passive)
    }

    fn matches(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.name,
        }
    }
}

impl fmt::Display for MountOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Value(value, _) => write!(f, "{}={value}", self.name),
            Kind::Flag(_) | Kind::Passive => f.write_str(self.name),
        }
    }
}

/// Applies one `name` or `name=value`.
pub(super) fn apply(options: &mut Options, text: &str) -> Result<(), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let Some(option) = TABLE.iter().find(|option| option.matches(name)) else {
        return Err(parse::unknown(name));
    };
    match (&option.kind, value) {
        (Kind::Passive, _) => Ok(()),
        (Kind::Flag(apply), None) => {
            apply(options);
            Ok(())
        }
        (Kind::Flag(_), Some(_)) => Err("takes no value".into()),
        (Kind::Value(..), None) => Err(format!("needs a value: {option}")),
        (Kind::Value(_, apply), Some(value)) => apply(options, value),
    }
    .map_err(|reason| format!("-o {}: {reason}", parse::shown(text)))
}

/// All of them, in the order of the texts.
pub const TABLE: &[MountOption] = &[
    flag("ro", "nothing can be changed through the mount", |o| {
        o.settings.read_only = true;
        o.flags |= MountFlags::RDONLY;
    }),
    flag("rw", "changes are allowed (default)", |o| {
        o.settings.read_only = false;
        o.flags -= MountFlags::RDONLY;
    }),
    flag("allow_other", "other users may use the mount", |o| {
        o.settings.allow_other = true;
    }),
    value(
        "uid",
        "ID",
        "owner of all files (default: who mounts)",
        |o, v| {
            o.settings.uid = Some(parse::id(v)?);
            Ok(())
        },
    ),
    value(
        "gid",
        "ID",
        "group of all files (default: who mounts)",
        |o, v| {
            o.settings.gid = Some(parse::id(v)?);
            Ok(())
        },
    ),
    value(
        "umask",
        "OCTAL",
        "modes are all bits but these (default: by node)",
        |o, v| {
            o.settings.umask = Some(parse::umask(v)?);
            Ok(())
        },
    ),
    value(
        "owner",
        "domid+BASE",
        "files belong to uid BASE + domid (BASE >= 100000)",
        |o, v| {
            o.settings.owner_base = Some(parse::owner(v)?);
            Ok(())
        },
    ),
    value(
        "subdir",
        "PATH|~",
        "node to be the root; ~ is the own domain's home",
        |o, v| {
            o.settings.subdir = parse::subdir(v)?;
            Ok(())
        },
    ),
    flag(
        "raw",
        "values byte for byte: no newline added or taken",
        |o| {
            o.settings.raw = true;
        },
    ),
    value(
        "empty",
        "file|dir",
        "what an empty node without children is (file)",
        |o, v| {
            o.settings.empty = match v {
                "file" => EmptyNode::File,
                "dir" => EmptyNode::Directory,
                _ => return Err("must be empty=file or empty=dir".into()),
            };
            Ok(())
        },
    ),
    value(
        "cache",
        "auto|none",
        "none: ask the store at every access (auto)",
        |o, v| {
            o.settings.cache = match v {
                "auto" => Cache::Auto,
                "none" => Cache::None,
                _ => return Err("must be cache=auto or cache=none".into()),
            };
            Ok(())
        },
    ),
    value(
        "timeout",
        "SECS",
        "how long a request may take (5)",
        |o, v| {
            o.settings.timeout = xenbus::cli::timeout(v)?;
            o.timeout_given = true;
            Ok(())
        },
    ),
    value(
        "tx-timeout",
        "SECS",
        "how long a transaction may be unused (60)",
        |o, v| {
            o.settings.tx_timeout = xenbus::cli::timeout(v)?;
            Ok(())
        },
    ),
    flag("noexec", "no program can be run from the mount", |o| {
        o.flags |= MountFlags::NOEXEC;
    }),
    flag("sync", "shown as a synchronous mount (it always is)", |o| {
        o.flags |= MountFlags::SYNCHRONOUS;
    }),
    flag("dirsync", "the same for directories", |o| {
        o.flags |= MountFlags::DIRSYNC;
    }),
    flag("noatime", "passed on to the kernel", |o| {
        o.flags |= MountFlags::NOATIME;
    }),
    flag("nodiratime", "passed on to the kernel", |o| {
        o.flags |= MountFlags::NODIRATIME;
    }),
    flag(
        "default_permissions",
        "modes count (always on own mounts)",
        |o| {
            o.default_permissions = true;
        },
    ),
    value("context", "LABEL", "SELinux label of all files", |o, v| {
        o.security.push(parse::security("context", v)?);
        Ok(())
    }),
    value(
        "fscontext",
        "LABEL",
        "SELinux label of the file system",
        |o, v| {
            o.security.push(parse::security("fscontext", v)?);
            Ok(())
        },
    ),
    value(
        "defcontext",
        "LABEL",
        "SELinux label of files without one",
        |o, v| {
            o.security.push(parse::security("defcontext", v)?);
            Ok(())
        },
    ),
    value(
        "rootcontext",
        "LABEL",
        "SELinux label of the root",
        |o, v| {
            o.security.push(parse::security("rootcontext", v)?);
            Ok(())
        },
    ),
    passive("nosuid"),
    passive("suid"),
    passive("nodev"),
    passive("dev"),
    passive("exec"),
    passive("async"),
    passive("atime"),
    passive("diratime"),
    passive("relatime"),
    passive("norelatime"),
    passive("strictatime"),
    passive("nostrictatime"),
    passive("lazytime"),
    passive("nolazytime"),
    passive("defaults"),
    passive("auto"),
    passive("noauto"),
    passive("nofail"),
    passive("user"),
    passive("users"),
    passive("nouser"),
    passive("_netdev"),
    passive("nonempty"),
    passive("comment"),
    passive("x-*"),
    passive("X-*"),
];

const fn flag(name: &'static str, help: &'static str, apply: fn(&mut Options)) -> MountOption {
    MountOption {
        name,
        help,
        kind: Kind::Flag(apply),
    }
}

const fn value(
    name: &'static str,
    shown: &'static str,
    help: &'static str,
    apply: fn(&mut Options, &str) -> Result<(), String>,
) -> MountOption {
    MountOption {
        name,
        help,
        kind: Kind::Value(shown, apply),
    }
}

const fn passive(name: &'static str) -> MountOption {
    MountOption {
        name,
        help: "",
        kind: Kind::Passive,
    }
}
