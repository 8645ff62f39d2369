//! A file system that does nothing but one request to the store for each read: what the kernel and the library cost.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty,
    ReplyEntry, ReplyOpen, Request,
};
use xenbus::client::{Client, Operations as _};
use xenbus::path::StorePath;

struct Null {
    client: Client,
    path: StorePath,
}

/// Mounts one at `point`: every name is a file with the value of the node at `path`.
pub(crate) fn mount(point: &Path, client: Client, path: StorePath) -> BackgroundSession {
    let mut config = Config::default();
    config.mount_options = vec![MountOption::DefaultPermissions];
    fuser::spawn_mount(Null { client, path }, point, &config).unwrap()
}

const FOREVER: Duration = Duration::from_secs(1 << 30);

fn attr(ino: INodeNo, kind: FileType) -> FileAttr {
    let time = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino,
        size: 11,
        blocks: 1,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind,
        perm: 0o700,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Filesystem for Null {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let number = name.to_str().and_then(|name| name.parse().ok());
        match number {
            Some(number) => {
                let attr = attr(INodeNo(number), FileType::RegularFile);
                reply.entry(&FOREVER, &attr, Generation(0));
            }
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let kind = if ino.0 == 1 {
            FileType::Directory
        } else {
            FileType::RegularFile
        };
        reply.attr(&FOREVER, &attr(ino, kind));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let flags = FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH;
        reply.opened(FileHandle(0), flags);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        _: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if offset > 0 {
            return reply.data(b"");
        }
        match self.client.read(&self.path) {
            Ok(value) => reply.data(&value),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }
}
