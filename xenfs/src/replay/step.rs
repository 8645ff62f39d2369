//! One operation on the mount, as the helper does it and as we answer it.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::io::Errno;
use xenbus::StorePath;

use crate::attr::Attr;

/// What the helper does. The letter is what it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Action {
    /// Makes a file: CREATE.
    MakeFile = b'f',
    /// Makes a directory: CREATE,ISDIR.
    MakeDirectory = b'd',
    /// Removes a file: DELETE, and DELETE_SELF.
    RemoveFile = b'u',
    /// Removes a directory.
    RemoveDirectory = b'r',
    /// Opens for writing, sets the time of modification, closes: OPEN, MODIFY, CLOSE_WRITE, as a write does.
    Modify = b'm',
    /// Sets both times: ATTRIB.
    Attribute = b'a',
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::MakeFile,
        Self::MakeDirectory,
        Self::RemoveFile,
        Self::RemoveDirectory,
        Self::Modify,
        Self::Attribute,
    ];

    fn makes(self) -> bool {
        matches!(self, Self::MakeFile | Self::MakeDirectory)
    }
}

/// A directory on the way to the target.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its nodeid.
    pub id: u64,
    /// The node.
    pub path: StorePath,
}

/// One operation on the mount.
#[derive(Clone, Debug)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// The node.
    pub path: StorePath,
    /// The names from the root of the mount to the target.
    pub names: Vec<Vec<u8>>,
    /// The directory that holds each name.
    pub parents: Vec<Place>,
    /// The target, as it is to look.
    pub target: Attr,
}

/// What the helper asks about a name in a directory.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// LOOKUP.
    Find(u64, &'a [u8]),
    /// MKDIR or MKNOD.
    Make(u64, &'a [u8]),
    /// UNLINK or RMDIR.
    Remove(u64, &'a [u8]),
}

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// It is not there: it is just to be made.
    Missing,
    /// A directory on the way to the target.
    Way(u64),
    /// The target.
    Target(Attr),
}

impl Step {
    /// What the helper is told: the letter and the path.
    pub(super) fn order(&self) -> Vec<u8> {
        let mut order = vec![self.action as u8];
        order.extend_from_slice(&self.names.join(&b'/'));
        order
    }

    /// The answer, if the question belongs to this step.
    pub fn answer(&self, question: Question<'_>) -> Option<Answer> {
        let (Question::Find(parent, name)
        | Question::Make(parent, name)
        | Question::Remove(parent, name)) = question;
        let at = self
            .names
            .iter()
            .zip(&self.parents)
            .position(|(own, place)| own == name && place.id == parent)?;
        let is_target = at + 1 == self.names.len();
        match question {
            Question::Find(..) if !is_target => {
                self.parents.get(at + 1).map(|place| Answer::Way(place.id))
            }
            Question::Find(..) if self.action.makes() => Some(Answer::Missing),
            Question::Find(..) => Some(Answer::Target(self.target)),
            Question::Make(..) => {
                (is_target && self.action.makes()).then_some(Answer::Target(self.target))
            }
            Question::Remove(..) => {
                let removes = matches!(self.action, Action::RemoveFile | Action::RemoveDirectory);
                (is_target && removes).then_some(Answer::Target(self.target))
            }
        }
    }

    /// Whether an error says that the kernel has another idea of the name than the step: a user's look has come before.
    /// It is to forget the name then, and the step to be tried again.
    pub fn is_in_the_way(&self, errno: i32) -> bool {
        let ideas: &[Errno] = match self.action {
            Action::MakeFile | Action::MakeDirectory => &[Errno::EXIST],
            Action::RemoveFile | Action::RemoveDirectory => {
                &[Errno::NOENT, Errno::ISDIR, Errno::NOTDIR]
            }
            Action::Modify | Action::Attribute => &[Errno::NOENT],
        };
        ideas.iter().any(|idea| idea.raw_os_error() == errno)
    }

    /// The node, if that is the nodeid of the target or of a directory on the way to it.
    pub fn path_of(&self, id: u64) -> Option<&StorePath> {
        if self.target.id == id {
            return Some(&self.path);
        }
        let place = self.parents.iter().find(|place| place.id == id)?;
        Some(&place.path)
    }

    /// The target, if that is its nodeid.
    pub fn is_about(&self, id: u64) -> Option<Attr> {
        (self.target.id == id).then_some(self.target)
    }
}

/// An order taken apart.
pub(super) fn parse(order: &[u8]) -> Option<(Action, &Path)> {
    let (letter, path) = order.split_first()?;
    let action = Action::ALL
        .into_iter()
        .find(|action| *action as u8 == *letter)?;
    Some((action, Path::new(std::ffi::OsStr::from_bytes(path))))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    fn step(action: Action) -> Step {
        let place = |id, text| Place {
            id,
            path: path(text),
        };
        Step {
            action,
            path: path("/a/b"),
            names: vec![b"a".to_vec(), b"b".to_vec()],
            parents: vec![place(1, "/"), place(8, "/a")],
            target: Attr {
                id: 17,
                directory: false,
                mode: 0o600,
                uid: 0,
                gid: 0,
                size: 0,
                modified: SystemTime::UNIX_EPOCH,
            },
        }
    }

    #[test]
    fn what_is_to_be_made_is_missing_until_it_is_made() {
        let step = step(Action::MakeFile);
        assert_eq!(step.answer(Question::Find(1, b"a")), Some(Answer::Way(8)));
        assert_eq!(step.answer(Question::Find(8, b"b")), Some(Answer::Missing));
        let made = step.answer(Question::Make(8, b"b"));
        assert_eq!(made, Some(Answer::Target(step.target)));
        assert_eq!(step.answer(Question::Remove(8, b"b")), None);
    }

    #[test]
    fn a_step_says_where_it_takes_each_directory_to_be() {
        let step = step(Action::Modify);
        for (id, text) in [(1, "/"), (8, "/a"), (17, "/a/b")] {
            assert_eq!(step.path_of(id), Some(&path(text)));
        }
        assert_eq!(step.path_of(9), None);
    }

    #[test]
    fn what_is_to_be_removed_is_found_though_it_is_gone() {
        let step = step(Action::RemoveFile);
        let target = Some(Answer::Target(step.target));
        assert_eq!(step.answer(Question::Find(8, b"b")), target);
        assert_eq!(step.answer(Question::Remove(8, b"b")), target);
        assert_eq!(step.answer(Question::Make(8, b"b")), None);
        assert_eq!(step.answer(Question::Find(8, b"a")), None);
        assert_eq!(step.answer(Question::Find(1, b"b")), None);
    }

    #[test]
    fn an_order_says_what_to_do_and_where() {
        for action in Action::ALL {
            let order = step(action).order();
            assert_eq!(parse(&order), Some((action, Path::new("a/b"))));
        }
        assert_eq!(parse(b"xa"), None);
        assert_eq!(parse(b""), None);
    }
}
