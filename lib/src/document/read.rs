//! Reading a document: strict, bounded, and with the place of an error.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;
use std::io::Read;

use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::{Denied, Document, Entry, VERSION, not_absolute};
use crate::error::{Error, Result};
use crate::path::{PathKind, StorePath};
use crate::perms::Perms;
use crate::value::escape;

/// Most bytes of a document that are read.
pub const INPUT_MAX: u64 = 64 << 20;

/// Longest text quoted in an error.
const SHOWN: usize = 300;

impl Document {
    /// Reads a document: JSON if it begins with `{`, else YAML.
    ///
    /// # Errors
    /// [`Error::Invalid`], where and why: a wrong field, a path given twice, a value that is no text (`null`), a path
    /// or permissions that are none, more than [`INPUT_MAX`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() as u64 > INPUT_MAX {
            return Err(wrong(format_args!("it is longer than {INPUT_MAX} bytes")));
        }
        let raw: RawDocument = if bytes.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(bytes).map_err(wrong)?
        } else {
            serde_yaml::from_slice(bytes).map_err(wrong)?
        };
        raw.check().map_err(|error| match error {
            Error::Invalid { .. } => error,
            other => wrong(other),
        })
    }

    /// Reads a document, not more than [`INPUT_MAX`] bytes.
    ///
    /// # Errors
    /// As [`Document::parse`], and what the system says.
    pub fn read(source: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        source
            .take(INPUT_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io("read the document", error))?;
        Self::parse(&bytes)
    }
}

fn wrong(reason: impl fmt::Display) -> Error {
    // Readers quote what they read, and that may be anything.
    let mut shown = escape(reason.to_string().as_bytes()).to_string();
    if shown.len() > SHOWN {
        shown.truncate(SHOWN);
        shown.push_str("...");
    }
    Error::Invalid {
        what: "document".into(),
        reason: shown,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocument {
    xenstore: u64,
    #[serde(deserialize_with = "Text::deserialize")]
    root: Text,
    nodes: RawNodes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    #[serde(default, deserialize_with = "given")]
    value: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    base64: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    perms: Option<Vec<Text>>,
    #[serde(default, deserialize_with = "given")]
    denied: Option<Vec<Part>>,
}

/// A field that may be missing, but not null: whoever writes `value:` and nothing after it forgot something.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    source: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(source).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Value,
    Perms,
    Children,
}

impl RawDocument {
    fn check(self) -> Result<Document> {
        if self.xenstore != VERSION {
            let version = self.xenstore;
            return Err(wrong(format_args!(
                "it is of version {version}, and only {VERSION} is known"
            )));
        }
        let root = StorePath::parse(&self.root.0)?;
        if root.kind() != PathKind::Absolute {
            return Err(not_absolute(&root));
        }
        let mut nodes = BTreeMap::new();
        for (key, raw) in self.nodes.0 {
            let path = match key.as_str() {
                "." => root.clone(),
                key if key.starts_with('/') => return Err(absolute(key)),
                key => root.join(key)?,
            };
            let entry = raw.check(&path)?;
            nodes.insert(path, entry);
        }
        Ok(Document { root, nodes })
    }
}

fn absolute(key: &str) -> Error {
    wrong(format_args!(
        "the path '{key}' is absolute; paths are relative to the document's root"
    ))
}

impl RawEntry {
    fn check(self, path: &StorePath) -> Result<Entry> {
        let value = match (self.value, self.base64) {
            (None, None) => None,
            (Some(text), None) => Some(text.0.into_bytes()),
            (None, Some(text)) => Some(
                BASE64
                    .decode(text.0.as_bytes())
                    .map_err(|error| wrong(format_args!("{path}: base64: {error}")))?,
            ),
            (Some(_), Some(_)) => {
                return Err(wrong(format_args!(
                    "{path}: it has both a value and base64"
                )));
            }
        };
        let perms = match self.perms {
            None => None,
            Some(entries) => Some(perms(path, &entries)?),
        };
        let mut denied = Denied::default();
        for part in self.denied.into_iter().flatten() {
            match part {
                Part::Value => denied.value = true,
                Part::Perms => denied.perms = true,
                Part::Children => denied.children = true,
            }
        }
        if (denied.value && value.is_some()) || (denied.perms && perms.is_some()) {
            return Err(wrong(format_args!(
                "{path}: what was denied cannot be known"
            )));
        }
        Ok(Entry {
            value,
            perms,
            denied,
        })
    }
}

/// Permissions as the store gave them, which may name numbers that are no domains.
fn perms(path: &StorePath, entries: &[Text]) -> Result<Perms> {
    let mut wire = Vec::new();
    for entry in entries {
        if entry.0.contains('\0') {
            return Err(wrong(format_args!("{path}: perms: an entry with a NUL")));
        }
        wire.extend_from_slice(entry.0.as_bytes());
        wire.push(0);
    }
    Perms::from_wire(&wire).map_err(|error| wrong(format_args!("{path}: perms: {error}")))
}

/// A text: what is written without quotes is taken as it stands, except for nothing at all and `null`.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(source: D) -> std::result::Result<Self, D::Error> {
        // Asking for an option tells a bare null from a text; asking for a string keeps `0012` as it is written.
        source.deserialize_option(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_none<E: de::Error>(self) -> std::result::Result<Text, E> {
        self.visit_unit()
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Text, E> {
        Err(E::custom(
            "null is no text: write \"\" for an empty value, \"~\" or \"null\" for these texts",
        ))
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> std::result::Result<Text, D::Error> {
        String::deserialize(source).map(Text)
    }
}

/// The nodes, sorted by their paths as text; a path given twice is refused.
struct RawNodes(BTreeMap<String, RawEntry>);

impl<'de> Deserialize<'de> for RawNodes {
    fn deserialize<D: Deserializer<'de>>(source: D) -> std::result::Result<Self, D::Error> {
        // Asked for a map, a YAML reader takes nothing for an empty one, and a replacement by that removes everything.
        source.deserialize_any(NodesVisitor)
    }
}

struct NodesVisitor;

impl<'de> Visitor<'de> for NodesVisitor {
    type Value = RawNodes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from paths to nodes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<RawNodes, A::Error> {
        let mut nodes = BTreeMap::new();
        while let Some(Text(path)) = map.next_key()? {
            match nodes.entry(path) {
                Slot::Vacant(slot) => slot.insert(map.next_value()?),
                Slot::Occupied(slot) => {
                    let path = slot.key();
                    return Err(de::Error::custom(format_args!(
                        "the path '{path}' is there twice"
                    )));
                }
            };
        }
        Ok(RawNodes(nodes))
    }
}
