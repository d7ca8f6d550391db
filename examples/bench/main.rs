//! Measures the whole program against the best of its kind, on this machine, and prints one table.
//!
//! ```text
//! cargo build --release && cargo run --release --example bench
//! cargo run --release --example bench -- --only import,check --rounds 3 --oha ~/.cargo/bin/oha
//! ```
//!
//! It makes its data, starts the servers it needs on loopback (nginx, the sandbox), lets the
//! contestants take turns, and ends everything it started. Who is not installed is left out, and
//! named. Linux only: it reads `/proc`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

mod child;
mod comparisons;
mod contest;
mod data;
mod pace;
mod scale;
mod servers;
mod stage;

/// What comes of a step: errors are only ever shown.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measure lateship against its peers on this machine
#[derive(Debug, Parser)]
struct Flags {
    /// How often each contestant runs, in turn with the others
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Rows of the import; the other comparisons have a share or a multiple of them, as the table
    /// says
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(50..))]
    rows: u64,
    /// Only these comparisons [default: all but scale]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    only: Vec<Name>,
    /// The program [default: lateship beside the folder of this example]
    #[arg(long, value_name = "PATH")]
    lateship: Option<PathBuf>,
    /// The load generator [default: oha on the PATH]
    #[arg(long, value_name = "PATH")]
    oha: Option<PathBuf>,
}

/// The comparisons, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Everything on, as fast as it goes, against oha
    Import,
    /// Without a ledger, against oha
    NoLedger,
    /// Over TLS, against oha
    Tls,
    /// The endpoint takes 50 ms, against oha
    Latency,
    /// 1,000 requests a second for 30 s: how exactly
    Pace,
    /// Against an importer on Python's aiohttp
    Aiohttp,
    /// Against qsv fetchpost
    Qsv,
    /// Without a network, against `DuckDB` and Miller
    Check,
    /// A second run over what the ledger knows already
    Rerun,
    /// From the start to the first request
    Start,
    /// A hundred times the rows, and what is done with such files; only when asked for
    Scale,
}

fn main() -> ExitCode {
    match run(Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> Outcome<()> {
    let names = if flags.only.is_empty() {
        Name::value_variants().iter().copied().filter(|name| *name != Name::Scale).collect()
    } else {
        flags.only
    };
    let stage = stage::Stage::new(flags.lateship, flags.oha, flags.rounds, flags.rows)?;
    let mut lines = Vec::new();
    let mut trouble = None;
    for name in names {
        match of(name, &stage) {
            Ok(more) => lines.extend(more),
            // What was measured before is shown all the same.
            Err(error) => {
                trouble = Some(error);
                break;
            }
        }
    }
    write!(io::stdout().lock(), "{}\n{}", stage.about(), contest::table(&lines))?;
    trouble.map_or(Ok(()), Err)
}

fn of(name: Name, stage: &stage::Stage) -> Outcome<Vec<contest::Line>> {
    match name {
        Name::Import => comparisons::import(stage),
        Name::NoLedger => comparisons::no_ledger(stage),
        Name::Tls => comparisons::tls(stage),
        Name::Latency => comparisons::latency(stage),
        Name::Pace => pace::pace(stage),
        Name::Aiohttp => comparisons::aiohttp(stage),
        Name::Qsv => comparisons::qsv(stage),
        Name::Check => comparisons::check(stage),
        Name::Rerun => comparisons::rerun(stage),
        Name::Start => pace::start(stage),
        Name::Scale => scale::scale(stage),
    }
}
