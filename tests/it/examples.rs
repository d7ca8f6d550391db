//! The shipped examples are the documentation: their payloads and results are golden, and so are
//! README's commands.

use std::fs;
use std::path::Path;

use encoding_rs::WINDOWS_1252;
use lateship::mapping::builtin;

use crate::support::Workdir;

/// Input, mapping, and the exit code of its import: the examples that are called otherwise than
/// their mapping or leave rows behind.
const EXAMPLES: [(&str, &str, i32); 4] = [
    ("orders", "orders", 0),
    ("bestellungen", "erp-de", 0),
    ("orders-with-faults", "orders", 1),
    ("amazon-new-orders", "amazon-orders", 0),
];

/// The built-in mappings of no platform, which are there to start from.
const TO_START_FROM: [&str; 2] = ["orders", "erp-de"];

/// The built-in mappings that have an example of their own name, which imports without a row left:
/// all but those to start from.
fn platforms() -> impl Iterator<Item = &'static str> {
    builtin::all().map(|(name, _)| name).filter(|name| !TO_START_FROM.contains(name))
}

/// A file as it is shipped: an example has its platform's encoding.
fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of ours, which is UTF-8.
fn shipped(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares with the golden file, or writes it anew where `LATESHIP_BLESS` asks for that.
fn golden(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/golden").join(name);
    if std::env::var_os("LATESHIP_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, now).expect("written");
    }
    assert_eq!(
        now,
        shipped(&format!("examples/golden/{name}")),
        "{name} has changed; LATESHIP_BLESS=1 writes it anew"
    );
}

/// Results without what differs from run to run.
fn lasting(results: &str) -> String {
    let mut reader = csv::Reader::from_reader(results.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).expect("written");
    for record in reader.records() {
        let record = record.expect("a record");
        let kept = header.iter().zip(record.iter()).map(|(name, cell)| match name {
            "finished_at" | "duration_ms" => "",
            _ => cell,
        });
        writer.write_record(kept).expect("written");
    }
    String::from_utf8(writer.into_inner().expect("all written")).expect("UTF-8")
}

#[test]
fn every_example_gives_its_golden_payloads_and_results() {
    let platforms = platforms().map(|name| (name, name, 0));
    for (example, mapping, code) in EXAMPLES.into_iter().chain(platforms) {
        let workdir = Workdir::new();
        let input = format!("{example}.csv");
        workdir.write(&input, bytes(&format!("examples/{input}")));
        workdir.write("mapping.toml", shipped(&format!("mappings/{mapping}.toml")));
        // The export of shipments that is joined, where the mapping needs one.
        let shipments = format!("{example}-shipments.csv");
        let has_shipments =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(&shipments).exists();
        let join = if has_shipments { vec!["--join", shipments.as_str()] } else { Vec::new() };
        if has_shipments {
            workdir.write(&shipments, bytes(&format!("examples/{shipments}")));
        }
        let run = |words: &[&str]| workdir.lateship(&[words, &join].concat());
        let check = run(&["check", &input, "-m", "mapping.toml", "--show", "1000"]);
        check.assert_code(code);
        golden(&format!("{example}.payloads.json"), &check.stdout);
        run(&["import", &input, "-m", "mapping.toml", "--sandbox"]).assert_code(code);
        golden(
            &format!("{example}.results.csv"),
            &lasting(&workdir.read(&format!("{example}.results.csv"))),
        );
        let built_in = run(&["check", &input, "-m", mapping, "--show", "1000"]);
        assert_eq!(built_in.stdout, check.stdout, "the built-in mapping is the file");
    }
}

#[test]
fn every_example_of_a_platform_has_the_header_that_its_mapping_shows() {
    for name in platforms() {
        let columns: String = shipped(&format!("mappings/{name}.toml"))
            .lines()
            .filter_map(|line| line.strip_prefix("#   "))
            .collect();
        let example = bytes(&format!("examples/{name}.csv"));
        let example = match std::str::from_utf8(&example) {
            Ok(text) => text.into(),
            Err(_) => WINDOWS_1252.decode(&example).0,
        };
        // Some platforms put quotes around every name.
        let bare = |line: &str| line.trim_start_matches('\u{FEFF}').replace('"', "");
        let at_the_top = example.lines().take(2).any(|line| bare(line) == bare(&columns));
        assert!(at_the_top, "{name}: {columns}");
    }
}

#[test]
fn the_readme_names_files_and_flags_that_exist() {
    let readme = shipped("README.md");
    let manuals = [
        &["import", "--help"][..],
        &["retry", "--help"],
        &["sandbox", "--help"],
        &["check", "--help"],
        &["init", "--help"],
        &["ledger", "--help"],
        &["ledger", "resolve", "--help"],
    ];
    let help: String = manuals.iter().map(|words| Workdir::new().lateship(words).stdout).collect();
    let flags = regex::Regex::new(r"`?lateship[^`\n]*|`--[^`]*`").expect("a pattern");
    let flag = regex::Regex::new(r"--[a-z][a-z-]+").expect("a pattern");
    for text in flags.find_iter(&readme) {
        for flag in flag.find_iter(text.as_str()) {
            assert!(
                flag.as_str() == "--help" || help.contains(flag.as_str()),
                "README names {}",
                flag.as_str()
            );
        }
    }
    assert!(readme.contains(
        "cargo run --release -- import examples/orders.csv -m mappings/orders.toml --sandbox"
    ));
    for file in ["examples/orders.csv", "mappings/orders.toml", "mappings/README.md"] {
        shipped(file);
    }
}
