//! Short byte strings without an allocation: most names and values in a store are a few bytes long.

use std::fmt;
use std::ops::Deref;

/// Bytes that fit without an allocation.
const INLINE: usize = 22;

/// A byte string that never changes.
#[derive(Clone)]
pub(super) struct Bytes(Kept);

#[derive(Clone)]
enum Kept {
    Inline(u8, [u8; INLINE]),
    Heap(Box<[u8]>),
}

const _: () = assert!(size_of::<Bytes>() == 24, "it is what nodes consist of");

impl Default for Bytes {
    fn default() -> Self {
        Self(Kept::Inline(0, [0; INLINE]))
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(bytes);
                Self(Kept::Inline(len, inline))
            }
            _ => Self(Kept::Heap(bytes.into())),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Inline(len, bytes) => &bytes[..usize::from(*len)],
            Kept::Heap(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", crate::value::escape(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_kept_as_it_is() {
        for len in 0..100 {
            let bytes: Vec<u8> = (0..len).collect();
            assert_eq!(*Bytes::from(&bytes[..]), bytes);
        }
        assert!(Bytes::default().is_empty());
    }
}
