//! Values as contents of files: the newline at the end, and how much fits.

use xenbus::StorePath;
use xenbus::wire::PAYLOAD_MAX;

use crate::errno::{Errno, Result};

/// How a mount translates values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Translation {
    /// A value that is not empty is read with a newline at its end; one newline at the end of what is written is not
    /// stored.
    Line,
    /// Bytes are bytes.
    Raw,
}

impl Translation {
    /// What reading the file returns.
    pub(super) fn content(self, mut value: Vec<u8>) -> Vec<u8> {
        if self == Self::Line && !value.is_empty() {
            value.push(b'\n');
        }
        value
    }

    /// The size that `stat` shows for a value of `length` bytes.
    pub(super) fn size(self, length: usize) -> u64 {
        let newline = usize::from(self == Self::Line && length > 0);
        (length + newline) as u64
    }

    /// What is stored for the content of a file.
    pub(super) fn value(self, content: &[u8]) -> &[u8] {
        match self {
            Self::Line => content.strip_suffix(b"\n").unwrap_or(content),
            Self::Raw => content,
        }
    }
}

/// Puts `data` into `content` at `offset`, with zeros in a hole.
///
/// # Errors
/// EFBIG if the result can be no value of the node at `path`; `content` is then as it was.
pub(super) fn splice(
    content: &mut Vec<u8>,
    offset: u64,
    data: &[u8],
    path: &StorePath,
) -> Result<()> {
    let offset = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
    let end = offset.checked_add(data.len()).ok_or(Errno::EFBIG)?;
    check_length(end, path)?;
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
    Ok(())
}

/// Makes `content` `size` bytes long, with zeros at the end.
///
/// # Errors
/// As [`splice`].
pub(super) fn resize(content: &mut Vec<u8>, size: u64, path: &StorePath) -> Result<()> {
    let size = usize::try_from(size).map_err(|_| Errno::EFBIG)?;
    check_length(size, path)?;
    content.resize(size, 0);
    Ok(())
}

/// A WRITE carries the path, a NUL and the value in one payload; a newline at the end may not be stored.
fn check_length(length: usize, path: &StorePath) -> Result<()> {
    if length > PAYLOAD_MAX - path.as_bytes().len().min(PAYLOAD_MAX) {
        return Err(Errno::EFBIG);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_newline_is_added_to_a_value_and_one_is_taken_away() {
        for (value, content) in [
            (&b""[..], &b""[..]),
            (b"4", b"4\n"),
            (b"a\nb", b"a\nb\n"),
            (b"a\n", b"a\n\n"),
            (b"\n", b"\n\n"),
        ] {
            let line = Translation::Line;
            assert_eq!(line.content(value.to_vec()), content);
            assert_eq!(line.value(content), value);
            assert_eq!(line.size(value.len()), content.len() as u64);
            assert_eq!(Translation::Raw.content(value.to_vec()), value);
            assert_eq!(Translation::Raw.value(content), content);
        }
        assert_eq!(Translation::Line.value(b"\n"), b"");
    }

    #[test]
    fn what_cannot_be_stored_is_refused_before_anything_is_allocated() {
        let path = StorePath::parse("/a").unwrap();
        let mut content = b"old".to_vec();
        for offset in [4095, 1 << 40, u64::MAX] {
            let result = splice(&mut content, offset, b"xx", &path);
            assert_eq!(result, Err(Errno::EFBIG));
        }
        assert_eq!(resize(&mut content, u64::MAX, &path), Err(Errno::EFBIG));
        assert_eq!(content, b"old");
        splice(&mut content, 5, b"x", &path).unwrap();
        assert_eq!(content, b"old\0\0x");
    }

    proptest! {
        #[test]
        fn copying_a_file_keeps_every_value(value: Vec<u8>) {
            let copied = Translation::Line.content(value.clone());
            prop_assert_eq!(Translation::Line.value(&copied), &value[..]);
        }
    }
}
