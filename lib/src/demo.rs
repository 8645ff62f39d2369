//! A simulated Xen host on the embedded store.
