//! The comparisons whose measure is rows a second.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::child::measure;
use super::contest::{Contestant, Line, as_f64, compete, thousands};
use super::servers::Sandbox;
use super::stage::{ACCOUNT, CONCURRENCY, Stage, find, missing, sent};
use super::{Outcome, data};

/// The importer to compare with; it is run from the sources.
const IMPORTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/bench/importer.py");

/// What is remembered of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// A ledger that is fresh in each round.
    Fresh,
    None,
}

pub(crate) fn import(stage: &Stage) -> Outcome<Vec<Line>> {
    let what = format!("import, ledger and results, c={CONCURRENCY}, http");
    against_oha(stage, "import", &what, &stage.nginx()?.url(), stage.rows, Memory::Fresh)
}

pub(crate) fn no_ledger(stage: &Stage) -> Outcome<Vec<Line>> {
    against_oha(
        stage,
        "no-ledger",
        "import --no-ledger",
        &stage.nginx()?.url(),
        stage.rows,
        Memory::None,
    )
}

pub(crate) fn tls(stage: &Stage) -> Outcome<Vec<Line>> {
    against_oha(
        stage,
        "tls",
        "import over TLS",
        &stage.nginx()?.tls_url(),
        stage.rows,
        Memory::Fresh,
    )
}

pub(crate) fn latency(stage: &Stage) -> Outcome<Vec<Line>> {
    let sandbox = Sandbox::start(&stage.lateship, "50ms", None)?;
    let rows = stage.rows / 5;
    let what = format!("import, the endpoint takes 50 ms ({} rows)", thousands(as_f64(rows)));
    against_oha(stage, "latency", &what, &sandbox.url, rows, Memory::Fresh)
}

/// An import against oha's requests to the same endpoint.
fn against_oha(
    stage: &Stage,
    title: &str,
    what: &str,
    url: &str,
    rows: u64,
    memory: Memory,
) -> Outcome<Vec<Line>> {
    let mut contestants = vec![importing(stage, url, rows, memory)?];
    contestants.extend(stage.oha(url, rows)?);
    lines(stage, title, what, rows, &mut contestants)
}

/// Lets them compete; the first is `lateship`.
fn lines(
    stage: &Stage,
    title: &str,
    what: &str,
    rows: u64,
    contestants: &mut [Contestant<'_>],
) -> Outcome<Vec<Line>> {
    let medians = compete(title, stage.rounds, rows, contestants)?;
    let mut others = contestants.iter().zip(&medians).skip(1).peekable();
    if others.peek().is_none() {
        return Ok(vec![Line::of_one(what, medians[0])]);
    }
    Ok(others.map(|(other, taken)| Line::of_two(what, medians[0], other.name, *taken)).collect())
}

/// An import of so many rows with fresh files.
pub(crate) fn importing<'a>(
    stage: &'a Stage,
    url: &'a str,
    rows: u64,
    memory: Memory,
) -> Outcome<Contestant<'a>> {
    let input = stage.export(rows)?;
    Ok(Contestant::new("lateship", move || {
        let folder = stage.fresh("run")?;
        let mut command = stage.import_command(&input, url, &folder);
        command.args(["--rate", "unlimited"]);
        match memory {
            Memory::Fresh => command.arg("--ledger").arg(folder.join("ledger.db")),
            Memory::None => command.arg("--no-ledger"),
        };
        if url.starts_with("https") {
            command.env("SSL_CERT_FILE", &stage.nginx()?.authority);
        }
        sent(&mut command, &folder, rows, "sent")
    }))
}

pub(crate) fn aiohttp(stage: &Stage) -> Outcome<Vec<Line>> {
    let Some(python) = python_with("aiohttp")? else { return Ok(Vec::new()) };
    let url = stage.nginx()?.url();
    let rows = stage.rows / 5;
    let input = stage.export(rows)?;
    let fields = serde_json::to_string(&data::COLUMNS)?;
    let importer = Contestant::new("aiohttp", || {
        let results = stage.fresh("run-aiohttp")?.join("results.csv");
        let mut command = Command::new(&python);
        command.arg(IMPORTER).arg(&input).arg(&url).arg(&results).arg(CONCURRENCY);
        command.envs(ACCOUNT);
        let measured =
            measure(command.env("BENCH_FIELDS", &fields).stdout(Stdio::null()))?.accepted()?;
        let accepted =
            fs::read_to_string(results)?.lines().filter(|line| line.contains(",sent,200,")).count();
        if u64::try_from(accepted)? != rows {
            return Err(format!("{accepted} of {rows} rows were sent").into());
        }
        Ok(measured)
    });
    let mut contestants = [importing(stage, &url, rows, Memory::Fresh)?, importer];
    lines(
        stage,
        "aiohttp",
        &format!("import, {} rows", thousands(as_f64(rows))),
        rows,
        &mut contestants,
    )
}

pub(crate) fn qsv(stage: &Stage) -> Outcome<Vec<Line>> {
    let Some(qsv) = find("qsv") else {
        missing::<()>("qsv")?;
        return Ok(Vec::new());
    };
    let url = stage.nginx()?.url();
    let rows = stage.rows / 5;
    let input = stage.export(rows)?;
    let template = stage.path("payload.tpl");
    let fields = data::COLUMNS.iter().filter(|(_, field)| !field.is_empty());
    let pairs: Vec<_> =
        fields.map(|(column, field)| format!("\"{field}\": {{{{ {column}|tojson }}}}")).collect();
    fs::write(&template, format!("{{{}}}", pairs.join(", ")))?;
    let posting = Contestant::new("qsv", || {
        let answers = stage.fresh("run-qsv")?.join("answers.jsonl");
        let mut command = Command::new(&qsv);
        command.arg("fetchpost").arg(&url).arg("--payload-tpl").arg(&template);
        command.args(["--no-cache", "--output"]).arg(&answers).arg(&input);
        let measured = measure(command.stdout(Stdio::null()))?.accepted()?;
        let accepted =
            fs::read_to_string(answers)?.lines().filter(|line| line.contains("Success")).count();
        if u64::try_from(accepted)? != rows {
            return Err(format!("{accepted} of {rows} rows were answered").into());
        }
        Ok(measured)
    });
    let mut contestants = [importing(stage, &url, rows, Memory::Fresh)?, posting];
    lines(
        stage,
        "qsv",
        &format!("import, {} rows", thousands(as_f64(rows))),
        rows,
        &mut contestants,
    )
}

pub(crate) fn check(stage: &Stage) -> Outcome<Vec<Line>> {
    let rows = stage.rows * 10;
    let input = stage.export(rows)?;
    let mut contestants = vec![checking(stage, &input, "map.toml")];
    if let Some(python) = python_with("duckdb")? {
        let fields = data::COLUMNS.iter().filter(|(_, field)| !field.is_empty());
        let columns: Vec<_> =
            fields.map(|(column, field)| format!("{column} AS \"{field}\"")).collect();
        let query = format!(
            "COPY (SELECT {} FROM read_csv('{}', header = true, all_varchar = true)) TO '/dev/null' (FORMAT json)",
            columns.join(", "),
            input.display()
        );
        contestants.push(Contestant::new("duckdb", move || {
            let mut command = Command::new(&python);
            command.args(["-c", "import duckdb, sys; duckdb.execute(sys.argv[1])", &query]);
            Ok(measure(command.stdout(Stdio::null()))?.accepted()?)
        }));
    }
    match find("mlr") {
        Some(mlr) => contestants.push(Contestant::new("mlr", {
            let input = input.clone();
            move || {
                let mut command = Command::new(&mlr);
                command.args(["--icsv", "--ojsonl", "cat"]).arg(&input);
                Ok(measure(command.stdout(Stdio::null()))?.accepted()?)
            }
        })),
        None => {
            missing::<()>("mlr")?;
        }
    }
    lines(
        stage,
        "check",
        &format!("check, {} rows", thousands(as_f64(rows))),
        rows,
        &mut contestants,
    )
}

/// A check of `input` with the mapping of this name.
pub(crate) fn checking<'a>(
    stage: &'a Stage,
    input: &Path,
    mapping: &'static str,
) -> Contestant<'a> {
    let input = input.to_owned();
    Contestant::new("lateship", move || {
        let mut command = stage.lateship();
        command.arg("check").arg(&input).arg("-m").arg(stage.path(mapping));
        Ok(measure(&mut command)?.accepted()?)
    })
}

pub(crate) fn rerun(stage: &Stage) -> Outcome<Vec<Line>> {
    let rows = stage.rows * 10;
    let input = stage.export(rows)?;
    let url = stage.nginx()?.url();
    let ledger = stage.fresh("known")?.join("ledger.db");
    let mut adopt = stage.lateship();
    adopt.args(["ledger", "adopt"]).arg(&input).arg("-m").arg(stage.path("map.toml"));
    adopt.args(["--endpoint", &url]).arg("--ledger").arg(&ledger);
    measure(&mut adopt)?.accepted()?;
    let again = Contestant::new("lateship", || {
        let folder = stage.fresh("run")?;
        let mut command = stage.import_command(&input, &url, &folder);
        command.args(["--rate", "unlimited", "--ledger"]).arg(&ledger);
        sent(&mut command, &folder, rows, "already_sent")
    });
    let what = format!("import again, all {} rows in the ledger", thousands(as_f64(rows)));
    lines(stage, "rerun", &what, rows, &mut [again])
}

/// The interpreter itself (a wrapper's time would count), if it has the module.
fn python_with(module: &str) -> Outcome<Option<PathBuf>> {
    let script = format!("import {module}, sys; print(sys.executable)");
    match Command::new("python3").args(["-c", &script]).stderr(Stdio::null()).output() {
        Ok(found) if found.status.success() => {
            Ok(Some(PathBuf::from(String::from_utf8(found.stdout)?.trim())))
        }
        _ => missing(&format!("Python's {module}")),
    }
}
