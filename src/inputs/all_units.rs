//! The units of several inputs, one input after the other.

use super::Units;
use crate::error::Error;
use crate::mapping::Unit;
use crate::source::Digest;

/// Inputs that are being read and mapped, as if they were one.
pub struct AllUnits<'a> {
    inputs: Box<dyn Iterator<Item = Result<Units, Error>> + 'a>,
    /// The input that is read.
    units: Option<Units>,
    /// Rows that may still be read.
    left: u64,
    /// Bytes of the inputs before.
    bytes_before: u64,
    /// What the bytes were of each input that was read to its end.
    pub digests: Vec<Digest>,
    /// What is odd about the ends of the inputs.
    pub remarks: Vec<String>,
}

impl<'a> AllUnits<'a> {
    pub(super) fn new(
        inputs: impl Iterator<Item = Result<Units, Error>> + 'a,
        limit: Option<u64>,
    ) -> Self {
        Self {
            inputs: Box::new(inputs),
            units: None,
            left: limit.unwrap_or(u64::MAX),
            bytes_before: 0,
            digests: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// The next unit; `None` at the end or when as many rows were read as are allowed.
    ///
    /// # Errors
    /// An input cannot be read any further; all that was read before it is handed out by then.
    pub fn read(&mut self) -> Result<Option<Unit>, Error> {
        loop {
            let Some(units) = &mut self.units else {
                let Some(units) = self.inputs.next() else { return Ok(None) };
                self.units = Some(units?.limited(self.left));
                continue;
            };
            let unit = units.read()?;
            if unit.is_some() || !units.is_at_end() {
                return Ok(unit);
            }
            self.left = units.left();
            self.bytes_before += units.about().size();
            self.remarks.extend(units.remark_at_end());
            self.digests.extend(self.units.take().map(Units::finish).transpose()?);
        }
    }

    /// Bytes of the inputs worked so far.
    pub fn position(&self) -> u64 {
        self.bytes_before + self.units.as_ref().map_or(0, Units::position)
    }
}
