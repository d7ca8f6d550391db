//! Golden files: texts in the repository that are compared with what the program gives now.
//!
//! A test owns a folder of them. `LATESHIP_BLESS=1` writes the folder anew, for `git diff` to show.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::Workdir;

/// Lines before the first that differs, and lines that differ, at most.
const BEFORE: usize = 2;
const SHOWN: usize = 8;

/// Files whose differences are shown; of the others only the names are.
const FILES_SHOWN: usize = 5;

/// The texts of one folder, by file name.
pub(crate) struct Golden {
    folder: &'static str,
    texts: BTreeMap<String, String>,
}

impl Golden {
    /// For a folder, from the root of the repository, that holds nothing else.
    pub(crate) fn new(folder: &'static str) -> Self {
        Self { folder, texts: BTreeMap::new() }
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, name: impl Into<String>, text: impl Into<String>) {
        let name = name.into();
        let earlier = self.texts.insert(name.clone(), text.into());
        assert!(earlier.is_none(), "{name} is given twice");
    }

    /// Fails with the first lines that differ, unless the folder holds these texts and no others.
    #[track_caller]
    pub(crate) fn check(self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder);
        if std::env::var_os("LATESHIP_BLESS").is_some() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder");
            for (name, text) in &self.texts {
                fs::write(folder.join(name), text).expect("written");
            }
            return;
        }
        let differences = self.differences(&folder);
        let mut shown = String::new();
        for (index, (name, difference)) in differences.iter().enumerate() {
            let _ = writeln!(shown, "{}/{name}", self.folder);
            if index < FILES_SHOWN {
                shown.push_str(difference);
            }
        }
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default();
        assert!(
            differences.is_empty(),
            "{} golden files differ (- golden, + now):\n{shown}\
             If that is right: LATESHIP_BLESS=1 cargo test --test it {test}; git diff {}",
            differences.len(),
            self.folder
        );
    }

    /// The files that differ, by name, and how.
    fn differences(&self, folder: &Path) -> Vec<(String, String)> {
        let mut differences = Vec::new();
        for (name, text) in &self.texts {
            match fs::read_to_string(folder.join(name)) {
                Ok(kept) if kept == *text => {}
                Ok(kept) => differences.push((name.clone(), difference(&kept, text))),
                Err(_) => differences.push((name.clone(), "  is not in the folder\n".into())),
            }
        }
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            if !self.texts.contains_key(&name) {
                differences.push((name, "  is in the folder, and nothing gives it now\n".into()));
            }
        }
        differences
    }
}

/// The first lines that differ, after some that do not.
fn difference(golden: &str, now: &str) -> String {
    let [old, new]: [Vec<_>; 2] = [golden, now].map(|text| text.split('\n').collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old[same..].iter().rev(), new[same..].iter().rev());
    let same_end = old_rest.zip(new_rest).take_while(|(old, new)| old == new).count();
    let mut shown = String::new();
    for (index, line) in old[..same].iter().enumerate().skip(same.saturating_sub(BEFORE)) {
        let _ = writeln!(shown, "  {:>4}   {line}", index + 1);
    }
    for (sign, lines) in [('-', &old), ('+', &new)] {
        let lines = lines[..lines.len() - same_end].iter();
        for (index, line) in lines.enumerate().skip(same).take(SHOWN) {
            let _ = writeln!(shown, "  {:>4} {sign} {line}", index + 1);
        }
    }
    shown
}

/// What differs from run to run, and what is put in its place.
static VARIABLE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "<TIME>"),
        (r"until (\d{4}-\d\d-\d\d )?\d\d:\d\d\b", "until <TIME>"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:<PORT>"),
        (r#""duration_ms": \d+"#, r#""duration_ms": <MS>"#),
        (r#""requests_per_second": [\d.]+"#, r#""requests_per_second": <N>"#),
        (r"process \d+", "process <PID>"),
    ]
    .map(|(pattern, word)| (Regex::new(pattern).expect("a pattern"), word))
    .into()
});

/// A text of a run in `workdir` without what differs from run to run: times, durations, ports,
/// process ids, the version, and absolute paths.
pub(crate) fn lasting(workdir: &Workdir, text: &str) -> String {
    let mut text = text.to_owned();
    for (path, word) in [(workdir.path(""), "<WORKDIR>"), (workdir.home(), "<HOME>")] {
        let path = path.to_string_lossy();
        text = text.replace(path.trim_end_matches('/'), word);
    }
    text = text.replace(env!("CARGO_PKG_VERSION"), "<VERSION>");
    for (pattern, word) in &*VARIABLE {
        text = pattern.replace_all(&text, *word).into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_shows_the_first_lines_that_differ() {
        assert_eq!(
            difference("a\nb\nc\nd\ne\n", "a\nb\nc\nD\ne\n"),
            "     2   b\n     3   c\n     4 - d\n     4 + D\n"
        );
        assert_eq!(difference("a", "a\nb"), "     1   a\n     2 + b\n");
    }

    #[test]
    fn golden_names_files_that_differ_are_missing_or_left_over() {
        let workdir = Workdir::new();
        for (name, text) in [("same", "a\n"), ("other", "a\n"), ("left", "")] {
            workdir.write(name, text);
        }
        let mut golden = Golden::new("");
        for (name, text) in [("same", "a\n"), ("other", "b\n"), ("new", "")] {
            golden.add(name, text);
        }
        let differences = golden.differences(&workdir.path(""));
        let names: Vec<_> = differences.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["new", "other", "left"]);
    }

    #[test]
    fn times_ports_and_paths_are_replaced() {
        let workdir = Workdir::new();
        let text = format!(
            "2026-11-27T21:47:46.25Z {} http://127.0.0.1:35309/x until 21:47, 30 s",
            workdir.path("a.csv").display()
        );
        assert_eq!(
            lasting(&workdir, &text),
            "<TIME> <WORKDIR>/a.csv http://127.0.0.1:<PORT>/x until <TIME>, 30 s"
        );
    }
}
