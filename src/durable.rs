//! The few file-system verbs that carry a durability meaning, each with one name.
//!
//! Everything that must survive a power cut goes through here: write, fsync, rename, fsync the folder.
//! It knows nothing of drops, jobs or journals, and it never decides *when* something must be durable.
//! This is also the seam for other platforms: nothing above it names a system call of its own, but for the two
//! questions that `inbox::writers` asks.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, RenameFlags, linkat, renameat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

/// Makes a folder's own entries durable: what was created in, renamed into or removed from it.
///
/// # Errors
/// When the folder cannot be opened or the system reports that it could not be written.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Flushes the whole file system that holds `path`: one call in place of many fsyncs.
///
/// # Errors
/// When the folder cannot be opened or the system reports that something could not be written.
pub fn sync_file_system(path: &Path) -> io::Result<()> {
    let handle = File::open(path)?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(handle.as_fd())?;
    #[cfg(not(target_os = "linux"))]
    handle.sync_all()?;
    Ok(())
}

/// Renames without ever replacing: an existing `to` is `ErrorKind::AlreadyExists`.
///
/// # Errors
/// `NotFound` when `from` is gone, `AlreadyExists` when `to` is there, else what the system said.
pub fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    rename_noreplace_at(CWD, from, CWD, to)
}

/// [`rename_noreplace`] between two open folders, so that no folder on the way can be swapped for a symbolic link.
///
/// Where the file system lacks the atomic form (`EINVAL`, `ENOSYS`), a hard link followed by an unlink gives the same
/// promise. Where it has no hard links either (and for folders, which cannot have any), a look before the rename is all
/// that is left: enough where only the holder of the root's lock writes, which is everywhere but in the inbox itself.
///
/// # Errors
/// As [`rename_noreplace`].
pub fn rename_noreplace_at(from_dir: impl AsFd, from: &Path, to_dir: impl AsFd, to: &Path) -> io::Result<()> {
    match renameat_with(&from_dir, from, &to_dir, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        other => return Ok(other?),
    }
    match linkat(&from_dir, from, &to_dir, to, AtFlags::empty()) {
        Ok(()) => return Ok(unlinkat(&from_dir, from, AtFlags::empty())?),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    match statat(&to_dir, to, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(renameat(&from_dir, from, &to_dir, to)?),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Errno::EXIST.into()),
    }
}

/// Renames, replacing what stands at `to` in one step.
///
/// # Errors
/// What the system said; `to` is untouched then.
pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::rename(from, to)?)
}

/// The same between two open folders.
///
/// # Errors
/// What the system said; `to` is untouched then.
pub fn rename_over_at(from_dir: impl AsFd, from: &Path, to_dir: impl AsFd, to: &Path) -> io::Result<()> {
    Ok(renameat(&from_dir, from, &to_dir, to)?)
}

/// Replaces a small file so that a reader sees either the old content or the new, never a part.
///
/// With `Sync::Yes` the content and the entry survive a power cut; derived files that can be made again use `Sync::No`.
///
/// # Errors
/// What the system said; the old content is still in place then.
pub fn replace_file(path: &Path, content: &[u8], mode: u32, sync: Sync) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let staged = dir.join(name);
    match std::fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {} // a torso, or a link by which somebody else's file would have been overwritten
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&staged)?;
    let written = file.write_all(content).and_then(|()| match sync {
        Sync::Yes => file.sync_all(),
        Sync::No => Ok(()),
    });
    if let Err(error) = written.and_then(|()| rename_over(&staged, path)) {
        let _ = std::fs::remove_file(&staged); // the first error is the one that matters
        return Err(error);
    }
    match sync {
        Sync::Yes => sync_dir(dir),
        Sync::No => Ok(()),
    }
}

/// Writes a file's own bytes over themselves, so that the next fsync has to bring all of them to the disk.
///
/// After an fsync that failed the system may keep pages in memory as if they were on disk; a further fsync would say nothing
/// about them. Content and times stay as they are, and what is already there is what a crash in between leaves.
///
/// # Errors
/// When the file cannot be read or written.
pub fn write_again(file: &File) -> io::Result<()> {
    let modified = file.metadata()?.modified()?;
    let mut piece = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let read = match file.read_at(&mut piece, at) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        file.write_all_at(&piece[..read], at)?;
        at += read as u64;
    }
    file.set_modified(modified)
}

/// What tells one file from another, whatever it is called: device and inode.
#[must_use]
pub fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Whether a written file must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Fsync the content and the folder.
    Yes,
    /// Leave it to the system: the file is derived and can be made again.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_never_replaces() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "a").expect("write");
        std::fs::write(&b, "b").expect("write");
        assert_eq!(rename_noreplace(&a, &b).expect_err("b exists").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&b).expect("read"), b"b");
        std::fs::remove_file(&b).expect("remove");
        rename_noreplace(&a, &b).expect("free now");
        assert_eq!(rename_noreplace(&a, &b).expect_err("a is gone").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_written_again_is_the_same_file() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at % 251).expect("small")).collect();
        std::fs::write(&path, &bytes).expect("write");
        let look = || std::fs::metadata(&path).and_then(|found| Ok((identity(&found), found.len(), found.modified()?))).expect("metadata");
        let before = look();
        let file = OpenOptions::new().read(true).write(true).open(&path).expect("open");
        write_again(&file).expect("written again");
        assert_eq!(look(), before);
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
    }

    #[test]
    fn a_replaced_file_leaves_no_staging_behind() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("snapshot.json");
        replace_file(&path, b"one", 0o640, Sync::Yes).expect("first");
        replace_file(&path, b"two", 0o640, Sync::No).expect("second");
        assert_eq!(std::fs::read(&path).expect("read"), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 1);
    }
}
