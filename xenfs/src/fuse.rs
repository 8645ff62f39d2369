//! The adaptor between the kernel and [`Mounted`]: takes requests apart, calls, replies. It decides nothing.
//!
//! Handlers give the reply away to a pool of threads and return, so that a slow store never keeps a session's thread
//! from reading the next request.

mod follow;
mod pool;
mod replayed;
mod reply;
mod streams;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags, KernelConfig,
    LockOwner, PollEvents, PollFlags, PollNotifier, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite,
    ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::{FileType, RawMode};

use self::pool::Pool;
use self::reply::{GENERATION, answer, answer_entry, answer_xattr, file_attr};
use self::streams::Streams;
use crate::events::Wanted;
use crate::fs::{DirEntry, OpenFlags, RenameFlags, SetAttr, Time};
use crate::ledger::Scope;
use crate::mounted::Mounted;
use crate::replay::Replay;
use crate::xattr::Existing;

/// Most bytes of a name, a value or a list that any node can need: more is not copied for the worker.
const NAME_MAX: u32 = 255;

/// [`Mounted`] as the kernel sees it.
pub struct Adaptor {
    fs: Arc<Mounted>,
    pool: Pool,
    /// Threads of the session that are busy with a request.
    busy: AtomicUsize,
    streams: Arc<Streams>,
    replay: Arc<OnceLock<Arc<Replay>>>,
}

/// Threads that take requests from the kernel. All but one may wait for the store; the last gives away what it takes.
pub const THREADS: usize = 3;

impl Adaptor {
    /// Serves `fs`. Give it to a session whose options contain `default_permissions`: the modes are the access
    /// control between the users of this machine.
    pub fn new(mounted: impl Into<Mounted>) -> Self {
        Self {
            fs: Arc::new(mounted.into()),
            pool: Pool::default(),
            busy: AtomicUsize::new(0),
            streams: Arc::default(),
            replay: Arc::default(),
        }
    }

    /// Where to put the replay once the mount is there: what its helper asks is answered otherwise.
    pub fn replay(&self) -> Arc<OnceLock<Arc<Replay>>> {
        Arc::clone(&self.replay)
    }

    /// Runs `job`: on this thread as long as another one of the session is free to take requests, which saves the way to
    /// another thread; otherwise on one of the pool.
    fn later(&self, job: impl FnOnce(&Mounted) + Send + 'static) {
        self.fs.main().stats().requests.add(1);
        let busy = self.busy.fetch_add(1, Ordering::AcqRel) + 1;
        if busy < THREADS {
            carry_out(&self.fs, job);
        } else {
            let fs = Arc::clone(&self.fs);
            self.pool.run(move || carry_out(&fs, job));
        }
        self.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Does what a request asks, reply included.
fn carry_out(fs: &Mounted, job: impl FnOnce(&Mounted)) {
    let start = Instant::now();
    let _scope = Scope::new(fs.main().ledger());
    job(fs);
    fs.main().took(start.elapsed());
}

impl Filesystem for Adaptor {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for wanted in [
            // Otherwise O_TRUNC arrives as a truncation of its own, and the store would see an empty value.
            InitFlags::FUSE_ATOMIC_O_TRUNC,
            InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP,
            InitFlags::FUSE_PARALLEL_DIROPS,
        ] {
            // An older kernel has less; everything works without, only less well.
            let _missing = config.add_capabilities(wanted);
        }
        Ok(())
    }

    fn destroy(&mut self) {
        // A file that was closed just before the end may still have to be committed.
        self.pool.shut_down(self.fs.main().timeout());
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if let Some(helper) = self.helper(request) {
            return self.helper_lookup(helper, parent, name, reply);
        }
        let name = name.as_bytes().to_vec();
        self.later(move |fs| answer_entry(reply, fs.lookup(parent.0, &name)));
    }

    fn forget(&self, _: &Request, ino: INodeNo, nlookup: u64) {
        self.fs.forget(ino.0, nlookup);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        if let Some(helper) = self.helper(request) {
            return self.helper_attr(helper, ino, reply);
        }
        self.later(move |fs| match fs.getattr(ino.0) {
            Ok((attr, lifetime)) => reply.attr(&lifetime, &file_attr(&attr)),
            // By a name that the kernel believed in: it looks again.
            Err(error) if error == crate::errno::Errno::ENOENT && fh.is_none() => {
                reply.error(Errno::ESTALE);
            }
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(helper) = self.helper(request) {
            return self.helper_attr(helper, ino, reply);
        }
        let set = SetAttr {
            mode,
            uid,
            gid,
            size,
            modified: mtime.map(|time| match time {
                TimeOrNow::Now => Time::Now,
                TimeOrNow::SpecificTime(time) => Time::At(time),
            }),
            accessed: atime.is_some(),
            handle: fh.map(|fh| fh.0),
        };
        self.later(move |fs| match fs.setattr(ino.0, set) {
            Ok((attr, lifetime)) => reply.attr(&lifetime, &file_attr(&attr)),
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        if let Some(helper) = self.helper(request) {
            return self.helper_make(helper, parent, name, reply);
        }
        if FileType::from_raw_mode(mode as RawMode) != FileType::RegularFile {
            return reply.error(Errno::EPERM);
        }
        let name = name.as_bytes().to_vec();
        self.later(move |fs| answer_entry(reply, fs.mknod(parent.0, &name)));
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        if let Some(helper) = self.helper(request) {
            return self.helper_make(helper, parent, name, reply);
        }
        let name = name.as_bytes().to_vec();
        self.later(move |fs| answer_entry(reply, fs.mkdir(parent.0, &name)));
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        if let Some(helper) = self.helper(request) {
            return self.helper_remove(helper, parent, name, reply);
        }
        let name = name.as_bytes().to_vec();
        self.later(move |fs| answer(reply, fs.unlink(parent.0, &name)));
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        if let Some(helper) = self.helper(request) {
            return self.helper_remove(helper, parent, name, reply);
        }
        let name = name.as_bytes().to_vec();
        self.later(move |fs| answer(reply, fs.rmdir(parent.0, &name)));
    }

    fn symlink(
        &self,
        _: &Request,
        _parent: INodeNo,
        _link_name: &OsStr,
        _target: &Path,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn link(
        &self,
        _: &Request,
        _ino: INodeNo,
        _newparent: INodeNo,
        _newname: &OsStr,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: fuser::RenameFlags,
        reply: ReplyEmpty,
    ) {
        let flags = RenameFlags {
            no_replace: flags.contains(fuser::RenameFlags::RENAME_NOREPLACE),
            other: !fuser::RenameFlags::RENAME_NOREPLACE.contains(flags),
        };
        let (name, newname) = (name.as_bytes().to_vec(), newname.as_bytes().to_vec());
        self.later(move |fs| {
            answer(
                reply,
                fs.rename(parent.0, &name, newparent.0, &newname, flags),
            );
        });
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: fuser::OpenFlags, reply: ReplyOpen) {
        if self.helper(request).is_some() {
            return Self::helper_open(reply);
        }
        if self.fs.main().is_events(ino.0) {
            return self.open_events(ino, flags, reply);
        }
        self.later(move |fs| match fs.open(ino.0, OpenFlags::new(flags.0)) {
            Ok(opened) => reply.opened(
                FileHandle(opened.handle),
                reply::open_flags(opened.wants_flush),
            ),
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let name = name.as_bytes().to_vec();
        self.later(
            move |fs| match fs.create(parent.0, &name, OpenFlags::new(flags)) {
                Ok((entry, opened)) => reply.created(
                    // One lifetime for both: the shorter.
                    &entry.lifetime.entry.min(entry.lifetime.attr),
                    &file_attr(&entry.attr),
                    GENERATION,
                    FileHandle(opened.handle),
                    reply::open_flags(opened.wants_flush),
                ),
                Err(error) => reply.error(Errno::from_i32(error.code())),
            },
        );
    }

    fn read(
        &self,
        request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        flags: fuser::OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if let Some(stream) = self.fs.main().stream(fh.0) {
            let wanted = Wanted {
                offset,
                size: size as usize,
            };
            return stream.read(wanted, follow::is_blocking(flags), request.pid(), reply);
        }
        self.later(move |fs| match fs.read(fh.0, offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    fn write(
        &self,
        _: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: fuser::OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let data = data.to_vec();
        self.later(move |fs| match fs.write(fh.0, offset, &data) {
            Ok(written) => reply.written(written),
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    fn flush(
        &self,
        _: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        if fh == replayed::HANDLE {
            return reply.ok();
        }
        answer(reply, self.fs.flush(fh.0));
    }

    fn release(
        &self,
        _: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: fuser::OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        if fh == replayed::HANDLE {
            return reply.ok();
        }
        if self.fs.main().close_events(fh.0) {
            return reply.ok();
        }
        self.later(move |fs| answer(reply, fs.release(fh.0)));
    }

    fn poll(
        &self,
        _: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        ph: PollNotifier,
        _events: PollEvents,
        flags: PollFlags,
        reply: ReplyPoll,
    ) {
        let waiting = flags
            .contains(PollFlags::FUSE_POLL_SCHEDULE_NOTIFY)
            .then_some(ph);
        self.poll(fh, waiting, reply);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        // A write is in the store when it returns; there is nothing more to wait for.
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: fuser::OpenFlags, reply: ReplyOpen) {
        if self.fs.main().ledger().is_trusting() {
            // The kernel asks no more and keeps the lists, which events keep true.
            return reply.error(Errno::ENOSYS);
        }
        self.later(move |fs| match fs.opendir(ino.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(Errno::from_i32(error.code())),
        });
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let streams = Arc::clone(&self.streams);
        self.later(move |fs| {
            let mut push = |entry: DirEntry| {
                let kind = reply::file_type(entry.directory);
                !reply.add(INodeNo(entry.id), entry.next, kind, &entry.name)
            };
            let result = if fh == FileHandle(0) {
                streams.read(fs, ino.0, offset, push)
            } else {
                fs.readdir(fh.0, offset, &mut push)
            };
            match result {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(Errno::from_i32(error.code())),
            }
            if fh == FileHandle(0) && !fs.keeps_list(ino.0) {
                fs.main().ledger().drop_list(ino.0);
            }
        });
    }

    fn releasedir(
        &self,
        _: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: fuser::OpenFlags,
        reply: ReplyEmpty,
    ) {
        if fh != FileHandle(0) {
            self.fs.releasedir(fh.0);
        }
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // As procfs and sysfs: no blocks to count, so df leaves it out. Values are at most a page.
        reply.statfs(0, 0, 0, 0, 0, 4096, NAME_MAX, 4096);
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        use rustix::fs::XattrFlags;
        let flags = XattrFlags::from_bits_retain(flags.cast_unsigned());
        let existing = if flags.contains(XattrFlags::CREATE) {
            Existing::MustNot
        } else if flags.contains(XattrFlags::REPLACE) {
            Existing::Must
        } else {
            Existing::May
        };
        let (name, value) = (name.as_bytes().to_vec(), value.to_vec());
        self.later(move |fs| answer(reply, fs.setxattr(ino.0, &name, &value, existing)));
    }

    fn getxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        if self.helper(request).is_some() {
            return reply.error(Errno::ENODATA);
        }
        let name = name.as_bytes().to_vec();
        self.later(move |fs| answer_xattr(reply, size, fs.getxattr(ino.0, &name)));
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        answer_xattr(reply, size, self.fs.listxattr(ino.0));
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.fs.removexattr(ino.0, name.as_bytes()));
    }
}
