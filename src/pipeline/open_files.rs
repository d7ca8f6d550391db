//! Opens what a run needs before its first request: inputs, results, ledger, copies of standard
//! input. Also bounds the concurrency by the number of files the process may open.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::inputs::{Ahead, InputPath, Inputs, OtherFile};
use crate::ledger::{Ledger, Scope};
use crate::limits::{InDoubt, Limits};
use crate::options::run::RunSettings;
use crate::results::{FailedRows, Leftover, Results, Summary, Terms};

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

/// Opens and locks the results.
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
    Ok(Results::create(&settings.paths, inputs.header(), inputs.dialect(), &inputs.names(), terms)?)
}

/// Opens the ledger of the endpoint and the account, if there is one.
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
    Ok(Some(Ledger::open(path, &scope, &settings.command.to_string())?))
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
        let folder = settings.paths.summary.parent().unwrap_or(Path::new(""));
        let is_ours = |earlier: Summary| {
            let real = place.canonicalize().ok();
            let mut paths = earlier.inputs.iter().filter_map(|input| input.path.as_ref());
            paths.any(|path| folder.join(path).canonicalize().ok() == real)
        };
        if !Summary::read(&settings.paths.summary).is_ok_and(is_ours) {
            return Err(Error::CopyInTheWay(place));
        }
    }
    let mut copies = inputs.keep_copies(&place)?;
    let earlier = settings.inputs.iter().filter(|input| is_copy(input, &place));
    copies.extend(earlier.filter_map(InputPath::path).map(Path::to_owned));
    Ok(copies)
}

/// Whether an input is the copy that an earlier run kept: a user's own file has its own name.
fn is_copy(input: &InputPath, place: &Path) -> bool {
    let InputPath::Known { path, name } = input else { return false };
    let file = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = |path: &Path| Some(path.canonicalize().ok()?.parent()?.to_owned());
    file(path).starts_with(&file(place))
        && file(path) != file(Path::new(name))
        && folder(path) == folder(place)
}

/// The limits of the settings, with no more requests in flight than this process may have files
/// open; more would fail for no reason of the endpoint's.
pub(super) fn limits(settings: &RunSettings) -> Limits {
    let mut limits = settings.limits.clone();
    let proc = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(limit) = open_files_limit(&proc)
        && limits.concurrency > max_connections(limit)
    {
        let most = max_connections(limit);
        tracing::warn!(
            "only {most} requests go at a time instead of {}: this process may have only {limit} \
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
