//! Kills the real program at random instants against a faulty server, starts it again, and proves
//! from the server's side that nothing was lost and nothing repeated without a reason.
//!
//! ```text
//! cargo build --release && cargo run --release --example torture -- --kills 200 --rows 2000 --seed 1
//! ```
//!
//! Exits 1 when a claim does not hold, with the seed, and 2 when there is no verdict.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

#[path = "../tests/it/support/answer.rs"]
mod answer;
#[path = "../tests/it/support/faults.rs"]
mod faults;
#[path = "../tests/it/support/proof.rs"]
mod proof;
#[path = "../tests/it/support/request.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod request;
#[path = "../tests/it/support/server.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod server;
#[path = "../tests/it/support/torture.rs"]
mod torture;

/// Kill lateship at random instants, start it again, and prove that nothing was lost
#[derive(Debug, Parser)]
struct Flags {
    /// How often it is killed
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Rows of an export; when one is through, the next begins
    #[arg(long, default_value_t = 2000)]
    rows: usize,
    /// Where chance begins: faults and the times of kills [default: any]
    #[arg(long)]
    seed: Option<u64>,
    /// What becomes of shipments in doubt
    #[arg(long, value_enum, default_value_t = InDoubt::Resend)]
    in_doubt: InDoubt,
    /// Requests in flight at most
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// The latest kill after a start, in milliseconds
    #[arg(long, default_value_t = 400)]
    latest_kill_ms: u64,
    /// How long it is killed at most
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The program [default: lateship beside the folder of this example]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Arguments added to its command line
    #[arg(long, num_args = 1.., allow_hyphen_values = true)]
    extra_args: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InDoubt {
    Resend,
    Hold,
}

fn main() -> io::Result<ExitCode> {
    let flags = Flags::parse();
    let seed = flags.seed.unwrap_or_else(|| fastrand::u64(..));
    let program = match flags.program {
        // A relative path is ours; the program runs in another folder.
        Some(program) => program.canonicalize().unwrap_or(program),
        None => beside()?,
    };
    let plan = torture::Plan {
        program,
        extra_args: flags.extra_args,
        kills: flags.kills,
        rows: flags.rows,
        seed,
        hold: flags.in_doubt == InDoubt::Hold,
        concurrency: flags.concurrency,
        latest_kill: Duration::from_millis(flags.latest_kill_ms),
        limit: Duration::from_secs(flags.seconds),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "seed         {seed}")?;
    out.flush()?;
    let began = Instant::now();
    let code = match torture::torture(&plan) {
        Ok(verdict) => {
            writeln!(out, "{verdict}\ntime         {} s", began.elapsed().as_secs())?;
            let is_proved = verdict.broken.is_empty();
            writeln!(
                out,
                "{} (seed {seed})",
                if is_proved { "It holds." } else { "IT DOES NOT HOLD." }
            )?;
            u8::from(!is_proved)
        }
        Err(trouble) => {
            writeln!(out, "No verdict (seed {seed}): {trouble}")?;
            2
        }
    };
    Ok(ExitCode::from(code))
}

/// `lateship` of the same profile: `target/<profile>/examples/torture` lies in a folder beside it.
fn beside() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(std::path::Path::parent).unwrap_or(&own);
    Ok(folder.join(format!("lateship{}", std::env::consts::EXE_SUFFIX)))
}
