//! The XenStore shell.
