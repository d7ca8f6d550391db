//! What a scope's first run has put into the tables: whatever falls through stands there surely
//! not, and need not be looked for in two indexes.
//!
//! A Bloom filter of fixed size (Burton H. Bloom, Communications of the ACM 13, 1970). With four
//! bits for each of a million identities one in 6,000 is looked for in vain, of ten million one in
//! four.

/// Bits that are set for each identity.
const MARKS: u32 = 4;
/// Bits of a place: 2^25 of them take 4 MiB.
const BITS: u32 = 25;

/// See the module.
#[derive(Debug)]
pub(super) struct Sieve(Vec<u64>);

impl Sieve {
    pub(super) fn new() -> Self {
        Self(vec![0; 1 << (BITS - 6)])
    }

    /// Notes that `identity` stands in the tables.
    pub(super) fn add(&mut self, identity: u128) {
        for (word, bit) in places(identity) {
            self.0[word] |= bit;
        }
    }

    /// Whether `identity` may stand there; surely not if it does not.
    pub(super) fn may_hold(&self, identity: u128) -> bool {
        places(identity).all(|(word, bit)| self.0[word] & bit != 0)
    }
}

/// The identity is a hash, so its parts are independent of each other.
fn places(identity: u128) -> impl Iterator<Item = (usize, u64)> {
    (0..MARKS).map(move |mark| {
        let place = (identity >> (mark * BITS)) & ((1 << BITS) - 1);
        (usize::try_from(place / 64).unwrap_or(0), 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    #[test]
    fn what_was_added_is_held_and_little_else() {
        let identity = |number: u32| xxh3_128(&number.to_le_bytes());
        let mut sieve = Sieve::new();
        (0..100_000).for_each(|number| sieve.add(identity(number)));
        assert!((0..100_000).all(|number| sieve.may_hold(identity(number))));
        let others = (100_000..200_000).filter(|number| sieve.may_hold(identity(*number))).count();
        assert!(others < 10, "{others} of 100,000 others");
    }
}
