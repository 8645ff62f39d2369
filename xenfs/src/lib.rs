//! XenStore as a file system.

pub mod settings;
