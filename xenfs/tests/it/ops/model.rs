//! Random operations, compared with a plain model of a file system.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rustix::fs::OFlags;
use xenfs::errno::{Errno, Result};
use xenfs::fs::RenameFlags;
use xenfs::inode::ROOT;

use super::{Rig, open_flags, path};

#[derive(Clone, Debug)]
enum Step {
    Mkdir(String),
    Write(String, String),
    Append(String, String),
    Exclusive(String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String),
    Truncate(String, u64),
    Forget,
}

fn names() -> impl Strategy<Value = String> {
    "[ab](/[ab]){0,2}"
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => names().prop_map(Step::Mkdir),
        3 => (names(), "[xy]{0,3}\n?").prop_map(|(name, data)| Step::Write(name, data)),
        2 => (names(), "[xy]{0,3}\n?").prop_map(|(name, data)| Step::Append(name, data)),
        1 => names().prop_map(Step::Exclusive),
        2 => names().prop_map(Step::Unlink),
        2 => names().prop_map(Step::Rmdir),
        3 => (names(), names()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (names(), 0u64..5).prop_map(|(name, size)| Step::Truncate(name, size)),
        1 => Just(Step::Forget),
    ];
    prop::collection::vec(step, 1..40)
}

/// What is where: the value of a file, or nothing for a directory.
#[derive(Default)]
struct Model(BTreeMap<String, Option<String>>);

impl Model {
    fn check_parent(&self, name: &str) -> Result<()> {
        let mut above = name;
        let mut checked = Ok(());
        while let Some((parent, _)) = above.rsplit_once('/') {
            match self.0.get(parent) {
                None => checked = Err(Errno::ENOENT),
                Some(Some(_)) => checked = Err(Errno::ENOTDIR),
                Some(None) => {}
            }
            above = parent;
        }
        checked
    }

    fn has_children(&self, name: &str) -> bool {
        let prefix = format!("{name}/");
        self.0.keys().any(|other| other.starts_with(&prefix))
    }

    /// What reading the file returns.
    fn content(value: &str) -> String {
        if value.is_empty() {
            String::new()
        } else {
            format!("{value}\n")
        }
    }

    fn stored(content: &str) -> String {
        content.strip_suffix('\n').unwrap_or(content).to_owned()
    }

    fn file(&mut self, name: &str) -> Result<&mut String> {
        self.check_parent(name)?;
        match self.0.get_mut(name) {
            None => Err(Errno::ENOENT),
            Some(None) => Err(Errno::EISDIR),
            Some(Some(value)) => Ok(value),
        }
    }

    fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Mkdir(name) | Step::Exclusive(name) => {
                self.check_parent(name)?;
                if self.0.contains_key(name) {
                    return Err(Errno::EEXIST);
                }
                let file = matches!(step, Step::Exclusive(_)).then(String::new);
                self.0.insert(name.clone(), file);
            }
            Step::Write(name, data) => match self.file(name) {
                Ok(value) => *value = Self::stored(data),
                Err(Errno::ENOENT) => {
                    self.check_parent(name)?;
                    self.0.insert(name.clone(), Some(Self::stored(data)));
                }
                Err(error) => return Err(error),
            },
            Step::Append(name, data) => {
                let value = self.file(name)?;
                if !data.is_empty() {
                    *value = Self::stored(&(Self::content(value) + data));
                }
            }
            Step::Truncate(name, size) => {
                let value = self.file(name)?;
                let mut content = Self::content(value);
                let size = usize::try_from(*size).unwrap();
                if content.len() != size {
                    content.truncate(size);
                    while content.len() < size {
                        content.push('\0');
                    }
                    *value = Self::stored(&content);
                }
            }
            Step::Unlink(name) => {
                self.file(name)?;
                self.0.remove(name);
            }
            Step::Rmdir(name) => {
                self.check_parent(name)?;
                match self.0.get(name) {
                    None => return Err(Errno::ENOENT),
                    Some(Some(_)) => return Err(Errno::ENOTDIR),
                    Some(None) if self.has_children(name) => return Err(Errno::ENOTEMPTY),
                    Some(None) => self.0.remove(name),
                };
            }
            Step::Rename(from, to) => self.rename(from, to)?,
            Step::Forget => {}
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.check_parent(from)?;
        self.check_parent(to)?;
        if !self.0.contains_key(from) {
            return Err(Errno::ENOENT);
        }
        if from == to {
            return Ok(());
        }
        if to.starts_with(&format!("{from}/")) {
            return Err(Errno::EINVAL);
        }
        if from.starts_with(&format!("{to}/")) {
            return Err(Errno::ENOTEMPTY);
        }
        match (&self.0[from], self.0.get(to)) {
            (None, Some(Some(_))) => return Err(Errno::ENOTDIR),
            (Some(_), Some(None)) => return Err(Errno::EISDIR),
            (None, Some(None)) if self.has_children(to) => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        let below = format!("{from}/");
        let moved: Vec<_> = self
            .0
            .keys()
            .filter(|name| *name == from || name.starts_with(&below))
            .cloned()
            .collect();
        for name in moved {
            let node = self.0.remove(&name).unwrap();
            self.0.insert(format!("{to}{}", &name[from.len()..]), node);
        }
        Ok(())
    }
}

impl Rig {
    /// The nodeid of a name's parent, as the kernel would find it.
    fn parent<'a>(&self, name: &'a str) -> Result<(u64, &'a [u8])> {
        let (parent, last) = name.rsplit_once('/').unwrap_or(("", name));
        let id = if parent.is_empty() {
            ROOT
        } else {
            let attr = self.find(parent)?.attr;
            if !attr.directory {
                return Err(Errno::ENOTDIR);
            }
            attr.id
        };
        Ok((id, last.as_bytes()))
    }

    fn write_file(&self, name: &str, data: &str, flags: OFlags) -> Result<()> {
        let flags = open_flags(flags | OFlags::WRONLY);
        let (parent, last) = self.parent(name)?;
        let opened = match self.fs.lookup(parent, last) {
            Ok(entry) if entry.attr.directory => return Err(Errno::EISDIR),
            Ok(entry) => self.fs.open(entry.attr.id, flags)?,
            Err(error) => return Err(error),
        };
        self.finish(opened.handle, data)
    }

    fn finish(&self, handle: u64, data: &str) -> Result<()> {
        if !data.is_empty() {
            self.fs.write(handle, 0, data.as_bytes())?;
        }
        self.fs.flush(handle)?;
        self.fs.release(handle)
    }

    fn take(&self, step: &Step) -> Result<()> {
        match step {
            Step::Mkdir(name) => {
                let (parent, last) = self.parent(name)?;
                self.fs.mkdir(parent, last).map(drop)
            }
            Step::Exclusive(name) => {
                let (parent, last) = self.parent(name)?;
                let flags = open_flags(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL);
                let (_, opened) = self.fs.create(parent, last, flags)?;
                self.finish(opened.handle, "")
            }
            Step::Write(name, data) => match self.write_file(name, data, OFlags::TRUNC) {
                Err(Errno::ENOENT) => {
                    let (parent, last) = self.parent(name)?;
                    let flags = open_flags(OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC);
                    let (_, opened) = self.fs.create(parent, last, flags)?;
                    self.finish(opened.handle, data)
                }
                other => other,
            },
            Step::Append(name, data) => self.write_file(name, data, OFlags::APPEND),
            Step::Truncate(name, size) => {
                self.parent(name)?;
                let set = xenfs::fs::SetAttr {
                    size: Some(*size),
                    ..Default::default()
                };
                self.fs.setattr(self.find(name)?.attr.id, set).map(drop)
            }
            Step::Unlink(name) => {
                let (parent, last) = self.parent(name)?;
                // The kernel checks the type.
                if self.fs.lookup(parent, last)?.attr.directory {
                    return Err(Errno::EISDIR);
                }
                self.fs.unlink(parent, last)
            }
            Step::Rmdir(name) => {
                let (parent, last) = self.parent(name)?;
                if !self.fs.lookup(parent, last)?.attr.directory {
                    return Err(Errno::ENOTDIR);
                }
                self.fs.rmdir(parent, last)
            }
            Step::Rename(from, to) => {
                let (parent, last) = self.parent(from)?;
                let (new_parent, new_last) = self.parent(to)?;
                let flags = RenameFlags::default();
                self.fs.lookup(parent, last)?;
                self.fs.rename(parent, last, new_parent, new_last, flags)
            }
            Step::Forget => {
                for name in ["a", "b", "a/a", "a/b", "b/a", "b/b"] {
                    if let Ok(entry) = self.find(name) {
                        self.fs.forget(entry.attr.id, u64::MAX);
                    }
                }
                Ok(())
            }
        }
    }

    /// Everything that the file system shows, found by listing.
    fn everything(&self, below: &str, found: &mut BTreeMap<String, Option<String>>) {
        let id = if below.is_empty() {
            ROOT
        } else {
            self.id(below)
        };
        let handle = self.fs.opendir(id).unwrap();
        let mut entries = Vec::new();
        self.fs
            .readdir(handle, 2, |entry| {
                entries.push(entry);
                true
            })
            .unwrap();
        self.fs.releasedir(handle);
        for entry in entries {
            let name = format!(
                "{below}{}{}",
                if below.is_empty() { "" } else { "/" },
                entry.name
            );
            if !name.starts_with(['a', 'b']) {
                continue;
            }
            if entry.directory {
                found.insert(name.clone(), None);
                self.everything(&name, found);
            } else {
                let value = self.get(&format!("/{name}"));
                let open = self.open(&name, OFlags::RDONLY).unwrap();
                let content = self.fs.read(open, 0, 100).unwrap();
                assert_eq!(content, Model::content(&value).as_bytes());
                self.fs.release(open).unwrap();
                found.insert(name, Some(value));
            }
        }
    }
}

proptest! {
    #[test]
    fn the_file_system_does_what_the_model_does(steps in steps()) {
        let rig = Rig::new();
        let mut model = Model::default();
        for step in &steps {
            let expected = model.take(step);
            let done = rig.take(step);
            prop_assert_eq!(done, expected, "{:?}", step);
        }
        let mut found = BTreeMap::new();
        rig.everything("", &mut found);
        prop_assert_eq!(&found, &model.0);
        for name in model.0.keys() {
            let node = path(&format!("/{name}"));
            prop_assert!(xenbus::Operations::exists(&rig.store, &node).unwrap(), "{}", name);
        }
        prop_assert_eq!(rig.fs.open_files(), 0);
    }
}
