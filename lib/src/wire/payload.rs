//! Payloads: NUL-terminated strings, at the end perhaps raw bytes.

use crate::wire::PAYLOAD_MAX;

/// A payload being built; it never grows beyond what may be sent, whatever is put into it.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    bytes: Vec<u8>,
    /// Bytes that would have been needed; above `bytes.len()` once something did not fit.
    wanted: usize,
}

impl Payload {
    /// An empty payload. oxenstored never answers one: most requests put at least one string in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a string and its NUL.
    #[must_use]
    pub fn string(mut self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        if text.len() < PAYLOAD_MAX {
            self.bytes.reserve(text.len() + 1);
        }
        self.raw(text).raw(b"\0")
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.wanted = self.wanted.saturating_add(bytes.len());
        if self.wanted <= PAYLOAD_MAX {
            self.bytes.extend_from_slice(bytes);
        }
        self
    }

    /// Whether nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.wanted == 0
    }

    /// Whether it is these bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.wanted == bytes.len() && self.bytes == bytes
    }

    /// The bytes.
    ///
    /// # Errors
    /// The length that it would have, if that is over [`PAYLOAD_MAX`].
    pub fn finish(self) -> Result<Vec<u8>, usize> {
        if self.wanted > PAYLOAD_MAX {
            Err(self.wanted)
        } else {
            Ok(self.bytes)
        }
    }
}

/// The NUL-terminated strings of a payload; `None` if the last one has no NUL. An empty payload has no strings.
pub fn strings(payload: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let body = match payload {
        [] => None,
        [body @ .., 0] => Some(body),
        _ => return None,
    };
    Some(body.into_iter().flat_map(|body| body.split(|b| *b == 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_over_the_limit_says_how_long_it_would_be() {
        let fits = Payload::new().string("/v").raw(&[7; 4093]);
        assert_eq!(fits.finish().unwrap().len(), PAYLOAD_MAX);
        assert_eq!(
            Payload::new()
                .string("/v")
                .raw(&[7; 4094])
                .raw(b"xyz")
                .finish(),
            Err(4100)
        );
    }

    #[test]
    fn strings_need_their_nul() {
        let read = |p: &'static [u8]| strings(p).map(|s| s.map(<[u8]>::to_vec).collect::<Vec<_>>());
        assert_eq!(read(b""), Some(vec![]));
        assert_eq!(read(b"\0"), Some(vec![b"".to_vec()]));
        assert_eq!(read(b"a\0b\0"), Some(vec![b"a".to_vec(), b"b".to_vec()]));
        assert_eq!(read(b"a\0b"), None);
    }
}
