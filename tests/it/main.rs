//! The integration tests: the engine against a scripted transport, and the real program, in a fresh folder, against
//! servers that answer as told.

mod engine;
mod support;
