//! Results as replies.

use std::time::SystemTime;

use fuser::{
    Errno, FileAttr, FileType, FopenFlags, Generation, INodeNo, ReplyEmpty, ReplyEntry, ReplyXattr,
};

use crate::attr::Attr;
use crate::errno::Result;
use crate::fs::Entry;

/// Nodeids are not used again for another node, so one generation is enough.
pub(super) const GENERATION: Generation = Generation(0);

pub(super) fn answer(reply: ReplyEmpty, result: Result<()>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(Errno::from_i32(error.code())),
    }
}

pub(super) fn answer_entry(reply: ReplyEntry, result: Result<Entry>) {
    match result {
        Ok(Entry { attr, lifetime }) => reply.entry_with_ttls(
            &lifetime.attr,
            &lifetime.entry,
            &file_attr(&attr),
            GENERATION,
        ),
        Err(error) => reply.error(Errno::from_i32(error.code())),
    }
}

/// A caller with `size` 0 asks for the size, one with too small a buffer is told so.
pub(super) fn answer_xattr(reply: ReplyXattr, size: u32, result: Result<Vec<u8>>) {
    match result {
        Ok(value) => {
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            if size == 0 {
                reply.size(length);
            } else if length > size {
                reply.error(Errno::ERANGE);
            } else {
                reply.data(&value);
            }
        }
        Err(error) => reply.error(Errno::from_i32(error.code())),
    }
}

/// Direct I/O: every read and write is a request to us. A handle with nothing pending needs no FLUSH.
pub(super) fn open_flags(wants_flush: bool) -> FopenFlags {
    if wants_flush {
        FopenFlags::FOPEN_DIRECT_IO
    } else {
        FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH
    }
}

pub(super) fn file_type(directory: bool) -> FileType {
    if directory {
        FileType::Directory
    } else {
        FileType::RegularFile
    }
}

pub(super) fn file_attr(attr: &Attr) -> FileAttr {
    let time: SystemTime = attr.modified;
    FileAttr {
        ino: INodeNo(attr.id),
        size: attr.size,
        blocks: attr.size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: file_type(attr.directory),
        perm: attr.mode,
        // 1 for a directory means "not counted" to find and others.
        nlink: 1,
        uid: attr.uid,
        gid: attr.gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
