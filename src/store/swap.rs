//! A store that was made anew takes the place of the old one, which is kept beside it.
//!
//! Until the very last rename the old store is in charge, so dying on the way changes nothing. Before it the old one's
//! write-ahead log is moved into it and taken away: beside the new file it would be taken for the new file's own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::{Result, StoreError, classify};
use crate::durable;

/// A name beside the store: `valhalla.db` and a tail.
#[must_use]
pub fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(tail);
    path.with_file_name(name)
}

/// Removes a database that nobody needs, with what `SQLite` keeps beside it.
///
/// # Errors
/// When one of its files is there and cannot be removed.
pub fn discard(path: &Path) -> Result<()> {
    ["", "-wal", "-shm"].iter().try_for_each(|tail| match fs::remove_file(beside(path, tail)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(machine(path, error)),
        _ => Ok(()),
    })
}

/// Puts the finished, closed database `new` in the place of the store at `path`, and keeps the old one under `kept`.
/// Whether there was an old one.
///
/// # Errors
/// [`StoreError::Busy`] while another program uses the old store; else what the system said. The old store is in charge
/// then, and `new` is still there.
pub fn replace(path: &Path, new: &Path, kept: &Path) -> Result<bool> {
    let at = |error| machine(path, error);
    File::open(new).and_then(|file| file.sync_all()).map_err(at)?;
    let had_one = fs::metadata(path).is_ok();
    // Both get their second names first: whoever opens a damaged database may throw its log away.
    let kept_wal = beside(kept, "-wal");
    if beside(path, "-wal").exists() {
        keep(&beside(path, "-wal"), &kept_wal).map_err(at)?;
    }
    if had_one {
        keep(path, kept).map_err(at)?;
        if let Err(error) = settle(path) {
            discard(kept)?;
            return Err(error);
        }
        if fs::metadata(&kept_wal).is_ok_and(|metadata| metadata.len() == 0) {
            fs::remove_file(&kept_wal).map_err(at)?; // all of it is in the database by now
        }
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    durable::sync_dir(dir).map_err(at)?;
    for tail in ["-wal", "-shm"] {
        match fs::remove_file(beside(path, tail)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error)),
            _ => {}
        }
    }
    durable::rename_over(new, path).map_err(at)?;
    durable::sync_dir(dir).map_err(at)?;
    Ok(had_one)
}

/// Moves the old store's write-ahead log into it, so that the one file is all of it. A damaged one stays as it is.
fn settle(path: &Path) -> Result<()> {
    let settled = || -> rusqlite::Result<bool> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
    };
    match settled().map_err(|error| classify(path, error)) {
        Ok(false) | Err(StoreError::Damaged { .. }) => Ok(()),
        Ok(true) => Err(StoreError::Busy { path: path.display().to_string() }),
        Err(error) => Err(error),
    }
}

/// Gives a file a second name, where the file system can, else a copy.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

fn machine(path: &Path, source: io::Error) -> StoreError {
    StoreError::Machine { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    fn store_with(path: &Path, names: &str) -> Store {
        let store = Store::open(path, 8).expect("store");
        store.run(|c| c.execute("INSERT INTO layouts (names) VALUES (?1)", [names])).expect("insert");
        store
    }

    fn holds(path: &Path) -> String {
        let store = Store::open(path, 8).expect("store");
        store.run(|c| c.query_row("SELECT group_concat(names) FROM layouts", [], |row| row.get(0))).expect("names")
    }

    #[test]
    fn the_new_store_takes_the_place_and_the_old_one_is_kept_whole() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let [path, new, kept] = ["valhalla.db", "valhalla.db.rebuilding", "valhalla.db.kept"].map(|name| dir.path().join(name));
        // Killed: everything that the old store holds is in its write-ahead log.
        std::mem::forget(store_with(&path, "old"));
        assert!(fs::metadata(beside(&path, "-wal")).expect("log").len() > 0);
        drop(store_with(&new, "new"));
        assert!(replace(&path, &new, &kept).expect("swapped"));
        assert_eq!((holds(&path), holds(&kept)), ("new".to_owned(), "old".to_owned()));
        assert!(!new.exists());
    }

    #[test]
    fn a_damaged_store_is_kept_with_its_log() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let [path, new, kept] = ["valhalla.db", "valhalla.db.rebuilding", "valhalla.db.kept"].map(|name| dir.path().join(name));
        fs::write(&path, "this is not a database, but it is long enough to be looked at".repeat(20)).expect("write");
        fs::write(beside(&path, "-wal"), "nor is this a log").expect("write");
        drop(store_with(&new, "new"));
        assert!(replace(&path, &new, &kept).expect("swapped"));
        assert_eq!(holds(&path), "new");
        assert!(fs::read_to_string(&kept).expect("kept").starts_with("this is not"));
        assert_eq!(fs::read_to_string(beside(&kept, "-wal")).expect("kept"), "nor is this a log");
    }

    #[test]
    fn a_store_in_use_is_not_replaced() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let [path, new, kept] = ["valhalla.db", "valhalla.db.rebuilding", "valhalla.db.kept"].map(|name| dir.path().join(name));
        let old = store_with(&path, "old");
        let reading = old.snapshot().expect("a reader");
        let read = || old.run(|c| c.query_row("SELECT count(*) FROM layouts", [], |row| row.get::<_, i64>(0)));
        assert_eq!(read().expect("read"), 1);
        drop(store_with(&new, "new"));
        let writer = rusqlite::Connection::open(&path).expect("open");
        writer.execute("INSERT INTO layouts (names) VALUES ('later')", []).expect("write");
        assert!(matches!(replace(&path, &new, &kept), Err(StoreError::Busy { .. })));
        drop((reading, writer));
        drop(old);
        assert_eq!(holds(&path), "old,later");
        assert!(!kept.exists() && !beside(&kept, "-wal").exists());
        assert!(replace(&path, &new, &kept).expect("swapped now"));
    }
}
