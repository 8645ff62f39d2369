//! A file that always is whole: written beside, then renamed.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use xenbus::error::{Error, Result};

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error| Error::io(format!("write {}", path.display()), error);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Collectors read files that end in .prom: this one does not.
    let mut file = tempfile::Builder::new()
        .prefix(".xstop-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
