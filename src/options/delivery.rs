//! The options as `[delivery]` of a mapping gives them: which keys there are, and what they take.

use clap::{Args, Command};

use super::command_line::{check_value, table};
use super::{DeliveryOptions, InputOptions, RunOptions};
use crate::mapping::{self, DeliveryKeys, Mapping};
use crate::row::Encoding;

/// Reads a mapping, the options in its `[delivery]` checked: a path where it has a `/` or ends in
/// `.toml`, else a built-in name. An `encoding` replaces the one that it says.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_mapping(name: &str, encoding: Option<Encoding>) -> Result<Mapping, mapping::Error> {
    let mut mapping = Mapping::load_with(name, &keys())?;
    mapping.pin_encoding(encoding);
    Ok(mapping)
}

/// What `[delivery]` takes.
pub(crate) fn keys() -> DeliveryKeys {
    let keys = InputOptions::augment_args(DeliveryOptions::augment_args(Command::new("")));
    let names = keys.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    DeliveryKeys { names, check }
}

/// Whether `key` takes `value`, a text or (not `quoted`) a number; if not, what it expects.
fn check(key: &str, value: &str, quoted: bool) -> Result<(), String> {
    let table = InputOptions::augment_args(table::<RunOptions>());
    let Some(arg) = table.get_arguments().find(|arg| arg.get_id() == key) else { return Ok(()) };
    // A value that help calls N is a number, and is written as one.
    let (value, quotes) = match (arg.get_value_names().map(|names| names[0].as_str()), quoted) {
        (Some("N"), true) => ("", ", without quotes"),
        (Some("N" | "N|N%"), false) | (_, true) => (value, ""),
        (_, false) => (value, ", in quotes"),
    };
    check_value(&table, arg, value.as_ref()).map_err(|expected| expected + quotes)
}
