//! The environment variables that stand behind flags, read with the flags' own parsers.
//!
//! The one place where the environment is asked for settings; a variable that is set to nothing
//! counts as not set.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Error;
use crate::limits::{parse_duration, parse_time_of_day};
use crate::mapping::Delivery;
use crate::secret::{self, Credentials};

/// Gives a variable's value by its name.
type Read<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The environment of the program, or one made up by a test.
pub struct Environment<'a> {
    read: Box<Read<'a>>,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl<'a> Environment<'a> {
    /// The program's own.
    pub fn of_process() -> Self {
        Self::of_function(|name| env::var_os(name))
    }

    /// One that `read` makes up.
    pub(crate) fn of_function(read: impl Fn(&str) -> Option<OsString> + 'a) -> Self {
        Self { read: Box::new(read) }
    }

    /// One that holds these variables and no other.
    #[cfg(test)]
    pub(crate) fn of(variables: &'a [(&'a str, &'a str)]) -> Self {
        Self::of_function(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    /// The variable `name`, read by `parse`; `None` where it is not set or set to nothing.
    ///
    /// # Errors
    /// A value that is no text, or that `parse` refuses.
    pub fn read<T, E: fmt::Display>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.path(name) else { return Ok(None) };
        let refused = |reason: String| Error::Variable { name, reason };
        let value = value.to_str().ok_or_else(|| refused("expected plain text".to_owned()))?;
        parse(value.trim()).map(Some).map_err(|error| refused(error.to_string()))
    }

    /// The variable `name` as a path; `None` where it is not set or set to nothing.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        (self.read)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    pub(super) fn credentials(&self) -> Result<Credentials, secret::Error> {
        Credentials::from_variables(&self.read)
    }

    /// The variables for which `[delivery]` has keys.
    pub(super) fn delivery(&self) -> Result<Delivery, Error> {
        Ok(Delivery {
            rate: self.read("LATESHIP_RATE", str::parse)?,
            concurrency: self.read("LATESHIP_CONCURRENCY", parse_count)?,
            max_attempts: self.read("LATESHIP_MAX_ATTEMPTS", parse_count)?,
            timeout: self.read("LATESHIP_TIMEOUT", parse_duration)?,
            connect_timeout: self.read("LATESHIP_CONNECT_TIMEOUT", parse_duration)?,
            give_up_after: self.read("LATESHIP_GIVE_UP_AFTER", parse_duration)?,
            max_failures: self.read("LATESHIP_MAX_FAILURES", str::parse)?,
            stop_at: self.read("LATESHIP_STOP_AT", parse_time_of_day)?,
            max_duration: self.read("LATESHIP_MAX_DURATION", parse_duration)?,
            min_shipments: self.read("LATESHIP_MIN_SHIPMENTS", parse_count)?,
            in_doubt: self.read("LATESHIP_IN_DOUBT", str::parse)?,
            changed: self.read("LATESHIP_CHANGED", str::parse)?,
            wait: self.read("LATESHIP_WAIT", parse_duration)?,
            answers: Vec::new(),
        })
    }
}

/// A text that is no whole number of the wanted size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number like 16")]
pub struct NotACount;

/// Reads a whole number; those that must not be 0 say so by their type.
///
/// # Errors
/// Anything else.
pub fn parse_count<T: FromStr>(text: &str) -> Result<T, NotACount> {
    text.parse().map_err(|_| NotACount)
}
