//! The XenStore shell.

fn main() {}
