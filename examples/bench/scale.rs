//! Files of a size that nobody has looked at before: memory must not grow with the rows, and time
//! with nothing else.
//!
//! Each runs once: peaks of memory do not scatter, and the runs are long.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use super::comparisons::{Memory, checking, importing};
use super::contest::{Contestant, Line, as_f64, compete, thousands};
use super::stage::{Stage, sent};
use super::{Outcome, data};

/// Rows that are made to look as if they had failed.
const FAILED: u64 = 100;

/// What makes the mapping one that brings the rows of an order together, wherever they stand.
const GROUPED: &str = "\n[rows]\ngroup_by = [\"order_id\", \"tracking\"]\ngroup = \"anywhere\"\n";

pub(crate) fn scale(stage: &Stage) -> Outcome<Vec<Line>> {
    let rows = stage.rows * 100;
    let input = stage.export(rows)?;
    let url = stage.nginx()?.url();
    let mut lines = vec![
        once("check", rows, checking(stage, &input, "map.toml"))?,
        once("import --no-ledger", rows, importing(stage, &url, rows, Memory::None)?)?,
    ];
    // The files of the run before are still there.
    let results = stage.path("run").join("orders.results.csv");
    fail_some(&results, rows)?;
    lines.push(once(&format!("retry of {FAILED} rows"), rows, retrying(stage, &results, rows))?);

    lines.push(once(
        "import, ledger and results",
        rows,
        importing(stage, &url, rows, Memory::Fresh)?,
    )?);
    let ledger = stage.fresh("known")?.join("ledger.db");
    fs::rename(stage.path("run").join("ledger.db"), &ledger)?;
    let again = Contestant::new("lateship", || {
        let folder = stage.fresh("run")?;
        let mut command = stage.import_command(&input, &url, &folder);
        command.args(["--rate", "unlimited", "--ledger"]).arg(&ledger);
        sent(&mut command, &folder, rows, "already_sent")
    });
    lines.push(once("import again, all of them in the ledger", rows, again)?);
    // Gigabytes that nobody else needs.
    ["run", "known"].iter().try_for_each(|name| stage.fresh(name).map(drop))?;
    fs::remove_file(&input)?;

    lines.extend(halves(stage, rows / 2)?);
    Ok(lines)
}

/// What holds more than a row at a time.
fn halves(stage: &Stage, rows: u64) -> Outcome<Vec<Line>> {
    let (paired, shipments) = (stage.path("pairs.csv"), stage.path("trackings.csv"));
    pairs(&paired, rows)?;
    fs::write(stage.path("grouped.toml"), data::mapping() + GROUPED)?;
    let grouped =
        once("check, group = \"anywhere\"", rows, checking(stage, &paired, "grouped.toml"))?;
    fs::remove_file(paired)?;

    trackings(&shipments, rows)?;
    fs::write(stage.path("joined.toml"), joined("trackings.csv"))?;
    let input = stage.export(rows)?;
    let joined =
        once("check, [join] with as many rows", rows, checking(stage, &input, "joined.toml"))?;
    [shipments, input].iter().try_for_each(fs::remove_file)?;
    Ok(vec![grouped, joined])
}

fn once(what: &str, rows: u64, contestant: Contestant<'_>) -> Outcome<Line> {
    let medians = compete(&format!("scale: {what}"), 1, rows, &mut [contestant])?;
    Ok(Line::of_one(&format!("{what}, {} rows", thousands(as_f64(rows))), medians[0]))
}

fn retrying<'a>(stage: &'a Stage, results: &'a Path, rows: u64) -> Contestant<'a> {
    Contestant::new("lateship", move || {
        let mut command = stage.lateship();
        command.arg("retry").arg(results).args(["--no-ledger", "--rate", "unlimited"]);
        sent(&mut command, &stage.path("run"), rows, "sent")
    })
}

/// Rewrites the results so that [`FAILED`] rows, spread over all of them, were not accepted.
fn fail_some(results: &Path, rows: u64) -> Outcome<()> {
    let every = (rows / FAILED).max(1);
    let changed = results.with_extension("changed");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&changed)?);
    let mut failed = 0;
    for (number, line) in
        (0_u64..).zip(BufReader::with_capacity(1 << 20, File::open(results)?).lines())
    {
        let line = line?;
        // The header is number 0.
        let failing = number.is_multiple_of(every) && number > 0 && failed < FAILED;
        failed += u64::from(failing);
        let line = if failing { line.replacen(",sent,200,", ",failed,500,", 1) } else { line };
        writeln!(out, "{line}")?;
    }
    out.into_inner()?.sync_all()?;
    Ok(fs::rename(changed, results)?)
}

/// The same mapping with the tracking numbers from another export.
fn joined(file: &str) -> String {
    let own = "trackingnumber = \"tracking\"";
    data::mapping().replace(own, "trackingnumber = \"join.number\"")
        + &format!("\n[join]\nfile = \"{file}\"\non = {{ \"order_id\" = \"order\" }}\n")
}

/// Writes an export in which each order has two rows, with half of the file between them.
fn pairs(path: &Path, rows: u64) -> io::Result<()> {
    data::table(path, &data::COLUMNS.map(|(column, _)| column), rows, |out, number| {
        data::row(out, number % (rows / 2))
    })
}

/// Writes the export to join: the order and the tracking number of each shipment, the last order
/// first.
fn trackings(path: &Path, rows: u64) -> io::Result<()> {
    data::table(path, &["order", "number"], rows, |out, number| {
        let number = rows - 1 - number;
        writeln!(out, "{},{}", data::order(number), data::tracking(number))
    })
}
