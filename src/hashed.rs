//! Maps whose keys are hashes already, or numbers counted up: they need no hashing that would cost
//! more than the rest.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from hashes (128 bits) or tickets. Nobody can choose such keys so that they collide,
/// without having chosen a collision of their own hash before.
pub(crate) type HashedMap<K, V> = HashMap<K, V, BuildHasherDefault<Folded>>;

/// Folds a key into 64 bits.
#[derive(Debug, Default)]
pub(crate) struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    /// A number that is counted up, spread over all bits (Fibonacci hashing).
    fn write_u64(&mut self, number: u64) {
        self.0 ^= number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// A hash: both halves of it.
    fn write_u128(&mut self, hash: u128) {
        let folded = (hash ^ (hash >> 64)) & u128::from(u64::MAX);
        self.0 = self.0.rotate_left(32) ^ u64::try_from(folded).unwrap_or_default();
    }
}
