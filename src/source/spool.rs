//! Inputs that can be read from their start as often as needed: a file as it is, a pipe by a copy
//! of it.
//!
//! A copy is its owner's alone, since it holds names and addresses, and goes when it is dropped,
//! unless it is kept.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::Error;
use crate::text;

/// What standard input is called in messages and results.
pub const STANDARD_INPUT: &str = "standard input";

/// An input that can be read more than once.
#[derive(Debug)]
pub struct Readable {
    path: PathBuf,
    shown: String,
    copy: Option<TempPath>,
}

impl Readable {
    /// The file at `path`; what is no regular file there (a pipe, `/dev/stdin` behind one) is
    /// copied into `folder`.
    ///
    /// # Errors
    /// There is no such file, it is a folder, it cannot be read, or the copy cannot be written.
    pub fn file(path: &Path, folder: &Path) -> Result<Self, Error> {
        let shown = text::printable(&path.to_string_lossy());
        if !needs_a_copy(path)? {
            return Ok(Self { path: path.to_owned(), shown, copy: None });
        }
        let mut pipe = File::open(path).map_err(|cause| Error::of_system(&shown, 0, cause))?;
        Self::copied(&mut pipe, folder, shown)
    }

    /// Standard input, copied into `folder`.
    ///
    /// # Errors
    /// It cannot be read, or the copy cannot be written.
    pub fn standard_input(folder: &Path) -> Result<Self, Error> {
        Self::copied(&mut io::stdin().lock(), folder, STANDARD_INPUT.to_owned())
    }

    fn copied(from: &mut dyn Read, folder: &Path, shown: String) -> Result<Self, Error> {
        let unmade =
            |cause| Error::SpoolWrite { file: text::printable(&folder.to_string_lossy()), cause };
        let mut file = tempfile::Builder::new()
            .prefix(".lateship-")
            .suffix(".input")
            .tempfile_in(folder)
            .map_err(unmade)?;
        let path = file.path().to_owned();
        copy(from, file.as_file_mut(), &path)?;
        Ok(Self { path, shown, copy: Some(file.into_temp_path()) })
    }

    /// The same under another name: the one by which an earlier run knew it.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        Self { shown: text::printable(name), ..self }
    }

    /// Where it can be read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called, printable.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it is a copy.
    pub const fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Keeps a copy at `to`, in place of what was there; a file stays where it is.
    ///
    /// # Errors
    /// The copy cannot be moved there.
    pub fn keep(&mut self, to: &Path) -> Result<(), Error> {
        let Some(copy) = self.copy.take() else { return Ok(()) };
        let unmoved =
            |cause| Error::SpoolWrite { file: text::printable(&to.to_string_lossy()), cause };
        copy.persist(to).map_err(|error| unmoved(error.error))?;
        to.clone_into(&mut self.path);
        Ok(())
    }
}

fn copy(from: &mut dyn Read, to: &mut File, path: &Path) -> Result<u64, Error> {
    let unwritten =
        |cause| Error::SpoolWrite { file: text::printable(&path.to_string_lossy()), cause };
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(cause) => return Err(Error::SpoolRead { bytes, cause }),
        };
        to.write_all(&buffer[..count]).map_err(unwritten)?;
        bytes += count as u64;
    }
    to.flush().map_err(unwritten)?;
    Ok(bytes)
}

fn needs_a_copy(path: &Path) -> Result<bool, Error> {
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

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_copy_is_its_owners_alone_and_goes_unless_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let copied = || {
            Readable::copied(&mut &b"Order\n1\n"[..], folder.path(), STANDARD_INPUT.to_owned())
                .unwrap()
        };
        let copy = copied();
        assert_eq!(fs::read(copy.path()).unwrap(), b"Order\n1\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(copy.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(copy);
        assert_eq!(names(folder.path()), [""; 0]);
        let mut copy = copied();
        copy.keep(&folder.path().join("run.input")).unwrap();
        assert_eq!(fs::read(copy.path()).unwrap(), b"Order\n1\n");
        drop(copy);
        assert_eq!(names(folder.path()), ["run.input"]);
    }

    #[test]
    fn a_pipe_that_breaks_leaves_no_half_copy() {
        let folder = tempfile::tempdir().unwrap();
        let broken =
            Readable::copied(&mut (&b"abc"[..]).chain(Failing), folder.path(), String::new());
        assert_eq!(
            broken.unwrap_err().to_string(),
            "standard input cannot be read after 3 bytes: gone"
        );
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn only_what_is_no_regular_file_needs_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.csv");
        fs::write(&file, "").unwrap();
        assert!(!Readable::file(&file, folder.path()).unwrap().is_copy());
        assert!(matches!(Readable::file(folder.path(), folder.path()), Err(Error::Folder { .. })));
        assert!(matches!(
            Readable::file(&folder.path().join("x"), folder.path()),
            Err(Error::Missing { .. })
        ));
    }
}
