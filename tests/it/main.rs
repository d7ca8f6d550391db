//! Everything that is tested from outside, in one binary.

mod engine;
//! The integration tests: the real program, in a fresh folder, against servers that answer as told.

mod support;
