//! POLL, and what is different about `.events`.

use std::sync::Arc;

use fuser::{
    Errno, FileHandle, FopenFlags, INodeNo, OpenFlags, PollEvents, PollNotifier, ReplyOpen,
    ReplyPoll,
};
use rustix::fs::OFlags;

use super::Adaptor;

/// Whether a reader waits for something to read.
pub(super) fn is_blocking(flags: OpenFlags) -> bool {
    let flags = OFlags::from_bits_retain(flags.0.cast_unsigned());
    !flags.contains(OFlags::NONBLOCK)
}

impl Adaptor {
    /// OPEN of an `.events`: answered by the watcher, when it has begun.
    pub(super) fn open_events(&self, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let flags = crate::fs::OpenFlags::new(flags.0);
        let main = Arc::clone(self.fs.main());
        main.open_events(ino.0, flags, move |opened| match opened {
            Ok(handle) => {
                // It can be sought: shells and `head` read more than they need, and go back.
                let flags = FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH;
                reply.opened(FileHandle(handle), flags);
            }
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    /// POLL. A file can always be read and written; that it has changed is said as sysfs says it.
    pub(super) fn poll(&self, fh: FileHandle, waiting: Option<PollNotifier>, reply: ReplyPoll) {
        let readable = PollEvents::POLLIN | PollEvents::POLLRDNORM;
        if let Some(stream) = self.fs.main().stream(fh.0) {
            let ready = stream.poll(waiting);
            return reply.poll(if ready { readable } else { PollEvents::empty() });
        }
        let usual = readable | PollEvents::POLLOUT | PollEvents::POLLWRNORM;
        match self.fs.poll(fh.0, waiting) {
            Ok(false) => reply.poll(usual),
            Ok(true) => reply.poll(usual | PollEvents::POLLPRI | PollEvents::POLLERR),
            Err(error) => reply.error(Errno::from_i32(error.code())),
        }
    }
}
