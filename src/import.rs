//! The corridor: input, mapping, delivery, results. Not laid out yet.

use crate::Error;
use crate::settings::Import;

/// Runs an import.
///
/// # Errors
/// What ends a run before its end.
pub fn run(import: Import) -> Result<u8, Error> {
    drop(import);
    Err(Error::System(std::io::ErrorKind::Unsupported.into()))
}
