//! Random numbers that a seed decides: a demo is to be the same every time.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// About `length`: up to a quarter longer or shorter.
    pub(super) fn about(&mut self, length: Duration) -> Duration {
        let per_mille = 750 + u32::try_from(self.below(501)).unwrap_or_default();
        length / 1000 * per_mille
    }

    /// A random uuid (version 4), as text.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            low >> 48 & 0x3FFF | 0x8000,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    /// An address with the prefix that Xen's vendor number gives to virtual interfaces.
    pub(super) fn mac(&mut self) -> String {
        let bits = self.next();
        format!(
            "00:16:3e:{:02x}:{:02x}:{:02x}",
            bits & 0x7F,
            bits >> 8 & 0xFF,
            bits >> 16 & 0xFF
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_and_every_uuid_is_one() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        let uuid = a.uuid();
        assert_eq!(uuid, b.uuid());
        assert_ne!(uuid, a.uuid());
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
    }

    #[test]
    fn about_stays_within_a_quarter() {
        let mut random = Random::new(1);
        for _ in 0..1000 {
            let length = random.about(Duration::from_secs(4));
            assert!((3..=5).contains(&length.as_secs()), "{length:?}");
        }
    }
}
