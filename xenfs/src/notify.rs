//! Telling the kernel that it must not believe any more what it was told.
//!
//! Only the watcher's thread does this, never a handler: some of it waits for the lock of a directory that a user's
//! operation holds while it waits for a handler.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use rustix::io::Errno;

/// FUSE's numbers (linux/fuse.h, `enum fuse_notify_code` and `FUSE_EXPIRE_ONLY`). The library at hand has no call for the
/// flag.
const INVAL_INODE: i32 = 2;
const INVAL_ENTRY: i32 = 3;
const EXPIRE_ONLY: u32 = 1;

/// Length of `struct fuse_out_header`.
const HEADER: usize = 16;

/// The kernel's ear: another descriptor of the open `/dev/fuse`.
#[derive(Debug)]
pub struct Notifier {
    device: OwnedFd,
}

impl Notifier {
    /// Notifications go through `device`, an open `/dev/fuse`.
    pub fn new(device: OwnedFd) -> Self {
        Self { device }
    }

    /// The attributes of a nodeid are to be asked for again. Waits for nothing.
    pub fn attributes(&self, id: u64) {
        self.inode(id, -1, 0);
    }

    /// The attributes and the kept list of a directory are to be asked for again.
    pub fn listing(&self, id: u64) {
        self.inode(id, 0, 0);
    }

    /// A name in a directory leads elsewhere now. Waits for operations in the directory, also if there is no such name:
    /// what they were told has arrived then.
    pub fn entry(&self, parent: u64, name: &[u8]) {
        self.send_entry(parent, name, 0);
    }

    /// A name in a directory is to be looked up again; who works with what it led to is not disturbed. Kernels before 6.2
    /// do as for [`Notifier::entry`].
    pub fn expire(&self, parent: u64, name: &[u8]) {
        self.send_entry(parent, name, EXPIRE_ONLY);
    }

    fn inode(&self, id: u64, offset: i64, length: i64) {
        let mut body = [0; 24];
        body[..8].copy_from_slice(&id.to_ne_bytes());
        body[8..16].copy_from_slice(&offset.to_ne_bytes());
        body[16..].copy_from_slice(&length.to_ne_bytes());
        self.send(INVAL_INODE, &[&body]);
    }

    fn send_entry(&self, parent: u64, name: &[u8], flags: u32) {
        let mut body = [0; 16];
        body[..8].copy_from_slice(&parent.to_ne_bytes());
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        body[8..12].copy_from_slice(&length.to_ne_bytes());
        body[12..].copy_from_slice(&flags.to_ne_bytes());
        self.send(INVAL_ENTRY, &[&body, name, b"\0"]);
    }

    /// Errors are no matter: ENOENT says that the kernel does not know it, ENODEV that the mount has ended.
    fn send(&self, code: i32, parts: &[&[u8]]) {
        let length = HEADER + parts.iter().map(|part| part.len()).sum::<usize>();
        let mut header = [0; HEADER];
        let total = u32::try_from(length).unwrap_or(u32::MAX);
        header[..4].copy_from_slice(&total.to_ne_bytes());
        header[4..8].copy_from_slice(&code.to_ne_bytes());
        let mut slices = vec![IoSlice::new(&header)];
        slices.extend(parts.iter().map(|part| IoSlice::new(part)));
        while let Err(Errno::INTR) = rustix::io::writev(&self.device, &slices) {}
    }
}

impl TryFrom<&OwnedFd> for Notifier {
    type Error = io::Error;

    fn try_from(device: &OwnedFd) -> io::Result<Self> {
        device.try_clone().map(Self::new)
    }
}
