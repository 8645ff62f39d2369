//! Where the output of commands goes, and in which form.

mod json;
mod sheet;
mod sink;

use std::io::{self, Write};
use std::time::{Duration, Instant};

pub(crate) use json::{bytes_member, json_string};
pub(crate) use sheet::{Cell, Column, Sheet, column};
pub(crate) use sink::{Sink, shell, status};

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Format {
    /// For people; one record per line when it goes elsewhere than to a terminal.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// One YAML document.
    Yaml,
    /// Comma-separated values (RFC 4180), values escaped.
    Csv,
    /// The bytes as they are.
    Raw,
}

impl Format {
    /// The words of `--output`.
    pub(crate) const WORDS: &[&str] = &["text", "json", "jsonl", "yaml", "csv", "raw"];

    /// The format that a word names.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "text" => Self::Text,
            "json" => Self::Json,
            "jsonl" => Self::Jsonl,
            "yaml" => Self::Yaml,
            "csv" => Self::Csv,
            "raw" => Self::Raw,
            _ => return None,
        })
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

/// How records are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Style {
    pub(crate) format: Format,
    /// Whether paths and values end with NUL instead of a newline.
    pub(crate) nul: bool,
    /// Whether tables have a header.
    pub(crate) header: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            format: Format::Text,
            nul: false,
            header: true,
        }
    }
}

/// What a piece of text is, which says its colour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Role {
    #[default]
    Plain,
    /// A node with children.
    Directory,
    /// Names, keys.
    Name,
    Perms,
    /// Remarks, headers.
    Dim,
    Good,
    Warning,
    Bad,
}

impl Role {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Directory => "1;34",
            Self::Name => "36",
            Self::Perms => "35",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
        }
    }
}

/// How long output may wait in memory while a command works.
const PATIENCE: Duration = Duration::from_millis(20);

/// The output of a command.
pub(crate) struct Out {
    sink: Sink,
    pub(crate) style: Style,
    /// Whether it is read on a terminal: then it is aligned, and escaped come what may.
    pub(crate) is_terminal: bool,
    pub(crate) has_color: bool,
    /// Since when something waits in memory; nothing was written before it.
    waiting: Option<Instant>,
    is_first: bool,
}

impl Out {
    /// Output to a sink.
    pub(crate) fn new(sink: Sink, is_terminal: bool, has_color: bool) -> Self {
        Self {
            sink,
            style: Style::default(),
            is_terminal,
            has_color,
            waiting: None,
            is_first: true,
        }
    }

    /// Text in the colour of its role. The text has to be printable.
    pub(crate) fn paint(&self, role: Role, text: &str) -> String {
        paint(self.has_color, role, text)
    }

    /// Columns of the terminal, if it is one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.is_terminal.then(|| screen().0)
    }

    /// What ends a path or a raw value.
    pub(crate) fn end(&self) -> &'static [u8] {
        if self.style.nul { b"\0" } else { b"\n" }
    }

    /// To be called now and then while a command works: what was found is shown soon.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        if self.waiting.is_some_and(|since| since.elapsed() > PATIENCE) {
            self.flush()?;
        }
        Ok(())
    }

    /// Begins a table.
    pub(crate) fn sheet(&mut self, columns: &'static [Column]) -> Sheet<'_> {
        Sheet::new(self, columns)
    }

    /// Writes what waits and ends the sink; status of the program behind it, if there is one.
    pub(crate) fn finish(mut self) -> io::Result<Option<u8>> {
        let flushed = self.flush();
        let ended = self.sink.end();
        flushed.and(ended)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        // The first line is shown at once, in however many pieces it comes; the rest in larger pieces.
        if self.is_first && bytes[..written].contains(&b'\n') {
            self.is_first = false;
            self.flush()?;
        } else if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waiting = None;
        self.sink.flush()
    }
}

/// Text in the colour of its role, if there are colours. The text has to be printable.
pub(crate) fn paint(has_color: bool, role: Role, text: &str) -> String {
    if has_color && role != Role::Plain && !text.is_empty() {
        format!("\x1b[{}m{text}\x1b[0m", role.code())
    } else {
        text.to_owned()
    }
}

/// Columns and rows of the terminal; 80 by 24 where it does not say.
pub(crate) fn screen() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    match size {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_col), usize::from(size.ws_row))
        }
        _ => (80, 24),
    }
}

/// A pager for more than so many lines.
pub(crate) fn pager(rows: usize) -> sink::Pager {
    sink::Pager::new(rows)
}
