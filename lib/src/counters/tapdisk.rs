//! Statistics that tapdisk3 (XenServer, XCP-ng) keeps in shared memory: `/dev/shm/td3-<pid>/vbd-<d>-<id>`.

use super::file::Root;
use crate::device::reading::{BadValue, Reading};
use crate::id::DomId;

/// Counters of a tapdisk, since it attached the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TapdiskStats {
    /// Requests under way.
    pub outstanding: u64,
    /// What was read.
    pub read: TapdiskDirection,
    /// What was written.
    pub write: TapdiskDirection,
    /// Requests that failed.
    pub errors: u64,
    /// Flags of tapdisk.
    pub flags: u64,
}

/// One direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TapdiskDirection {
    /// Requests that came.
    pub submitted: u64,
    /// Requests that are done.
    pub completed: u64,
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Time spent on the completed ones, in ticks of tapdisk.
    pub ticks: u64,
}

/// Numbers after the version and its padding.
const NUMBERS: usize = 11;

impl TapdiskStats {
    /// Reads the statistics of a disk of `domain`; `pid` comes from the backend's key `kthread-pid`.
    pub fn read(root: &Root, pid: u32, domain: DomId, disk: u32) -> Reading<Self> {
        match root.read(&format!("dev/shm/td3-{pid}/vbd-{domain}-{disk}")) {
            Reading::Known(bytes) => match Self::parse(&bytes) {
                Ok(stats) => Reading::Known(stats),
                Err(why) => Reading::Unreadable(BadValue::new(&bytes, why)),
            },
            Reading::Missing => Reading::Missing,
            Reading::Denied => Reading::Denied,
            Reading::Unreadable(bad) => Reading::Unreadable(bad),
        }
    }

    /// Reads the binary form: a version of 32 bits, padding, then eleven numbers of 64 bits in the machine's order.
    ///
    /// # Errors
    /// Too few bytes, or another version.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (head, rest) = bytes.split_first_chunk::<4>().ok_or("is too short")?;
        if u32::from_ne_bytes(*head) != 1 {
            return Err("has an unknown version");
        }
        let (_padding, rest) = rest.split_first_chunk::<4>().ok_or("is too short")?;
        let (numbers, _) = rest.as_chunks::<8>();
        let numbers: [u64; NUMBERS] = numbers
            .get(..NUMBERS)
            .and_then(|numbers| numbers.try_into().ok())
            .map(|numbers: [[u8; 8]; NUMBERS]| numbers.map(u64::from_ne_bytes))
            .ok_or("is too short")?;
        let direction = |at: usize| TapdiskDirection {
            submitted: numbers[at],
            completed: numbers[at + 1],
            sectors: numbers[at + 2],
            ticks: numbers[at + 3],
        };
        Ok(Self {
            outstanding: numbers[0],
            read: direction(1),
            write: direction(5),
            errors: numbers[9],
            flags: numbers[10],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(version: u32) -> Vec<u8> {
        let mut bytes = version.to_ne_bytes().to_vec();
        bytes.extend([0; 4]);
        for number in 1..=11_u64 {
            bytes.extend(number.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn the_numbers_are_in_the_order_of_tapdisks_header() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("dev/shm/td3-99");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join("vbd-3-51712"), file(1)).unwrap();
        let root = Root::new(directory.path());
        let stats = TapdiskStats::read(&root, 99, DomId(3), 51712);
        let stats = *stats.known().unwrap();
        assert_eq!(stats.outstanding, 1);
        assert_eq!((stats.read.submitted, stats.read.ticks), (2, 5));
        assert_eq!((stats.write.submitted, stats.write.ticks), (6, 9));
        assert_eq!((stats.errors, stats.flags), (10, 11));
        assert_eq!(
            TapdiskStats::read(&root, 98, DomId(3), 51712),
            Reading::Missing
        );
    }

    #[test]
    fn other_versions_and_short_files_are_refused() {
        assert!(TapdiskStats::parse(&file(2)).is_err());
        assert!(TapdiskStats::parse(&file(1)[..95]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = TapdiskStats::parse(&bytes);
        }
    }
}
