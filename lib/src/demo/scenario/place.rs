//! Where in a YAML text something stands.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// One step from a YAML value into it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Into {
    /// The value of a key.
    Key(&'static str),
    /// An entry of a list.
    Entry(usize),
}

impl From<&'static str> for Into {
    fn from(key: &'static str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Into {
    fn from(entry: usize) -> Self {
        Self::Entry(entry)
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wrong {
    /// From the inside out.
    at: Vec<Into>,
    what: String,
}

impl Wrong {
    pub(super) fn new(what: impl std::convert::Into<String>) -> Self {
        Self {
            at: Vec::new(),
            what: what.into(),
        }
    }

    /// It is inside of this.
    pub(super) fn within(mut self, step: impl std::convert::Into<Into>) -> Self {
        self.at.push(step.into());
        self
    }

    /// One line: where it is (path, line, column) and what.
    pub(super) fn describe(&self, yaml: &str) -> String {
        let path: Vec<&Into> = self.at.iter().rev().collect();
        let mut shown = String::new();
        for step in &path {
            match step {
                Into::Key(key) if shown.is_empty() => shown.push_str(key),
                Into::Key(key) => shown.extend([".", key]),
                Into::Entry(entry) => shown.extend(["[", &entry.to_string(), "]"]),
            }
        }
        match locate(yaml, &path) {
            Some((line, column)) => {
                format!("{shown}: {} at line {line} column {column}", self.what)
            }
            None => format!("{shown}: {}", self.what),
        }
    }
}

/// In front of the steps that an error came with.
pub(super) trait Within {
    fn within(self, step: impl std::convert::Into<Into>) -> Self;
}

impl<T> Within for Result<T, Wrong> {
    fn within(self, step: impl std::convert::Into<Into>) -> Self {
        self.map_err(|wrong| wrong.within(step))
    }
}

/// Line and column, from 1, of what is at a path; of the nearest that is there, if it is not.
fn locate(yaml: &str, path: &[&Into]) -> Option<(usize, usize)> {
    (0..=path.len()).rev().find_map(|length| {
        let document = serde_yaml::Deserializer::from_str(yaml);
        let found = Seek(&path[..length]).deserialize(document).err()?;
        let place = found
            .to_string()
            .contains(FOUND)
            .then(|| found.location())??;
        Some((place.line(), place.column()))
    })
}

/// What the search stops with: only an error knows its place.
const FOUND: &str = "what is looked for is here";

/// Goes along a path and stops with an error at its end.
struct Seek<'a>(&'a [&'a Into]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { FOUND } else { "a way on" })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Some((Into::Key(wanted), rest)) = self.0.split_first() else {
            return Err(M::Error::custom(FOUND));
        };
        while let Some(key) = map.next_key::<String>()? {
            if key == *wanted {
                map.next_value_seed(Seek(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<(), S::Error> {
        let Some((Into::Entry(wanted), rest)) = self.0.split_first() else {
            return Err(S::Error::custom(FOUND));
        };
        for _ in 0..*wanted {
            if sequence.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        sequence.next_element_seed(Seek(rest))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "seed: 1\ndomains:\n  - name: a\n  - name: b\n    disks:\n      - { vdev: xvda,\n          size: 4 }\n";

    #[test]
    fn the_line_of_a_key_in_a_list_is_found() {
        let size = Wrong::new("too small")
            .within("size")
            .within(0)
            .within("disks")
            .within(1)
            .within("domains");
        assert_eq!(
            size.describe(YAML),
            "domains[1].disks[0].size: too small at line 7 column 17"
        );
    }

    #[test]
    fn what_is_missing_is_placed_where_it_should_be() {
        let missing = Wrong::new("is missing")
            .within("vifs")
            .within(1)
            .within("domains");
        let shown = missing.describe(YAML);
        assert!(
            shown.starts_with("domains[1].vifs: is missing at line 4"),
            "{shown}"
        );
    }
}
