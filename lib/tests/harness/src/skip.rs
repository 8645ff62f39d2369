//! Visible skips: a test that needs something of the machine says so when it is missing.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Whether a test can go on: `check` says why not. Then the reason is printed (and [`skip`]'s rule holds).
///
/// # Panics
/// If `check` fails and `CI=true` is set.
pub fn requires(what: &str, check: impl FnOnce() -> Result<(), String>) -> bool {
    match check() {
        Ok(()) => true,
        Err(why) => {
            skip(format_args!("needs {what}: {why}"));
            false
        }
    }
}

/// The program `name`, from where Debian keeps Xen's own tools or from `PATH`; a visible skip if it is not there.
///
/// # Panics
/// If it is missing and `CI=true` is set.
pub fn requires_tool(name: &str) -> Option<PathBuf> {
    let found = find_tool(name);
    if found.is_none() {
        skip(format_args!(
            "needs the program {name}, which is not installed"
        ));
    }
    found
}

/// Whether this process may mount with FUSE; a visible skip if not.
///
/// # Panics
/// If it may not and `CI=true` is set.
pub fn requires_fuse() -> bool {
    requires("/dev/fuse", || {
        std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .map_err(|error| error.to_string())?;
        if rustix::process::geteuid().is_root() || find_tool("fusermount3").is_some() {
            Ok(())
        } else {
            Err("not root and no fusermount3".into())
        }
    })
}

/// Says that the running test is skipped, and why: `skipped: TEST: why` on standard error.
///
/// # Panics
/// If `CI=true` is set, where nothing may be skipped.
pub fn skip(why: impl Display) {
    let thread = std::thread::current();
    // The test runner names a test's thread after the test.
    let test = thread.name().unwrap_or("a test");
    let line = format!("skipped: {test}: {why}");
    assert!(
        std::env::var_os("CI").as_deref() != Some(OsStr::new("true")),
        "{line} (a failure, because CI=true)"
    );
    // Past the runner's capture, which hides what a passing test prints.
    let mut stderr = std::io::stderr().lock();
    drop(std::io::Write::write_all(
        &mut stderr,
        format!("{line}\n").as_bytes(),
    ));
}

/// A program by name, without a skip.
pub(crate) fn find_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Xen's own directories first: in /usr/sbin Debian has wrappers of the same names that insist on a running Xen.
    xen_directories()
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// `/usr/lib/xen-VERSION/bin`, the newest version first.
fn xen_directories() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"xen-"))
        })
        .map(|path| path.join("bin"))
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(version(path)));
    found.push(Path::new("/usr/libexec/xen/bin").into());
    found
}

/// The numbers in a path, so that 4.17 is newer than 4.9.
fn version(path: &Path) -> Vec<u32> {
    path.to_string_lossy()
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests;
