//! Opens what a run needs before its first request: inputs, results, ledger, copies of standard
//! input. Also bounds the concurrency by the number of files the process may open.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::inputs::{Ahead, Inputs, OtherFile};
use crate::ledger::{Ledger, Scope};
use crate::limits::{InDoubt, Limits};
use crate::options::run::RunSettings;
use crate::results::{FailedRows, Leftover, Results, Summary, Terms, summary};

/// How often a lock of another run is tried again.
const RETRY_LOCK: Duration = Duration::from_millis(500);

/// Files that are open besides connections to the endpoint.
const OTHER_FILES: usize = 32;

/// Opens the inputs and maps their first rows.
///
/// # Errors
/// Whatever is wrong with an input or its header, or too few shipments (`--min-shipments`).
pub(super) fn inputs(settings: &RunSettings) -> Result<(Inputs, Ahead), Error> {
    let inputs = Inputs::prepare(
        &settings.inputs,
        Arc::clone(&settings.mapping),
        settings.args.run.set.clone(),
        settings.args.run.join.as_deref(),
        settings.paths.folder(),
    )?;
    for remark in inputs.remarks() {
        tracing::warn!("{remark}");
    }
    let wanted = settings.args.input.min_shipments;
    let ahead = inputs.look_ahead(settings.args.limit, wanted)?;
    if ahead.shipments < wanted {
        return Err(Error::TooFewShipments { found: ahead.shipments, wanted });
    }
    if ahead.rows == 0 {
        tracing::warn!("there are no rows below the header, so there is nothing to send");
    }
    Ok((inputs, ahead))
}

/// Opens and locks the results; waits for another run that writes them.
///
/// # Errors
/// When one of the files cannot be written, or another run writes them or was killed while it did.
pub(super) fn results(settings: &RunSettings, inputs: &Inputs) -> Result<Results, Error> {
    let read: Vec<&Path> = inputs.paths().chain(inputs.others().map(OtherFile::path)).collect();
    settings.paths.check(&read)?;
    // A ledger knows what a killed run sent; without one its partial results are all there is.
    let replace = settings.args.dry_run || settings.ledger.is_some();
    let terms = Terms {
        encoding: inputs.encoding(),
        leftover: if replace { Leftover::Replace } else { Leftover::Refuse },
        failed_rows: match (settings.args.dry_run, settings.limits.in_doubt) {
            (true, _) => FailedRows::OnlyInvalid,
            (false, InDoubt::Resend) => FailedRows::All,
            (false, InDoubt::Hold) => FailedRows::ButInDoubt,
        },
        skip_lines: inputs.mapping().form().skip_lines.unwrap_or(0),
        unordered: inputs.are_arranged(),
    };
    let (paths, names) = (&settings.paths, inputs.names());
    wait_for_lock(settings.args.run.delivery.wait, || {
        Ok(Results::create(paths, inputs.header(), inputs.dialect(), &names, terms)?)
    })
}

/// Opens the ledger of the endpoint and the account, if there is one; waits for another run that
/// uses it.
///
/// # Errors
/// When it cannot be used, or another run uses it.
pub(super) fn ledger(settings: &RunSettings) -> Result<Option<Ledger>, Error> {
    let (Some(path), Some(credentials)) = (&settings.ledger, &settings.credentials) else {
        return Ok(None);
    };
    let endpoint = &settings.args.run.endpoint;
    let account = credentials.email.expose().to_owned();
    // The query hash has its place; runs with and without a query still share their memory.
    let scope = Scope { endpoint: endpoint.shown(), query_hash: None, account };
    let command = settings.command.to_string();
    wait_for_lock(settings.args.run.delivery.wait, || {
        Ok(Some(Ledger::open(path, &scope, &command)?))
    })
}

/// Opens something, and tries again for at most `wait` as long as another run holds its lock.
fn wait_for_lock<T>(wait: Duration, open: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(error) if error.is_locked() && begun.elapsed() < wait => {
                tracing::info!("waiting for another run: {error}");
                std::thread::sleep(RETRY_LOCK.min(wait));
            }
            opened => return opened,
        }
    }
}

/// Moves the copies of what could be read only once beside the results, in place of those of an
/// earlier run. Returns their paths, and those that a retry reads.
///
/// # Errors
/// When another file is there, or a copy cannot be moved.
pub(super) fn keep_copies(
    settings: &RunSettings,
    inputs: &mut Inputs,
) -> Result<Vec<PathBuf>, Error> {
    if settings.args.dry_run {
        return Ok(Vec::new());
    }
    let place = settings.paths.input();
    if inputs.has_copies() && place.exists() {
        let path = Some(summary::relative(&place, &settings.paths.summary));
        let is_ours = |earlier: Summary| earlier.inputs.iter().any(|input| input.path == path);
        if !Summary::read(&settings.paths.summary).is_ok_and(is_ours) {
            return Err(Error::CopyInTheWay(place));
        }
    }
    inputs.keep_copies(&place)
}

/// Removes the copies of standard input, since nothing is left to do with them.
pub(super) fn remove_copies(copies: &[PathBuf]) {
    for copy in copies {
        if let Err(error) = std::fs::remove_file(copy) {
            tracing::warn!("{}: the copy of the input cannot be removed: {error}", copy.display());
        }
    }
}

/// The limits of the settings, with no more requests in flight than this process may have files
/// open; more would fail for no reason of the endpoint's.
pub(super) fn limits(settings: &RunSettings) -> Limits {
    let mut limits = settings.limits.clone();
    let proc = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(files) = open_files_limit(&proc) else { return limits };
    let most = max_connections(files);
    if limits.concurrency > most {
        tracing::warn!(
            "only {most} requests go at a time instead of {}: this process may have only {files} \
             files open (ulimit -n)",
            limits.concurrency
        );
        limits.concurrency = most;
    }
    limits
}

/// Each connection may have a successor before it is closed, hence the half.
fn max_connections(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit.saturating_sub(OTHER_FILES) / 2).unwrap_or(NonZeroUsize::MIN)
}

/// The soft limit on open files in the text of `/proc/self/limits`, see proc(5).
fn open_files_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_limit_leaves_room_for_other_files() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files_limit(limits), Some(1024));
        assert_eq!(
            open_files_limit(
                "Max open files            unlimited            unlimited            files"
            ),
            None
        );
        assert_eq!([1024, 40, 10].map(|limit| max_connections(limit).get()), [496, 4, 1]);
    }
}
