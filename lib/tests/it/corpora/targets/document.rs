//! Documents.

use xenbus::document::{Document, Format, Mode, Plan};
use xenbus::{Error, StorePath};

use super::is_printable;

/// What is no document is refused in printable words; what is one comes back as it was, in both formats, and moved.
pub fn document(data: &[u8]) {
    let document = match Document::parse(data) {
        Ok(document) => document,
        Err(error @ Error::Invalid { .. }) => {
            assert!(is_printable(&error.to_string()), "{error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    for format in [Format::Yaml, Format::Json] {
        let mut text = Vec::new();
        document.write(&mut text, format).expect("memory takes all");
        let again = Document::parse(&text);
        let again = again.unwrap_or_else(|error| panic!("{error}: {}", text.escape_ascii()));
        assert_eq!(again, document, "{}", text.escape_ascii());
    }
    let mut last = None;
    for (path, _) in document.nodes() {
        assert!(path.is_within(document.root()) && last < Some(path));
        last = Some(path);
    }
    let elsewhere = StorePath::parse("/elsewhere").expect("it is a path");
    if let Ok(moved) = document.moved(&elsewhere) {
        assert_eq!(moved.nodes().len(), document.nodes().len());
        assert_eq!(moved.moved(document.root()).ok().as_ref(), Some(&document));
    }
    for mode in [Mode::Merge, Mode::Replace] {
        assert!(
            Plan::between(&document, &document, mode)
                .changes()
                .is_empty()
        );
    }
}
