//! The environment of the program, or one made up by a test.
//!
//! The one place where variables are read; one that is set to nothing counts as not set.

use std::env;
use std::ffi::OsString;
use std::fmt;

use crate::secret::{self, Credentials};

/// Gives a variable's value by its name.
type ReadVariable<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Variables by name.
pub struct Environment<'a>(Box<ReadVariable<'a>>);

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl<'a> Environment<'a> {
    /// The program's own.
    pub fn from_process() -> Self {
        Self::from_function(|name| env::var_os(name))
    }

    /// One that `read` makes up.
    pub(crate) fn from_function(read: impl Fn(&str) -> Option<OsString> + 'a) -> Self {
        Self(Box::new(read))
    }

    /// The variable `name`; `None` where it is not set or set to nothing.
    pub fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The account's credentials.
    ///
    /// # Errors
    /// One that is missing or cannot be a credential.
    pub fn credentials(&self) -> Result<Credentials, secret::Error> {
        Credentials::from_variables(&self.0)
    }
}
