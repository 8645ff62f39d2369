//! Memory that is free again goes back to the system.
//!
//! A mount serves on several threads, and the C library keeps what each has freed for its next need: after a walk over
//! a large tree, or a storm of changes, that can be many times what the mount holds now.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

/// How long after the first use of memory it is looked through: seldom enough to cost nothing, also under steady work.
const DELAY: Duration = Duration::from_secs(10);

/// For how many entries a table always has room.
const ROOM: usize = 1024;

/// Gives back the room of a table that has become far smaller: it does not shrink by itself, and after a large tree it
/// is most of what the mount holds.
pub fn shrink<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    let wanted = table.len().max(ROOM);
    if table.capacity() / 8 > wanted {
        table.shrink_to(2 * wanted);
    }
}

/// When to give memory back: some time after there was work, and never while there is none.
#[derive(Debug, Default)]
pub struct Tidying {
    at: Option<Instant>,
}

impl Tidying {
    /// There was work that may have freed memory.
    pub fn worked(&mut self) {
        self.at.get_or_insert_with(|| Instant::now() + DELAY);
    }

    /// When [`Tidying::tidy`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        self.at
    }

    /// Gives memory back if it is time; for a moment in which nothing else is to be done.
    pub fn tidy(&mut self) {
        if self.at.is_some_and(|at| at <= Instant::now()) {
            self.at = None;
            trim();
        }
    }
}

/// The C library begins with keeping at most this much at the end of a thread's memory, but raises that to twice the
/// largest block that was ever freed, which [`trim`] does not reach.
#[cfg(target_env = "gnu")]
const KEPT: libc::c_int = 128 << 10;

/// To be called when a mount begins to be served: from now on memory at the end of each thread's goes back, however
/// large the blocks were that a storm needed.
#[cfg(target_env = "gnu")]
pub fn prepare() {
    // SAFETY: it only sets a number (`mallopt(3)`). It refuses none that is valid.
    #[expect(unsafe_code, reason = "a call of the C library")]
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

/// Other C libraries have no such number.
#[cfg(not(target_env = "gnu"))]
pub fn prepare() {}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it only gives free pages back, under the allocator's own locks (`malloc_trim(3)`).
    #[expect(unsafe_code, reason = "a call of the C library")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other C libraries give it back by themselves, or not at all.
#[cfg(not(target_env = "gnu"))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_table_that_is_far_too_large_is_shrunk() {
        let mut table: HashMap<u32, u32> = (0..100_000).map(|number| (number, 0)).collect();
        table.retain(|number, _| *number < 50_000);
        shrink(&mut table);
        assert!(table.capacity() >= 50_000);
        table.retain(|number, _| *number < 10);
        shrink(&mut table);
        assert!(table.capacity() <= 4 * ROOM, "{}", table.capacity());
    }

    #[test]
    fn without_work_nothing_is_due() {
        let mut tidying = Tidying::default();
        tidying.tidy();
        assert_eq!(tidying.due(), None);
        tidying.worked();
        let due = tidying.due().unwrap();
        tidying.worked();
        tidying.tidy();
        assert_eq!(
            tidying.due(),
            Some(due),
            "it is not put off, and not before its time"
        );
        tidying.at = Some(Instant::now());
        tidying.tidy();
        assert_eq!(tidying.due(), None);
    }
}
