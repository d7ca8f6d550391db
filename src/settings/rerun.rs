//! The command as it was typed, to be shown so that it can be typed again.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use super::Input;
use crate::text;

/// The flags that say where a run writes.
const OUTPUTS: [&str; 4] = ["-o", "--results", "--failed-rows", "--summary"];

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

    /// The same command for other inputs: `input` takes the place of the first of `inputs`, the others go, and so do
    /// the flags that say where files are written, which would be written over.
    #[must_use]
    pub fn with_input(&self, inputs: &[Input], input: &Path) -> Self {
        let mut words = Vec::with_capacity(self.words.len());
        let mut replaced = false;
        let mut rest = self.words.iter();
        while let Some(word) = rest.next() {
            let shown = word.to_string_lossy();
            match OUTPUTS.iter().find_map(|flag| shown.strip_prefix(flag)) {
                // Its value is the next word.
                Some("") => {
                    rest.next();
                    continue;
                }
                Some(value) if value.starts_with('=') || !shown.starts_with("--") => continue,
                _ => {}
            }
            if !inputs.contains(&Input::typed(word)) {
                words.push(word.clone());
            } else if !replaced {
                words.push(input.into());
                replaced = true;
            }
        }
        Self { words }
    }
}

/// One word as a shell takes it: bare where it may be, else in quotes; with control characters as bash and zsh spell them.
fn shell_word(word: &OsStr) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_./,:=@%+".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(bare) => text.to_owned(),
        Some(text) if !text.chars().any(text::is_unprintable) => format!("'{}'", text.replace('\'', r"'\''")),
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
        let command =
            typed(&["/opt/bin/lateship", "import", "May orders.csv", "-m", "m.toml", "--set", "product=a'b", ""]);
        assert_eq!(command.to_string(), r"lateship import 'May orders.csv' -m m.toml --set 'product=a'\''b' ''");
        assert_eq!(typed(&["lateship", "a\u{1b}[31m'"]).to_string(), r"lateship $'a\x1b[31m\''");
        assert_eq!(typed(&["lateship", "$(reboot)", "*"]).to_string(), "lateship '$(reboot)' '*'");
    }

    #[test]
    fn another_input_takes_the_place_of_all_that_were_typed() {
        let command = typed(&["lateship", "import", "a.csv", "-m", "m.toml", "b.csv", "--rate", "5/s"]);
        let inputs = ["a.csv", "b.csv"].map(|input| Input::Path(input.into()));
        let other = command.with_input(&inputs, Path::new("a.failed.csv"));
        assert_eq!(other.to_string(), "lateship import a.failed.csv -m m.toml --rate 5/s");
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
