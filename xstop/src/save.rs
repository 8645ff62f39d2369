//! What is shown, as JSON in a file of its own.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::batch::json;
use crate::model::Snapshot;

/// Most files of one second.
const TRIES: u32 = 100;

/// Writes a new file into the present directory; its name.
///
/// # Errors
/// If it cannot be made or written.
pub(crate) fn save(snapshot: &Snapshot) -> io::Result<PathBuf> {
    let seconds = snapshot.wall_clock.as_secs();
    for number in 0..TRIES {
        let more = if number > 0 {
            format!("-{number}")
        } else {
            String::new()
        };
        let path = PathBuf::from(format!("xstop-{seconds}{more}.json"));
        // Never over a file that is there, nor through a link that somebody has laid.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => {
                let mut file = io::BufWriter::new(file);
                json::write(&mut file, snapshot)?;
                file.flush()?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}
