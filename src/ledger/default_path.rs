//! The usual path of the ledger: in the user's state folder, by the platform's
//! conventions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Error;

/// The ledger's name in the folder.
const NAME: &str = "ledger.db";

/// The ledger's usual path: `$XDG_STATE_HOME/lateship/ledger.db`, else
/// `~/.local/state/lateship/ledger.db`; `~/Library/Application Support/lateship/ledger.db` on
/// macOS; `%LOCALAPPDATA%\lateship\ledger.db` on Windows.
///
/// # Errors
/// [`Error::NoHome`] where no home folder is known.
pub fn default_path() -> Result<PathBuf, Error> {
    let read = |name: &str| std::env::var_os(name);
    let folder = if cfg!(windows) {
        absolute(read("LOCALAPPDATA"))
    } else if cfg!(target_os = "macos") {
        absolute(read("HOME")).map(|home| home.join("Library/Application Support"))
    } else {
        xdg_folder(read)
    };
    folder.map(|folder| folder.join("lateship").join(NAME)).ok_or(Error::NoHome)
}

fn xdg_folder(read: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    absolute(read("XDG_STATE_HOME")).or_else(|| Some(absolute(read("HOME"))?.join(".local/state")))
}

/// The path in a variable. A relative one is invalid by the XDG specification, and would be another
/// one in each folder.
fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| Path::is_absolute(path))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_found_by_its_variable_then_by_the_home() {
        let place = |state: &'static str, home: &'static str| {
            xdg_folder(move |name| Some(OsString::from(if name == "HOME" { home } else { state })))
        };
        assert_eq!(place("/state", "/home/a"), Some("/state".into()));
        assert_eq!(place("", "/home/a"), Some("/home/a/.local/state".into()));
        assert_eq!(place("relative", "/home/a"), Some("/home/a/.local/state".into()));
        assert_eq!(place("", ""), None);
        assert!(Error::NoHome.to_string().contains("--ledger"));
    }
}
