//! A file under construction: written as `NAME.partial`, locked as long as its run lives, and put
//! in the place of `NAME` at the end.
//!
//! The lock tells a run that still writes from one that was killed. A killed run's partial file is
//! taken over by emptying it under its lock, never by removing it, so that of two runs started
//! together exactly one gets it. New files get the rights that the umask leaves, as those of other
//! tools do, since results are read by colleagues and by monitoring; a file that is replaced hands
//! its rights on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use super::sink::Sink;
use super::{Error, Paths, line};
use crate::sorter::Sorter;

/// Bytes of an existing file that are looked at to tell who wrote it.
const LOOKED_AT: u64 = 64 * 1024;

/// What becomes of the partial file of a killed run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leftover {
    /// It is overwritten: a ledger knows what was sent.
    Replace,
    /// It stops this run before the first request: nothing else knows what was sent.
    #[default]
    Refuse,
}

/// Who left a partial file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A run that still writes.
    Running,
    /// A run that ended without closing its files.
    Killed,
}

/// A file on its way to `target`.
#[derive(Debug)]
pub(super) struct Draft {
    target: PathBuf,
    partial: PathBuf,
    sink: Sink<File>,
    /// Whether nothing worth keeping is in it yet, so that it goes when the run ends before its
    /// start.
    disposable: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.disposable {
            // Nothing is lost by an empty file that stays, and nobody is left to tell.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

impl Draft {
    /// Opens and locks the partial file of `path`, for which the flag `what` stands; what lies at
    /// `path` already must be recognised by `ours`.
    pub(super) fn open(
        what: &'static str,
        path: &Path,
        leftover: Leftover,
        ours: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, Error> {
        let target = target_of(what, path)?;
        let rights = inspect(what, &target, ours)?;
        let partial = partial_of(&target);
        let file = acquire(what, &target, &partial, leftover)?;
        if let Some(rights) = rights {
            file.set_permissions(rights).map_err(|source| Error::Open {
                what,
                path: partial.clone(),
                source,
            })?;
        }
        Ok(Self::onto(file, target, partial))
    }

    pub(super) fn onto(file: File, target: PathBuf, partial: PathBuf) -> Self {
        Self { target, partial, sink: Sink::new(file), disposable: true }
    }

    /// The path that the file takes at the end.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// From now on the file stays, whatever ends the run.
    pub(super) fn keep(&mut self) {
        self.disposable = false;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.sink.push(bytes);
        self.told(written)
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.sink.flush();
        self.told(flushed)
    }

    pub(super) fn sync(&mut self) -> Result<(), Error> {
        let synced = self.sink.sync();
        self.told(synced)
    }

    /// Puts the whole file in the place of its target, for good.
    pub(super) fn publish(mut self) -> Result<(), Error> {
        self.keep();
        self.sync()?;
        fs::rename(&self.partial, &self.target).map_err(|source| Error::Replace {
            from: self.partial.clone(),
            to: self.target.clone(),
            source,
        })?;
        sync_folder_of(&self.target)
    }

    /// Puts `header` and the sorted lines in the place of the target; what was written so far, in
    /// another order, stays until then, so that no line is lost where that fails.
    pub(super) fn publish_sorted<const K: usize>(
        mut self,
        header: &[u8],
        lines: Sorter<K>,
    ) -> Result<(), Error> {
        self.keep();
        self.sync()?;
        let write = || -> io::Result<tempfile::TempPath> {
            let mut builder = tempfile::Builder::new();
            let (file, path) = builder
                .prefix(".lateship-")
                .suffix(".sorted")
                .tempfile_in(self.folder())?
                .into_parts();
            file.set_permissions(fs::metadata(&self.partial)?.permissions())?;
            let mut out = io::BufWriter::with_capacity(256 * 1024, file);
            out.write_all(header)?;
            let mut sorted = lines.sort()?;
            while let Some((_, line)) = sorted.read()? {
                out.write_all(line)?;
            }
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            Ok(path)
        };
        let written = write();
        let sorted =
            written.map_err(|source| Error::Write { path: self.target.clone(), source })?;
        let replaced = |from: &Path, source| Error::Replace {
            from: from.to_owned(),
            to: self.target.clone(),
            source,
        };
        sorted.persist(&self.target).map_err(|error| replaced(&self.partial, error.error))?;
        sync_folder_of(&self.target)?;
        fs::remove_file(&self.partial)
            .map_err(|source| Error::Write { path: self.partial.clone(), source })
    }

    /// The folder in which it lies.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.target)
    }

    /// Removes what was written, and what an earlier run left at the target.
    pub(super) fn discard(mut self) -> Result<(), Error> {
        self.disposable = false;
        for path in [&self.partial, &self.target] {
            match fs::remove_file(path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(Error::Write { path: path.clone(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn told(&self, result: io::Result<()>) -> Result<(), Error> {
        result.map_err(|source| Error::Write { path: self.partial.clone(), source })
    }
}

/// Looks whether another run writes to these results, or was killed while it did, without leaving a
/// trace.
///
/// # Errors
/// [`Error::Partial`] if so, and whatever else would keep them from being written.
pub fn refuse_leftover(paths: &Paths) -> Result<(), Error> {
    Draft::open("--results", &paths.results, Leftover::Refuse, line::is_results).map(drop)
}

/// `NAME.partial` for `NAME`.
pub fn partial_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

/// Where `path` leads: a link to a file stays a link, and its file is the one to be replaced.
pub(super) fn target_of(what: &'static str, path: &Path) -> Result<PathBuf, Error> {
    let not_a_file = |is| Error::NotAFile { what, path: path.to_owned(), is };
    let open = |source| Error::Open { what, path: path.to_owned(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(source) if source.kind() == ErrorKind::NotFound && path.file_name().is_some() => {
            let folder = folder_of(path);
            if !folder.is_dir() {
                return Err(Error::NoFolder { what, folder: folder.to_owned() });
            }
            return Ok(path.to_owned());
        }
        Err(source) => return Err(open(source)),
    };
    let target = if found.is_symlink() {
        fs::canonicalize(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => not_a_file("a link to nothing"),
            _ => open(source),
        })?
    } else {
        path.to_owned()
    };
    let kind = fs::metadata(&target).map_err(open)?.file_type();
    if kind.is_dir() {
        return Err(not_a_file("a folder"));
    }
    if !kind.is_file() {
        return Err(not_a_file("a device or a pipe"));
    }
    Ok(target)
}

/// Looks at what lies at `target` before it is replaced; gives its rights.
///
/// # Errors
/// [`Error::Foreign`] for a file that is not empty and that `ours` does not know by its first
/// bytes.
pub(super) fn inspect(
    what: &'static str,
    target: &Path,
    ours: impl Fn(&[u8]) -> bool,
) -> Result<Option<fs::Permissions>, Error> {
    let open = |source| Error::Open { what, path: target.to_owned(), source };
    let file = match File::open(target) {
        Ok(file) => file,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(open(source)),
    };
    let rights = file.metadata().map_err(open)?.permissions();
    let mut start = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut start).map_err(open)?;
    if start.is_empty() || ours(&start) {
        Ok(Some(rights))
    } else {
        Err(Error::Foreign { what, path: target.to_owned() })
    }
}

/// Makes the names in the folder of `path` last, after a file there was renamed.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let folder = folder_of(path);
        let synced = File::open(folder).and_then(|opened| opened.sync_all());
        return synced.map_err(|source| Error::Write { path: folder.to_owned(), source });
    }
    Ok(())
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The partial file, empty and locked.
fn acquire(
    what: &'static str,
    target: &Path,
    partial: &Path,
    leftover: Leftover,
) -> Result<File, Error> {
    let open = |source| Error::Open { what, path: partial.to_owned(), source };
    let in_the_way =
        |holder| Error::Partial { partial: partial.to_owned(), results: target.to_owned(), holder };
    if fs::symlink_metadata(partial).is_ok_and(|found| !found.is_file()) {
        return Err(Error::NotAFile {
            what,
            path: partial.to_owned(),
            is: "a link, a folder or a device",
        });
    }
    // Between opening and locking, the run that had it may have ended and renamed it: then the lock
    // is on its results, which must not be emptied, and the next look finds no partial file any
    // more.
    for _ in 0..10 {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(partial)
            .map_err(open)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_the_way(Holder::Running)),
            // A file system without locks: a second run cannot be told from a killed one, so both
            // count as killed.
            Err(TryLockError::Error(source)) if source.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => return Err(open(source)),
        }
        if !is_at(&file, partial) {
            continue;
        }
        if file.metadata().map_err(open)?.len() > 0 {
            if leftover == Leftover::Refuse {
                return Err(in_the_way(Holder::Killed));
            }
            file.set_len(0).map_err(open)?;
        }
        return Ok(file);
    }
    Err(in_the_way(Holder::Running))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(held), Ok(found)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    held.ino() == found.ino() && held.dev() == found.dev()
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn anything(_: &[u8]) -> bool {
        true
    }

    fn open(path: &Path, leftover: Leftover) -> Result<Draft, Error> {
        Draft::open("--results", path, leftover, anything)
    }

    #[test]
    fn a_running_draft_is_told_from_a_killed_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out.csv");
        let mut first = open(&target, Leftover::Refuse).expect("nobody else writes");
        first.push(b"header\n").and_then(|()| first.flush()).expect("written");
        first.keep();
        for leftover in [Leftover::Refuse, Leftover::Replace] {
            let second = open(&target, leftover);
            assert!(
                matches!(second, Err(Error::Partial { holder: Holder::Running, .. })),
                "{second:?}"
            );
        }
        drop(first);

        assert!(matches!(
            open(&target, Leftover::Refuse),
            Err(Error::Partial { holder: Holder::Killed, .. })
        ));
        assert_eq!(fs::read(partial_of(&target)).expect("kept"), b"header\n");
        let mut third = open(&target, Leftover::Replace).expect("taken over");
        third.push(b"new\n").expect("gathered");
        third.publish().expect("named");
        assert_eq!(fs::read(&target).expect("there"), b"new\n");
        assert!(!partial_of(&target).exists());
    }

    #[test]
    fn a_draft_goes_when_its_run_ends_before_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out.csv");
        drop(open(&target, Leftover::Refuse).expect("nobody else writes"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_draft_whose_name_was_taken_away_is_not_emptied() {
        let folder = tempfile::tempdir().expect("a folder");
        let (partial, target) =
            (folder.path().join("out.csv.partial"), folder.path().join("out.csv"));
        fs::write(&partial, "a whole run").expect("written");
        let file = File::open(&partial).expect("there");
        assert!(is_at(&file, &partial));
        fs::rename(&partial, &target).expect("renamed");
        assert!(!is_at(&file, &partial));
    }

    #[test]
    fn only_files_that_can_be_replaced_are_taken() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let not_a_file =
            |path: &Path| matches!(open(path, Leftover::Replace), Err(Error::NotAFile { .. }));
        assert!(not_a_file(folder.path()));
        assert!(not_a_file(Path::new("/dev/null")));
        symlink(at("nowhere"), at("dangling")).expect("linked");
        assert!(not_a_file(&at("dangling")));
        symlink("/dev/full", at("x.csv.partial")).expect("linked");
        assert!(not_a_file(&at("x.csv")));
        assert!(matches!(open(&at("no/out.csv"), Leftover::Replace), Err(Error::NoFolder { .. })));

        fs::write(at("mine.csv"), "other,things\n").expect("written");
        let foreign = Draft::open("--results", &at("mine.csv"), Leftover::Replace, |_| false);
        assert!(matches!(foreign, Err(Error::Foreign { .. })));
        assert!(!at("mine.csv.partial").exists());

        fs::set_permissions(at("mine.csv"), fs::Permissions::from_mode(0o600)).expect("allowed");
        symlink(at("mine.csv"), at("link.csv")).expect("linked");
        open(&at("link.csv"), Leftover::Replace).expect("opened").publish().expect("named");
        assert!(fs::symlink_metadata(at("link.csv")).expect("there").is_symlink());
        let replaced = fs::metadata(at("mine.csv")).expect("there");
        assert_eq!((replaced.len(), replaced.permissions().mode() & 0o777), (0, 0o600));
    }
}
