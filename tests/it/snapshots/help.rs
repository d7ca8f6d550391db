//! The help of every command, which is found in the help of the command above it.

use crate::support::Workdir;
use crate::support::golden::{Golden, lasting};

/// The help of a command, at a fixed width.
fn help(words: &[String], flag: &str) -> String {
    let workdir = Workdir::new();
    let arguments = [words, &[flag.to_owned()]].concat();
    let run = workdir.launch(&arguments).env("COLUMNS", "100").run();
    run.assert_code(0);
    assert_eq!(run.stderr, "", "help goes to standard output");
    lasting(&workdir, &run.stdout)
}

/// The commands that a help text lists.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().filter(|name| *name != "help"))
}

#[test]
fn help_of_every_command_is_as_kept() {
    let mut golden = Golden::new("tests/snapshots/help");
    let mut open = vec![Vec::new()];
    while let Some(words) = open.pop() {
        let name = [&["lateship".to_owned()], &words[..]].concat().join("-");
        let short = help(&words, "-h");
        open.extend(commands(&short).map(|command| [&words[..], &[command.to_owned()]].concat()));
        golden.add(format!("{name}.short.txt"), short);
        golden.add(format!("{name}.long.txt"), help(&words, "--help"));
    }
    golden.check();
}
