//! Mounts XenStore as a file system.

fn main() {}
