//! A small file system of its own, for a disk that is full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A tmpfs of a fixed size; it is unmounted when it is dropped.
pub(crate) struct Tmpfs {
    folder: Option<tempfile::TempDir>,
}

impl Tmpfs {
    /// Mounts one of so many bytes (rounded up to a page); `None` where this user or this system
    /// can't.
    pub(crate) fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let options = format!("size={bytes},mode=0700");
        let arguments = ["-t", "tmpfs", "-o", &options, "lateship-test"];
        let mounted = quietly("mount", arguments.map(AsRef::as_ref), folder.path());
        mounted.then_some(Self { folder: Some(folder) })
    }

    /// Its root.
    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().expect("there until it is dropped").path()
    }

    /// Where a file of that name is, or would be.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else { return };
        // Lazily, where a program that was killed still dies.
        let unmounted = quietly("umount", [], folder.path())
            || quietly("umount", ["-l".as_ref()], folder.path());
        if !unmounted {
            // Its folder can't go either.
            let _ = folder.keep();
        }
    }
}

fn quietly<const N: usize>(program: &str, arguments: [&std::ffi::OsStr; N], folder: &Path) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_full_soon_and_leaves_nothing_behind() {
        let Some(disk) = Tmpfs::mount(64 * 1024) else { return };
        let path = disk.path().to_owned();
        std::fs::write(disk.join("fits"), [0; 8 * 1024]).expect("room");
        let error =
            std::fs::write(disk.join("does not fit"), vec![0; 128 * 1024]).expect_err("no room");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        drop(disk);
        assert!(!path.exists());
    }
}
