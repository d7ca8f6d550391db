//! Keeps what comes through a pipe in a file, so that it can be read twice and retried.
//!
//! The copy is its owner's alone, since it holds names and addresses.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::Error;
use crate::text;

/// Copies `from` (standard input, as a rule) to the new file `to`, readable by its owner alone, and gives its size in
/// bytes. A copy that did not succeed is removed.
///
/// # Errors
/// `to` exists or cannot be written, or `from` cannot be read.
pub fn spool(from: &mut dyn Read, to: &Path) -> Result<u64, Error> {
    let unwritten = |cause| Error::SpoolWrite { file: text::printable(&to.to_string_lossy()), cause };
    let mut file = create(to).map_err(unwritten)?;
    let copied = copy(from, &mut file, unwritten);
    if copied.is_err() {
        // The error that matters is the copy's; a rest that cannot be removed either is named by the next run.
        let _ = fs::remove_file(to);
    }
    copied
}

fn create(to: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(to)
}

fn copy(from: &mut dyn Read, to: &mut File, unwritten: impl Fn(io::Error) -> Error) -> Result<u64, Error> {
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(cause) => return Err(Error::SpoolRead { bytes, cause }),
        };
        to.write_all(&buffer[..count]).map_err(&unwritten)?;
        bytes += count as u64;
    }
    to.flush().map_err(&unwritten)?;
    Ok(bytes)
}

/// Whether `path` is no regular file (a pipe, a FIFO, `/dev/stdin` behind a pipe), so that it must be spooled before it
/// is opened.
///
/// # Errors
/// There is no such file, it is a folder, or it may not be looked at.
pub fn needs_spooling(path: &Path) -> Result<bool, Error> {
    let shown = path.to_string_lossy();
    let meta = fs::metadata(path).map_err(|cause| Error::of_system(&shown, 0, cause))?;
    if meta.is_dir() {
        return Err(Error::Folder { file: text::printable(&shown) });
    }
    Ok(!meta.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }

    #[test]
    fn a_pipe_is_copied_for_its_owner_alone_and_never_over_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("run.input");
        assert_eq!(spool(&mut &b"Order\n1\n"[..], &to).unwrap(), 8);
        assert_eq!(fs::read(&to).unwrap(), b"Order\n1\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = spool(&mut &b"x"[..], &to).unwrap_err();
        assert!(matches!(error, Error::SpoolWrite { .. }), "{error}");
        assert_eq!(fs::read(&to).unwrap(), b"Order\n1\n");
    }

    #[test]
    fn a_pipe_that_breaks_leaves_no_half_copy() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("run.input");
        let error = spool(&mut (&b"abc"[..]).chain(Failing), &to).unwrap_err();
        assert_eq!(error.to_string(), "standard input cannot be read after 3 bytes: gone");
        assert!(!to.exists());
    }

    #[test]
    fn only_what_is_no_regular_file_needs_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.csv");
        fs::write(&file, "").unwrap();
        assert!(!needs_spooling(&file).unwrap());
        assert!(matches!(needs_spooling(folder.path()), Err(Error::Folder { .. })));
        assert!(matches!(needs_spooling(&folder.path().join("none")), Err(Error::Missing { .. })));
        #[cfg(unix)]
        assert!(needs_spooling(Path::new("/dev/null")).unwrap());
    }
}
