//! What is wrong with a script, each trouble with its line, all of them shown together.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::script::MAX_HALF;
use crate::text;

/// Why a script can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file can't be opened or read, or is not UTF-8 text.
    #[error("cannot read the script {}: {source}", text::quoted(&path.to_string_lossy()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is read, and is no script.
    #[error("{}; `lateship sandbox --help` tells the script's language", Shown(.0))]
    Troubles(Vec<Trouble>),
}

/// A trouble and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The file, as it was named.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What is wrong at a place of a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is no TOML.
    #[error("this is not TOML: {}", text::printable(.0))]
    Syntax(String),
    /// A key that the language does not have.
    #[error("unknown key {}{}", text::quoted(key), advice(key, known))]
    UnknownKey {
        /// As it stands there.
        key: String,
        /// Those that may stand there.
        known: &'static [&'static str],
    },
    /// An answer that the language does not have.
    #[error("answer: expected a status from 200 to 599, or the name of a fault{}", named(found.as_deref(), known))]
    UnknownAnswer {
        /// As it stands there, where it is a text.
        found: Option<String>,
        /// The names.
        known: &'static [&'static str],
    },
    /// A fault that does not say what it does.
    #[error(
        "this [[fault]] has no answer: expected a line like answer = 503 or answer = \"reset\""
    )]
    NoAnswer,
    /// A value of the wrong kind or beyond its range.
    #[error("{key}: expected {wanted}")]
    Expected {
        /// The key.
        key: &'static str,
        /// What should stand there.
        wanted: &'static str,
    },
    /// A pattern that is none.
    #[error("order_matches: this is no regular expression: {}", text::printable(.0))]
    Pattern(String),
    /// A key that says nothing about this answer.
    #[error("{key} does not go with answer = {answer}: {why}")]
    Misplaced {
        /// The key.
        key: &'static str,
        /// The answer, as it stands there.
        answer: String,
        /// Why.
        why: &'static str,
    },
    /// A refusal by which no request can end it.
    #[error("answer = \"refuse\" needs an end by time: seconds = \"5-17\", or lasts = \"12s\"")]
    NoEnd,
    /// A slow answer that is not slow.
    #[error("answer = \"slow\" needs latency = \"2s\" or drip = \"50ms\"")]
    NotSlow,
    /// A redirect without a target.
    #[error("a redirect needs a target: to = \"https://www.example.com/\"")]
    NoTarget,
    /// Two ways to name the order.
    #[error("order and order_matches exclude each other: leave one out")]
    TwoOrders,
}

impl Flaw {
    /// More bytes than a half answer can have.
    pub(super) const HALF: Self =
        Self::Expected { key: "bytes", wanted: "a whole number from 0 to 160" };
}

const _: () = assert!(MAX_HALF == 160, "the message above names it");

/// Troubles, a line each.
struct Shown<'a>(&'a [Trouble]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Trouble { name, line, flaw }) in self.0.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}{}, line {line}: {flaw}", text::printable(name))?;
        }
        Ok(())
    }
}

fn advice(key: &str, known: &[&str]) -> String {
    match text::nearest(key, known.iter().copied()).first() {
        Some(near) => format!(": did you mean {}?", text::quoted(near)),
        None => format!("; the keys are {}", known.join(", ")),
    }
}

fn named(found: Option<&str>, known: &[&str]) -> String {
    let near = found.and_then(|found| text::nearest(found, known.iter().copied()).first().copied());
    match near {
        Some(near) => format!(": did you mean {}?", text::quoted(near)),
        None => format!(" ({})", known.join(", ")),
    }
}
