//! A node as it stands in a recording.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use xenbus::StorePath;
use xenbus::mirror::Mirrored;
use xenbus::tree::Field;

/// A node: a text, `null` if it may not be read, or what needs more words.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Node {
    /// A value that is text.
    Text(String),
    /// A value that is none, or a node whose children could not be listed.
    Other(Other),
    /// It may not be read.
    Denied(()),
}

/// What is not simply a text.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// The value, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The value, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Whether its children could not be listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
}

impl From<&Mirrored> for Node {
    fn from(node: &Mirrored) -> Self {
        let value = match &node.value {
            Field::Known(value) => Some(&value[..]),
            Field::Unasked => Some(&[][..]),
            Field::Denied => None,
        };
        let text = value.and_then(|value| str::from_utf8(value).ok());
        match (value, text, node.listed) {
            (_, Some(text), true) => Self::Text(text.to_owned()),
            (None, _, true) => Self::Denied(()),
            (value, text, listed) => Self::Other(Other {
                text: text.map(str::to_owned),
                base64: match text {
                    None => value.map(|value| BASE64.encode(value)),
                    Some(_) => None,
                },
                unlisted: !listed,
            }),
        }
    }
}

impl Node {
    /// The node at this path; what is wrong with it if it cannot be one.
    ///
    /// # Errors
    /// A value that is no Base64.
    pub fn at(self, path: StorePath) -> Result<Mirrored, String> {
        let (value, listed) = match self {
            Self::Text(text) => (Field::Known(text.into_bytes()), true),
            Self::Denied(()) => (Field::Denied, true),
            Self::Other(other) => {
                let value = match (other.text, other.base64) {
                    (Some(text), _) => Field::Known(text.into_bytes()),
                    (None, Some(base64)) => match BASE64.decode(base64.as_bytes()) {
                        Ok(value) => Field::Known(value),
                        Err(error) => return Err(format!("the value of {path}: {error}")),
                    },
                    (None, None) => Field::Denied,
                };
                (value, !other.unlisted)
            }
        };
        Ok(Mirrored {
            path,
            value,
            perms: Field::Unasked,
            listed,
            more: false,
        })
    }
}
