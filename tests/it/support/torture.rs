//! A torture: the real program against a faulty server, killed (SIGKILL) at random instants and
//! started again, export after export, until it was killed often enough; then run to its end, and
//! its [`proof`](super::proof).
//!
//! Shared by `tests/it/torture.rs` and `examples/torture.rs`. The same seed gives the same faults
//! and the same times of kills; what they meet is the machine's own.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::answer::{Answer, End};
use super::faults::{Fault, Faults};
use super::proof::{Evidence, Line, Night, Run, Verdict, prove};
use super::request::now_us;
use super::server::TestServer;

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The program.
    pub(crate) program: PathBuf,
    /// Arguments added to its command line.
    pub(crate) extra_args: Vec<OsString>,
    /// How often it is killed.
    pub(crate) kills: usize,
    /// Rows of an export; every second one is smaller.
    pub(crate) rows: usize,
    /// Where chance begins.
    pub(crate) seed: u64,
    /// `--in-doubt hold`, else `resend`.
    pub(crate) hold: bool,
    /// Requests in flight at most.
    pub(crate) concurrency: usize,
    /// The latest kill after a start.
    pub(crate) latest_kill: Duration,
    /// How long it is killed at most; running to the end may take [`GRACE`] more.
    pub(crate) limit: Duration,
}

/// How long the last export may take to its end.
const GRACE: Duration = Duration::from_secs(120);

/// Runs to the end that an export may need: chance may fail a row in one.
const MOST_RUNS: usize = 20;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{what}: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("cannot run {}: {source}", program.display())]
    Program { program: PathBuf, source: io::Error },
    #[error("after {kills} kills the program ended with {status}\n{stderr}")]
    Ended { kills: usize, status: ExitStatus, stderr: String },
    #[error("export {night} is not through after {MOST_RUNS} runs to the end\n{stderr}")]
    NeverThrough { night: usize, stderr: String },
    #[error(
        "export {night} did not come to its end within {GRACE:?} after the last kill\n{stderr}"
    )]
    TooLong { night: usize, stderr: String },
    #[error(
        "only {kills} of {wanted} kills within {limit:?}; what was proved until then:\n{verdict}"
    )]
    TooFewKills { kills: usize, wanted: usize, limit: Duration, verdict: Box<Verdict> },
    #[error("the results cannot be read: {0}")]
    Results(#[from] csv::Error),
}

fn io(what: &'static str) -> impl Fn(io::Error) -> Trouble {
    move |source| Trouble::Io { what, source }
}

/// Does what the plan says, and weighs what came of it.
///
/// # Errors
/// Something came in between: then nothing is proved.
pub(crate) fn torture(plan: &Plan) -> Result<Verdict, Trouble> {
    let folder = tempfile::tempdir().map_err(io("a temporary folder"))?;
    let scene = Scene::new(plan, folder.path())?;
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    let mut evidence =
        Evidence { hold: plan.hold, concurrency: plan.concurrency, ..Evidence::default() };
    let started = Instant::now();
    let (mut kills, mut night) = (0, 0);
    while kills < plan.kills && started.elapsed() < plan.limit || night == 0 {
        night += 1;
        // Every second export is small, so that kills hit the closing of a run as well.
        let rows = if night % 2 == 1 { plan.rows } else { rng.usize(1..=(plan.rows / 20).max(1)) };
        let orders = scene.export(night, rows)?;
        let mut runs_to_the_end = 0;
        loop {
            let is_killing = kills < plan.kills && started.elapsed() < plan.limit;
            let kill_at = is_killing.then(|| instant(&mut rng, plan.latest_kill));
            let begin_us = now_us();
            let status =
                scene.run(night, kill_at, started + plan.limit.max(started.elapsed()) + GRACE)?;
            evidence.runs.push(Run { begin_us, killed: status == Ended::Killed });
            match status {
                Ended::Killed => {
                    kills += 1;
                    scene.settle()?;
                }
                Ended::TooLate => return Err(Trouble::TooLong { night, stderr: scene.stderr() }),
                Ended::Alone(status) if matches!(status.code(), Some(0 | 1 | 3)) => {
                    if scene.lines(night)?.iter().all(|line| is_through(line, plan.hold)) {
                        break;
                    }
                    runs_to_the_end += 1;
                    if runs_to_the_end == MOST_RUNS {
                        return Err(Trouble::NeverThrough { night, stderr: scene.stderr() });
                    }
                }
                Ended::Alone(status) => {
                    return Err(Trouble::Ended { kills, status, stderr: scene.stderr() });
                }
            }
        }
        evidence.nights.push(Night { orders, lines: scene.lines(night)? });
    }
    scene.settle()?;
    evidence.entries = scene.server.log();
    let verdict = prove(&evidence);
    if kills < plan.kills && verdict.broken.is_empty() {
        let verdict = Box::new(verdict);
        return Err(Trouble::TooFewKills { kills, wanted: plan.kills, limit: plan.limit, verdict });
    }
    Ok(verdict)
}

/// Whether nothing is left to be done for a row.
fn is_through(line: &Line, hold: bool) -> bool {
    matches!(line.status.as_str(), "sent" | "already_sent") || hold && line.status == "in_doubt"
}

/// When a run is killed: half of them at any time alike, the others evenly over the time's
/// magnitudes, so that start-up gets its share.
fn instant(rng: &mut fastrand::Rng, latest: Duration) -> Duration {
    let earliest = Duration::from_millis(1);
    let fraction = rng.f64();
    if rng.bool() {
        return latest.mul_f64(fraction).max(earliest);
    }
    earliest.mul_f64(latest.max(earliest).div_duration_f64(earliest).powf(fraction))
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Killed,
    TooLate,
    Alone(ExitStatus),
}

/// The folder, the endpoint, and the program's command.
struct Scene<'a> {
    plan: &'a Plan,
    folder: &'a Path,
    server: TestServer,
}

impl<'a> Scene<'a> {
    fn new(plan: &'a Plan, folder: &'a Path) -> Result<Self, Trouble> {
        fs::create_dir(folder.join("home")).map_err(io("a home"))?;
        let mapping = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n";
        fs::write(folder.join("map.toml"), mapping).map_err(io("a mapping"))?;
        Ok(Self { plan, folder, server: TestServer::with_faults(faults(plan)) })
    }

    /// Writes an export, and gives its orders.
    fn export(&self, night: usize, rows: usize) -> Result<Vec<String>, Trouble> {
        let orders: Vec<String> = (1..=rows).map(|row| format!("{night}-{row}")).collect();
        let mut text = "Order,Tracking\n".to_owned();
        for order in &orders {
            let _ = writeln!(text, "{order},T{order}");
        }
        fs::write(self.folder.join("orders.csv"), text).map_err(io("an export"))?;
        Ok(orders)
    }

    /// Runs the program to its end, or kills it at an instant after its start.
    fn run(
        &self,
        night: usize,
        kill_at: Option<Duration>,
        deadline: Instant,
    ) -> Result<Ended, Trouble> {
        let stderr =
            File::create(self.folder.join("stderr")).map_err(io("a file for standard error"))?;
        let plan = self.plan;
        let mut command = Command::new(&plan.program);
        command.args([
            "import",
            "orders.csv",
            "-m",
            "map.toml",
            "--ledger",
            "ledger.db",
            "--rate",
            "unlimited",
        ]);
        command.args(["-o", &results(night), "--endpoint", &self.server.url()]);
        command.args(["--in-doubt", if plan.hold { "hold" } else { "resend" }]);
        command.args(["--concurrency", &plan.concurrency.to_string(), "--max-failures", "0"]);
        command.args(["--timeout", "5s", "--connect-timeout", "2s", "--progress", "never"]);
        command.args(&plan.extra_args).current_dir(self.folder).env_clear();
        command.env("HOME", self.folder.join("home")).env("TMPDIR", self.folder).env("TZ", "UTC");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LATESHIPMENT_EMAIL", "ops@example.com").env("LATESHIPMENT_API_KEY", "key-1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let began = Instant::now();
        let mut child = command
            .spawn()
            .map_err(|source| Trouble::Program { program: plan.program.clone(), source })?;
        loop {
            if let Some(status) = child.try_wait().map_err(io("waiting for the program"))? {
                return Ok(Ended::Alone(status));
            }
            let is_due = kill_at.is_some_and(|at| began.elapsed() >= at);
            if is_due || Instant::now() >= deadline {
                child.kill().map_err(io("killing the program"))?;
                let status = child.wait().map_err(io("waiting for the program"))?;
                return Ok(match status.code() {
                    // It was faster.
                    Some(_) => Ended::Alone(status),
                    None if is_due => Ended::Killed,
                    None => Ended::TooLate,
                });
            }
            let rest = kill_at.map_or(Duration::MAX, |at| at.saturating_sub(began.elapsed()));
            std::thread::sleep(rest.min(Duration::from_millis(2)));
        }
    }

    /// Waits until the server has read everything that a killed run sent, so that it is not taken
    /// for the next run's.
    fn settle(&self) -> Result<(), Trouble> {
        if self.server.wait_for_silence() {
            return Ok(());
        }
        Err(Trouble::Io {
            what: "the server still answers a killed run",
            source: io::ErrorKind::TimedOut.into(),
        })
    }

    /// The lines of a night's results.
    fn lines(&self, night: usize) -> Result<Vec<Line>, Trouble> {
        let mut reader = csv::Reader::from_path(self.folder.join(results(night)))?;
        let headers = reader.headers()?.clone();
        let at = |name| headers.iter().position(|header| header == name);
        let columns = ["row", "order_no", "status"].map(at);
        let mut lines = Vec::new();
        for record in reader.records() {
            let record = record?;
            let [row, order_no, status] =
                columns.map(|at| at.and_then(|at| record.get(at)).unwrap_or_default().to_owned());
            lines.push(Line { row, order_no, status });
        }
        Ok(lines)
    }

    /// The end of what the last run said.
    fn stderr(&self) -> String {
        let said = fs::read(self.folder.join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&said[said.len().saturating_sub(4_000)..]).into_owned()
    }
}

fn results(night: usize) -> String {
    format!("night-{night}.csv")
}

/// Every kind of fault: outages now and then, the others by chance. None that stops a run for good.
fn faults(plan: &Plan) -> Faults {
    let mut rng = fastrand::Rng::with_seed(!plan.seed);
    let ms = Duration::from_millis;
    let mut faults = Vec::new();
    let mut first = 0;
    for _ in 0..OUTAGES {
        first += rng.u64(100..1_000);
        let (kind, lasts) = (rng.u8(0..4), ms(rng.u64(20..400)));
        faults.push(match kind {
            0 => Fault::status(503).window(first, lasts),
            1 => Fault::refuse(first, lasts),
            2 => Fault::reset().accepted(0.3).window(first, lasts),
            _ => Fault::reset_unread().window(first, lasts),
        });
    }
    let cut = |bytes, end| Fault::new(Answer::accepted().cut(bytes, end)).accepted(0.8);
    let throttled = Answer::json(429, r#"{"message":"Too many requests","status":"Error"}"#);
    faults.extend([
        Fault::reset().accepted(0.5).share(0.03),
        Fault::reset_unread().share(0.01),
        cut(0, End::Fin).share(0.01),
        // In the head, and in the body.
        cut(50, End::Reset).share(0.01),
        cut(110, End::Fin).share(0.005),
        Fault::status(500).share(0.03),
        Fault::status(504).accepted(0.5).share(0.01),
        Fault::status(429).share(0.01),
        Fault::new(throttled.header("retry-after", "1")).share(0.000_5),
        Fault::new(Answer::html(200, "<html>This page is under construction.</html>"))
            .accepted(0.5)
            .share(0.002),
        Fault::new(Answer::endless()).accepted(0.5).share(0.002),
        Fault::new(Answer::none(End::Mute)).accepted(0.5).share(0.000_5),
        Fault::new(Answer::accepted().delayed(ms(150))).share(0.02),
        Fault::new(Answer::accepted().dripping(ms(1))).share(0.002),
    ]);
    Faults::new(plan.seed, faults).with_latency(ms(2), ms(25))
}

/// Outages in a torture; after the last one there is only chance.
const OUTAGES: usize = 300;
