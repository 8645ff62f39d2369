//! Spaces: which tree a nodeid or a handle belongs to.

/// A tree of nodeids and handles: the mount itself, or what one transaction sees. The number is in their highest bits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Space(u64);

impl Space {
    /// The mount itself.
    pub const MAIN: Self = Self(0);

    /// How many bits of a nodeid or handle are below the space's number. The highest bit of all stays 0: some programs
    /// take inode numbers for signed.
    pub(super) const BITS_BELOW: u32 = 44;

    const BITS: u32 = 63 - Self::BITS_BELOW;

    /// The space of a nodeid or a handle.
    pub fn of(id: u64) -> Self {
        Self(id >> Self::BITS_BELOW)
    }

    /// The space after this one; after the last comes the first besides the main one.
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 % ((1 << Self::BITS) - 1)) + 1)
    }

    /// The space's smallest number. It is no node's.
    pub fn first(self) -> u64 {
        self.0 << Self::BITS_BELOW
    }

    /// A nodeid or handle without its space.
    pub(super) fn inside(id: u64) -> u64 {
        id & (u64::MAX >> (u64::BITS - Self::BITS_BELOW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_space_and_spaces_go_round_without_the_main_one() {
        let last = Space((1 << Space::BITS) - 1);
        for space in [Space::MAIN, Space::MAIN.next(), last] {
            assert_eq!(Space::of(space.first() + 12), space);
            assert_eq!(Space::inside(space.first() + 12), 12);
        }
        assert!(last.first().cast_signed() > 0);
        assert_eq!(last.next(), Space::MAIN.next());
    }
}
