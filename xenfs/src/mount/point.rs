//! Looking at a mount point before mounting on it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::table;
use crate::error::{Error, Result};

/// The absolute path of a directory that can be mounted on.
pub(super) fn check(path: &Path) -> Result<PathBuf> {
    let wrong = |reason: &str| Error::mount(format!("mount on {}", path.display()), reason);
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(
                wrong("the directory does not exist").or(format!("mkdir -p {}", path.display()))
            );
        }
        Err(error) if error.raw_os_error() == Some(Errno::NOTCONN.raw_os_error()) => {
            return Err(
                wrong("a mount is left there whose program has died").or(unmount_first(path))
            );
        }
        Err(error) => return Err(wrong(&error.to_string())),
    };
    if !metadata.is_dir() {
        return Err(wrong("it is not a directory"));
    }
    let path = fs::canonicalize(path).map_err(|error| wrong(&error.to_string()))?;
    if table::type_at(&path).is_some_and(|kind| kind == "fuse.xenfs") {
        return Err(wrong("a store is mounted there already").or(unmount_first(&path)));
    }
    Ok(path)
}

fn unmount_first(path: &Path) -> String {
    let path = quoted(path);
    format!("first: fusermount3 -u {path} (as root: umount {path})")
}

/// The path as a word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,@%:=".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_commands_can_be_pasted_into_a_shell() {
        for (path, word) in [
            ("/home/jörg/xs", "/home/jörg/xs"),
            ("/a b", "'/a b'"),
            ("/it's", r"'/it'\''s'"),
            ("/$(x)", "'/$(x)'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
