//! Operation codes.

use std::fmt;

/// Operation code in a header (`xsd_sockmsg.type`). Values that we do not know survive.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Op(pub u32);

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        impl Op {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// Every operation that has a name, in the order of the codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The protocol's name of the operation, if it has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($code => Some(stringify!($name)),)* _ => None }
            }
        }
    };
}

// Codes: xen/include/public/io/xs_wire.h (enum xsd_sockmsg_type).
ops! {
    /// Control of the daemon (earlier: debugging). Privileged.
    CONTROL = 0;
    /// Names of a node's children.
    DIRECTORY = 1;
    /// A node's value.
    READ = 2;
    /// A node's permissions.
    GET_PERMS = 3;
    /// Starts a watch.
    WATCH = 4;
    /// Ends a watch.
    UNWATCH = 5;
    /// Starts a transaction.
    TRANSACTION_START = 6;
    /// Commits or aborts a transaction.
    TRANSACTION_END = 7;
    /// Makes a domain known to the store. Privileged.
    INTRODUCE = 8;
    /// Forgets a domain. Privileged.
    RELEASE = 9;
    /// The home of a domain.
    GET_DOMAIN_PATH = 10;
    /// Sets a node's value, creating it and missing ancestors.
    WRITE = 11;
    /// Creates a node if it is missing.
    MKDIR = 12;
    /// Removes a node and all below.
    RM = 13;
    /// Sets a node's permissions.
    SET_PERMS = 14;
    /// Server to client: something at or below a watched path changed.
    WATCH_EVENT = 15;
    /// Server to client: the request failed.
    ERROR = 16;
    /// Whether a domain is known. Privileged.
    IS_DOMAIN_INTRODUCED = 17;
    /// Re-arms `@releaseDomain` for a domain that was suspended. Privileged.
    RESUME = 18;
    /// Gives a domain the rights of another. Privileged.
    SET_TARGET = 19;
    /// Drops all of the caller's watches and transactions (Xen 4.2).
    RESET_WATCHES = 21;
    /// A part of a long list of children (Xen 4.9, optional).
    DIRECTORY_PART = 22;
    /// Feature bits of the store or of a domain (Xen 4.21).
    GET_FEATURE = 23;
    /// Sets a domain's feature bits before it is introduced (Xen 4.21). Privileged.
    SET_FEATURE = 24;
    /// Quota values (Xen 4.22, optional). Privileged.
    GET_QUOTA = 25;
    /// Sets a quota value (Xen 4.22, optional). Privileged.
    SET_QUOTA = 26;
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "operation {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Op({:#x})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_protocol_and_unknown_codes_survive() {
        assert_eq!(Op::DIRECTORY_PART.to_string(), "DIRECTORY_PART");
        assert_eq!(format!("{:?}", Op(0x63)), "Op(0x63)");
        assert_eq!(Op(20).name(), None);
        assert_eq!(Op::ALL.len(), 26);
    }
}
