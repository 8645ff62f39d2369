//! One table as CSV (RFC 4180), with the time of the sample in front.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use super::Table;
use crate::column::{self, Column, DEVICES, DOMAINS, FINDINGS, RINGS, Scene};
use crate::model::Snapshot;

pub(super) fn write(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    table: Option<Table>,
    has_head: bool,
) -> io::Result<()> {
    match table.unwrap_or(Table::Devices) {
        Table::Domains => rows(out, snapshot, DOMAINS, list(&snapshot.domains), has_head),
        Table::Devices => rows(out, snapshot, DEVICES, list(&snapshot.devices), has_head),
        Table::Findings => rows(out, snapshot, FINDINGS, list(&snapshot.findings), has_head),
        Table::Rings => {
            let rings: Vec<_> = column::rings(snapshot).collect();
            rows(out, snapshot, RINGS, rings.iter(), has_head)
        }
    }
}

fn list<R>(rows: &[Arc<R>]) -> impl Iterator<Item = &R> {
    rows.iter().map(|row| &**row)
}

fn rows<'a, R: 'static>(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    columns: &[Column<R>],
    rows: impl Iterator<Item = &'a R>,
    has_head: bool,
) -> io::Result<()> {
    if has_head {
        out.write_all(b"time")?;
        for column in columns {
            write!(out, ",{}", column.id)?;
        }
        out.write_all(b"\r\n")?;
    }
    let time = snapshot.wall_clock.as_secs_f64();
    let scene = Scene::of(snapshot);
    for row in rows {
        write!(out, "{time:.3}")?;
        for column in columns {
            let value = (column.get)(&scene, row);
            write!(out, ",{}", field(value.plain()))?;
        }
        out.write_all(b"\r\n")?;
    }
    Ok(())
}

/// A field, in quotes where it needs them. What a spreadsheet would take for a formula becomes a text: guests choose
/// names.
fn field(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '@'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    let text = if is_formula {
        format!("'{text}").into()
    } else {
        text
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_never_formulas() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("-1.5", "-1.5"),
        ] {
            assert_eq!(field(text.into()), shown);
        }
    }
}
