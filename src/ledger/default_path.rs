//! The usual path of the ledger: in the user's state folder, by the platform's
//! conventions.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Error;

/// The ledger's usual path: `$XDG_STATE_HOME/lateship/ledger.db`, else
/// `~/.local/state/lateship/ledger.db`; `~/Library/Application Support/lateship/ledger.db` on
/// macOS; `%LOCALAPPDATA%\lateship\ledger.db` on Windows.
///
/// # Errors
/// [`Error::NoHome`] where no home folder is known.
pub fn default_path() -> Result<PathBuf, Error> {
    let folder = state_folder(|name| std::env::var_os(name));
    folder.map(|folder| folder.join("lateship/ledger.db")).ok_or(Error::NoHome)
}

fn state_folder(read: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative path is invalid by the XDG specification, and would be another one in each folder.
    let folder = |name| read(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        Some(folder("HOME")?.join("Library/Application Support"))
    } else {
        folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_home_says_to_give_a_path() {
        assert_eq!(state_folder(|_| None), None);
        assert!(Error::NoHome.to_string().contains("--ledger"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn state_folder_is_found_by_its_variable_then_by_the_home() {
        let place = |state: &'static str, home: &'static str| {
            state_folder(move |name| {
                Some(OsString::from(if name == "HOME" { home } else { state }))
            })
        };
        assert_eq!(place("/state", "/home/a"), Some("/state".into()));
        assert_eq!(place("", "/home/a"), Some("/home/a/.local/state".into()));
        assert_eq!(place("relative", "/home/a"), Some("/home/a/.local/state".into()));
        assert_eq!(place("", ""), None);
    }
}
