//! The corridor: the only file that knows every stage.
//!
//! ```text
//! inputs ─ reader (a thread of its own) ─▶ desk ─▶ engine ─▶ desk ─▶ results ─▶ record
//! ```
//!
//! Everything that can be wrong is found before the first request: inputs opened, mapping bound,
//! credentials read, endpoint parsed, results opened and locked. From then on each row ends in the
//! results, whatever happens.

mod carry;
mod deadline;
mod descriptors;
mod desk;
mod lines;
mod memory;
mod plan;
mod reader;
mod record;
mod signals;
mod site;
mod watch;

use std::convert::Infallible;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ZonedDateTime};
use tokio::runtime::{Builder, Runtime};

use self::deadline::Deadline;
use self::desk::Desk;
use self::memory::Memory;
use self::reader::Reader;
use self::record::Record;
use self::signals::Signals;
use self::site::Site;
use self::watch::Watch;
use crate::closing;
use crate::delivery::{self, Ending, Engine, Gauge, StopSender, SystemClock};
use crate::error::Error;
use crate::inputs::{Inputs, OtherFile};
use crate::limits::Limits;
use crate::options::run::RunSettings;
use crate::progress::Screen;

/// How often it is looked whether another run has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The message of a valid row in a dry run.
const DRY_RUN: &str = "valid; not sent in a dry run";

/// Imports what `settings` say; gives the exit code.
///
/// # Errors
/// Before the first request whatever is in the way; after it, when a file could not be written to
/// its end.
pub fn run(settings: &RunSettings, screen: &Screen) -> Result<u8, Error> {
    // Time counts from here: a slow pipe or a long look ahead must not move the end of the night.
    let deadline = Deadline::of(&settings.limits, &ZonedDateTime::now());
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let code = run_on(&runtime, settings, deadline, screen);
    // A name look-up may hang on a thread of the runtime's; nothing is waited for any more.
    runtime.shutdown_background();
    code
}

fn run_on(
    runtime: &Runtime,
    settings: &RunSettings,
    deadline: Option<Deadline>,
    screen: &Screen,
) -> Result<u8, Error> {
    let started = Timestamp::now();
    let folder = settings.paths.folder();
    let mut inputs = Inputs::prepare(
        &settings.inputs,
        Arc::clone(&settings.mapping),
        settings.set.clone(),
        settings.join.as_deref(),
        folder,
    )?;
    for remark in inputs.remarks() {
        tracing::warn!("{remark}");
    }
    let ahead = inputs.look_ahead(settings.limit, settings.min_shipments)?;
    if ahead.shipments < settings.min_shipments {
        return Err(Error::TooFewShipments {
            found: ahead.shipments,
            wanted: settings.min_shipments,
        });
    }
    if ahead.rows == 0 {
        tracing::warn!("there are no rows below the header, so there is nothing to send");
    }
    let site = Site::open(&settings.target, &settings.limits)?;
    let results =
        waiting(settings.wait, || record::open_results(settings, &inputs), Error::is_locked)?;
    let ledger = waiting(settings.wait, || record::open_ledger(settings), Error::is_locked)?;
    // Only now, under the lock of the results, no other run replaces what is carried over,
    let (ahead, carry) = carry::prove(settings, &inputs, ahead)?;
    // and nobody else's copy can be in its place.
    let kept =
        if settings.dry_run { Vec::new() } else { record::keep_copies(settings, &mut inputs)? };
    let record = Record::begin(settings, &inputs, site.as_ref(), started)?;
    screen.say(&record.forecast(&ahead));

    let inputs = Arc::new(inputs);
    let position = Arc::new(AtomicU64::new(0));
    let desk = Desk::new(
        Reader::start(Arc::clone(&inputs), settings.limit, Arc::clone(&position), carry),
        results,
        Memory::new(ledger, &settings.ledger, settings.limits.in_doubt),
    );
    let limits = Limits {
        concurrency: descriptors::fitting(settings.limits.concurrency),
        ..settings.limits.clone()
    };
    let gauge = Gauge::default();
    let watch = Watch { desk: &desk, gauge: &gauge, limits: &limits, ahead, position: &position };
    let ending = runtime.block_on(async {
        let (wish, stop) = delivery::channel();
        let work = async {
            let ending = match &site {
                None => Ending::Complete,
                Some(site) => match deliver(site, &watch, stop, &wish, deadline, screen).await {
                    // The results can still tell what was sent, and what was not.
                    Err(Error::Forgetful(error)) => Ending::Stopped(error.to_string()),
                    ending => ending?,
                },
            };
            let left = if settings.dry_run { DRY_RUN.to_owned() } else { ending.left_because() };
            desk.settle_rest(&left).await.map_err(Error::recording)?;
            Ok(ending)
        };
        let ending = tokio::select! {
            biased;
            ending = work => ending,
            // The second signal: end at once, and leave the partial results as they are.
            signal = Signals::listen().second(&wish) => {
                desk.flush().map_err(Error::Unrecorded)?;
                Err(Error::EndedAtOnce(signal))
            }
        };
        if ending.is_err() {
            screen.say(&closing::counts(&desk.look(|results| *results.tally())));
        }
        ending
    })?;
    let (mut findings, results, memory) = desk.into_parts();
    if let Err(error) = memory.close() {
        findings.broken.get_or_insert(Error::Forgetful(error));
    }
    if let Some(unmatched) =
        inputs.joined().filter(|_| settings.limit.is_none()).and_then(OtherFile::unmatched)
        && findings.broken.is_none()
    {
        tracing::warn!("{unmatched}");
    }
    if let Some(input) = inputs.changed() {
        findings.broken.get_or_insert(Error::Changed(input.to_owned()));
    }
    let closed = record.close(ending, findings, results, &gauge, screen)?;
    if closed.left == 0 {
        remove(&kept);
    }
    Ok(closed.exit_code)
}

/// Sends everything on the desk, until the end or until something ends the run.
async fn deliver(
    site: &Site,
    watch: &Watch<'_>,
    stop: delivery::Stop,
    wish: &StopSender,
    deadline: Option<Deadline>,
    screen: &Screen,
) -> Result<Ending, Error> {
    let Watch { desk, gauge, limits, ahead, .. } = *watch;
    let engine = Engine {
        limits,
        shipments: ahead.exact.then_some(ahead.shipments),
        transport: &site.http,
        desk,
        clock: &SystemClock,
        stop,
        gauge,
        seed: fastrand::u64(..),
    };
    let deadline = pin!(async {
        if let Some(deadline) = deadline {
            deadline.watch(wish).await;
        }
        std::future::pending::<()>().await;
    });
    let delivery = async {
        let ending = engine.run().await.map_err(Error::recording)?;
        desk.keep().map(|()| ending)
    };
    // Comes after the delivery whenever that has worked, so that one write records what all had to
    // record that were awake.
    let keeping = poll_fn(|_| {
        // The ledger takes nothing after a failure, so the delivery meets it itself, and records
        // what is in flight.
        let _ = desk.keep();
        Poll::<Infallible>::Pending
    });
    tokio::select! {
        biased;
        // The delivery came to its end, by itself or as it was wished.
        ending = delivery => ending,
        never = keeping => match never {},
        // Both only wish the stop; the delivery ends then.
        never = async { tokio::join!(watch.run(screen, wish), deadline) } => unreachable!("{never:?}: they watch for ever"),
    }
}

/// Does `work`, and does it again for at most `wait` as long as only another run is in its way.
fn waiting<T>(
    wait: Duration,
    work: impl Fn() -> Result<T, Error>,
    in_the_way: impl Fn(&Error) -> bool,
) -> Result<T, Error> {
    let begun = Instant::now();
    loop {
        match work() {
            Err(error) if in_the_way(&error) && begun.elapsed() < wait => {
                tracing::info!("waiting for another run: {error}");
                std::thread::sleep(LOOK_AGAIN.min(wait));
            }
            done => return done,
        }
    }
}

/// Removes the copies of what could be read only once, since nothing is left to do with them.
fn remove(copies: &[PathBuf]) {
    for copy in copies {
        if let Err(error) = std::fs::remove_file(copy) {
            tracing::warn!("{}: the copy of the input cannot be removed: {error}", copy.display());
        }
    }
}
