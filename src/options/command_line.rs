//! The command line as it was typed: fitted together with what lies under it, and written again.
//!
//! Options are kept as the words that give them, in their order. A lower source (the environment,
//! then `[delivery]`) adds words for options that were not typed, and clap parses all of them with
//! the one parser of the option; defaults are clap's. Built by `cli`, used by `run` and `retry`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::{fmt, iter};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};

use super::{MessageOptions, RunOptions};
use crate::error::Error;
use crate::text;

/// Gives the value of an environment variable by its name.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Options that belong to one run alone: where it writes, how many rows it reads or wants.
const OF_ONE_RUN: [&str; 5] = ["results", "failed_rows", "summary", "limit", "min_shipments"];

/// A command and its options as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    typed: Vec<TypedOption>,
}

/// An option, or a positional argument, with the words that give it. The first one has no id; its
/// words name the command.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TypedOption {
    id: String,
    is_positional: bool,
    words: Vec<OsString>,
}

impl CommandLine {
    /// What `matches` of `command` (which must be built) hold; the innermost command's options.
    pub fn from_matches(mut command: &Command, mut matches: &ArgMatches) -> Self {
        let mut names = Vec::new();
        while let Some((name, inner)) = matches.subcommand() {
            (command, matches) = (command.find_subcommand(name).unwrap_or(command), inner);
            names.push(name.into());
        }
        let source = |arg: &Arg| matches.value_source(arg.get_id().as_str());
        let mut args: Vec<&Arg> = command.get_arguments().collect();
        args.retain(|arg| source(arg) == Some(ValueSource::CommandLine));
        args.sort_by_key(|arg| matches.index_of(arg.get_id().as_str()));
        let names = TypedOption { id: String::new(), is_positional: true, words: names };
        let typed = args.into_iter().map(|arg| TypedOption::new(arg, matches));
        Self { typed: iter::once(names).chain(typed).collect() }
    }

    /// Whether the option was typed.
    pub fn has(&self, id: &str) -> bool {
        self.typed.iter().any(|option| option.id == id)
    }

    /// Parses the options of `T`: as typed, else from the environment, else from `mapped` (what a
    /// mapping's `[delivery]` gives, by key), else their defaults. What conflicts with a typed
    /// option is passed over.
    ///
    /// # Errors
    /// A variable with a value that its option does not take.
    pub fn parse<T: Args>(
        &self,
        environment: &Environment<'_>,
        mapped: &[(String, String)],
    ) -> Result<T, Error> {
        let table = table::<T>();
        let (mut line, mut positional) = (Vec::new(), vec![OsString::from("--")]);
        for arg in table.get_arguments() {
            let id = arg.get_id().as_str();
            if let Some(option) = self.typed.iter().find(|option| option.id == id) {
                let part = if option.is_positional { &mut positional } else { &mut line };
                part.extend(option.words.iter().cloned());
                continue;
            }
            let conflicts = table.get_arg_conflicts_with(arg);
            if conflicts.iter().any(|other| self.has(other.get_id().as_str())) {
                continue;
            }
            let name = arg.get_env().and_then(OsStr::to_str).unwrap_or_default();
            if let Some(value) = variable(environment, name) {
                let unfit = |reason| Error::Variable { name: name.to_owned(), reason };
                check_value(&table, arg, &value).map_err(unfit)?;
                line.extend(flag_with(arg, &value));
            } else if let Some((_, value)) = mapped.iter().find(|(key, _)| key == id) {
                line.extend(flag_with(arg, value.as_ref()));
            }
        }
        let matches = without_environment(table).try_get_matches_from([line, positional].concat());
        let parsed = matches.and_then(|matches| T::from_arg_matches(&matches));
        parsed.map_err(|error| Error::Usage(error.to_string()))
    }

    /// The command that imports `input` alike, as a shell takes it, without what belongs to one run.
    pub fn with_input(&self, input: &Path) -> String {
        self.write("import", input, |option| !OF_ONE_RUN.contains(&option.id.as_str()))
    }

    /// The command that retries `results`, as a shell takes it, with the typed options that their
    /// summary does not hold.
    pub fn retrying(&self, results: &Path) -> String {
        let table = MessageOptions::augment_args(table::<RunOptions>());
        self.write("retry", results, |option| match option.id.as_str() {
            // Without its query, in which a key may be, the summary has it.
            "endpoint" => option.words.iter().any(|word| word.as_encoded_bytes().contains(&b'?')),
            "failed_rows" | "join" | "set" | "ledger" | "no_ledger" | "in_doubt" => false,
            // --resend would send more than what is left.
            id => id != "resend" && table.get_arguments().any(|arg| arg.get_id() == id),
        })
    }

    /// `command` for `file`, with the flags that are kept.
    fn write(&self, command: &str, file: &Path, is_kept: impl Fn(&TypedOption) -> bool) -> String {
        let words = vec![command.into(), file.into()];
        let names = TypedOption { id: String::new(), is_positional: true, words };
        let kept = self.typed.iter().filter(|option| !option.is_positional && is_kept(option));
        Self { typed: iter::once(names).chain(kept.cloned()).collect() }.to_string()
    }
}

/// As a shell takes it.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lateship")?;
        for option in &self.typed {
            for word in &option.words {
                // A path that would be taken for a flag.
                let dashed = option.is_positional && is_dashed(word);
                write!(f, " {}{}", if dashed { "./" } else { "" }, text::shell_word(word))?;
            }
        }
        Ok(())
    }
}

impl TypedOption {
    fn new(arg: &Arg, matches: &ArgMatches) -> Self {
        let id = arg.get_id().as_str();
        let typed = matches.get_raw_occurrences(id).into_iter().flatten();
        let words = match arg.get_action() {
            ArgAction::SetTrue => vec![flag(arg).into()],
            ArgAction::Count => {
                let letters = arg.get_short().map(String::from).unwrap_or_default();
                vec![format!("-{}", letters.repeat(matches.get_count(id).into())).into()]
            }
            _ if arg.is_positional() => typed.flatten().map(OsStr::to_owned).collect(),
            _ => {
                let values = typed.map(|values| values.collect::<Vec<_>>().join(OsStr::new(",")));
                values.flat_map(|value| flag_with(arg, &value)).collect()
            }
        };
        Self { id: id.to_owned(), is_positional: arg.is_positional(), words }
    }
}

/// A command that takes the options of `T` and nothing else.
pub(super) fn table<T: Args>() -> Command {
    T::augment_args(Command::new("lateship").no_binary_name(true).disable_help_flag(true))
}

/// The command without the variables of its options, so that clap does not read them itself: an
/// empty one would count as set, and one beside a flag that excludes it as a conflict.
pub fn without_environment(command: Command) -> Command {
    command.mut_args(|arg| arg.env(Resettable::Reset)).mut_subcommands(without_environment)
}

/// Whether the option takes `value`; if not, what it expects.
pub(super) fn check_value(table: &Command, arg: &Arg, value: &OsStr) -> Result<(), String> {
    let table = without_environment(table.clone());
    let Err(error) = table.try_get_matches_from(flag_with(arg, value)) else { return Ok(()) };
    match std::error::Error::source(&error) {
        _ if error.kind() == ErrorKind::InvalidUtf8 => Err("expected plain text".to_owned()),
        // Without a reason, it is other options that are missing.
        reason => reason.map_or(Ok(()), |reason| Err(reason.to_string())),
    }
}

/// The value of a variable; `None` where it is not set or set to nothing.
pub fn variable(environment: &Environment<'_>, name: &str) -> Option<OsString> {
    environment(name).filter(|value| !value.is_empty())
}

/// `-o` or, without a short form, `--rate`.
fn flag(arg: &Arg) -> String {
    match arg.get_short() {
        Some(short) => format!("-{short}"),
        None => format!("--{}", arg.get_long().unwrap_or_default()),
    }
}

/// The words that give a flag its value: one where the value would be taken for a flag, else two.
fn flag_with(arg: &Arg, value: &OsStr) -> Vec<OsString> {
    let mut flag = OsString::from(flag(arg));
    if !is_dashed(value) {
        return vec![flag, value.into()];
    }
    flag.push("=");
    flag.push(value);
    vec![flag]
}

fn is_dashed(word: &OsStr) -> bool {
    word.len() > 1 && word.as_encoded_bytes().starts_with(b"-")
}
