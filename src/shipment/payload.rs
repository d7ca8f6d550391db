//! The values of one shipment, field by field.

use std::ops::Range;

use xxhash_rust::xxh3::Xxh3;

use super::Field;

/// A value for each field that has one. Reused from row to row, so that mapping a row allocates
/// nothing here.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    /// For each field where its value lies in the text.
    places: [Option<Range<usize>>; Field::COUNT],
    /// All values, one behind the other, and those that were given before.
    text: String,
}

impl Payload {
    /// Takes all values away and keeps their memory.
    pub fn clear(&mut self) {
        self.places = Default::default();
        self.text.clear();
    }

    /// Gives `field` a value. An empty one is a value too: whether it is sent is the wire's affair.
    pub fn set(&mut self, field: Field, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        self.places[field.index()] = Some(start..self.text.len());
    }

    /// A hash (XXH3, 128 bits) over the values of `fields`, each behind its length.
    pub fn identity(&self, fields: &[Field]) -> u128 {
        let mut hash = Xxh3::new();
        for field in fields {
            let value = self.value(*field);
            hash.update(&(value.len() as u64).to_le_bytes());
            hash.update(value.as_bytes());
        }
        hash.digest128()
    }

    /// The field's value; `None` where it was given none.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.places[field.index()].clone().map(|place| &self.text[place])
    }

    /// The field's value, or the empty string.
    pub fn value(&self, field: Field) -> &str {
        self.get(field).unwrap_or("")
    }
}
