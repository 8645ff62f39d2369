//! A request being carried out: its payload taken apart as the daemon does, and the way back to the caller.

use super::core::ConnId;
use super::output::Sink;
use crate::wire::{Errno, Header, Op, PAYLOAD_MAX};

/// A request.
pub(super) struct Request<'a> {
    pub(super) from: ConnId,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
}

impl<'a> Request<'a> {
    /// The payload as exactly one string: one NUL, at the end.
    pub(super) fn one_string(&self) -> Result<&'a [u8], Errno> {
        match self.payload {
            [text @ .., 0] if !text.contains(&0) => Ok(text),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The strings of the payload; bytes after the last NUL are not looked at.
    pub(super) fn strings(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.payload;
        std::iter::from_fn(move || {
            let end = rest.iter().position(|b| *b == 0)?;
            let text = &rest[..end];
            rest = &rest[end + 1..];
            Some(text)
        })
    }

    /// The first `N` strings, if there are as many.
    pub(super) fn first_strings<const N: usize>(&self) -> Result<[&'a [u8]; N], Errno> {
        let mut found = [&b""[..]; N];
        let mut strings = self.strings();
        for place in &mut found {
            *place = strings.next().ok_or(Errno::EINVAL)?;
        }
        Ok(found)
    }

    /// The first string and the bytes after its NUL.
    pub(super) fn string_and_rest(&self) -> Result<(&'a [u8], &'a [u8]), Errno> {
        let end = self.payload.iter().position(|b| *b == 0);
        let end = end.ok_or(Errno::EINVAL)?;
        Ok((&self.payload[..end], &self.payload[end + 1..]))
    }

    /// Answers.
    pub(super) fn reply(&self, sink: &mut dyn Sink, payload: &[u8]) {
        sink.reply(
            self.from,
            self.reply_header(self.header.op, payload),
            payload,
        );
    }

    /// Answers, or E2BIG if it is too long for a message.
    pub(super) fn bounded_reply(&self, sink: &mut dyn Sink, payload: &[u8]) -> Result<(), Errno> {
        if payload.len() > PAYLOAD_MAX {
            return Err(Errno::E2BIG);
        }
        self.reply(sink, payload);
        Ok(())
    }

    /// Answers that it is done.
    pub(super) fn ack(&self, sink: &mut dyn Sink) {
        self.reply(sink, b"OK\0");
    }

    /// Answers that it failed.
    pub(super) fn fail(&self, sink: &mut dyn Sink, errno: &Errno) {
        let payload = errno.to_wire();
        sink.reply(self.from, self.reply_header(Op::ERROR, &payload), &payload);
    }

    fn reply_header(&self, op: Op, payload: &[u8]) -> Header {
        Header {
            op,
            len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            ..self.header
        }
    }
}
