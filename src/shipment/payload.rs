//! The values of one shipment, field by field.

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

    /// The field's value; `None` where it was given none.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.values[field.index()].as_deref()
    }

    /// The field's value, or the empty string.
    pub fn value(&self, field: Field) -> &str {
        self.get(field).unwrap_or("")
    }
}
