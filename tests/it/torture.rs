//! Kills at random instants: the same command again finishes the work, and nothing is sent twice
//! without a reason.
//!
//! `cargo run --release --example torture` does the same for longer.

use std::time::Duration;

use crate::support::torture::{Plan, torture};

fn tortured(hold: bool, seed: u64) {
    let plan = Plan {
        program: env!("CARGO_BIN_EXE_lateship").into(),
        extra_args: Vec::new(),
        kills: 100,
        rows: 300,
        seed,
        hold,
        concurrency: 8,
        latest_kill: Duration::from_millis(300),
        limit: Duration::from_secs(240),
    };
    let verdict = torture(&plan).unwrap_or_else(|trouble| panic!("seed {seed}: {trouble}"));
    assert!(verdict.broken.is_empty(), "seed {seed}\n{verdict}");
    assert_eq!(verdict.kills, plan.kills);
}

#[test]
fn slow_run_killed_a_hundred_times_sends_every_row_and_repeats_only_what_was_in_flight() {
    tortured(false, 1);
}

#[test]
fn slow_run_killed_a_hundred_times_repeats_nothing_while_doubts_are_held() {
    tortured(true, 2);
}
