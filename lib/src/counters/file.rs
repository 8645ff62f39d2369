//! Bounded, read-only reading of files of the system.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::device::reading::{self, BadValue, Reading, Text};

/// Most bytes of a file that are read; what the kernel shows is far below.
const FILE_MAX: usize = 16 * 1024;

/// Most entries of a directory that are looked at.
const ENTRIES_MAX: usize = 65_536;

/// Where the files of the system are: `/`, or a directory that looks like it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Root(PathBuf);

impl Default for Root {
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl Root {
    /// A directory in place of `/`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// The directory.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The whole of a regular file, if it is not too long. Never blocks on a FIFO, never writes.
    pub(super) fn read(&self, below: &str) -> Reading<Vec<u8>> {
        read_as(self.open(below), read_whole)
    }

    /// The text of a short file, without the blanks at its end.
    pub fn text(&self, below: &str) -> Reading<Text> {
        self.read(below)
            .map(|bytes| Text(bytes.trim_ascii_end().to_vec()))
    }

    /// A directory of files with one number each.
    pub(super) fn numbers(&self, below: &str) -> Numbers {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Numbers(rustix::fs::open(self.0.join(below), flags, Mode::empty()))
    }

    /// The names in a directory, sorted; names that are no UTF-8 are left out.
    pub(super) fn names(&self, below: &str) -> Reading<Vec<String>> {
        match std::fs::read_dir(self.0.join(below)) {
            Ok(entries) => {
                let mut names: Vec<String> = entries
                    .take(ENTRIES_MAX)
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                    .collect();
                names.sort_unstable();
                Reading::Known(names)
            }
            Err(error) => failed(&error),
        }
    }

    fn open(&self, below: &str) -> io::Result<File> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let path = self.0.join(below);
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }
}

/// A directory of files that hold a decimal number each: the way to it is looked up once for all of them.
pub(super) struct Numbers(rustix::io::Result<OwnedFd>);

impl Numbers {
    /// The number in one of the files.
    pub(super) fn get(&self, name: &str) -> Reading<u64> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match &self.0 {
            Ok(directory) => rustix::fs::openat(directory, name, flags, Mode::empty()),
            Err(error) => Err(*error),
        };
        match read_as(file.map(File::from).map_err(Into::into), read_number) {
            Reading::Known(bytes) => match reading::decimal(bytes.trim_ascii(), u64::MAX) {
                Ok(number) => Reading::Known(number),
                Err(why) => Reading::Unreadable(BadValue::new(&bytes, why)),
            },
            other => other.map(|_| 0),
        }
    }
}

/// Reads a regular file, if it is not too long.
fn read_as(
    file: io::Result<File>,
    read: impl FnOnce(File) -> io::Result<Vec<u8>>,
) -> Reading<Vec<u8>> {
    let file = match file {
        Ok(file) => file,
        Err(error) => return failed(&error),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Reading::Unreadable(BadValue::new(b"", "is not a regular file")),
        Err(error) => return failed(&error),
    }
    match read(file) {
        Ok(bytes) if bytes.len() > FILE_MAX => {
            Reading::Unreadable(BadValue::new(&bytes, "is too long"))
        }
        Ok(bytes) => Reading::Known(bytes),
        Err(error) => failed(&error),
    }
}

/// Reads a file that holds one number: hundreds of them are read every second. The kernel hands out such a file as a
/// whole, so that no second call has to find its end.
fn read_number(mut file: File) -> io::Result<Vec<u8>> {
    let mut piece = [0; 64];
    loop {
        match file.read(&mut piece) {
            Ok(length) if length < piece.len() => {
                return Ok(piece.get(..length).unwrap_or_default().to_vec());
            }
            Ok(length) => {
                let mut rest = read_whole(file)?;
                rest.splice(0..0, piece.into_iter().take(length));
                return Ok(rest);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads all of a file, or what proves that it is too long.
fn read_whole(mut file: File) -> io::Result<Vec<u8>> {
    let mut piece = [0; 1024];
    let mut bytes = Vec::new();
    while bytes.len() <= FILE_MAX {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn failed<T>(error: &io::Error) -> Reading<T> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Reading::Missing,
        io::ErrorKind::PermissionDenied => Reading::Denied,
        _ => Reading::Unreadable(BadValue::new(b"", "could not be read")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_missing_is_unknown_and_what_is_odd_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        let write = |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes);
        write("good", b"531\n").unwrap();
        write("empty", b"").unwrap();
        write("negative", b"-1\n").unwrap();
        write("huge", &vec![b'1'; 1 << 20]).unwrap();
        write("wide", &[b'9'; 40]).unwrap();
        let numbers = root.numbers(".");
        assert_eq!(numbers.get("good"), Reading::Known(531));
        assert_eq!(numbers.get("absent"), Reading::Missing);
        for missing in ["absent", "good"] {
            assert_eq!(root.numbers(missing).get("below"), Reading::Missing);
        }
        for odd in ["empty", "negative", "huge", "wide", "."] {
            assert!(matches!(numbers.get(odd), Reading::Unreadable(_)), "{odd}");
        }
    }

    #[test]
    fn a_fifo_does_not_block() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        let mode = std::fs::Permissions::from_mode(0o600).mode();
        let mode = Mode::from_raw_mode(mode);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let root = Root::new(directory.path());
        assert!(matches!(root.read("fifo"), Reading::Unreadable(_)));
        let number = root.numbers("").get("fifo");
        assert!(matches!(number, Reading::Unreadable(_)));
    }
}
