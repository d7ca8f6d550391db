//! Runs in child processes that are killed, or whose system calls fail: what they were
//! answered is known, and in doubt is what they began and did not end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use futures::stream::{FuturesUnordered, StreamExt};

use super::*;

/// Says to the child where its ledger is.
const LEDGER: &str = "LATESHIP_TEST_LEDGER";
/// Says how many shipments the child sends, after how many of the earlier children.
const WORK: &str = "LATESHIP_TEST_WORK";

/// How far a shipment was when the child was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    AsksToBegin,
    Begun,
    AsksToEnd,
    Ended,
}

fn conclusion(shipment: u128) -> Conclusion {
    [Conclusion::Accepted, Conclusion::Accepted, Conclusion::NotAccepted, Conclusion::InDoubt]
        [usize::try_from(shipment % 4).expect("small")]
}

fn say(stage: Stage, shipment: u128) {
    // Not by print!, which the test harness keeps back.
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{} {shipment}", stage as u8)
        .and_then(|()| stdout.flush())
        .expect("the parent listens");
}

#[test]
#[ignore = "the child of the others"]
fn child() {
    let Some(path) = std::env::var_os(LEDGER) else { return };
    let work = std::env::var(WORK).expect("work");
    let (from, count) = work.split_once('+').expect("two numbers");
    let (from, count): (u128, u128) =
        (from.parse().expect("a number"), count.parse().expect("a number"));
    let Ok(ledger) = Ledger::open(Path::new(&path), &scope("ann@example.com"), "child") else {
        return;
    };
    let send = async |shipment: u128| {
        let key = key(shipment, 1);
        say(Stage::AsksToBegin, shipment);
        ledger.begin(key, &shipment.to_string(), "1Z999").await?;
        say(Stage::Begun, shipment);
        say(Stage::AsksToEnd, shipment);
        ledger.end(key, conclusion(shipment)).await?;
        say(Stage::Ended, shipment);
        Ok::<(), Error>(())
    };
    let failed = wait(async {
        let mut flying = FuturesUnordered::new();
        let mut waiting = from..from + count;
        flying.extend(waiting.by_ref().take(8).map(send));
        while let Some(sent) = flying.next().await {
            if let Err(error) = sent {
                return Some(error);
            }
            flying.extend(waiting.next().map(send));
        }
        None
    });
    if let Some(first) = failed {
        let again = wait(ledger.history(key(from, 1))).expect_err("the first error is final");
        assert_eq!(again, first);
    } else {
        // A failure at the end is one, too; what was answered is safe all the same.
        let _ = ledger.close();
    }
}

/// A child at work, below `tool` if one is given.
fn start(fixture: &Fixture, tool: &[String], (from, count): (u128, u128)) -> Child {
    let test = std::env::current_exe().expect("this program").into_os_string();
    let mut line: Vec<std::ffi::OsString> = tool.iter().map(Into::into).collect();
    line.push(test);
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).args([
        "--ignored",
        "--exact",
        "--nocapture",
        "ledger::tests::kill::child",
    ]);
    command.env(LEDGER, fixture.path()).env(WORK, format!("{from}+{count}"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

/// How far each shipment came by what the child says; it is killed after `lines` of that.
fn follow(mut child: Child, lines: usize, stages: &mut BTreeMap<u128, Stage>) {
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut heard = 0;
    for line in output.lines() {
        let line = line.expect("text");
        let parsed = line
            .split_once(' ')
            .and_then(|(stage, number)| Some((stage.parse().ok()?, number.parse().ok()?)));
        let Some((stage, shipment)) = parsed else { continue };
        let stage = match stage {
            0_u8 => Stage::AsksToBegin,
            1 => Stage::Begun,
            2 => Stage::AsksToEnd,
            _ => Stage::Ended,
        };
        stages.insert(shipment, stage);
        heard += 1;
        if heard == lines {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("ended");
}

/// Holds the ledger against all that its runs were answered.
fn verify(fixture: &Fixture, stages: &BTreeMap<u128, Stage>, what: &str) {
    let run = Run::open(&fixture.path(), &fixture.scope)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut doubts = Vec::new();
    for (shipment, stage) in stages {
        let key = key(*shipment, 1);
        let history = run.history(key).expect("a history");
        let (accepted, in_doubt) = (history.accepted.is_some(), history.in_doubt.is_some());
        let what = format!("{what}: shipment {shipment} came to {stage:?} and is {history:?}");
        let ended = match conclusion(*shipment) {
            Conclusion::Accepted => (true, false),
            Conclusion::NotAccepted => (false, false),
            Conclusion::StillInDoubt | Conclusion::InDoubt => (false, true),
        };
        match stage {
            Stage::Ended => assert_eq!((accepted, in_doubt), ended, "{what}"),
            Stage::Begun => assert_eq!((accepted, in_doubt), (false, true), "{what}"),
            Stage::AsksToEnd => {
                assert!(
                    (accepted, in_doubt) == (false, true) || (accepted, in_doubt) == ended,
                    "{what}"
                );
            }
            Stage::AsksToBegin => assert!(!accepted, "{what}"),
        }
        if in_doubt {
            doubts.push(key);
        }
    }
    run.close().expect("closed");
    let listed = Store::open(&fixture.path()).and_then(|admin| admin.doubts()).expect("listed");
    let mut listed: Vec<Key> = listed.into_iter().map(|(_, entry)| entry.key).collect();
    listed.sort_unstable();
    doubts.sort_unstable();
    assert_eq!(listed, doubts, "{what}");
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

#[test]
fn kill_leaves_in_doubt_exactly_what_was_in_flight() {
    let fixture = Fixture::new();
    let mut stages = BTreeMap::new();
    let mut random = fastrand::Rng::with_seed(number("LATESHIP_TEST_SEED", 7));
    for kill in 0..number("LATESHIP_TEST_KILLS", 12) {
        let child = start(&fixture, &[], (u128::from(kill) * 1_000_000, 1_000_000));
        follow(child, random.usize(1..400), &mut stages);
        verify(&fixture, &stages, &format!("kill {kill}"));
    }
    assert!(stages.values().filter(|stage| **stage == Stage::Ended).count() > 10);
}

/// Fails the `nth` call of `call` on the ledger's files with `error`, and all later ones, too.
#[cfg(target_os = "linux")]
fn strace(fixture: &Fixture, call: &str, error: &str, nth: u64) -> Vec<String> {
    let mut line = vec![
        "strace".to_owned(),
        "-f".to_owned(),
        "-qq".to_owned(),
        "-o".to_owned(),
        "/dev/null".to_owned(),
    ];
    for ending in ["", "-wal", "-shm"] {
        line.extend(["-P".to_owned(), format!("{}{ending}", fixture.path().display())]);
    }
    line.extend(["-e".to_owned(), format!("trace={call}")]);
    line.extend(["-e".to_owned(), format!("inject={call}:error={error}:when={nth}+")]);
    line
}

#[cfg(target_os = "linux")]
#[test]
fn failing_system_calls_lead_to_an_error_and_no_wrong_history() {
    let works = |line: &[&str]| {
        let quiet = Command::new(line[0])
            .args(&line[1..])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        quiet.is_ok_and(|status| status.success())
    };
    if !works(&["strace", "-o", "/dev/null", "true"]) {
        return; // Not installed, or not allowed here.
    }
    let calls = [
        ("pwrite64", "ENOSPC"),
        ("pwrite64", "EIO"),
        ("write", "ENOSPC"),
        ("fdatasync,fsync", "EIO"),
        ("pread64", "EIO"),
        ("ftruncate", "EIO"),
        ("fcntl", "ENOLCK"),
        ("openat", "EACCES"),
    ];
    let mut failures = 0;
    for (call, error) in calls {
        for turn in 0..number("LATESHIP_TEST_FAULTS", 3) {
            let nth = 1 + turn * number("LATESHIP_TEST_FAULT_STEP", 17);
            let fixture = Fixture::new();
            fixture.open().close().expect("closed");
            let mut stages = BTreeMap::new();
            let child = start(&fixture, &strace(&fixture, call, error, nth), (0, 60));
            follow(child, usize::MAX, &mut stages);
            failures +=
                u32::from(stages.values().filter(|stage| **stage == Stage::Ended).count() < 60);
            verify(&fixture, &stages, &format!("{call} fails with {error} from call {nth} on"));
        }
    }
    assert!(failures > 5, "the faults came through: {failures}");
}
