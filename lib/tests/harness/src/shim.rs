//! Compiles the stand-in for the Xen libraries, once per build of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("../shim/shim.c");

/// The compiled shim, or why there is none.
pub(crate) fn library() -> Result<&'static Path, String> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_deref().map_err(String::clone)
}

fn build() -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    (SOURCE, std::env::consts::ARCH).hash(&mut hasher);
    let name = format!("xenbus-harness-shim-{:016x}.so", hasher.finish());
    // The test program lives in cargo's target directory, which is this build's and this user's own.
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let directory = program.parent().unwrap_or(Path::new("/tmp"));
    let library = directory.join(&name);
    if library.is_file() {
        return Ok(library);
    }
    // A directory of our own beside it, then a rename: other tests see all of it or nothing.
    let workshop = tempfile::tempdir_in(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let source = workshop.path().join("shim.c");
    let object = workshop.path().join("shim.so");
    std::fs::write(&source, SOURCE).map_err(|error| format!("{}: {error}", source.display()))?;
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o"])
        .args([&object, &source])
        .output()
        .map_err(|error| format!("the C compiler cc cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cc does not compile the shim: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    std::fs::rename(&object, &library)
        .map_err(|error| format!("{}: {error}", library.display()))?;
    Ok(library)
}
