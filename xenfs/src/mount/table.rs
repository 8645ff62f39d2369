//! The kernel's table of mounts.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The type of the file system whose root is at `path`, the topmost if there are several.
pub(super) fn type_at(path: &Path) -> Option<String> {
    find(&fs::read("/proc/self/mountinfo").ok()?, path)
}

/// Where the file system with this device number is mounted.
pub(super) fn place_of(device: (u32, u32)) -> Option<PathBuf> {
    find_device(&fs::read("/proc/self/mountinfo").ok()?, device)
}

fn find_device(table: &[u8], (major, minor): (u32, u32)) -> Option<PathBuf> {
    let device = format!("{major}:{minor}");
    table.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        (fields.next()? == device.as_bytes()).then_some(())?;
        Some(OsString::from_vec(unescape(fields.nth(1)?)).into())
    })
}

/// Fields of a line (proc_pid_mountinfo(5)): id, parent, device, root, mount point, options, optional fields…, `-`,
/// type, source, options.
fn find(table: &[u8], path: &Path) -> Option<String> {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let point = fields.nth(4)?;
            let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
            (unescape(point) == path.as_os_str().as_bytes())
                .then(|| String::from_utf8_lossy(kind).into_owned())
        })
        .next_back()
}

/// The kernel writes blanks, newlines and backslashes as `\ooo`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let (byte, next) = code.map_or((first, tail), |byte| (byte, &tail[3..]));
        bytes.push(byte);
        rest = next;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_place_and_by_device_whatever_their_name() {
        let table = b"25 30 0:23 / /sys rw - sysfs sysfs rw\n\
            36 35 98:0 /mnt1 /mnt\\0402 rw master:1 - ext3 /dev/root rw\n\
            37 36 0:50 / /mnt\\0402 rw shared:2 master:1 - fuse.xenfs xenfs rw,user_id=0\n";
        let at = |path: &str| find(table, Path::new(path));
        assert_eq!(at("/mnt 2").as_deref(), Some("fuse.xenfs"));
        assert_eq!(at("/sys").as_deref(), Some("sysfs"));
        assert_eq!(at("/mnt"), None);
        assert_eq!(find_device(table, (0, 50)), Some("/mnt 2".into()));
        assert_eq!(find_device(table, (0, 5)), None);
        assert_eq!(find_device(b"nonsense\n1 2 0:5\n", (0, 5)), None);
        assert_eq!(find(b"nonsense\n\n-\n", Path::new("/")), None);
    }

    #[test]
    fn escapes_are_octal_and_anything_else_stands_for_itself() {
        assert_eq!(unescape(b"/a\\134b\\011\\9\\"), b"/a\\b\t\\9\\");
    }
}
