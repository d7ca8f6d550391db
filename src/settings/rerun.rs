//! The command as it was typed, to be shown so that it can be typed again.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use super::Input;
use crate::text;

/// The flags that belong to one run alone: where it writes, and how many rows it looks at or wants.
const OF_ONE_RUN: [&str; 5] =
    ["--results", "--failed-rows", "--summary", "--limit", "--min-shipments"];

/// The flags with a value that a retry has as well, and that its summary does not know.
const OF_EVERY_RUN: [&str; 14] = [
    "--credentials",
    "--rate",
    "--concurrency",
    "--max-attempts",
    "--timeout",
    "--connect-timeout",
    "--give-up-after",
    "--max-failures",
    "--stop-at",
    "--max-duration",
    "--changed",
    "--wait",
    "--progress",
    "--log-format",
];

/// The flags without a value that a retry has as well.
const SWITCHES: [&str; 3] = ["--sandbox", "--quiet", "--verbose"];

/// The words of a command, the program's name first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rerun {
    words: Vec<OsString>,
}

impl Rerun {
    /// The command of these words; the program's name is shown as `lateship`, wherever it lies.
    pub fn new(words: impl IntoIterator<Item = OsString>) -> Self {
        Self { words: words.into_iter().skip(1).collect() }
    }

    /// The same command for other inputs: `input` takes the place of the first of `inputs`, the
    /// others go, and so do the flags that belong to one run alone.
    #[must_use]
    pub fn with_input(&self, inputs: &[Input], input: &Path) -> Self {
        let mut words = Vec::with_capacity(self.words.len());
        let mut replaced = false;
        let mut rest = self.words.iter();
        while let Some(word) = rest.next() {
            match of_one_run(&word.to_string_lossy()) {
                Kept::Whole if !inputs.contains(&Input::typed(word)) => words.push(word.clone()),
                Kept::Whole if replaced => {}
                Kept::Whole => {
                    words.push(input.into());
                    replaced = true;
                }
                Kept::Part { letters, takes_next } => {
                    words.extend(letters.map(OsString::from));
                    if takes_next {
                        rest.next();
                    }
                }
            }
        }
        Self { words }
    }

    /// The command that retries `results`: of the flags only those that say how fast, how
    /// patiently, as whom and how loudly a run works, and `more` of them that take a value.
    #[must_use]
    pub fn retrying(&self, results: &Path, more: &[&str]) -> Self {
        let mut words: Vec<OsString> = vec!["retry".into(), results.into()];
        let mut rest = self.words.iter();
        while let Some(word) = rest.next() {
            let text = word.to_string_lossy();
            let flag = text.split('=').next().unwrap_or_default();
            if OF_EVERY_RUN.iter().chain(more).any(|known| *known == flag) {
                words.push(word.clone());
                if text == flag {
                    words.extend(rest.next().cloned());
                }
            } else if SWITCHES.contains(&flag) || is_loudness(&text) {
                words.push(word.clone());
            }
        }
        Self { words }
    }

    /// Adds a flag with its value, unless it stands there already.
    pub fn add_missing(&mut self, flag: &str, value: &str) {
        let stands = |word: &OsString| {
            word.to_string_lossy()
                .strip_prefix(flag)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        if !self.words.iter().any(stands) {
            self.words.extend([flag.into(), value.into()]);
        }
    }
}

/// What of a word stays in the command for other inputs.
enum Kept {
    Whole,
    Part { letters: Option<String>, takes_next: bool },
}

fn of_one_run(word: &str) -> Kept {
    if let Some(rest) = OF_ONE_RUN.iter().find_map(|flag| word.strip_prefix(flag)) {
        match rest {
            "" => return Kept::Part { letters: None, takes_next: true },
            _ if rest.starts_with('=') => return Kept::Part { letters: None, takes_next: false },
            _ => {}
        }
    }
    // `-o`, alone or behind letters that take no value: `-qo out.csv`, `-oout.csv`.
    let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.starts_with('-')) else {
        return Kept::Whole;
    };
    match letters.find(['o', 'm']) {
        Some(at) if letters[at..].starts_with('o') => Kept::Part {
            letters: (at > 0).then(|| format!("-{}", &letters[..at])),
            takes_next: letters.len() == at + 1,
        },
        _ => Kept::Whole,
    }
}

/// `-q`, `-v`, `-vv`
fn is_loudness(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|letters| !letters.is_empty() && letters.chars().all(|c| "qv".contains(c)))
}

/// One word as a shell takes it: bare where it may be, else in quotes; with control characters as
/// bash and zsh spell them.
fn shell_word(word: &OsStr) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_./,:=@%+".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(bare) => text.to_owned(),
        Some(text) if !text.chars().any(text::is_unprintable) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let bytes = word.as_encoded_bytes().iter();
            let escaped = bytes.map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

/// As a shell takes it.
impl fmt::Display for Rerun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lateship")?;
        self.words.iter().try_for_each(|word| write!(f, " {}", shell_word(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Rerun {
        Rerun::new(words.iter().map(OsString::from))
    }

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let command = typed(&[
            "/opt/bin/lateship",
            "import",
            "May orders.csv",
            "-m",
            "m.toml",
            "--set",
            "product=a'b",
            "",
        ]);
        assert_eq!(
            command.to_string(),
            r"lateship import 'May orders.csv' -m m.toml --set 'product=a'\''b' ''"
        );
        assert_eq!(typed(&["lateship", "a\u{1b}[31m'"]).to_string(), r"lateship $'a\x1b[31m\''");
        assert_eq!(typed(&["lateship", "$(reboot)", "*"]).to_string(), "lateship '$(reboot)' '*'");
    }

    #[test]
    fn another_input_takes_the_place_of_all_that_were_typed() {
        let command =
            typed(&["lateship", "import", "a.csv", "-m", "m.toml", "b.csv", "--rate", "5/s"]);
        let inputs = ["a.csv", "b.csv"].map(|input| Input::Path(input.into()));
        let other = command.with_input(&inputs, Path::new("a.failed.csv"));
        assert_eq!(other.to_string(), "lateship import a.failed.csv -m m.toml --rate 5/s");
    }

    #[test]
    fn the_command_that_retries_keeps_what_the_summary_does_not_know() {
        let words = "lateship import a.csv -m m.toml -o r.csv --set product=Mug --rate 5/s --credentials=c.toml -vv \
                     --endpoint https://x.example.com/?k=1 --limit 3 --sandbox";
        let words: Vec<&str> = words.split_whitespace().collect();
        let results = Path::new("my r.csv");
        assert_eq!(
            typed(&words).retrying(results, &[]).to_string(),
            "lateship retry 'my r.csv' --rate 5/s --credentials=c.toml -vv --sandbox"
        );
        let again = typed(&[
            "lateship",
            "retry",
            "r.csv",
            "--only",
            "failed",
            "--endpoint",
            "https://x.example.com/",
        ]);
        assert_eq!(
            again.retrying(Path::new("r.csv"), &["--endpoint"]).to_string(),
            "lateship retry r.csv --endpoint https://x.example.com/"
        );
    }

    #[test]
    fn the_command_for_other_inputs_says_nothing_of_where_files_go() {
        let words = [
            "lateship",
            "import",
            "a.csv",
            "b.csv",
            "-o",
            "out.csv",
            "--summary=s.json",
            "-oo.csv",
            "--failed-rows",
            "f.csv",
            "-m",
            "m.toml",
        ];
        let inputs = [Input::typed("a.csv".as_ref()), Input::typed("b.csv".as_ref())];
        let other = typed(&words).with_input(&inputs, Path::new("out.failed.csv"));
        assert_eq!(other.to_string(), "lateship import out.failed.csv -m m.toml");
    }
}
