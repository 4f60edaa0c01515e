//! Chance that comes out the same each time.

/// A small generator of our own (`SplitMix64`; Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): a
/// seed that fails can be printed and tried again.
pub struct Chance(pub u64);

impl Chance {
    /// The same for the same seed and trial.
    pub fn new(seed: u64, trial: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ trial.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// From 0 to one less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
