//! One writer for a root: only the holder of the lock on `.lock` writes.
//!
//! The lock is the operating system's own, so that it goes when its holder dies. The file only says who holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The lock, held until dropped.
#[derive(Debug)]
pub struct RootLock {
    file: File,
    found_dead: bool,
}

impl RootLock {
    /// Whether whoever held it last did not end by itself: its name still stood there.
    #[must_use]
    pub fn found_dead(&self) -> bool {
        self.found_dead
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
        let path = root.join(".lock");
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
        let said = said.and_then(|()| file.sync_all()); // else a power cut would look as if we had ended by ourselves
        said.map_err(broken)?;
        Ok(Self { file, found_dead })
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
        drop(first);
        assert!(!RootLock::take(dir.path()).expect("free again").found_dead(), "the first one ended by itself");
        std::fs::write(dir.path().join(".lock"), "12345").expect("a name left behind");
        assert!(RootLock::take(dir.path()).expect("free").found_dead());
    }
}
