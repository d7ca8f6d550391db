//! The values of one shipment, field by field.

use xxhash_rust::xxh3::Xxh3;

use super::Field;

/// A value for each field that has one. Reused from row to row, so that mapping a row allocates nothing here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    values: [Option<String>; Field::COUNT],
    spare: Vec<String>,
}

impl Payload {
    /// Takes all values away and keeps their memory.
    pub fn clear(&mut self) {
        for value in &mut self.values {
            self.spare.extend(value.take());
        }
    }

    /// Gives `field` a value. An empty one is a value too: whether it is sent is the wire's affair.
    pub fn set(&mut self, field: Field, value: &str) {
        let slot = &mut self.values[field.index()];
        let text = slot.get_or_insert_with(|| self.spare.pop().unwrap_or_default());
        text.clear();
        text.push_str(value);
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
        self.values[field.index()].as_deref()
    }

    /// The field's value, or the empty string.
    pub fn value(&self, field: Field) -> &str {
        self.get(field).unwrap_or("")
    }
}
