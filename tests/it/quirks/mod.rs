//! What real exports are like, one test for each kind of oddity (numbered Q1 to Q32), on files made
//! up after it and through the real program: it is served with the right payloads, or left out or
//! refused by name, never sent in a wrong form.

mod form;
mod shapes;
mod texts;
mod values;

use serde_json::Value;

use crate::support::Workdir;
use crate::support::workdir::Run;

/// The three fields that must be there, from columns of a plain name.
const PLAIN: &str = "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n";

/// [`PLAIN`] with more fields, a line each.
fn plain(fields: &str) -> String {
    format!("{PLAIN}{fields}\n")
}

/// What `check` says of a file.
struct Checked {
    workdir: Workdir,
    report: Value,
}

/// Checks `input` by `mapping`; it must be one that can be read.
#[track_caller]
fn check(input: impl AsRef<[u8]>, mapping: &str) -> Checked {
    let (workdir, run) = attempt(input, mapping);
    assert!(matches!(run.code, Some(0 | 1)), "code {:?}: {}", run.code, run.stderr);
    let report = serde_json::from_str(&run.stdout).expect("one object on standard output");
    Checked { workdir, report }
}

/// Checks `input` by `mapping`, whatever comes of it.
fn attempt(input: impl AsRef<[u8]>, mapping: &str) -> (Workdir, Run) {
    let workdir = Workdir::new();
    workdir.write("orders.csv", input);
    workdir.write("map.toml", mapping);
    let run = workdir.lateship(&[
        "check",
        "orders.csv",
        "-m",
        "map.toml",
        "--format",
        "json",
        "--show",
        "100",
    ]);
    (workdir, run)
}

impl Checked {
    /// A field of all payloads, in their order; `-` where a payload has none.
    fn all(&self, field: &str) -> Vec<&str> {
        let payloads = self.report["payloads"].as_array().map_or(&[][..], Vec::as_slice);
        payloads.iter().map(|payload| payload[field].as_str().unwrap_or("-")).collect()
    }

    /// How many shipments, invalid and skipped rows there are.
    fn counts(&self) -> [u64; 3] {
        ["shipments", "invalid", "skipped"]
            .map(|name| self.report[name].as_u64().expect("a number"))
    }

    /// The reasons of `errors`, `warnings` or `skips`, with their fields, and the first row (line)
    /// of each.
    fn reasons(&self, kind: &str) -> Vec<String> {
        let one = |group: &Value| {
            let (field, first) = (group["field"].as_str().unwrap_or("row"), &group["examples"][0]);
            format!(
                "{field}: {} in row {} (line {})",
                group["reason"].as_str().unwrap_or_default(),
                first["row"],
                first["line"]
            )
        };
        self.report[kind].as_array().expect("a list").iter().map(one).collect()
    }

    /// What is remarked on the input.
    fn remarks(&self) -> String {
        self.report["inputs"][0]["remarks"].to_string()
    }

    /// Fails unless one of the reasons has all these words.
    #[track_caller]
    fn assert_reason(&self, kind: &str, words: &[&str]) {
        let reasons = self.reasons(kind);
        let found = reasons.iter().any(|reason| words.iter().all(|word| reason.contains(word)));
        assert!(found, "no {kind} with {words:?}: {:#}", self.report);
    }
}
