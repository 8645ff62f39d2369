//! What is shown, as JSON in a file of its own.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::column::{self, Column, DEVICES, DOMAINS, FINDINGS, RINGS, Scene};
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
            Ok(mut file) => {
                let text = serde_json::to_string_pretty(&document(snapshot))?;
                writeln!(file, "{text}")?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

fn document(snapshot: &Snapshot) -> Value {
    let scene = Scene::of(snapshot);
    let rings: Vec<column::RingRow> = column::rings(snapshot).collect();
    json!({
        "time": snapshot.wall_clock.as_secs_f64(),
        "store": snapshot.link.address,
        "domains": table(&scene, DOMAINS, snapshot.domains.iter().map(AsRef::as_ref)),
        "devices": table(&scene, DEVICES, snapshot.devices.iter().map(AsRef::as_ref)),
        "rings": table(&scene, RINGS, rings.iter()),
        "findings": table(&scene, FINDINGS, snapshot.findings.iter().map(AsRef::as_ref)),
    })
}

fn table<'a, R: 'static>(
    scene: &Scene<'_>,
    columns: &'static [Column<R>],
    rows: impl Iterator<Item = &'a R>,
) -> Value {
    let row = |row: &R| {
        let cells = columns
            .iter()
            .map(|column| (column.id.to_owned(), json(&(column.get)(scene, row))));
        Value::Object(cells.collect::<Map<_, _>>())
    };
    rows.map(row).collect()
}

/// A cell; every one can be told in JSON.
fn json(value: &column::Value) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
