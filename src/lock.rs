//! One writer for a root: only the holder of the lock on `.lock` writes.
//!
//! The lock is the operating system's own, so that it goes when its holder dies. The file only says who holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::durable::identity;

/// Its name in the root.
const LOCK_FILE: &str = ".lock";

/// The lock, held until dropped.
#[derive(Debug)]
pub struct RootLock {
    file: File,
    root: PathBuf,
    found_dead: bool,
}

impl RootLock {
    /// Whether whoever held it last did not end by itself: its name still stood there.
    #[must_use]
    pub fn found_dead(&self) -> bool {
        self.found_dead
    }

    /// Fails when the file that is locked no longer stands at its name: somebody moved or removed the root, or the file. Who
    /// holds it then keeps nobody else from working there, and must not work there itself.
    ///
    /// # Errors
    /// [`LockError::Moved`].
    pub fn require_in_place(&self) -> Result<(), LockError> {
        let standing = std::fs::symlink_metadata(self.root.join(LOCK_FILE)).map(|metadata| identity(&metadata));
        let ours = self.file.metadata().map(|metadata| identity(&metadata));
        if matches!((standing, ours), (Ok(standing), Ok(ours)) if standing == ours) {
            return Ok(());
        }
        Err(LockError::Moved { root: self.root.display().to_string() })
    }
}

impl Drop for RootLock {
    /// Takes our name away: whoever comes next knows that we ended by ourselves.
    fn drop(&mut self) {
        let _ = self.file.set_len(0); // at worst the next start reports a death that was none
    }
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another instance works on this root.
    #[error("{root}: another valhalla (process {pid}) is working on this folder. Stop it first, or use another --root")]
    Held {
        /// The root.
        root: String,
        /// Its process, as far as it said.
        pid: String,
    },
    /// The root, or the lock in it, is no longer where it was.
    #[error(
        "{root}: the folder, or the .lock in it, was moved or removed while this program worked on it. Nothing is lost: whatever was not finished lies in the folder that was moved. Put it back, or start again with the --root that is meant"
    )]
    Moved {
        /// The root.
        root: String,
    },
    /// The file could not be opened or locked.
    #[error("{path}: {source}. Check that the folder exists and may be written")]
    Io {
        /// The lock file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

impl RootLock {
    /// Takes the lock of a root, without waiting.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(root: &Path) -> Result<Self, LockError> {
        let path = root.join(LOCK_FILE);
        let broken = |source| LockError::Io { path: path.display().to_string(), source };
        std::fs::create_dir_all(root).map_err(broken)?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(&path).map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = (&file).take(20).read_to_string(&mut pid); // only to say who it is
                let pid = if pid.trim().is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() };
                return Err(LockError::Held { root: root.display().to_string(), pid });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(broken(source)),
        }
        let found_dead = file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        let said = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        match said.and_then(|()| file.sync_all()) {
            // synced, or a power cut would look as if we had ended by ourselves
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {} // the lock holds without a name
            said => said.map_err(broken)?,
        }
        Ok(Self { file, root: root.to_owned(), found_dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let first = RootLock::take(dir.path()).expect("free");
        let refused = RootLock::take(dir.path()).expect_err("held").to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        first.require_in_place().expect("nobody touched it");
        std::fs::rename(dir.path().join(".lock"), dir.path().join("moved")).expect("rename");
        first.require_in_place().expect_err("it is gone");
        std::fs::write(dir.path().join(".lock"), "").expect("another");
        first.require_in_place().expect_err("another file has its name");
        std::fs::rename(dir.path().join("moved"), dir.path().join(".lock")).expect("rename");
        first.require_in_place().expect("it is back");
        drop(first);
        assert!(!RootLock::take(dir.path()).expect("free again").found_dead(), "the first one ended by itself");
        std::fs::write(dir.path().join(".lock"), "12345").expect("a name left behind");
        assert!(RootLock::take(dir.path()).expect("free").found_dead());
    }
}
