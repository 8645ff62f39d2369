//! Attributes of files: modes from a node's permissions, owners, sizes, times.

use std::time::SystemTime;

use xenbus::{Access, DomId, Perms};

use crate::settings::Settings;

/// What `stat` shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attr {
    /// The nodeid, also shown as inode number.
    pub id: u64,
    /// Whether it is a directory; otherwise a regular file.
    pub directory: bool,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// What reading returns, in bytes; 0 for a directory.
    pub size: u64,
    /// The store keeps no times: when this mount last changed the node, else when it was mounted.
    pub modified: SystemTime,
}

/// Who we are to the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Caller {
    /// May do everything.
    Privileged,
    /// A domain with the rights that nodes give it; `None` if it could not find out its own number.
    Domain(Option<DomId>),
}

/// A node's permissions as far as we may see them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rights {
    /// We may read the node.
    Seen(Perms),
    /// We may not read the node, perhaps write it; perhaps it does not exist.
    Unseen,
}

/// Turns permissions into modes and owners, as the mount's options say.
#[derive(Clone, Debug)]
pub struct Appearance {
    caller: Caller,
    uid: u32,
    gid: u32,
    umask: Option<u32>,
    allow_other: bool,
    owner_base: Option<u32>,
}

impl Appearance {
    /// The rules for a mount.
    pub fn new(settings: &Settings, caller: Caller) -> Self {
        Self {
            caller,
            uid: settings
                .uid
                .unwrap_or_else(|| rustix::process::getuid().as_raw()),
            gid: settings
                .gid
                .unwrap_or_else(|| rustix::process::getgid().as_raw()),
            umask: settings.umask,
            allow_other: settings.allow_other,
            owner_base: settings.owner_base,
        }
    }

    /// Mode and owner of a presentation of a node.
    pub fn of(&self, rights: &Rights, directory: bool) -> (u16, u32) {
        let mode = match (rights, self.umask) {
            (Rights::Seen(perms), None) => {
                let (owner, other) = self.accesses(perms);
                bits(owner, directory) << 6 | bits(other, directory)
            }
            // As other file systems understand `umask=`: everybody may do what the mount may, but for these bits.
            (Rights::Seen(perms), Some(_)) => {
                let (owner, _) = self.accesses(perms);
                bits(owner, directory) * 0o111
            }
            // Traversable, so that a guest can walk to its home; not listable; perhaps writable, the store decides.
            (Rights::Unseen, _) if directory => 0o311,
            (Rights::Unseen, _) => 0o200,
        };
        let masked = self.umask.and_then(|umask| u16::try_from(umask).ok());
        let mode = mode & !masked.unwrap_or(0);
        let uid = match (self.owner_base, rights) {
            (Some(base), Rights::Seen(perms)) => base.saturating_add(perms.owner().0),
            _ => self.uid,
        };
        (mode, uid)
    }

    /// Mode of what is no node, and for whoever may do what the mount may.
    pub fn private(&self, directory: bool) -> u16 {
        let all = if directory { 0o777 } else { 0o666 };
        let umask = self.umask.and_then(|umask| u16::try_from(umask).ok());
        all & !umask.unwrap_or(0o077)
    }

    /// Group of all files.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Owner of all files, unless their domain's number shows.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// What a node made below one with these permissions will have: the parent's list; a guest owns what it makes.
    pub fn inherited(&self, parent: &Rights) -> Rights {
        match (parent, self.caller) {
            (Rights::Seen(perms), Caller::Domain(Some(own))) => Rights::Seen(owned_by(perms, own)),
            (other, _) => other.clone(),
        }
    }

    /// Whether the permissions forbid us to change the node, so that an error can be told early.
    pub fn forbids_writing(&self, rights: &Rights) -> bool {
        match (rights, self.caller) {
            (Rights::Seen(perms), Caller::Domain(Some(own))) => !perms.access_for(own).can_write(),
            _ => false,
        }
    }

    /// What the file's owner and everybody else may do.
    fn accesses(&self, perms: &Perms) -> (Access, Access) {
        let default = perms.default_access();
        match self.caller {
            // Everybody who may use the mount acts with our privilege: nothing is granted unasked.
            Caller::Privileged if self.allow_other => (Access::Both, Access::None),
            Caller::Privileged | Caller::Domain(None) => (Access::Both, default),
            Caller::Domain(Some(own)) => {
                let ours = perms.access_for(own);
                (ours, both(ours, default))
            }
        }
    }
}

/// The same permissions with another owner.
pub fn owned_by(perms: &Perms, owner: DomId) -> Perms {
    perms
        .entries()
        .skip(1)
        .fold(Perms::new(perms.default_access(), owner), |made, entry| {
            made.with(entry.access, entry.domid)
        })
}

fn both(a: Access, b: Access) -> Access {
    match (a.can_read() && b.can_read(), a.can_write() && b.can_write()) {
        (true, true) => Access::Both,
        (true, false) => Access::Read,
        (false, true) => Access::Write,
        (false, false) => Access::None,
    }
}

fn bits(access: Access, directory: bool) -> u16 {
    let mut bits = 0;
    if access.can_read() {
        bits |= if directory { 0o5 } else { 0o4 };
    }
    if access.can_write() {
        bits |= 0o2;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(settings: &Settings, caller: Caller, perms: &str, directory: bool) -> u16 {
        let rights = Rights::Seen(Perms::parse(perms).unwrap());
        Appearance::new(settings, caller).of(&rights, directory).0
    }

    #[test]
    fn a_privileged_mount_shows_the_first_entrys_letter_to_others() {
        let settings = Settings::default();
        for (perms, file, directory) in [
            ("n0", 0o600, 0o700),
            ("r0", 0o604, 0o705),
            ("w0", 0o602, 0o702),
            ("b0", 0o606, 0o707),
            ("n0,b5", 0o600, 0o700),
            ("n7", 0o600, 0o700),
        ] {
            let show = |directory| shown(&settings, Caller::Privileged, perms, directory);
            assert_eq!(show(false), file, "{perms}");
            assert_eq!(show(true), directory, "{perms}");
        }
    }

    #[test]
    fn with_allow_other_a_privileged_mount_shows_nothing_to_others_unless_a_umask_is_given() {
        let mut settings = Settings {
            allow_other: true,
            ..Settings::default()
        };
        assert_eq!(shown(&settings, Caller::Privileged, "b0", false), 0o600);
        for (umask, file, directory) in [
            (0o022, 0o644, 0o755),
            (0o027, 0o640, 0o750),
            (0, 0o666, 0o777),
        ] {
            settings.umask = Some(umask);
            for perms in ["n0", "b0", "r7"] {
                let show = |directory| shown(&settings, Caller::Privileged, perms, directory);
                assert_eq!((show(false), show(true)), (file, directory), "{perms}");
            }
        }
        let guest = Caller::Domain(Some(DomId(5)));
        settings.umask = Some(0o002);
        assert_eq!(shown(&settings, guest, "n0,r5", false), 0o444);
    }

    #[test]
    fn in_a_guest_the_owner_bits_are_what_the_domain_may_do() {
        let settings = Settings::default();
        let guest = Caller::Domain(Some(DomId(5)));
        for (perms, mode) in [
            ("n5", 0o600),
            ("n0", 0o000),
            ("n0,r5", 0o400),
            ("n0,w5", 0o200),
            ("r0", 0o404),
            ("r0,n5", 0o000),
            ("b0,r5", 0o404),
        ] {
            assert_eq!(shown(&settings, guest, perms, false), mode, "{perms}");
        }
    }

    #[test]
    fn an_unreadable_node_can_be_traversed_but_not_listed() {
        let appearance = Appearance::new(&Settings::default(), Caller::Domain(Some(DomId(5))));
        assert_eq!(appearance.of(&Rights::Unseen, true).0, 0o311);
    }

    #[test]
    fn owners_show_as_base_plus_domid() {
        let settings = Settings {
            owner_base: Some(100_000),
            uid: Some(7),
            ..Settings::default()
        };
        let appearance = Appearance::new(&settings, Caller::Privileged);
        let rights = Rights::Seen(Perms::parse("n5").unwrap());
        assert_eq!(appearance.of(&rights, false).1, 100_005);
        assert_eq!(appearance.of(&Rights::Unseen, true).1, 7);
    }

    #[test]
    fn a_guest_owns_what_it_makes() {
        let guest = Appearance::new(&Settings::default(), Caller::Domain(Some(DomId(5))));
        let parent = Rights::Seen(Perms::parse("r0,b3").unwrap());
        assert_eq!(
            guest.inherited(&parent),
            Rights::Seen(Perms::parse("r5,b3").unwrap())
        );
        let host = Appearance::new(&Settings::default(), Caller::Privileged);
        assert_eq!(host.inherited(&parent), parent);
    }
}
