//! In what the stores differ, each difference with its reason. Everything else is the same on all of them.

/// What a store is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StoreKind {
    /// Our own, which behaves as the C daemon wherever nothing else is said here.
    Embedded,
    /// C xenstored 4.17.
    C,
    /// oxenstored 4.17.
    OCaml,
}

impl StoreKind {
    pub(crate) fn is_ocaml(self) -> bool {
        self == Self::OCaml
    }

    /// One of two values: that of the C daemon (and our own store), or oxenstored's.
    pub(crate) fn pick<T>(self, c: T, ocaml: T) -> T {
        if self.is_ocaml() { ocaml } else { c }
    }

    /// A transaction that the connection does not have. oxenstored has one exception for all of its lookups.
    pub(crate) fn unknown_transaction(self) -> &'static str {
        self.pick("ENOENT", "EIO")
    }

    /// A used-up quota. EQUOTA is a name of oxenstored's own.
    pub(crate) fn quota(self) -> &'static str {
        self.pick("ENOSPC", "EQUOTA")
    }

    /// A used-up quota of watches: C 4.17 has an errno of its own for this one.
    pub(crate) fn watch_quota(self) -> &'static str {
        self.pick("E2BIG", "EQUOTA")
    }

    /// Watches that an unprivileged domain may have: one more than the quota says, in both.
    pub(crate) fn watches_of_a_guest(self) -> usize {
        self.pick(129, 101)
    }

    /// Longest absolute path that a privileged client may use (outside of a domain's home).
    pub(crate) fn path_max(self) -> usize {
        self.pick(2048, 1024)
    }

    /// Longest value at a path of `path` bytes, for a privileged client: C takes what fits into a message, oxenstored
    /// holds everybody to its quota.
    pub(crate) fn value_max(self, path: usize) -> usize {
        self.pick(4096 - path - 1, 2048)
    }

    /// What a value over the limit is called. For C, no message can hold one.
    pub(crate) fn value_too_long(self) -> Option<&'static str> {
        self.pick(None, Some("E2BIG"))
    }

    /// Names of children in the order of their creation; oxenstored sorts them.
    pub(crate) fn lists_by_age(self) -> bool {
        !self.is_ocaml()
    }

    /// Whether DIRECTORY_PART is there. oxenstored sends any directory whole.
    pub(crate) fn has_directory_part(self) -> bool {
        !self.is_ocaml()
    }

    /// Own events before the reply to the change that caused them; oxenstored sends them after it.
    pub(crate) fn events_before_reply(self) -> bool {
        !self.is_ocaml()
    }

    /// Removing a node fires the watches on missing nodes below it. C looks only at what is there.
    pub(crate) fn removal_fires_for_missing(self) -> bool {
        self.is_ocaml()
    }

    /// A missing node that an unprivileged domain may not know of: C keeps the secret.
    pub(crate) fn missing_elsewhere(self) -> &'static str {
        self.pick("EACCES", "ENOENT")
    }

    /// SET_PERMS with an owner that is no domain.
    pub(crate) fn takes_unknown_owner(self) -> bool {
        self.is_ocaml()
    }

    /// A domain that gives its node to another.
    pub(crate) fn giving_away(self) -> &'static str {
        self.pick("EPERM", "EACCES")
    }
}
