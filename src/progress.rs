//! How a run looks while it goes on: a bar on a terminal, a plain line now and then elsewhere;
//! standard error only.
//!
//! The only file that knows indicatif. `pipeline` fills a [`ProgressView`] and hands it to
//! [`Progress::update`] a few times a second; nothing here counts rows or asks for the time.
//! [`Screen`] is the one way to standard error while a bar may be drawn there: `log` and the run's
//! own words go through it, so that no line is torn.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::delivery::WaitingFor;
use crate::outcome::{Status, Tally};
use crate::text;

/// Between two plain lines where standard error is no terminal.
pub const LINE_EVERY: Duration = Duration::from_secs(30);

/// Drawings of the bar per second, at most: each update sets length, position and message, and the
/// last must be drawn.
const DRAWS_PER_SECOND: u8 = 20;

/// Updates over which the request rate is measured.
const UPDATES_FOR_RATE: usize = 20;

/// When progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Unless the run is to be quiet.
    #[default]
    Auto,
    /// Also in a quiet run.
    Always,
    /// Not at all.
    Never,
}

/// A word that is no [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, always or never")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(word: &str) -> Result<Self, UnknownMode> {
        match word.trim() {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(UnknownMode),
        }
    }
}

/// Standard error, shared by the bar, the log and what a run says. Clones are the same screen.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    shown: bool,
    quiet: bool,
    json: bool,
}

impl Screen {
    /// A screen for this mode; a `quiet` one shows nothing that is [said](Self::say).
    pub fn new(mode: Mode, quiet: bool) -> Self {
        let shown = match mode {
            Mode::Auto => !quiet,
            Mode::Always => true,
            Mode::Never => false,
        };
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        Self { bars: MultiProgress::with_draw_target(target), shown, quiet, json: false }
    }

    /// The same screen, on which everything that is [said](Self::say) is one JSON object a line.
    #[must_use]
    pub fn in_json(self) -> Self {
        Self { json: true, ..self }
    }

    /// Does `work`, which writes to standard error or output, while the bar is away.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bars.suspend(work)
    }

    /// Writes whole lines to standard error, unless the run is quiet. A reader that went away is no
    /// error.
    pub fn say(&self, lines: &str) {
        if self.quiet {
            return;
        }
        let lines = lines.trim_end();
        if self.json {
            let at = format!("{:.3}", jiff::Timestamp::now());
            let event = serde_json::json!({ "timestamp": at, "level": "INFO", "message": lines });
            self.write(format!("{event}\n").as_bytes());
        } else {
            self.write(format!("{lines}\n").as_bytes());
        }
    }

    /// Writes bytes (whole lines) to standard error, quiet or not.
    pub(crate) fn write(&self, lines: &[u8]) {
        self.suspend(|| {
            // Nobody is left to be told when standard error itself is closed.
            let _ = io::stderr().lock().write_all(lines);
        });
    }
}

/// A run at one moment.
#[derive(Debug, Clone)]
pub struct ProgressView {
    /// Rows there are, or about so many.
    pub rows: u64,
    /// Whether there are exactly so many.
    pub exact: bool,
    /// Bytes of the inputs that were read, as they stand on the disk.
    pub bytes_done: u64,
    /// Bytes of the inputs.
    pub bytes_total: u64,
    /// Lines of the results by status.
    pub counts: Tally,
    /// Requests started.
    pub requests: u64,
    /// The time for the rows that are left at the rate limit.
    pub least_time_left: Duration,
    /// What the delivery waits for.
    pub waiting: WaitingFor,
}

impl ProgressView {
    /// How far the bar is, and how far it goes. Reading runs ahead of delivery by what fits the
    /// window: the rows say better how much is done, when known.
    fn share(&self) -> (u64, u64) {
        if self.exact {
            (self.counts.total(), self.rows)
        } else {
            (self.bytes_done, self.bytes_total)
        }
    }
}

/// The progress of one run; it goes from the screen when it is finished or dropped.
#[derive(Debug)]
pub struct Progress {
    form: Form,
    screen: Screen,
    speed: Speed,
}

#[derive(Debug)]
enum Form {
    Hidden,
    Bar(ProgressBar),
    Lines(Schedule),
}

impl Progress {
    /// Starts to show progress at `now`.
    pub fn start(screen: &Screen, now: Instant) -> Self {
        let form = if !screen.shown {
            Form::Hidden
        } else if io::stderr().is_terminal() && !screen.bars.is_hidden() {
            Form::Bar(screen.bars.add(bar()))
        } else {
            Form::Lines(Schedule::from(now))
        };
        Self { form, screen: screen.clone(), speed: Speed::from(now) }
    }

    /// Shows `view`; cheap enough for ten times a second.
    pub fn update(&mut self, view: &ProgressView, now: Instant) {
        let pace = self.speed.pace(view, now);
        match &mut self.form {
            Form::Hidden => {}
            Form::Bar(bar) => {
                let (done, total) = view.share();
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(line(view, pace, now));
            }
            Form::Lines(schedule) => {
                if schedule.is_due(now) {
                    self.screen.write(format!("{}\n", line(view, pace, now)).as_bytes());
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
            self.screen.bars.remove(bar);
        }
    }
}

fn bar() -> ProgressBar {
    // No target of its own: it draws where the screen draws, once it is added there.
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{bar:20} {percent:>3}% {wide_msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// How fast a run is and how long it still takes.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    requests_per_second: f64,
    /// `None` where nothing can be said yet.
    time_left: Option<Duration>,
}

/// What a run's pace is measured by.
#[derive(Debug)]
struct Speed {
    begun: Instant,
    /// Requests at the last updates.
    requests: VecDeque<(Instant, u64)>,
}

impl Speed {
    fn from(begun: Instant) -> Self {
        Self { begun, requests: VecDeque::with_capacity(UPDATES_FOR_RATE + 1) }
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    fn pace(&mut self, view: &ProgressView, now: Instant) -> Pace {
        self.requests.push_back((now, view.requests));
        if self.requests.len() > UPDATES_FOR_RATE {
            self.requests.pop_front();
        }
        let (from, before) = self.requests.front().copied().unwrap_or((now, view.requests));
        let seconds = now.duration_since(from).as_secs_f64();
        let requests = (view.requests - before) as f64;
        // As long as the rows so far took, and never less than the rate limit allows.
        let rows_done = view.counts.total();
        let share = view.rows.saturating_sub(rows_done) as f64 / rows_done as f64;
        let left = now.duration_since(self.begun).as_secs_f64() * share;
        let time_left = Duration::try_from_secs_f64(left).ok().filter(|_| rows_done > 0);
        Pace {
            requests_per_second: if seconds > 0.0 { requests / seconds } else { 0.0 },
            time_left: time_left.map(|left| left.max(view.least_time_left)),
        }
    }
}

/// When the next plain line is due.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    due: Instant,
}

impl Schedule {
    fn from(now: Instant) -> Self {
        Self { due: now + LINE_EVERY }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.due;
        if due {
            self.due = now + LINE_EVERY;
        }
        due
    }
}

/// A view in one line: `4,310 of about 12,400 rows: 4,200 sent, 3 rejected; 9.8 requests/s; 14 min
/// left`.
fn line(view: &ProgressView, pace: Pace, now: Instant) -> String {
    let done = view.counts.total();
    let (about, rows) = if view.exact { ("", view.rows) } else { ("about ", view.rows.max(done)) };
    let mut line = format!("{} of {about}{}", text::thousands(done), text::counted(rows, "row"));
    _ = write!(line, ": {} sent", text::thousands(view.counts.get(Status::Sent)));
    for (status, word) in [
        (Status::Rejected, "rejected"),
        (Status::Failed, "failed"),
        (Status::InDoubt, "in doubt"),
        (Status::Invalid, "invalid"),
        (Status::Skipped, "skipped"),
    ] {
        let count = view.counts.get(status);
        if count > 0 {
            _ = write!(line, ", {} {word}", text::thousands(count));
        }
    }
    match &view.waiting {
        // Then the speed of the last seconds and what follows from it say nothing.
        WaitingFor::Endpoint { reason, until } => {
            let left = until.into_std().saturating_duration_since(now);
            _ = write!(line, "; waiting {}: {}", text::spoken(left), text::printable(reason));
            return line;
        }
        WaitingFor::Backoff { shipments } => {
            _ = write!(
                line,
                "; waiting to repeat {}",
                text::counted(*shipments as u64, "shipment")
            );
        }
        WaitingFor::Nothing => {}
    }
    if pace.requests_per_second > 0.0 {
        _ = write!(line, "; {:.1} requests/s", pace.requests_per_second);
    }
    if let Some(eta) = pace.time_left {
        _ = write!(line, "; {} left", text::spoken(eta));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { requests_per_second: 9.84, time_left: Some(Duration::from_secs(825)) };

    /// So many rows sent and 3 rejected.
    fn view(sent: u64, rows: u64, exact: bool) -> ProgressView {
        let mut counts = Tally::default();
        (0..sent).for_each(|_| counts.add(Status::Sent));
        (0..3).for_each(|_| counts.add(Status::Rejected));
        ProgressView {
            rows,
            exact,
            bytes_done: 0,
            bytes_total: 200,
            counts,
            requests: 0,
            least_time_left: Duration::ZERO,
            waiting: WaitingFor::Nothing,
        }
    }

    #[test]
    fn a_line_says_how_far_it_is_what_came_of_it_and_how_long_it_takes() {
        let now = Instant::now();
        assert_eq!(
            line(&view(4_200, 12_400, false), PACE, now),
            "4,203 of about 12,400 rows: 4,200 sent, 3 rejected; 9.8 requests/s; 14 min left"
        );
        assert_eq!(
            line(&view(7, 10, true), Pace::default(), now),
            "10 of 10 rows: 7 sent, 3 rejected"
        );
    }

    #[test]
    fn a_hold_says_what_it_waits_for_and_no_escape_gets_through() {
        let reason = "the endpoint asked for it\u{1b}[31m".to_owned();
        let now = Instant::now();
        let until = (now + Duration::from_secs(30)).into();
        let waiting = WaitingFor::Endpoint { reason, until };
        let view = ProgressView { waiting, ..view(4_200, 5_000, true) };
        let shown = line(&view, PACE, now);
        let expected = "4,203 of 5,000 rows: 4,200 sent, 3 rejected; waiting 30 s: the endpoint asked for it\u{FFFD}[31m";
        assert_eq!(shown, expected);
    }

    #[test]
    fn pace_is_that_of_the_last_updates_and_no_faster_than_the_rate_limit() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let view = |sent, requests| ProgressView { requests, ..view(sent, 1_000, true) };
        let mut speed = Speed::from(start);
        let begun = ProgressView { counts: Tally::default(), ..view(0, 0) };
        assert_eq!(speed.pace(&begun, at(0)).time_left, None);
        let pace = speed.pace(&view(97, 50), at(10));
        assert!((pace.requests_per_second - 5.0).abs() < 1e-9);
        assert_eq!(pace.time_left, Some(Duration::from_secs(90)));
        let limited = ProgressView { least_time_left: Duration::from_secs(300), ..view(197, 100) };
        assert_eq!(speed.pace(&limited, at(20)).time_left, Some(Duration::from_secs(300)));
    }

    #[test]
    fn plain_lines_come_after_their_pause_and_not_before() {
        let start = Instant::now();
        let mut schedule = Schedule::from(start);
        let due: Vec<bool> = [0, 29, 30, 31, 59, 95, 100, 125]
            .map(|seconds| schedule.is_due(start + Duration::from_secs(seconds)))
            .into();
        assert_eq!(due, [false, false, true, false, false, true, false, true]);
    }

    #[test]
    fn the_bar_moves_by_rows_when_they_are_known_else_by_bytes() {
        let by_bytes = ProgressView { bytes_done: 50, ..view(4_200, 12_400, false) };
        assert_eq!(by_bytes.share(), (50, 200));
        assert_eq!(view(4_200, 5_000, true).share(), (4_203, 5_000));
    }

    #[test]
    fn a_quiet_run_shows_no_progress_unless_asked_always() {
        let shown = |mode, quiet| Screen::new(mode, quiet).shown;
        assert!(shown(Mode::Auto, false) && shown(Mode::Always, true));
        assert!(!shown(Mode::Auto, true) && !shown(Mode::Never, false));
    }

    #[test]
    fn the_template_of_the_bar_is_one_that_can_be_drawn() {
        assert!(ProgressStyle::with_template("{bar:20} {percent:>3}% {wide_msg}").is_ok());
    }
}
