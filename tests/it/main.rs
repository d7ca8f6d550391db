//! The integration tests: the real program, in a fresh folder, against servers that answer as told.

mod support;
