//! JSON strings that are harmless on a terminal.

use data_encoding::BASE64;

/// A JSON string in printable ASCII: everything else is `\uXXXX`, because control characters beyond ASCII command some
/// terminals, too.
pub(crate) fn json_string(text: &str) -> String {
    quoted(text, |json, char| {
        for unit in char.encode_utf16(&mut [0; 2]) {
            json.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

/// The same for YAML, which joins no surrogates.
pub(crate) fn yaml_string(text: &str) -> String {
    quoted(text, |yaml, char| {
        yaml.push_str(&format!("\\U{:08x}", u32::from(char)));
    })
}

fn quoted(text: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(char),
            other => escape(&mut quoted, other),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a value goes into JSON and YAML as text.
fn is_text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok()
}

/// A value as the key that says its form, and a JSON or YAML string: `value` and text, or `base64` and that for bytes
/// that are no UTF-8. A key with another name than `value` gets `-base64` at its end instead.
pub(crate) fn bytes_member(
    name: &str,
    bytes: &[u8],
    string: fn(&str) -> String,
) -> (String, String) {
    if let Some(text) = is_text(bytes) {
        return (name.to_owned(), string(text));
    }
    let key = match name {
        "value" => "base64".to_owned(),
        name => format!("{name}-base64"),
    };
    (key, string(&BASE64.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_is_printable_and_read_back_exactly(text: String) {
            let json = json_string(&text);
            prop_assert!(json.bytes().all(|b| (0x20..=0x7E).contains(&b)));
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &text);
            prop_assert_eq!(serde_yaml::from_str::<String>(&yaml_string(&text)).unwrap(), text);
        }
    }
}
