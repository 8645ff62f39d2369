//! The XenStore shell.

#![cfg_attr(all(target_os = "linux", target_env = "gnu"), no_main)]

/// Called by the C library itself, which saves a third of the time until a value is read: see [`xsh::start`].
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the one name that the C library starts")]
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    xsh::start()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    xsh::start()
}
