//! Where the files of a run lie: the default names, and the check that none of them overwrites
//! another or an input.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use super::draft::folder_of;
use super::draft::partial_of;

/// What the results of an input are called by default.
const RESULTS: &str = ".results.csv";

/// The same for a dry run.
const DRY_RUN: &str = ".dry-run.csv";

/// The three files of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// One line per row (`--results`).
    pub results: PathBuf,
    /// The rows that were not accepted (`--failed-rows`).
    pub failed_rows: PathBuf,
    /// The machine-readable summary (`--summary`).
    pub summary: PathBuf,
}

impl Paths {
    /// The defaults for what is given: the results, else the first input. `None` where neither is.
    pub fn new(results: Option<&Path>, input: Option<&Path>, dry_run: bool) -> Option<Self> {
        Some(match (results, dry_run) {
            (Some(results), true) => Self::of_dry_run(results),
            (Some(results), false) => Self::from_results(results),
            (None, true) => Self::named(input?, DRY_RUN),
            (None, false) => Self::beside(input?),
        })
    }

    /// The folder of the results.
    pub fn folder(&self) -> &Path {
        folder_of(&self.results)
    }

    /// Where standard input is kept while rows are left: `RESULTS.input`.
    pub fn input(&self) -> PathBuf {
        let mut name = self.results.file_name().unwrap_or_default().to_owned();
        name.push(".input");
        self.results.with_file_name(name)
    }

    /// The defaults for an input: `orders.csv` and `orders.csv.gz` both give `orders.results.csv`
    /// beside themselves.
    pub fn beside(input: &Path) -> Self {
        Self::named(input, RESULTS)
    }

    fn named(input: &Path, ending: &str) -> Self {
        let mut name = stem(input);
        name.push(ending);
        Self::from_results(&input.with_file_name(name))
    }

    /// The files of a dry run for given results, so that it never writes over those of a real one:
    /// `out.csv` and `out.results.csv` both give `out.dry-run.csv`.
    fn of_dry_run(results: &Path) -> Self {
        let name = results.file_stem().unwrap_or_default();
        let cut =
            name.to_str().and_then(|name| name.strip_suffix(".results")).map_or(name, OsStr::new);
        Self::named(&results.with_file_name(cut), DRY_RUN)
    }

    /// The defaults for given results: `out.csv` and `out.results.csv` both have their failed rows
    /// in `out.failed.csv`; the summary is the results' path with the ending `.json`.
    pub fn from_results(results: &Path) -> Self {
        let stem = Path::new(results.file_stem().unwrap_or_default());
        let cut = stem.extension().is_some_and(|extension| extension == "results");
        let mut name = OsString::from(if cut {
            stem.file_stem().unwrap_or_default()
        } else {
            stem.as_os_str()
        });
        name.push(".failed.csv");
        Self {
            results: results.to_owned(),
            failed_rows: results.with_file_name(name),
            summary: results.with_extension("json"),
        }
    }

    /// Compares the three paths, and what is written on the way to them, with one another and with
    /// every file that the run reads (inputs, mapping, a joined file), links followed.
    ///
    /// # Errors
    /// [`Error::Clash`] and [`Error::IsInput`] for the first two that are the same file.
    pub fn check(&self, read: &[&Path]) -> Result<(), Error> {
        let named = [
            ("--results", &self.results),
            ("--failed-rows", &self.failed_rows),
            ("--summary", &self.summary),
        ];
        let read: Vec<(&Path, PathBuf)> = read.iter().map(|path| (*path, real(path))).collect();
        let mut seen: Vec<(&'static str, PathBuf)> = Vec::new();
        for (what, path) in named {
            let target = real(path);
            for place in [partial_of(&target), target] {
                if let Some((input, _)) = read.iter().find(|(_, real)| *real == place) {
                    return Err(Error::IsInput { what, path: (*input).to_owned() });
                }
                if let Some((first, _)) = seen.iter().find(|(_, other)| *other == place) {
                    return Err(Error::Clash { first, second: what, path: path.clone() });
                }
                seen.push((what, place));
            }
        }
        Ok(())
    }
}

/// The file's name without the ending of a compression and that of the table.
fn stem(input: &Path) -> OsString {
    let mut name = PathBuf::from(input.file_name().unwrap_or_default());
    let packed = name.extension().is_some_and(|extension| {
        ["gz", "zst", "bz2", "xz", "zip"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    if packed {
        name.set_extension("");
    }
    name.set_extension("");
    name.into_os_string()
}

/// The path with all links followed; where nothing stands there yet, that of its folder with the
/// name.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(paths: &Paths) -> [&str; 3] {
        [&paths.results, &paths.failed_rows, &paths.summary]
            .map(|path| path.to_str().expect("a plain path"))
    }

    #[test]
    fn the_files_lie_beside_the_input_under_its_stem() {
        for (input, ending, expected) in [
            (
                "in/orders.csv",
                RESULTS,
                ["in/orders.results.csv", "in/orders.failed.csv", "in/orders.results.json"],
            ),
            (
                "orders.csv.gz",
                RESULTS,
                ["orders.results.csv", "orders.failed.csv", "orders.results.json"],
            ),
            ("a.b.tsv", DRY_RUN, ["a.b.dry-run.csv", "a.b.dry-run.failed.csv", "a.b.dry-run.json"]),
            ("orders", RESULTS, ["orders.results.csv", "orders.failed.csv", "orders.results.json"]),
        ] {
            assert_eq!(three(&Paths::named(Path::new(input), ending)), expected, "{input}");
        }
    }

    #[test]
    fn the_files_follow_given_results() {
        for (results, expected) in [
            ("out.csv", ["out.csv", "out.failed.csv", "out.json"]),
            ("x/out.results.csv", ["x/out.results.csv", "x/out.failed.csv", "x/out.results.json"]),
            ("out", ["out", "out.failed.csv", "out.json"]),
        ] {
            assert_eq!(three(&Paths::from_results(Path::new(results))), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn two_names_of_one_file_are_found_through_links_and_dots() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let paths = Paths::from_results(&at("out.csv"));
        assert!(paths.check(&[&at("orders.csv")]).is_ok());

        let dotted = Paths { summary: at("./out.csv"), ..paths.clone() };
        let told = dotted.check(&[]).expect_err("summary and results are one").to_string();
        assert!(told.starts_with("--results and --summary are the same file"), "{told}");

        fs::write(at("orders.csv"), "a\n").expect("written");
        std::os::unix::fs::symlink(at("orders.csv"), at("link.csv")).expect("linked");
        let linked = Paths { results: at("link.csv"), ..paths.clone() };
        assert!(matches!(
            linked.check(&[&at("orders.csv")]),
            Err(Error::IsInput { what: "--results", .. })
        ));

        let under_way = Paths { results: at("orders"), ..paths };
        fs::write(at("orders.partial"), "a\n").expect("written");
        assert!(matches!(under_way.check(&[&at("orders.partial")]), Err(Error::IsInput { .. })));
    }
}
