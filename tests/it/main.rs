//! The integration tests, in one binary.

mod mapping_reference;
