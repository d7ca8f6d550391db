//! Scores what `lateship init` proposes: for the shipped examples, and for the same under names in
//! eight languages.
//!
//! ```text
//! cargo run --release --example proposals -- --rounds 24 --seed 1 --misses
//! ```
//!
//! Exits 1 when less than nine fields in ten are right, a layout is not named, or a required field
//! is wrong without a mark.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[path = "../tests/it/support/proposals.rs"]
mod proposals;

/// Score what init proposes
#[derive(Debug, Parser)]
struct Flags {
    /// Renamings of each example; eight go once through the languages
    #[arg(long, default_value_t = 24)]
    rounds: usize,
    /// Where chance begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show what went wrong
    #[arg(long)]
    misses: bool,
    /// The folder of the examples
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))]
    folder: PathBuf,
}

fn main() -> io::Result<ExitCode> {
    let flags = Flags::parse();
    let score = proposals::score(&flags.folder, flags.seed, flags.rounds);
    let mut out = io::stdout().lock();
    if flags.misses {
        for miss in &score.misses {
            writeln!(out, "{miss}")?;
        }
    }
    writeln!(out, "{score}")?;
    let good = score.fields_right() >= 0.9
        && score.layouts.0 == score.layouts.1
        && score.required_unmarked == 0;
    Ok(ExitCode::from(u8::from(!good)))
}
