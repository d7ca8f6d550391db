//! The house's own rules: third-party crates stay in their rooms, data goes one way, and no module
//! needs itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Where a third-party crate may be used, as paths below `src/`.
const SEAMS: [(&str, &[&str]); 8] = [
    ("encoding_rs", &["row/", "source/"]),
    ("clap", &["cli/", "options.rs", "options/"]),
    ("csv", &["source/", "results/"]),
    ("toml", &["mapping/", "secret.rs", "secret/", "sandbox/"]),
    ("reqwest", &["delivery/transport.rs"]),
    ("governor", &["delivery/pace.rs"]),
    ("indicatif", &["progress.rs"]),
    ("hyper", &["sandbox/"]),
];

/// What a stage may know: the values beside it and the leaves that everybody may know, never
/// another stage.
const STAGES: [(&str, &[&str]); 4] = [
    ("source", &["row", "problem", "text", "limits"]),
    ("mapping", &["row", "shipment", "problem", "text", "limits"]),
    ("delivery", &["shipment", "outcome", "text", "limits", "secret", "hashed"]),
    ("results", &["row", "outcome", "problem", "text", "limits", "sorter"]),
];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a source"))
    };
    found.into_iter().map(read).collect()
}

/// The code without comments and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs")
}

#[test]
fn third_party_crates_stay_in_their_rooms() {
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        for (krate, rooms) in SEAMS {
            let uses =
                Regex::new(&format!(r"\b{krate}(_util)?::|\buse {krate}\b")).expect("a pattern");
            let at_home = rooms
                .iter()
                .any(|room| name == room || (room.ends_with('/') && name.starts_with(room)));
            assert!(
                at_home || !uses.is_match(&code(text)),
                "{name} uses {krate}, which belongs into {rooms:?}"
            );
        }
    }
}

/// The rooms (top-level modules) and which others they need.
fn needs() -> BTreeMap<String, BTreeSet<String>> {
    let single = Regex::new(r"\bcrate::([a-z_]+)").expect("a pattern");
    let braces = Regex::new(r"\bcrate::\{([^}]*)\}").expect("a pattern");
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in sources() {
        let room = name.split(['/', '.']).next().unwrap_or_default().to_owned();
        if is_test(&name) || room == "lib" || room == "main" {
            continue;
        }
        let code = code(&text);
        let mut found: BTreeSet<String> =
            single.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        for list in braces.captures_iter(&code) {
            found.extend(
                list[1]
                    .split(',')
                    .filter_map(|part| part.trim().split("::").next())
                    .map(str::to_owned),
            );
        }
        found.remove(&room);
        found.retain(|room| !room.is_empty() && room.starts_with(char::is_lowercase));
        needs.entry(room).or_default().extend(found);
    }
    needs
}

#[test]
fn the_module_graph_has_no_circle() {
    let mut needs = needs();
    assert!(needs.len() > 10, "the rooms were found");
    loop {
        let done: Vec<String> = needs
            .iter()
            .filter(|(_, needed)| needed.is_empty())
            .map(|(room, _)| room.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        for room in done {
            needs.remove(&room);
            for needed in needs.values_mut() {
                needed.remove(&room);
            }
        }
    }
    assert!(needs.is_empty(), "these rooms need each other in a circle: {needs:#?}");
}

#[test]
fn a_stage_knows_the_values_beside_it_and_never_another_stage() {
    let needs = needs();
    for (stage, may_know) in STAGES {
        for needed in &needs[stage] {
            assert!(
                may_know.contains(&needed.as_str()),
                "{stage} needs {needed}, but may know only {may_know:?}"
            );
        }
    }
}

#[test]
fn main_can_be_read_aloud() {
    let sources = sources();
    let (_, main) = sources.iter().find(|(name, _)| name == "main.rs").expect("a main");
    assert!(main.lines().count() < 60, "main.rs has {} lines", main.lines().count());
}

#[test]
fn every_file_says_what_it_is() {
    for (name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} does not open by saying what it is");
    }
}
