//! Tables: the same rows as aligned text, JSON, YAML, CSV or raw.

use std::io::{self, Write as _};

use xenbus::value::escape;
use xenbus::{Perms, StorePath};

use super::json::{bytes_member, json_string, yaml_string};
use super::{Format, Out, Role};

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its name: the key in JSON and YAML, the header elsewhere.
    pub(crate) name: &'static str,
    pub(crate) role: Role,
}

/// A column without a colour.
pub(crate) const fn column(name: &'static str) -> Column {
    Column {
        name,
        role: Role::Plain,
    }
}

impl Column {
    pub(crate) const fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// A field of a row.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    /// Printable text of ours.
    Text(String),
    Path(&'a StorePath),
    /// A value of the store, any bytes.
    Bytes(&'a [u8]),
    Number(u64),
    Perms(&'a Perms),
    /// Printable texts.
    List(Vec<String>),
    /// There is none.
    Missing,
    /// The store does not let us see it.
    Denied,
}

impl Cell<'_> {
    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Printable text.
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Path(path) => path.to_string(),
            Self::Bytes(bytes) => escape(bytes).to_string(),
            Self::Number(number) => number.to_string(),
            Self::Perms(perms) => perms.to_string(),
            Self::List(list) => list.join(" "),
            Self::Missing => "-".to_owned(),
            Self::Denied => "?".to_owned(),
        }
    }

    /// Key and value in JSON or YAML.
    fn member(&self, name: &str, syntax: Syntax) -> String {
        let string = syntax.string;
        let list = |texts: Vec<String>| format!("[{}]", texts.join(syntax.comma));
        let (key, value) = match self {
            Self::Bytes(bytes) => bytes_member(name, bytes, string),
            Self::Denied => (format!("{name}-denied"), "true".to_owned()),
            other => {
                let value = match other {
                    Self::Number(number) => number.to_string(),
                    Self::Perms(perms) => list(
                        perms
                            .entries()
                            .map(|entry| string(&entry.to_string()))
                            .collect(),
                    ),
                    Self::List(texts) => list(texts.iter().map(|text| string(text)).collect()),
                    Self::Missing => "null".to_owned(),
                    other => string(&other.text()),
                };
                (name.to_owned(), value)
            }
        };
        let quote = syntax.quote;
        format!("{quote}{key}{quote}{}{value}", syntax.colon)
    }
}

/// How JSON and YAML differ.
#[derive(Clone, Copy)]
struct Syntax {
    string: fn(&str) -> String,
    quote: &'static str,
    colon: &'static str,
    comma: &'static str,
}

const JSON: Syntax = Syntax {
    string: json_string,
    quote: "\"",
    colon: ":",
    comma: ",",
};

const YAML: Syntax = Syntax {
    string: yaml_string,
    quote: "",
    colon: ": ",
    comma: ", ",
};

/// Rows that are looked at for the widths of the columns; those after them are not.
const LOOKED_AT: usize = 512;

/// A table under way.
pub(crate) struct Sheet<'a> {
    out: &'a mut Out,
    columns: &'static [Column],
    rows: u64,
    /// Rows of text that wait for the widths to be known.
    held: Vec<Vec<(String, bool)>>,
    widths: Option<Vec<usize>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(out: &'a mut Out, columns: &'static [Column]) -> Self {
        Self {
            out,
            columns,
            rows: 0,
            held: Vec::new(),
            widths: None,
        }
    }

    /// Adds a row: one cell for each column.
    pub(crate) fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows += 1;
        match self.out.style.format {
            Format::Text => self.text(cells),
            Format::Json => {
                let before = if self.rows == 1 { "[\n" } else { ",\n" };
                let object = self.object(cells);
                write!(self.out, "{before}{object}")
            }
            Format::Jsonl => {
                let object = self.object(cells);
                writeln!(self.out, "{object}")
            }
            Format::Yaml => {
                let mut indent = "- ";
                for (column, cell) in self.columns.iter().zip(cells) {
                    writeln!(self.out, "{indent}{}", cell.member(column.name, YAML))?;
                    indent = "  ";
                }
                Ok(())
            }
            Format::Csv => {
                if self.rows == 1 {
                    self.csv_header()?;
                }
                let fields: Vec<_> = cells.iter().map(csv).collect();
                write!(self.out, "{}\r\n", fields.join(","))
            }
            Format::Raw => {
                for (at, cell) in cells.iter().enumerate() {
                    if at > 0 {
                        self.out.write_all(b"\t")?;
                    }
                    match cell {
                        Cell::Bytes(bytes) => self.out.write_all(bytes)?,
                        Cell::Missing | Cell::Denied => {}
                        other => self.out.write_all(other.text().as_bytes())?,
                    }
                }
                let end = self.out.end();
                self.out.write_all(end)
            }
        }?;
        self.out.tick()
    }

    /// Shows what was found soon; for commands that look at much and find little.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        self.out.tick()
    }

    /// Ends the table; how many rows it has.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        match self.out.style.format {
            Format::Text => self.release()?,
            Format::Json if self.rows > 0 => writeln!(self.out, "\n]")?,
            Format::Json | Format::Yaml if self.rows == 0 => writeln!(self.out, "[]")?,
            Format::Csv if self.rows == 0 => self.csv_header()?,
            _ => {}
        }
        Ok(self.rows)
    }

    fn object(&self, cells: &[Cell<'_>]) -> String {
        let columns = self.columns.iter().zip(cells);
        let members: Vec<_> = columns
            .map(|(column, cell)| cell.member(column.name, JSON))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn csv_header(&mut self) -> io::Result<()> {
        if !self.out.style.header {
            return Ok(());
        }
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        write!(self.out, "{}\r\n", names.join(","))
    }

    fn text(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let row: Vec<_> = cells
            .iter()
            .map(|cell| (cell.text(), cell.is_number()))
            .collect();
        if !self.out.is_terminal {
            if self.rows == 1 && self.out.style.header {
                let names: Vec<_> = self.columns.iter().map(|c| c.name).collect();
                writeln!(self.out, "{}", names.join("\t"))?;
            }
            let fields: Vec<_> = row.into_iter().map(|(text, _)| text).collect();
            self.out.write_all(fields.join("\t").as_bytes())?;
            let end = self.out.end();
            return self.out.write_all(end);
        }
        if let Some(widths) = self.widths.take() {
            let written = self.aligned(&row, &widths);
            self.widths = Some(widths);
            return written;
        }
        self.held.push(row);
        if self.held.len() == LOOKED_AT {
            self.release()?;
        }
        Ok(())
    }

    /// Prints the rows that wait.
    fn release(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        let header: Vec<_> = self
            .columns
            .iter()
            .map(|column| (column.name.to_uppercase(), false))
            .collect();
        let header = Some(header).filter(|_| self.out.style.header);
        let mut widths = vec![0; self.columns.len()];
        for row in held.iter().chain(&header) {
            for (width, (text, _)) in widths.iter_mut().zip(row) {
                *width = (*width).max(text.len());
            }
        }
        if let Some(header) = header {
            let mut line = String::new();
            for (at, ((text, _), width)) in header.iter().zip(&widths).enumerate() {
                // Above numbers, which stand at the right.
                let right = held.iter().all(|row| row[at].1);
                line += &pad(text, *width, right, at + 1 == header.len());
            }
            let line = self.out.paint(Role::Dim, line.trim_end());
            writeln!(self.out, "{line}")?;
        }
        for row in &held {
            self.aligned(row, &widths)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    fn aligned(&mut self, row: &[(String, bool)], widths: &[usize]) -> io::Result<()> {
        let mut line = String::new();
        for (at, ((text, is_number), width)) in row.iter().zip(widths).enumerate() {
            let padded = pad(text, *width, *is_number, at + 1 == row.len());
            line += &self.out.paint(self.columns[at].role, &padded);
        }
        writeln!(self.out, "{line}")
    }
}

/// Texts are printable ASCII: a byte is a column.
fn pad(text: &str, width: usize, right: bool, is_last: bool) -> String {
    match (right, is_last) {
        (true, true) => format!("{text:>width$}"),
        (true, false) => format!("{text:>width$}  "),
        (false, true) => text.to_owned(),
        (false, false) => format!("{text:<width$}  "),
    }
}

/// A field of CSV.
fn csv(cell: &Cell<'_>) -> String {
    let text = match cell {
        Cell::Missing | Cell::Denied => String::new(),
        other => other.text(),
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
