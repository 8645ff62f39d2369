//! A copy of a subtree kept true by one watch.
