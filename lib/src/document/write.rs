//! Writing a document, a node at a time.

use std::io::{self, Write};

use data_encoding::BASE64;

use super::{Document, Entry, Format, VERSION, not_absolute, scalar};
use crate::error::{Error, Result};
use crate::path::{PathKind, StorePath};
use crate::tree::Node;

/// Longest key that may stand before its colon on one line; YAML allows 1024 characters, quotes included.
const SIMPLE_KEY_MAX: usize = 1000;

/// Writes a document node by node, as a walk finds them: nothing but one line is kept.
///
/// ```
/// use xenbus::document::{Document, Entry, Format, Writer};
/// use xenbus::StorePath;
///
/// let root = StorePath::parse("/a")?;
/// let mut writer = Writer::new(Vec::new(), Format::Yaml, &root)?;
/// writer.entry(&root.join("b")?, &Entry { value: Some(b"no".to_vec()), ..Entry::default() })?;
/// let bytes = writer.finish()?;
/// assert_eq!(bytes, b"xenstore: 1\nroot: /a\nnodes:\n  b: {value: \"no\"}\n");
/// assert!(Document::parse(&bytes)?.get(&root.join("b")?).is_some());
/// # Ok::<(), xenbus::Error>(())
/// ```
pub struct Writer<W: Write> {
    out: W,
    format: Format,
    root: StorePath,
    line: String,
    nodes: usize,
}

impl<W: Write> Writer<W> {
    /// Begins a document about the nodes at and below `root`.
    ///
    /// # Errors
    /// If `root` is not absolute, or it cannot be written.
    pub fn new(out: W, format: Format, root: &StorePath) -> Result<Self> {
        if root.kind() != PathKind::Absolute {
            return Err(not_absolute(root));
        }
        let mut writer = Self {
            out,
            format,
            root: root.clone(),
            line: String::new(),
            nodes: 0,
        };
        writer.line = match format {
            // The version and a path are safe without quotes.
            Format::Yaml => format!("xenstore: {VERSION}\nroot: {root}\nnodes:"),
            Format::Json => {
                format!("{{\"xenstore\": {VERSION}, \"root\": \"{root}\", \"nodes\": {{")
            }
        };
        writer.flush_line()?;
        Ok(writer)
    }

    /// Writes a node of a walk. Nodes are given once each; sorted documents compare well line by line.
    ///
    /// # Errors
    /// If it lies elsewhere, or it cannot be written.
    pub fn node(&mut self, node: &Node) -> Result<()> {
        self.entry(&node.path, &Entry::from(node))
    }

    /// Writes what is known of a node.
    ///
    /// # Errors
    /// As [`Writer::node`].
    pub fn entry(&mut self, path: &StorePath, entry: &Entry) -> Result<()> {
        let key = match path.below(&self.root) {
            Some("") => ".",
            Some(below) => below,
            None => {
                return Err(Error::Invalid {
                    what: format!("node {path}"),
                    reason: format!("it does not lie below the document's root {}", self.root),
                });
            }
        };
        let (before, after) = match (self.format, self.nodes) {
            (Format::Yaml, _) if key.len() > SIMPLE_KEY_MAX => ("\n  ? ", "\n  : {"),
            (Format::Yaml, _) => ("\n  ", ": {"),
            (Format::Json, 0) => ("\n", ": {"),
            (Format::Json, _) => (",\n", ": {"),
        };
        self.line.push_str(before);
        self.push(key);
        self.line.push_str(after);
        self.push_entry(entry);
        self.line.push('}');
        self.nodes += 1;
        self.flush_line()
    }

    /// How many nodes were written.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Ends the document and gives back what it was written to, flushed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<W> {
        self.line.push_str(match (self.format, self.nodes) {
            (Format::Yaml, 0) => " {}\n",
            (Format::Yaml, _) => "\n",
            (Format::Json, _) => "\n}}\n",
        });
        self.flush_line()?;
        self.out.flush().map_err(unwritten)?;
        Ok(self.out)
    }

    fn push_entry(&mut self, entry: &Entry) {
        let mut first = true;
        if let Some(value) = &entry.value {
            let (field, text) = match scalar::as_text(value) {
                Some(text) => ("value", text.to_owned()),
                None => ("base64", BASE64.encode(value)),
            };
            self.field(&mut first, field);
            self.push(&text);
        }
        if let Some(perms) = &entry.perms {
            self.field(&mut first, "perms");
            let entries = perms.entries().map(|perm| perm.to_string());
            self.list(entries);
        }
        if entry.denied.any() {
            self.field(&mut first, "denied");
            self.list(entry.denied.words().map(str::to_owned));
        }
    }

    fn field(&mut self, first: &mut bool, name: &str) {
        if !std::mem::take(first) {
            self.line.push_str(", ");
        }
        self.push(name);
        self.line.push_str(": ");
    }

    fn list(&mut self, texts: impl Iterator<Item = String>) {
        self.line.push('[');
        for (index, text) in texts.enumerate() {
            if index > 0 {
                self.line.push_str(", ");
            }
            self.push(&text);
        }
        self.line.push(']');
    }

    fn push(&mut self, text: &str) {
        scalar::push(&mut self.line, text, self.format);
    }

    fn flush_line(&mut self) -> Result<()> {
        let written = self.out.write_all(self.line.as_bytes());
        self.line.clear();
        written.map_err(unwritten)
    }
}

impl Document {
    /// Writes the whole document.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, out: impl Write, format: Format) -> Result<()> {
        let mut writer = Writer::new(out, format, &self.root)?;
        for (path, entry) in &self.nodes {
            writer.entry(path, entry)?;
        }
        writer.finish().map(drop)
    }
}

fn unwritten(error: io::Error) -> Error {
    Error::io("write the document", error)
}
