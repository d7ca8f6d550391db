//! The corridor: the only file that knows every stage.
//!
//! ```text
//! inputs ─ reader (a thread of its own) ─▶ desk ─▶ engine ─▶ desk ─▶ results ─▶ record
//! ```
//!
//! Everything that can be wrong is found before the first request: inputs opened, mapping bound, credentials read,
//! endpoint parsed, results opened and locked. From then on each row ends in the results, whatever happens.

mod deadline;
mod descriptors;
mod desk;
mod inputs;
mod reader;
mod record;
mod signals;
mod site;
mod watch;

use std::sync::Arc;

use jiff::{Timestamp, ZonedDateTime};

use self::deadline::Deadline;
use self::desk::Desk;
use self::inputs::{Ahead, Inputs};
use self::reader::{Findings, Reader};
use self::record::{End, Record, Requests};
use self::signals::Signals;
use self::site::Site;
use self::watch::Watch;
use crate::delivery::{self, Ending, Engine, Gauge, SystemClock};
use crate::error::Error;
use crate::limits::Limits;
use crate::progress::Screen;
use crate::settings::Import;

/// The message of a valid row in a dry run.
const DRY_RUN: &str = "valid; not sent in a dry run";

/// Imports what `settings` say; gives the exit code.
///
/// # Errors
/// Before the first request whatever is in the way; after it, when a file could not be read or written to its end.
pub fn run(settings: &Import, screen: &Screen) -> Result<u8, Error> {
    let started = Timestamp::now();
    let inputs = Arc::new(Inputs::prepare(settings)?);
    let ahead = inputs.look_ahead(settings.limit, settings.min_shipments)?;
    if ahead.shipments < settings.min_shipments {
        return Err(Error::TooFewShipments { found: ahead.shipments, wanted: settings.min_shipments });
    }
    if ahead.rows == 0 {
        tracing::warn!("there are no rows below the header, so there is nothing to send");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let site = Site::open(&settings.target, &settings.limits)?;
    let (record, results) = Record::begin(settings, &inputs, site.as_ref(), started)?;
    screen.say(&record.forecast(&ahead, inputs.bytes()));

    let desk = Desk::new(Reader::start(Arc::clone(&inputs), settings.limit), results);
    let gauge = Gauge::default();
    let begun = std::time::Instant::now();
    let (end, left) = match &site {
        None => (End::Complete, DRY_RUN.to_owned()),
        Some(site) => {
            let end = runtime.block_on(deliver(settings, site, &desk, &gauge, (ahead, inputs.bytes()), screen))?;
            let left = end.left_because();
            (end, left)
        }
    };
    let requests = Requests { made: gauge.requests(), within: begun.elapsed() };
    let (read, results) = runtime.block_on(desk.close(&left))?;
    let (end, findings) = match read {
        Ok(findings) => (end, findings),
        // The rows behind the broken place are not known; all before it are in the results.
        Err(error) => (End::Stopped(error.to_string()), Findings::default()),
    };
    // A name look-up may hang on a thread of the runtime's; nothing is waited for any more.
    runtime.shutdown_background();
    let closed = record.close(&end, &findings, results, requests, screen)?;
    if closed.left == 0 {
        inputs.remove_copies();
    }
    Ok(closed.exit_code)
}

/// Sends everything on the desk, until the end or until something ends the run.
async fn deliver(
    settings: &Import,
    site: &Site,
    desk: &Desk,
    gauge: &Gauge,
    (ahead, bytes): (Ahead, u64),
    screen: &Screen,
) -> Result<End, Error> {
    let (wish, stop) = delivery::channel();
    let limits = Limits { concurrency: descriptors::fitting(settings.limits.concurrency), ..settings.limits.clone() };
    let signals = Signals::listen();
    let deadline = Deadline::of(&settings.limits, &ZonedDateTime::now());
    let engine = Engine {
        limits: &limits,
        shipments: ahead.exact.then_some(ahead.shipments),
        transport: &site.http,
        desk,
        clock: &SystemClock,
        stop,
        gauge,
        seed: fastrand::u64(..),
    };
    let watch = Watch { desk, gauge, limits: &limits, ahead, bytes };
    let deadline = async {
        if let Some(deadline) = deadline {
            deadline.watch(&wish).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        // The delivery came to its end, by itself or as it was wished.
        ending = engine.run() => Ok(match ending? {
            Ending::Complete => End::Complete,
            Ending::Stopped(reason) => End::Stopped(reason),
            Ending::Wished(wish) => End::Wished(wish),
        }),
        // The second signal: end at once, and leave the partial results as they are.
        signal = signals.second(&wish) => Err(Error::EndedAtOnce(signal)),
        // Both only wish the stop; the delivery ends then.
        never = async { tokio::join!(watch.run(screen, &wish), deadline) } => unreachable!("{never:?}: they watch for ever"),
    }
}
