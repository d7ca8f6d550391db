//! The rules of the architecture: where third-party crates are used, what a stage may know, and
//! figures that may only get better.
//!
//! Figures are kept in `tests/it/architecture.toml`. A figure that got worse fails the test, and so
//! does one that got better, until the file says so (`LATESHIP_BLESS=1` lowers it).

mod crate_graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use self::crate_graph::SourceFile;

/// Where a third-party crate may be used, as files and folders below `src/`.
struct Seam {
    /// The crates, as code names them.
    crates: &'static [&'static str],
    /// Where they belong.
    places: &'static [&'static str],
    /// Where they are used besides, as long as they are.
    today: &'static [&'static str],
}

const SEAMS: [Seam; 10] = [
    Seam { crates: &["reqwest"], places: &["delivery/transport.rs", "notify/"], today: &[] },
    Seam { crates: &["governor"], places: &["delivery/pacer.rs"], today: &[] },
    Seam { crates: &["rusqlite"], places: &["ledger/"], today: &[] },
    Seam { crates: &["indicatif"], places: &["terminal/"], today: &["progress.rs"] },
    Seam { crates: &["hyper", "hyper_util", "http_body_util"], places: &["sandbox/"], today: &[] },
    Seam { crates: &["clap"], places: &["cli/", "options.rs", "options/"], today: &[] },
    Seam { crates: &["csv"], places: &["input/", "results/"], today: &[] },
    Seam {
        crates: &["toml"],
        places: &["mapping/", "options.rs", "options/", "credentials.rs", "credentials/"],
        today: &["secret.rs"],
    },
    Seam { crates: &["encoding_rs"], places: &["input/"], today: &["row/", "source/"] },
    Seam { crates: &["rust_xlsxwriter"], places: &["workbook.rs", "workbook/"], today: &[] },
];

/// What a stage may know: the values beside it and what everybody may know, never another stage.
/// A stage may go by an old and a new name; names that do not exist do no harm.
struct Stage {
    names: &'static [&'static str],
    may_know: &'static [&'static str],
}

const STAGES: [Stage; 4] = [
    Stage { names: &["input", "source"], may_know: &["row", "problem", "text", "limits"] },
    Stage { names: &["mapping"], may_know: &["row", "shipment", "problem", "text", "limits"] },
    Stage {
        names: &["delivery"],
        may_know: &["shipment", "outcome", "text", "limits", "secret", "credentials", "endpoint"],
    },
    Stage {
        names: &["results"],
        may_know: &["row", "outcome", "problem", "text", "limits", "sorter"],
    },
];

/// Type names that may be declared in several files.
const COMMON_NAMES: [&str; 5] = ["Error", "Result", "Args", "Flags", "Options"];

/// Lines of code that a file may have.
const LONGEST_FILE: usize = 400;

const FIGURES: &str = "tests/it/architecture.toml";

static FILES: LazyLock<BTreeMap<String, SourceFile>> =
    LazyLock::new(|| crate_graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")));

fn is_in(name: &str, places: &[&str]) -> bool {
    places.iter().any(|place| name == *place || place.ends_with('/') && name.starts_with(place))
}

#[test]
fn third_party_crates_are_used_in_their_places_only() {
    let mut wrong = String::new();
    for Seam { crates, places, today } in SEAMS {
        let users = || {
            let uses = |file: &&SourceFile| crates.iter().any(|name| file.crates.contains(*name));
            FILES.values().filter(uses).map(|file| file.name.as_str())
        };
        for name in users().filter(|name| !is_in(name, places) && !is_in(name, today)) {
            let _ = writeln!(wrong, "{name} uses {}, which belongs in {places:?}", crates[0]);
        }
        for place in today.iter().filter(|place| !users().any(|name| is_in(name, &[place]))) {
            let _ = writeln!(wrong, "{place} uses {} no more: take it out of SEAMS", crates[0]);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The top-level modules, and which others each needs.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in FILES.values().filter(|file| !["lib", "main"].contains(&file.room())) {
        let needs = file.needs.iter().map(|name| crate_graph::room(name));
        let needs = needs.filter(|room| *room != file.room()).map(str::to_owned);
        rooms.entry(file.room().to_owned()).or_default().extend(needs);
    }
    rooms
}

#[test]
fn folders_are_in_no_circle() {
    let rooms = rooms();
    assert!(rooms.len() > 10, "the top-level modules were found: {rooms:?}");
    let circles = crate_graph::circles(&rooms);
    let mut links = String::new();
    for circle in &circles {
        let is_member = |name: &str| circle.iter().any(|room| room == crate_graph::room(name));
        for file in FILES.values().filter(|file| is_member(&file.name)) {
            for need in file.needs.iter().filter(|need| is_member(need)) {
                if crate_graph::room(need) != file.room() {
                    let _ = writeln!(links, "    {} needs {need}", file.name);
                }
            }
        }
    }
    assert!(circles.is_empty(), "these top-level modules need each other: {circles:?}\n{links}");
}

#[test]
fn stages_know_the_values_beside_them_and_no_other_stage() {
    let rooms = rooms();
    for Stage { names, may_know } in STAGES {
        let present: Vec<_> = names.iter().filter(|name| rooms.contains_key(**name)).collect();
        assert!(!present.is_empty(), "there is no stage {names:?}; say its new name in STAGES");
        for stage in present {
            let knows = rooms[*stage].iter().filter(|room| !names.contains(&room.as_str()));
            for room in knows {
                let users = FILES.values().filter(|file| file.room() == *stage);
                let users = users
                    .filter(|file| file.needs.iter().any(|need| crate_graph::room(need) == room));
                assert!(
                    may_know.contains(&room.as_str()),
                    "{stage} needs {room}, but may know only {may_know:?}: {:?}",
                    users.map(|file| &file.name).collect::<Vec<_>>()
                );
            }
        }
    }
}

#[test]
fn figures_get_only_better() {
    let (figures, details) = figures();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIGURES);
    let text = fs::read_to_string(&path).expect("the figures");
    let kept: BTreeMap<String, usize> = toml::from_str(&text).expect("TOML of figures");
    let (mut wrong, mut is_worse) = (String::new(), false);
    let names: BTreeSet<_> = figures.keys().chain(kept.keys()).collect();
    for name in names {
        let [now, allowed] = [&figures, &kept].map(|all| all.get(name).copied().unwrap_or(0));
        if now > allowed {
            is_worse = true;
            let _ = writeln!(wrong, "{name}: {now}, and at most {allowed} are allowed");
            wrong += &details[name];
        } else if now < allowed {
            let _ = writeln!(wrong, "{name}: {now}, better than {allowed}: lower it to {now}");
        }
    }
    if !is_worse && std::env::var_os("LATESHIP_BLESS").is_some() {
        let comments = text.lines().take_while(|line| line.starts_with('#'));
        let mut text: String = comments.flat_map(|line| [line, "\n"]).collect();
        for (name, figure) in figures.iter().filter(|(_, figure)| **figure > 0) {
            let _ = writeln!(text, "{name:?} = {figure}");
        }
        fs::write(path, text).expect("written");
        return;
    }
    assert!(wrong.is_empty(), "\n{wrong}{FIGURES} has the figures; LATESHIP_BLESS=1 lowers them");
}

/// Figures by name, none of which may grow; and what to look at, for each.
fn figures() -> (BTreeMap<String, usize>, BTreeMap<String, String>) {
    let mut figures = BTreeMap::new();
    let mut details: BTreeMap<String, String> = BTreeMap::new();

    let within: BTreeMap<_, BTreeSet<_>> = FILES
        .values()
        .map(|file| {
            let needs = file.needs.iter().filter(|name| crate_graph::room(name) == file.room());
            (file.name.clone(), needs.cloned().collect())
        })
        .collect();
    for circle in crate_graph::circles(&within) {
        let name = format!("files in circles: {}", crate_graph::room(&circle[0]));
        *figures.entry(name.clone()).or_default() += circle.len();
        let detail = details.entry(name).or_default();
        for file in &circle {
            let needs: Vec<_> = within[file].iter().filter(|need| circle.contains(need)).collect();
            let _ = writeln!(detail, "    {file} needs {needs:?}");
        }
    }

    let mut declared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in FILES.values() {
        for name in file.types.iter().filter(|name| !COMMON_NAMES.contains(&name.as_str())) {
            declared.entry(name).or_default().push(&file.name);
        }
    }
    declared.retain(|_, files| files.len() > 1);
    let name = "type names declared in several files";
    figures.insert(name.to_owned(), declared.len());
    let list = declared.iter().map(|(name, files)| format!("    {name}: {files:?}\n"));
    details.insert(name.to_owned(), list.collect());

    let name = format!("lines of code over {LONGEST_FILE} in a file");
    let mut over = 0;
    let detail = details.entry(name.clone()).or_default();
    for file in FILES.values().filter(|file| file.code_lines() > LONGEST_FILE) {
        over += file.code_lines() - LONGEST_FILE;
        let _ = writeln!(detail, "    {}: {} lines", file.name, file.code_lines());
    }
    figures.insert(name, over);
    (figures, details)
}

#[test]
fn main_is_short() {
    let lines = FILES["main.rs"].text.lines().count();
    assert!(lines < 60, "main.rs has {lines} lines");
}

#[test]
fn files_open_with_what_they_are_for() {
    for folder in ["src", "tests/it"] {
        for path in crate_graph::files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = fs::read_to_string(&path).expect("a source file");
            assert!(text.starts_with("//!"), "{} does not open with //!", path.display());
        }
    }
}
