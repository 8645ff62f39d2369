//! What is fuzzed: each function takes any bytes and panics if something is wrong. Used by the fuzz targets in
//! `lib/fuzz` and by an ordinary test that feeds them the committed corpora.

// With their paths: without, the fuzz targets, which include this file from afar, would look elsewhere.
#[cfg(feature = "document")]
#[path = "targets/document.rs"]
mod document;
#[path = "targets/ring.rs"]
mod ring;
#[path = "targets/store.rs"]
mod store;

use std::str::FromStr;

use xenbus::address::Address;
use xenbus::id::DomId;
use xenbus::value::{escape, unescape};
use xenbus::wire::{Errno, HEADER_SIZE, Header, Op, PAYLOAD_MAX, Payload, strings};
use xenbus::{Perms, StorePath};

#[cfg(feature = "document")]
pub use document::document;
pub use ring::ring;
pub use store::store;

/// A function to be fuzzed.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("header", header),
    ("payload", payload),
    ("path", path),
    ("perms", perms),
    ("address", address),
    ("store", store),
    ("ring", ring),
    #[cfg(feature = "document")]
    ("document", document),
];

/// Headers round-trip, and whatever is in one can be shown.
pub fn header(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<HEADER_SIZE>() else {
        return;
    };
    let header = Header::from_bytes(head);
    assert_eq!(&header.to_bytes(), head);
    assert!(is_printable(&format!("{header:?} {}", header.op)));
    let errno = Errno::from_wire(rest);
    assert!(is_printable(&errno.to_string()) && errno.to_wire().len() < 1000);
    if Op::ALL.contains(&header.op) {
        assert!(header.op.name().is_some());
    }
}

/// Strings of a payload are what was put in; a payload never grows over its limit.
pub fn payload(data: &[u8]) {
    let Some(found) = strings(data) else {
        assert!(data.last().is_some_and(|last| *last != 0));
        return;
    };
    let mut built = Payload::new();
    for text in found {
        assert!(!text.contains(&0));
        built = built.string(text);
    }
    match built.finish() {
        Ok(bytes) => assert_eq!(bytes, data),
        Err(wanted) => assert!(wanted == data.len() && wanted > PAYLOAD_MAX),
    }
}

/// A path that is taken is a path again when it is taken apart and put together.
pub fn path(data: &[u8]) {
    let shown = escape(data).to_string();
    assert!(is_printable(&shown));
    assert_eq!(unescape(shown.as_bytes()).as_deref(), Ok(data));
    // Must not panic, whatever it is.
    drop(unescape(data));
    let path = match StorePath::parse(data) {
        Ok(path) => path,
        Err(error) => {
            assert!(is_printable(&error.to_string()));
            return;
        }
    };
    assert_eq!(path.as_bytes(), data);
    assert!(is_printable(path.as_str()));
    if let (Some(parent), Some(name)) = (path.parent(), path.name()) {
        assert!(path.is_within(&parent));
        assert_eq!(parent.child(name).as_ref(), Ok(&path));
        assert_eq!(path.below(&parent), Some(name));
    }
    assert_eq!(path.elements().count(), path.depth());
}

/// Permissions round-trip in both of their forms.
pub fn perms(data: &[u8]) {
    match Perms::from_wire(data) {
        Ok(perms) => {
            assert_eq!(Perms::from_wire(&perms.to_wire()), Ok(perms.clone()));
            // A user may name only domains; a daemon may have been given any number.
            if perms.entries().all(|entry| entry.domid <= DomId::MASK) {
                assert_eq!(Perms::from_str(&perms.to_string()), Ok(perms));
            }
        }
        Err(error) => assert!(is_printable(&error.to_string())),
    }
    if let Ok(text) = str::from_utf8(data) {
        match Perms::from_str(text) {
            Ok(perms) => assert_eq!(Perms::from_str(&perms.to_string()), Ok(perms)),
            Err(error) => assert!(is_printable(&error.to_string())),
        }
    }
}

/// An address is taken or refused with a printable reason; what it shows is an address again, unless it had to be
/// escaped.
pub fn address(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match Address::parse(text) {
        Ok(address) => {
            let shown = address.to_string();
            assert!(is_printable(&shown));
            if !shown.contains('\\') {
                assert_eq!(Address::parse(&shown).ok(), Some(address));
            }
        }
        Err(error) => assert!(is_printable(&error.to_string())),
    }
}

/// Whether a terminal takes it as text.
fn is_printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control())
}
