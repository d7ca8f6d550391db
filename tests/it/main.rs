//! The integration tests: the real program, in a fresh folder, against servers that answer as told; and the delivery
//! engine under a clock that stands still.

mod engine;
mod house;
mod support;
mod webhook;
