//! XenStore as a file system.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

pub mod attr;
pub mod errno;
pub mod fs;
pub mod fuse;
pub mod handle;
pub mod inode;
pub mod settings;
pub mod xattr;
