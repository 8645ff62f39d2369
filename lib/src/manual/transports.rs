//! # The ways to a store
//!
//! | transport | where | privilege | requests in flight | payload |
//! | --- | --- | --- | --- | --- |
//! | Unix socket | the daemon's own domain | full | any number | 4096 |
//! | xenbus device | every domain's kernel | the domain's | one per open file | 4080 |
//! | shared ring | unikernels, tests | the domain's | any number (C stops reading at 20) | 4096 |
//! | socket pair | the embedded store | as asked for | any number | 4096 |
//!
//! The default is found as libxenstore finds it: `XENSTORED_PATH`, then the socket below `XENSTORED_RUNDIR`, then the
//! usual sockets, then the operating system's device ([`Address`](crate::address::Address)).
//!
//! # The device is not a pipe to the daemon
//!
//! Linux's `/dev/xen/xenbus` was measured on a real host:
//!
//! * With more than one request in flight on one open file, replies are silently wrong. The client therefore opens the
//!   device up to eight times and keeps one request in flight on each.
//! * One message per `write()`: a second one in the same call is dropped.
//! * Transactions and watches belong to the open file that made them; closing it ends them.
//! * Watches are the kernel's: the depth is lost, duplicates fire twice, the first event may come before the `OK`.
//! * RESET_WATCHES would remove the kernel's own watches and end all hot-plugging until the next boot. It is refused.
//!
//! FreeBSD's device takes a fixed list of operations (EINVAL for others) and pads the `OK` of a watch; NetBSD's has no
//! watches at all, so the library looks again at intervals there.
