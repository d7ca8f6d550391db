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
    commands: Vec<String>,
    typed: Vec<TypedOption>,
}

/// An option, or a positional argument, with the words that give it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TypedOption {
    id: String,
    is_positional: bool,
    words: Vec<OsString>,
}

impl CommandLine {
    /// What `matches` of `command` (which must be built) hold; the innermost command's options.
    pub fn from_matches(mut command: &Command, mut matches: &ArgMatches) -> Self {
        let mut commands = Vec::new();
        while let Some((name, inner)) = matches.subcommand()
            && let Some(subcommand) = command.find_subcommand(name)
        {
            (command, matches) = (subcommand, inner);
            commands.push(name.to_owned());
        }
        let was_typed = |arg: &&Arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let mut args: Vec<&Arg> = command.get_arguments().filter(was_typed).collect();
        args.sort_by_key(|arg| {
            matches.indices_of(arg.get_id().as_str()).and_then(|mut at| at.next())
        });
        let typed = args.into_iter().map(|arg| TypedOption::new(arg, matches)).collect();
        Self { commands, typed }
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
                if let Some(reason) = refusal(&table, arg, &value) {
                    return Err(Error::Variable { name: name.to_owned(), reason });
                }
                line.extend(flag_with(arg, &value));
            } else if let Some((_, value)) = mapped.iter().find(|(key, _)| key == id) {
                line.extend(flag_with(arg, value.as_ref()));
            }
        }
        line.append(&mut positional);
        let matches = without_environment(table).try_get_matches_from(line);
        let parsed = matches.and_then(|matches| T::from_arg_matches(&matches));
        parsed.map_err(|error| Error::Usage(error.to_string()))
    }

    /// The command that imports `input` alike, without what belongs to one run.
    #[must_use]
    pub fn with_input(&self, input: &Path) -> Self {
        self.derive("import", input, |id| !OF_ONE_RUN.contains(&id))
    }

    /// The command that retries `results`, with the typed options that their summary does not hold;
    /// with the endpoint where `with_endpoint` says so.
    #[must_use]
    pub fn retrying(&self, results: &Path, with_endpoint: bool) -> Self {
        let table = MessageOptions::augment_args(table::<RunOptions>());
        self.derive("retry", results, |id| match id {
            "endpoint" => with_endpoint,
            // Taken from the summary; the last would send more than what is left.
            "failed_rows" | "join" | "set" | "ledger" | "no_ledger" | "in_doubt" | "resend" => {
                false
            }
            _ => table.get_arguments().any(|arg| arg.get_id() == id),
        })
    }

    /// `command` for `file`, with the flags that are kept.
    fn derive(&self, command: &str, file: &Path, is_kept: impl Fn(&str) -> bool) -> Self {
        let file = TypedOption { id: String::new(), is_positional: true, words: vec![file.into()] };
        let kept = self.typed.iter().filter(|option| !option.is_positional && is_kept(&option.id));
        let typed = iter::once(file).chain(kept.cloned()).collect();
        Self { commands: vec![command.to_owned()], typed }
    }
}

/// As a shell takes it.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lateship")?;
        self.commands.iter().try_for_each(|name| write!(f, " {name}"))?;
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
        let occurrences = matches.get_raw_occurrences(id).into_iter().flatten();
        let words = match arg.get_action() {
            ArgAction::SetTrue => vec![flag(arg).into()],
            ArgAction::Count => {
                let letters = arg.get_short().map(String::from).unwrap_or_default();
                vec![format!("-{}", letters.repeat(matches.get_count(id).into())).into()]
            }
            _ if arg.is_positional() => occurrences.flatten().map(OsStr::to_owned).collect(),
            _ => occurrences
                .flat_map(|values| {
                    flag_with(arg, &values.collect::<Vec<_>>().join(OsStr::new(",")))
                })
                .collect(),
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

/// What is expected instead of `value`, where the option does not take it.
pub(super) fn refusal(table: &Command, arg: &Arg, value: &OsStr) -> Option<String> {
    let table = without_environment(table.clone());
    let error = table.try_get_matches_from(flag_with(arg, value)).err()?;
    match (error.kind(), std::error::Error::source(&error)) {
        (ErrorKind::InvalidUtf8, _) => Some("expected plain text".to_owned()),
        (_, reason) => reason.map(ToString::to_string),
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
