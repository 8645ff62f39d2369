//! A panic anywhere gives the terminal back before its message is printed.

use std::sync::PoisonError;
use std::sync::TryLockError;
use std::thread;
use std::time::{Duration, Instant};

use super::{SENDING, restore_now};

/// How long another thread's output is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// From now on a panic in any thread restores the terminal, prints its message, and then calls `told` with the
/// thread's name.
pub fn restore_before_panics(told: impl Fn(String) + Send + Sync + 'static) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let until = Instant::now() + PATIENCE;
        // The thread that draws may hold the lock, and may be the one that panics: then nobody ever lets go.
        let guard = loop {
            match SENDING.try_lock() {
                Ok(guard) => break Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => {
                    break Some(PoisonError::into_inner(poisoned));
                }
                Err(TryLockError::WouldBlock) if Instant::now() >= until => break None,
                Err(TryLockError::WouldBlock) => thread::yield_now(),
            }
        };
        restore_now();
        drop(guard);
        print(info);
        told(thread::current().name().unwrap_or("a thread").to_owned());
    }));
}
