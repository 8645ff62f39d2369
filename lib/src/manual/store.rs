//! # What XenStore is
//!
//! A tree of small nodes that all domains of a host share. The toolstack describes a device in it, the *frontend* in
//! the guest and the *backend* in the driver's domain publish what they offer (grant references of shared rings, event
//! channels, features) and move through the xenbus states to `Connected`; afterwards data flows through the rings and
//! the store is where one looks at what happened.
//!
//! A node has a value (any bytes, possibly none), children, and [permissions](crate::perms). It has no time, no size
//! and no type: a node with children may have a value, too.
//!
//! # Operations
//!
//! [`Operations`](crate::Operations) has them all. What surprises newcomers:
//!
//! * A write replaces the whole value and creates missing ancestors with an empty value and a copy of the nearest
//!   existing ancestor's permissions.
//! * `mkdir` of an existing node succeeds and changes nothing. There is no exclusive creation outside a transaction.
//! * `rm` is recursive, asks only for write permission on the node itself, and succeeds for a missing node whose
//!   parent exists.
//! * There is no traversal check: who may read `/a/b/c` need not be able to read `/a/b`.
//! * EACCES does not prove that a node exists: a domain that could not have used the nearest existing ancestor gets it
//!   for missing nodes, too.
//! * An event says "look again", neither what changed nor how. Removing a subtree fires one event, at its root.
//!
//! # The two daemons
//!
//! *C xenstored* comes with Xen; *oxenstored* (OCaml) runs on XenServer and XCP-ng. Versions 4.17 of both were asked
//! question by question; a client has to live with these differences:
//!
//! | matter | C xenstored | oxenstored | this library |
//! | --- | --- | --- | --- |
//! | an empty payload | answers | answers when more bytes come | never sends one |
//! | a directory over 4096 bytes | E2BIG; DIRECTORY_PART | one oversized reply | takes both, up to [`REPLY_MAX`](crate::wire::REPLY_MAX) |
//! | a request over 4096 bytes | closes the connection | is out of step for good | refuses to send it |
//! | removing `/` | EINVAL | empties the store | refuses to send it |
//! | `@introduceDomain`, `@releaseDomain` in the root | hidden | listed, though no nodes | hides exactly these |
//! | the event of an own write | before the reply | after it | nothing relies on either |
//! | equal events still unsent | merged | all sent | events mean "look again" |
//! | an unknown transaction | ENOENT | EIO | both are errors of the transaction |
//! | a blind write that conflicts | EAGAIN | last one wins | read inside what must not change |
//! | a transaction that only read | may get EAGAIN | always commits | [`Client::transaction`](crate::Client::transaction) retries |
//! | largest value (by domain 0) | fills the message | 2048 bytes | the store's E2BIG is passed on |
//! | longest path | 2048 bytes | 1024 as shipped | checks the protocol's 3072, passes EINVAL on |
//! | quota used up | ENOSPC (watches E2BIG) | EQUOTA | [`ErrorKind::Limit`](crate::ErrorKind::Limit), watches aside |
//! | an operation it lacks | ENOSYS | ENOSYS or an `OK` that means nothing | [`Error::Unsupported`](crate::Error::Unsupported) |
