//! Whole subtrees: pipelined walk, snapshot, difference, copy.
