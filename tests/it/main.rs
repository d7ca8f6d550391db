//! The integration tests: the real program, in a fresh folder, against servers that answer as told;
//! and the delivery engine under a clock that stands still.

mod anywhere;
mod bad_input;
mod check;
mod concurrency;
mod detection;
mod disk_full;
mod engine;
mod examples;
mod forms;
mod groups;
mod house;
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
mod sandbox_script;
mod support;
mod tables;
mod torture;
mod webhook;
