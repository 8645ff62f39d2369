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
        let helper = self.replay.get()?;
        helper.is_helper(request.pid()).then_some(helper)
    }

    pub(super) fn helper_lookup(
        &self,
        helper: &Replay,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        answer_entry(
            reply,
            self.fs
                .main()
                .helper_finds(helper, parent.0, name.as_bytes()),
        );
    }

    pub(super) fn helper_make(
        &self,
        helper: &Replay,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        answer_entry(
            reply,
            self.fs
                .main()
                .helper_makes(helper, parent.0, name.as_bytes()),
        );
    }

    pub(super) fn helper_remove(
        &self,
        helper: &Replay,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEmpty,
    ) {
        answer(
            reply,
            self.fs
                .main()
                .helper_removes(helper, parent.0, name.as_bytes()),
        );
    }

    pub(super) fn helper_attr(&self, helper: &Replay, ino: INodeNo, reply: ReplyAttr) {
        reply.attr(
            &Duration::ZERO,
            &file_attr(&self.fs.main().helper_attr(helper, ino.0)),
        );
    }

    pub(super) fn helper_open(reply: ReplyOpen) {
        reply.opened(HANDLE, open_flags(false));
    }
}
