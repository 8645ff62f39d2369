//! What the helper asks that repeats changes: answered at once, on the session's own thread.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use fuser::{FileHandle, INodeNo, ReplyAttr, ReplyEmpty, ReplyEntry, ReplyOpen, Request};

use super::Adaptor;
use super::reply::{answer, answer_entry, file_attr, open_flags};
use crate::replay::Replay;

/// The handle of what the helper opens; files of others have other numbers.
pub(super) const HANDLE: FileHandle = FileHandle(0);

impl Adaptor {
    /// The replay, if the request comes from its helper.
    pub(super) fn helper(&self, request: &Request) -> Option<&Replay> {
        let replay = self.replay.get()?;
        replay.is_helper(request.pid()).then_some(replay)
    }

    pub(super) fn helper_lookup(
        &self,
        replay: &Replay,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        answer_entry(
            reply,
            self.fs
                .main()
                .helper_finds(replay, parent.0, name.as_bytes()),
        );
    }

    pub(super) fn helper_make(
        &self,
        replay: &Replay,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        answer_entry(
            reply,
            self.fs
                .main()
                .helper_makes(replay, parent.0, name.as_bytes()),
        );
    }

    pub(super) fn helper_remove(
        &self,
        replay: &Replay,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEmpty,
    ) {
        answer(
            reply,
            self.fs
                .main()
                .helper_removes(replay, parent.0, name.as_bytes()),
        );
    }

    pub(super) fn helper_attr(&self, replay: &Replay, ino: INodeNo, reply: ReplyAttr) {
        reply.attr(
            &Duration::ZERO,
            &file_attr(&self.fs.main().helper_attr(replay, ino.0)),
        );
    }

    pub(super) fn helper_open(reply: ReplyOpen) {
        reply.opened(HANDLE, open_flags(false));
    }
}
