//! The comparisons whose measure is time itself: how exactly a rate is kept, and how soon the first
//! request is there.

use std::time::{Duration, Instant};

use lateship::sandbox::LogEntry;

use super::Outcome;
use super::child::measure;
use super::contest::{Contestant, Line, as_f64, compete, median, milliseconds, say, thousands};
use super::servers::{Sandbox, Sink};
use super::stage::{Stage, sent};

/// Requests a second that are allowed.
const RATE: u64 = 1000;
const SECONDS: u64 = 30;
/// Starts of the program, of which the median counts.
const STARTS: u32 = 20;

/// A run at a rate, seen from the server: the fullest second, and the share of the rate that was
/// reached.
pub(crate) fn pace(stage: &Stage) -> Outcome<Vec<Line>> {
    let rows = (RATE * SECONDS).min(stage.rows);
    let log = stage.fresh("pace")?.join("requests.jsonl");
    let sandbox = Sandbox::start(&stage.lateship, "50ms", Some(&log))?;
    let input = stage.export(rows)?;
    let rate = format!("{RATE}/s");
    let paced = Contestant::new("lateship", || {
        let folder = stage.fresh("run")?;
        let mut command = stage.import_command(&input, &sandbox.url, &folder);
        command.args(["--rate", &rate, "--ledger"]).arg(folder.join("ledger.db"));
        sent(&mut command, &folder, rows, "sent")
    });
    // Once: a run of half a minute is its own average.
    let medians = compete("pace", 1, rows, &mut [paced])?;
    let mut times: Vec<u64> = LogEntry::read_all(&log)?.iter().map(|entry| entry.time_us).collect();
    times.sort_unstable();
    let (fullest, share) = (fullest_second(&times), share_of(&times));
    say(format_args!("pace: {fullest} in the fullest second, {share:.3} of the rate"))?;
    Ok(vec![Line {
        what: format!(
            "import --rate {rate}, {} rows: the fullest second, the share reached",
            thousands(as_f64(rows))
        ),
        ours: format!("{fullest}, {share:.3}"),
        other: format!("limit {RATE}"),
        ratio: format!("{share:.3}"),
        cpu: format!("{:.2}", medians[0].cpu_us),
        peak: format!("{:.1}", medians[0].peak_mib),
    }])
}

/// The most requests in any window of one second; `times` are sorted microseconds.
fn fullest_second(times: &[u64]) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (at, time) in times.iter().enumerate() {
        while time - times[from] >= 1_000_000 {
            from += 1;
        }
        most = most.max(at + 1 - from);
    }
    most
}

/// The average rate from the first request to the last, as a share of the limit.
fn share_of(times: &[u64]) -> f64 {
    let [first, .., last] = times else { return f64::NAN };
    let seconds = Duration::from_micros(last - first).as_secs_f64();
    as_f64(times.len() as u64 - 1) / seconds / as_f64(RATE)
}

/// From the start of the process to the first byte of its first request.
pub(crate) fn start(stage: &Stage) -> Outcome<Vec<Line>> {
    let sink = Sink::start()?;
    let input = stage.export(10)?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let folder = stage.fresh("run")?;
        let mut command = stage.import_command(&input, &sink.url, &folder);
        command.args(["--rate", "unlimited", "--no-ledger"]);
        let began = Instant::now();
        measure(&mut command)?.accepted()?;
        let first =
            sink.arrivals.try_iter().map(|arrival| arrival.at).min().ok_or("no request came")?;
        times.push(milliseconds(first - began));
    }
    let (least, most) =
        (times.iter().copied().fold(f64::MAX, f64::min), times.iter().copied().fold(0.0, f64::max));
    say(format_args!("start: {least:.1} to {most:.1} ms"))?;
    Ok(vec![Line {
        what: format!("start to first request, 10 rows, median of {STARTS}"),
        ours: format!("{:.1} ms", median(times)),
        other: String::new(),
        ratio: String::new(),
        cpu: String::new(),
        // Too short to be looked at.
        peak: String::new(),
    }])
}
