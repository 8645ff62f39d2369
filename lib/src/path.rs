//! Paths in the store: checked once, then carried as a type.
//!
//! Grammar (`docs/misc/xenstore.txt`, "Paths"; agreed by both daemons): characters `A-Z a-z 0-9 - / _ @`, no empty
//! element, no `/` at the end except for the root. A path is *absolute* (`/a/b`), *relative* to the caller's own
//! domain (`a/b`) or *special* (`@introduceDomain`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::id::DomId;
use crate::value::escape;

/// Longest absolute path in bytes (`XENSTORE_ABS_PATH_MAX` of `xs_wire.h`). Daemons may allow less: C 4.17 takes 2048,
/// oxenstored 1024 with its shipped configuration.
pub const ABSOLUTE_MAX: usize = 3072;

/// Longest relative path in bytes (`XENSTORE_REL_PATH_MAX` of `xs_wire.h`).
pub const RELATIVE_MAX: usize = 2048;

/// The two nodes that oxenstored shows in the root though they are no nodes: a listing skips exactly these.
pub const PHANTOM_NODES: [&str; 2] = ["@introduceDomain", "@releaseDomain"];

/// Which of the three forms a path has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathKind {
    /// Starts with `/`.
    Absolute,
    /// Below `/local/domain/<own domid>`.
    Relative,
    /// Starts with `@`: only for watches and permissions.
    Special,
}

/// A path that keeps the grammar and the limits.
///
/// Cloning is cheap. Order is by element, so that a sorted list has every parent directly before its subtree.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct StorePath(Arc<str>);

impl StorePath {
    /// The root, `/`.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// `@introduceDomain`, fired when a domain is introduced.
    pub fn introduce_domain() -> Self {
        Self(PHANTOM_NODES[0].into())
    }

    /// `@releaseDomain`, fired when a domain shuts down, dies or is released.
    pub fn release_domain() -> Self {
        Self(PHANTOM_NODES[1].into())
    }

    /// The home of a domain, `/local/domain/<domid>`.
    pub fn home(domid: DomId) -> Self {
        Self(format!("/local/domain/{domid}").into())
    }

    /// Checks text or bytes.
    pub fn parse(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let bytes = path.as_ref();
        let wrong = |reason| PathError {
            path: shown(bytes),
            reason,
        };
        let (elements, max) = match bytes {
            [] => return Err(wrong(PathFault::Empty)),
            b"/" => return Ok(Self::root()),
            [b'/', rest @ ..] => (rest, ABSOLUTE_MAX),
            _ => (bytes, RELATIVE_MAX),
        };
        if bytes.len() > max {
            return Err(wrong(PathFault::TooLong {
                length: bytes.len(),
                max,
            }));
        }
        for element in elements.split(|b| *b == b'/') {
            if element.is_empty() {
                let fault = if bytes.ends_with(b"/") {
                    PathFault::TrailingSlash
                } else {
                    PathFault::EmptyElement
                };
                return Err(wrong(fault));
            }
            if let Some(byte) = element.iter().find(|b| !is_name_byte(**b)) {
                return Err(wrong(PathFault::Character(*byte)));
            }
        }
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Self(text.into())),
            Err(_) => Err(wrong(PathFault::Character(0xFF))),
        }
    }

    /// The form of the path.
    pub fn kind(&self) -> PathKind {
        match self.0.as_bytes().first() {
            Some(b'/') => PathKind::Absolute,
            Some(b'@') => PathKind::Special,
            _ => PathKind::Relative,
        }
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The path as text: ASCII only, harmless on a terminal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as it goes on the wire, without its NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The node above; `None` for the root, for a relative path of one element and for a special path.
    pub fn parent(&self) -> Option<Self> {
        if self.kind() == PathKind::Special {
            return None;
        }
        match self.0.rfind('/')? {
            0 if self.0.len() == 1 => None,
            0 => Some(Self::root()),
            at => Some(Self(self.0[..at].into())),
        }
    }

    /// The last element; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        if self.is_root() {
            return None;
        }
        self.0.rsplit('/').next()
    }

    /// Where the last element begins; the end for the root.
    pub(crate) fn name_at(&self) -> usize {
        self.0.rfind('/').map_or(0, |at| at + 1)
    }

    /// The node `name` below this one.
    pub fn child(&self, name: &str) -> Result<Self, PathError> {
        if name.contains('/') || name.is_empty() {
            let fault = if name.is_empty() {
                PathFault::EmptyElement
            } else {
                PathFault::Character(b'/')
            };
            return Err(PathError {
                path: shown(name.as_bytes()),
                reason: fault,
            });
        }
        self.join(name)
    }

    /// The node `name` below this one, of which the caller knows that it is a name; `None` if the path would be too long.
    /// `scratch` is room to put it together.
    pub(crate) fn with_name(&self, name: &str, scratch: &mut String) -> Option<Self> {
        debug_assert!(is_name(name.as_bytes()));
        scratch.clear();
        scratch.push_str(&self.0);
        if !self.is_root() {
            scratch.push('/');
        }
        scratch.push_str(name);
        let max = match self.kind() {
            PathKind::Absolute => ABSOLUTE_MAX,
            PathKind::Relative | PathKind::Special => RELATIVE_MAX,
        };
        (scratch.len() <= max).then(|| Self(scratch.as_str().into()))
    }

    /// The node at the relative path `below` under this one. A leading `@` in `below` is an ordinary name here.
    pub fn join(&self, below: &str) -> Result<Self, PathError> {
        let mut joined = String::with_capacity(self.0.len() + 1 + below.len());
        joined.push_str(&self.0);
        if !self.is_root() {
            joined.push('/');
        }
        joined.push_str(below);
        // The part above is known to keep the grammar.
        if below.len() < RELATIVE_MAX / 2
            && joined.len() < RELATIVE_MAX
            && below.split('/').all(|name| is_name(name.as_bytes()))
        {
            return Ok(Self(joined.into()));
        }
        Self::parse(joined)
    }

    /// The elements, from the top; none for the root.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|element| !element.is_empty())
    }

    /// Number of elements; 0 for the root.
    pub fn depth(&self) -> usize {
        self.elements().count()
    }

    /// Whether this is `above` or a node below it.
    pub fn is_within(&self, above: &Self) -> bool {
        self.below(above).is_some()
    }

    /// What remains of this path under `above`: `""` for `above` itself, `None` if it lies elsewhere.
    pub fn below<'a>(&'a self, above: &Self) -> Option<&'a str> {
        if above.is_root() {
            return (self.kind() == PathKind::Absolute).then(|| &self.0[1..]);
        }
        let rest = self.0.strip_prefix(&*above.0)?;
        if rest.is_empty() {
            Some("")
        } else {
            rest.strip_prefix('/')
        }
    }

    /// Where this node is after the node `from`, which it is or is below, was moved to `to`.
    ///
    /// # Errors
    /// What is too long there. A node that lies elsewhere stays where it is.
    pub fn moved(&self, from: &Self, to: &Self) -> Result<Self, PathError> {
        match self.below(from) {
            None => Ok(self.clone()),
            Some("") => Ok(to.clone()),
            Some(below) => to.join(below),
        }
    }

    /// The path with `/local/domain/<home>` in front, if it is relative.
    pub fn absolute(&self, home: DomId) -> Result<Self, PathError> {
        if self.kind() == PathKind::Relative {
            Self::home(home).join(&self.0)
        } else {
            Ok(self.clone())
        }
    }
}

/// Whether a byte may stand in a name (an element of a path).
pub fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'@')
}

/// Whether bytes are a name: one non-empty element of a path.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| is_name_byte(*b))
}

impl Ord for StorePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Element by element is byte by byte with '/' before all others.
        let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
        let by_element = || {
            let (a, b) = (self.as_bytes(), other.as_bytes());
            match a.iter().zip(b).find(|(a, b)| a != b) {
                Some((a, b)) => rank(*a).cmp(&rank(*b)),
                None => a.len().cmp(&b.len()),
            }
        };
        (self.kind() as u8)
            .cmp(&(other.kind() as u8))
            .then_with(by_element)
    }
}

impl PartialOrd for StorePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for StorePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A text that is no path, and why.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("'{path}' is not a XenStore path: {reason}")]
pub struct PathError {
    path: String,
    reason: PathFault,
}

impl PathError {
    /// What is wrong.
    pub fn fault(&self) -> PathFault {
        self.reason
    }
}

/// What can be wrong with a path.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PathFault {
    /// No byte at all.
    #[error("it is empty")]
    Empty,
    /// `//`.
    #[error("it has an empty element")]
    EmptyElement,
    /// `/` at the end.
    #[error("it ends with '/'")]
    TrailingSlash,
    /// A byte outside the allowed set.
    #[error("the byte {} is not allowed (only A-Z a-z 0-9 - _ @)", shown_byte(*.0))]
    Character(u8),
    /// Over the limit of its form.
    #[error("it has {length} bytes, the limit is {max}")]
    TooLong {
        /// Its length.
        length: usize,
        /// The limit.
        max: usize,
    },
}

fn shown_byte(byte: u8) -> String {
    format!("'{}'", escape(&[byte]))
}

/// A wrong path for an error message: escaped, and cut so that a hostile one does not fill a screen.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 80;
    if bytes.len() > MOST {
        format!("{}...", escape(&bytes[..MOST]))
    } else {
        escape(bytes).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    #[test]
    fn the_grammar_is_that_of_the_daemons() {
        for good in [
            "/",
            "/a",
            "/a/b-c_d@e/09",
            "a",
            "a/b",
            "@introduceDomain",
            "@releaseDomain/1",
            "/@x",
            "/-",
            "/_",
        ] {
            assert_eq!(path(good).as_str(), good);
        }
        for (bad, fault) in [
            ("", PathFault::Empty),
            ("//", PathFault::TrailingSlash),
            ("/a/", PathFault::TrailingSlash),
            ("/a//b", PathFault::EmptyElement),
            ("/a b", PathFault::Character(b' ')),
            ("/a.b", PathFault::Character(b'.')),
            ("/..", PathFault::Character(b'.')),
            ("/a\x1b[1m", PathFault::Character(0x1b)),
            ("/\u{e9}", PathFault::Character(0xc3)),
            ("/a\0", PathFault::Character(0)),
        ] {
            assert_eq!(StorePath::parse(bad).unwrap_err().fault(), fault, "{bad:?}");
        }
    }

    #[test]
    fn limits_are_3072_absolute_and_2048_relative() {
        assert!(StorePath::parse(format!("/{}", "a".repeat(3071))).is_ok());
        assert!(StorePath::parse(format!("/{}", "a".repeat(3072))).is_err());
        assert!(StorePath::parse("a".repeat(2048)).is_ok());
        assert!(StorePath::parse("a".repeat(2049)).is_err());
    }

    #[test]
    fn parents_names_and_prefixes() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(StorePath::root()));
        assert_eq!(StorePath::root().parent(), None);
        assert_eq!(path("a").parent(), None);
        assert_eq!(path("@releaseDomain/1").parent(), None);
        assert_eq!(path("/a/b").name(), Some("b"));
        assert_eq!(StorePath::root().name(), None);
        assert_eq!(path("/a/b").below(&path("/a")), Some("b"));
        assert_eq!(path("/a/b").below(&StorePath::root()), Some("a/b"));
        assert_eq!(path("/a").below(&path("/a")), Some(""));
        assert_eq!(path("/ab").below(&path("/a")), None);
        assert_eq!(path("@x").below(&StorePath::root()), None);
        let moved = |node| path(node).moved(&path("/a"), &path("/c/d"));
        assert_eq!(moved("/a"), Ok(path("/c/d")));
        assert_eq!(moved("/a/b/x"), Ok(path("/c/d/b/x")));
        assert_eq!(moved("/ab"), Ok(path("/ab")));
        assert!(moved(&format!("/a/{}", "x".repeat(3068))).is_err());
        assert_eq!(StorePath::root().child("@x").unwrap().as_str(), "/@x");
        assert!(StorePath::root().child("a/b").is_err());
        assert_eq!(
            path("dev/x").absolute(DomId(3)).unwrap().as_str(),
            "/local/domain/3/dev/x"
        );
    }

    #[test]
    fn errors_are_escaped_and_short() {
        let error = StorePath::parse(format!("/\x1b]0;{}", "x".repeat(5000)))
            .unwrap_err()
            .to_string();
        assert!(error.len() < 300 && !error.contains('\x1b'), "{error}");
    }

    #[test]
    fn order_puts_a_parent_directly_before_its_subtree() {
        let mut paths = [
            path("/a-b"),
            path("/a/b"),
            path("/a"),
            path("/"),
            path("/a/b/c"),
            path("/a@"),
        ];
        paths.sort();
        assert_eq!(
            paths.map(|p| p.to_string()),
            ["/", "/a", "/a/b", "/a/b/c", "/a-b", "/a@"]
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_bytes(bytes: Vec<u8>) {
            if let Ok(path) = StorePath::parse(&bytes) {
                prop_assert_eq!(path.as_bytes(), &bytes[..]);
            }
        }

        #[test]
        fn parent_and_name_put_a_path_together_again(text in "(/[a-z@]{1,4}){1,6}") {
            let whole = path(&text);
            let again = whole.parent().unwrap().child(whole.name().unwrap()).unwrap();
            prop_assert_eq!(whole, again);
        }
    }
}
