//! The integration tests: the program in a fresh folder, against servers that answer as a test says;
//! and the delivery engine under a paused clock.
//!
//! A test that takes over two seconds is named `slow_…`; `cargo test -- --skip ::slow_` leaves these
//! out. Golden files are written anew with `LATESHIP_BLESS=1`.

mod anywhere;
mod architecture;
mod bad_input;
mod check;
mod concurrency;
mod detection;
mod disk_full;
mod engine;
mod examples;
mod forms;
mod groups;
mod interrupt;
mod join;
mod ledger;
mod lookups;
mod mapping_reference;
mod outage;
mod proposals;
mod quirks;
mod retry;
mod run;
mod sandbox;
mod snapshots;
mod support;
mod tables;
mod torture;
mod webhook;
