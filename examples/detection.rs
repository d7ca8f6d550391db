//! Scores the detection of delimiter, header and table on invented exports in realistic layouts.
//!
//! ```text
//! cargo run --release --example detection -- --files 2000 --seed 1
//! ```
//!
//! Exits 1 when fewer than 99 % of the files are read as they were meant.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

#[path = "../tests/it/support/exports.rs"]
mod exports;

/// The share that must be right.
const GOAL: f64 = 0.99;

/// Score the detection of delimiter, header and table
#[derive(Debug, Parser)]
struct Flags {
    /// How many files are made
    #[arg(long, default_value_t = 2000)]
    files: u64,
    /// What they are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show the start of the file of this number instead
    #[arg(long)]
    show: Option<u64>,
}

fn main() -> io::Result<ExitCode> {
    let flags = Flags::parse();
    let mut out = io::stdout().lock();
    if let Some(number) = flags.show {
        let text = exports::export(flags.seed, number).text;
        write!(out, "{}", text.chars().take(4000).collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir()?;
    let score = exports::score(folder.path(), flags.seed, flags.files);
    for (kind, (right, all)) in &score.kinds {
        writeln!(out, "{kind:<24} {right:>5} of {all:>5}")?;
    }
    writeln!(out, "{:<24} {:.2} %", "overall", score.share() * 100.0)?;
    for (number, kind, finding) in score.wrong.iter().take(20) {
        writeln!(out, "file {number} ({kind}): {finding}")?;
    }
    Ok(if score.share() >= GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
