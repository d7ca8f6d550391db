//! The shipped examples are the documentation: their payloads and results are golden, and so are
//! README's commands.

use encoding_rs::WINDOWS_1252;

use crate::support::Workdir;
use crate::support::golden::Golden;
use crate::support::shipped;

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
    let mut golden = Golden::new("examples/golden");
    for example in shipped::examples() {
        let workdir = Workdir::new();
        example.put_into(&workdir);
        let mapping = shipped::text(&format!("mappings/{}.toml", example.mapping));
        workdir.write("mapping.toml", mapping);
        let run = |command: &str, mapping: &str, flags: &[&str]| {
            workdir.lateship(&example.arguments(command, mapping, flags))
        };
        let check = run("check", "mapping.toml", &["--show", "1000"]);
        check.assert_code(example.code);
        golden.add(format!("{}.payloads.json", example.name), &check.stdout);
        let results = format!("{}.results.csv", example.name);
        let import = run("import", "mapping.toml", &["--sandbox", "-o", &results]);
        import.assert_code(example.code);
        golden.add(&results, lasting(&workdir.read(&results)));
        let built_in = run("check", example.mapping, &["--show", "1000"]);
        assert_eq!(built_in.stdout, check.stdout, "the built-in mapping is the file");
    }
    golden.check();
}

#[test]
fn every_example_of_a_platform_has_the_header_that_its_mapping_shows() {
    for name in shipped::platforms() {
        let columns: String = shipped::text(&format!("mappings/{name}.toml"))
            .lines()
            .filter_map(|line| line.strip_prefix("#   "))
            .collect();
        let example = shipped::bytes(&format!("examples/{name}.csv"));
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
    let readme = shipped::text("README.md");
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
        shipped::text(file);
    }
}
