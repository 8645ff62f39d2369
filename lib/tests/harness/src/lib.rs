//! Runs Debian's real XenStore daemons without Xen, for the tests of every crate of the workspace.
