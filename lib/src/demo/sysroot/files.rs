//! Files that readers never see half written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Files below a directory, and what they hold.
pub(super) struct Files {
    root: PathBuf,
    /// Where new contents are written before they take their place.
    fresh: PathBuf,
    held: HashMap<String, String>,
    /// Whether nobody can know of the files yet.
    is_first: bool,
}

/// Contents that stand for a link to another place.
pub(super) const LINK: &str = "-> ";

impl Files {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            fresh: root.join("sys/.fresh"),
            held: HashMap::new(),
            is_first: true,
        }
    }

    /// Gives a file new contents, if it has others.
    pub(super) fn put(&mut self, path: &str, text: String) -> io::Result<()> {
        let held = self.held.get(path);
        if held == Some(&text) {
            return Ok(());
        }
        let place = self.root.join(path);
        let fits = held.is_some_and(|held| text.len() >= held.len());
        if !(fits && overwrite(&place, &text)?) {
            self.replace(&place, &text)?;
        }
        self.held.insert(path.to_owned(), text);
        Ok(())
    }

    /// Puts a whole file, or a link, in a place.
    fn replace(&self, place: &Path, text: &str) -> io::Result<()> {
        if let Some(target) = text.strip_prefix(LINK) {
            return made_room(place, || symlink(target, place));
        }
        if self.is_first {
            return made_room(place, || create(place, place, text));
        }
        create(&self.fresh, place, text)?;
        made_room(place, || std::fs::rename(&self.fresh, place))
    }

    /// Takes note of files that were made below the same directory.
    pub(super) fn take_over(&mut self, other: Self) {
        self.held.extend(other.held);
    }

    /// From now on there may be readers.
    pub(super) fn begin(&mut self) {
        self.is_first = false;
    }

    /// Takes a file away, and directories that are empty then.
    pub(super) fn remove(&mut self, path: &str) {
        self.held.remove(path);
        let place = self.root.join(path);
        // What somebody else took away is gone as well.
        drop(std::fs::remove_file(&place));
        let mut above = place.parent();
        while let Some(directory) = above.filter(|above| *above != self.root) {
            if std::fs::remove_dir(directory).is_err() {
                break;
            }
            above = directory.parent();
        }
    }
}

/// Writes over what is no longer than `text`, in one piece; whether the file is there. Many times as fast as a rename,
/// for which file systems write the disk. Who reads meanwhile gets one or the other: counters only gain digits.
fn overwrite(place: &Path, text: &str) -> io::Result<bool> {
    match File::options().write(true).open(place) {
        Ok(file) => file.write_all_at(text.as_bytes(), 0).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a file with the mode that belongs to its later place.
fn create(file: &Path, place: &Path, text: &str) -> io::Result<()> {
    let name = place.file_name().unwrap_or_default();
    // debugfs shows the rings to root alone.
    let is_ring = name.as_encoded_bytes().starts_with(b"io_ring_q");
    let mode = if is_ring { 0o600 } else { 0o644 };
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(mode);
    options.open(file)?.write_all(text.as_bytes())
}

/// Does it, and once more with the directory above if that was missing.
fn made_room(place: &Path, make: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match (make(), place.parent()) {
        (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(above)?;
            make()
        }
        (result, _) => result,
    }
}
