//! The options that all tools share.
