//! Contestants take turns, and what they took is put together: medians, and ratios of medians.
//!
//! A, B, A, B: what disturbs the machine for a while disturbs all of them alike.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::Outcome;
use super::child::Measured;

/// One that takes part: its name, and a run from a fresh start.
pub(crate) struct Contestant<'a> {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut() -> Outcome<Measured> + 'a>,
}

impl<'a> Contestant<'a> {
    /// One by its name and its run.
    pub(crate) fn new(name: &'static str, run: impl FnMut() -> Outcome<Measured> + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// The medians over the rounds of one contestant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Medians {
    /// Rows or requests per second.
    pub(crate) rate: f64,
    /// Processor time per row or request, in microseconds.
    pub(crate) cpu_us: f64,
    /// The most memory, in MiB; the greatest of all rounds.
    pub(crate) peak_mib: f64,
}

/// Runs all of them in turn, `rounds` times, each over `count` rows; what each took stands in the
/// same order.
pub(crate) fn compete(
    title: &str,
    rounds: u32,
    count: u64,
    contestants: &mut [Contestant<'_>],
) -> Outcome<Vec<Medians>> {
    let mut taken: Vec<Vec<Measured>> = vec![Vec::new(); contestants.len()];
    for round in 1..=rounds {
        for (contestant, taken) in contestants.iter_mut().zip(&mut taken) {
            let name = contestant.name;
            let measured =
                (contestant.run)().map_err(|error| format!("{title}: {name}: {error}"))?;
            let one = medians(std::slice::from_ref(&measured), count);
            say(format_args!(
                "{title} {round}/{rounds}  {name:<10} {:>10}/s  {:>7.2} µs  {:>7.1} MiB",
                thousands(one.rate),
                one.cpu_us,
                one.peak_mib
            ))?;
            taken.push(measured);
        }
    }
    Ok(taken.iter().map(|taken| medians(taken, count)).collect())
}

fn medians(taken: &[Measured], count: u64) -> Medians {
    let rows = as_f64(count);
    let each = |value: &dyn Fn(&Measured) -> f64| median(taken.iter().map(value).collect());
    Medians {
        rate: each(&|one| rows / one.wall.as_secs_f64()),
        cpu_us: each(&|one| one.cpu.as_secs_f64() * 1e6 / rows),
        peak_mib: taken.iter().map(|one| as_f64(one.peak_kib) / 1024.0).fold(0.0, f64::max),
    }
}

/// The value in the middle, or the mean of the two there.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// A line of the table.
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) other: String,
    pub(crate) ratio: String,
    pub(crate) cpu: String,
    pub(crate) peak: String,
}

impl Line {
    /// Rates against a rate.
    pub(crate) fn of_two(what: &str, ours: Medians, name: &str, other: Medians) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{}/s", thousands(ours.rate)),
            other: format!("{name} {}/s", thousands(other.rate)),
            ratio: format!("{:.2}", ours.rate / other.rate),
            cpu: format!(
                "{:.2}, {:.2} (1 : {:.2})",
                ours.cpu_us,
                other.cpu_us,
                other.cpu_us / ours.cpu_us
            ),
            peak: format!("{:.1}, {:.1}", ours.peak_mib, other.peak_mib),
        }
    }

    /// A rate that stands alone.
    pub(crate) fn of_one(what: &str, ours: Medians) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{}/s", thousands(ours.rate)),
            other: String::new(),
            ratio: String::new(),
            cpu: format!("{:.2}", ours.cpu_us),
            peak: format!("{:.1}", ours.peak_mib),
        }
    }
}

/// The lines as a table of Markdown.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = "| what | lateship | other | ratio | CPU µs/row (lateship, other) | peak MiB (lateship, other) |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for Line { what, ours, other, ratio, cpu, peak } in lines {
        let _ = writeln!(text, "| {what} | {ours} | {other} | {ratio} | {cpu} | {peak} |");
    }
    text
}

/// Words for the one who watches: on standard error, for the table alone goes to standard output.
pub(crate) fn say(words: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{words}")
}

/// A rounded number with a comma at the thousands.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds with a fraction.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A count as a number to divide by; counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts of rows and KiB are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
