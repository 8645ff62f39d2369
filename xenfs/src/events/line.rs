//! A line of a stream.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use xenbus::{Perms, StorePath};

/// What happened to a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It is new.
    Created,
    /// It was written, perhaps with the value that it had.
    Modified,
    /// Its permissions were set.
    Perms,
    /// It is gone.
    Removed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Perms => "perms",
            Self::Removed => "removed",
        }
    }
}

/// A line of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// What happened.
    pub kind: Kind,
    /// The node.
    pub path: &'a StorePath,
    /// Its value now, if it can be read.
    pub value: Option<&'a [u8]>,
    /// Its permissions now, if they are what changed.
    pub perms: Option<&'a Perms>,
}

impl Line<'_> {
    /// The line, with its end. Printable ASCII, whatever is in the value: a value that is no text is `base64` instead of
    /// `value`.
    pub fn text(&self) -> String {
        let mut text = start();
        text.push_str(r#","path":"#);
        string(&mut text, self.path.as_str());
        text.push_str(r#","kind":"#);
        string(&mut text, self.kind.name());
        match self.value.map(|value| (value, str::from_utf8(value))) {
            None => {}
            Some((_, Ok(value))) => {
                text.push_str(r#","value":"#);
                string(&mut text, value);
            }
            Some((value, Err(_))) => {
                text.push_str(r#","base64":"#);
                string(&mut text, &BASE64.encode(value));
            }
        }
        if let Some(perms) = self.perms {
            text.push_str(r#","perms":"#);
            string(&mut text, &perms.to_string());
        }
        text.push_str("}\n");
        text
    }

    /// The line that says that events were lost: look at everything again.
    pub fn overflow(lost: u64) -> String {
        format!("{},\"kind\":\"overflow\",\"lost\":{lost}}}\n", start())
    }
}

fn start() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(r#"{{"time":{}.{:06}"#, now.as_secs(), now.subsec_micros())
}

/// A JSON string of printable ASCII.
fn string(text: &mut String, value: &str) {
    text.push('"');
    for unit in value.chars() {
        match unit {
            '"' | '\\' => {
                text.push('\\');
                text.push(unit);
            }
            ' '..='~' => text.push(unit),
            _ => {
                let mut units = [0; 2];
                for unit in unit.encode_utf16(&mut units) {
                    // Writing to a string cannot fail.
                    let _infallible = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_of_printable_ascii_whatever_a_guest_writes() {
        let path = StorePath::parse("/a/b").unwrap();
        for value in [
            &b"plain"[..],
            b"\x1b[2J\"\\\n\x7f",
            "\u{9b}31m\u{1f980}\u{e9}".as_bytes(),
            b"\xff\0",
            b"",
        ] {
            let perms = Perms::parse("n0,r5").unwrap();
            let line = Line {
                kind: Kind::Perms,
                path: &path,
                value: Some(value),
                perms: Some(&perms),
            };
            let text = line.text();
            let body = text.strip_suffix('\n').unwrap();
            assert!(body.bytes().all(|b| (b' '..=b'~').contains(&b)), "{body}");
            let read: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(read["path"], "/a/b");
            assert_eq!(read["kind"], "perms");
            assert_eq!(read["perms"], "n0,r5");
            match str::from_utf8(value) {
                Ok(value) => assert_eq!(read["value"], value),
                Err(_) => assert_eq!(read["base64"], BASE64.encode(value)),
            }
            assert!(read["time"].as_f64().unwrap() > 1e9);
        }
        let lost: serde_json::Value = serde_json::from_str(&Line::overflow(7)).unwrap();
        assert_eq!(
            (&lost["kind"], &lost["lost"]),
            (&"overflow".into(), &7.into())
        );
    }
}
