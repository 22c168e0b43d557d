//! The store: `SQLite` behind a small, concrete surface. One writer, any number of readers.
//!
//! In reading order: this file opens, migrates and groups transactions; [`jobs`] holds what became of each drop;
//! [`leads`] takes accepted leads in and tells new, known and duplicate apart; [`layouts`] remembers how each source's files
//! are laid out; [`outbox`] holds journal lines until they are written; [`read`] answers questions; [`swap`] puts a store
//! that was made anew in the place of the old one. No SQL stands outside this folder, and no file but the database is touched.

pub mod arrivals;
pub mod conditions;
pub mod deliveries;
pub mod experiments;
mod file_figures;
pub mod forget;
pub mod history;
pub mod jobs;
pub mod layouts;
pub mod leads;
pub mod lessons;
pub mod outbox;
pub mod outcomes;
mod people;
pub mod read;
pub mod rescore;
pub mod retention;
pub mod swap;
pub mod undo;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// Scripts that bring an older store forwards; the number of scripts is the schema version.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];

/// The schema that this program writes.
#[allow(clippy::cast_possible_truncation)] // a handful of scripts
const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// Says that the file is ours: `vlhl`.
const APPLICATION_ID: i32 = 0x766c_686c;

/// How long a reader or writer waits for another program that holds the database.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The store, open for writing. There is one, held by whoever holds the root's lock.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Size of the write-ahead log at which the next checkpoint is tried, after a reader was in the way of the last one.
    checkpoint_at: Cell<u64>,
    /// The files that we write to, by device and inode: the database, and its write-ahead log once it has been seen.
    ours: [Cell<Option<(u64, u64)>>; 2],
}

/// What the store could not do, by consequence.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space: intake pauses and goes on by itself.
    #[error("{path}: the disk is full. Free some space; intake goes on by itself")]
    Full {
        /// The database.
        path: String,
    },
    /// Another program holds the database.
    #[error("{path}: another program holds the database. Close it (a database browser, a backup?)")]
    Busy {
        /// The database.
        path: String,
    },
    /// The file is damaged or is no database.
    #[error(
        "{path}: the store is damaged ({what}). Stop the daemon and run `valhalla rebuild`, which makes it anew from the archive and the journals; or restore it from a backup"
    )]
    Damaged {
        /// The database.
        path: String,
        /// What `SQLite` says.
        what: String,
    },
    /// A database of some other program.
    #[error("{path}: this is the database of another program. Name another file with path under [store]")]
    Foreign {
        /// The database.
        path: String,
    },
    /// Missing or empty, although there are journals that tell of jobs.
    #[error(
        "{path}: the store is missing or empty, but logs/reports.jsonl tells of files that were taken in. Put it back from a backup, or run `valhalla rebuild`, which makes it anew from the archive and the journals. To begin with nothing, move logs/ away as well"
    )]
    Lost {
        /// The database.
        path: String,
    },
    /// Removed, renamed or replaced while it was open.
    #[error(
        "{path}: the store was removed, renamed or replaced while we worked with it. Nothing more is taken in. Put it back, or run `valhalla rebuild`, which makes it anew from the archive and the journals"
    )]
    Replaced {
        /// The database or its write-ahead log.
        path: String,
    },
    /// It cannot be opened or written.
    #[error(
        "{path}: the store cannot be written ({what}). Check the permissions of the file and of its folder, and whether the disk is mounted read-only"
    )]
    ReadOnly {
        /// The database.
        path: String,
        /// What `SQLite` says.
        what: String,
    },
    /// The system failed at its files.
    #[error("{path}: {source}. Check the disk and the permissions of the folder")]
    Machine {
        /// The database.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Written by a later version of this program.
    #[error("{path}: the store has schema {found}, this program knows up to {known}. Use the newer program")]
    Newer {
        /// The database.
        path: String,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Anything else, with its cause.
    #[error("{path}: {source}")]
    Other {
        /// The database.
        path: String,
        /// The cause.
        source: rusqlite::Error,
    },
}

/// Short for what every call here may end with.
pub type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Opens or creates the store and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`], also when the file was written by a later version.
    pub fn open(path: &Path, cache_mb: u32) -> Result<Self> {
        let open = || -> rusqlite::Result<Option<Connection>> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_WAIT)?;
            if is_foreign(&connection)? {
                return Ok(None); // and nothing of it was changed
            }
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            // We checkpoint after publishing, where a pause costs nobody anything.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            connection.pragma_update(None, "cache_size", -i64::from(cache_mb) * 1024)?;
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            // Whoever is erased must not be left in the free parts of pages; leads that change leave some long before.
            connection.pragma_update(None, "secure_delete", "ON")?;
            // A plan that looked at the values it was made with is made again at every other value, for every job.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(Some(connection))
        };
        let opened = open().map_err(|error| classify(path, error))?;
        let connection = opened.ok_or_else(|| StoreError::Foreign { path: path.display().to_string() })?;
        let store = Self { connection, path: path.to_owned(), checkpoint_at: Cell::new(0), ours: Default::default() };
        store.migrate()?;
        store.require_in_place()?;
        Ok(store)
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a group: any number of jobs that become durable together.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin(&self) -> Result<Group<'_>> {
        self.run(|connection| connection.execute_batch("BEGIN IMMEDIATE"))?;
        Ok(Group { store: self, open: true, is_alone: false })
    }

    /// Begins a group that has one job only. It needs no savepoint, which would keep in memory each page as it was before
    /// the job changed it: all the keys there are, for a large one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_alone(&self) -> Result<Group<'_>> {
        let mut group = self.begin()?;
        group.is_alone = true;
        Ok(group)
    }

    /// Runs small bookkeeping whose loss would only make recovery repeat a step: no fsync.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.run(|connection| connection.execute_batch("PRAGMA synchronous = NORMAL"))?;
        let done = self.run(|connection| connection.execute_batch("BEGIN IMMEDIATE")).and_then(|()| {
            let value = work(self)?;
            self.require_in_place()?;
            self.run(|connection| connection.execute_batch("COMMIT"))?;
            Ok(value)
        });
        if done.is_err() {
            let _ = self.connection.execute_batch("ROLLBACK"); // the first error is the one that matters
        }
        self.run(|connection| connection.execute_batch("PRAGMA synchronous = FULL"))?; // on every path: commits rely on it
        done
    }

    /// Moves the write-ahead log into the database when it has grown beyond `over_bytes`. A reader that is in the way is
    /// not waited for: the next try comes when the log has grown by as much again.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost by a checkpoint that failed.
    pub fn checkpoint(&self, over_bytes: u64) -> Result<()> {
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        let length = std::fs::metadata(wal).map_or(0, |meta| meta.len());
        if length <= over_bytes.max(self.checkpoint_at.get()) {
            return Ok(());
        }
        let is_busy: bool = self.run(|connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            connection.busy_timeout(BUSY_WAIT)?;
            busy
        })?;
        self.checkpoint_at.set(if is_busy { length + over_bytes } else { 0 });
        Ok(())
    }

    /// Moves the whole write-ahead log into the database, durably, and empties it; a reader that is in the way is waited for.
    ///
    /// After a sync that failed nothing in the log may be trusted to be on disk, whatever later syncs say. What this has
    /// moved was written anew and synced.
    ///
    /// # Errors
    /// [`StoreError`]; `Busy` when a reader stays in the way.
    pub fn checkpoint_fully(&self) -> Result<()> {
        let is_busy: bool = self.run(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)))?;
        self.checkpoint_at.set(0);
        if is_busy { Err(StoreError::Busy { path: self.path.display().to_string() }) } else { Ok(()) }
    }

    /// Everything read until the end of this value is of one moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn snapshot(&self) -> Result<Snapshot<'_>> {
        self.run(|connection| connection.execute_batch("BEGIN DEFERRED"))?;
        Ok(Snapshot { store: self })
    }

    /// Looks the whole file over.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first fault found.
    pub fn verify(&self) -> Result<()> {
        let verdict: String = self.run(|connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: self.path.display().to_string(), what: verdict }) }
    }

    /// Its schema and the one that this program writes; an older one is brought forwards by the next writer.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] when it is the database of another program.
    pub fn schema(&self) -> Result<(u32, u32)> {
        if self.run(is_foreign)? {
            return Err(StoreError::Foreign { path: self.path.display().to_string() });
        }
        Ok((self.run(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0)))?, SCHEMA))
    }

    fn migrate(&self) -> Result<()> {
        let found: u32 = self.run(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
        check_version(&self.path, found)?;
        for (at, script) in MIGRATIONS.iter().enumerate().skip(found as usize) {
            let script =
                format!("BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; COMMIT;", at + 1);
            self.run(|connection| connection.execute_batch(&script))?;
        }
        Ok(())
    }

    /// Fails when the names of our files no longer lead to the files that we have open: whatever is written to a file that
    /// was removed or renamed would be gone with the process, and nobody would notice.
    ///
    /// # Errors
    /// [`StoreError::Replaced`].
    pub fn require_in_place(&self) -> Result<()> {
        for (tail, ours) in ["", "-wal"].into_iter().zip(&self.ours) {
            let path = swap::beside(&self.path, tail);
            let now = std::fs::metadata(&path).ok().map(|metadata| crate::durable::identity(&metadata)); // unreadable is as good as gone
            match ours.get() {
                None => ours.set(now),
                Some(known) if now == Some(known) => {}
                Some(_) => {
                    if tail.is_empty() && now.is_some() {
                        self.leave_log_behind()?;
                    }
                    return Err(StoreError::Replaced { path: path.display().to_string() });
                }
            }
        }
        Ok(())
    }

    /// Another file has our database's name: whoever opens that must not find our write-ahead log beside it, which would be
    /// taken for its own and mix two databases into one.
    fn leave_log_behind(&self) -> Result<()> {
        let log = swap::beside(&self.path, "-wal");
        let is_ours = std::fs::metadata(&log).is_ok_and(|metadata| self.ours[1].get() == Some(crate::durable::identity(&metadata)));
        if !is_ours {
            return Ok(());
        }
        let aside = swap::beside(&self.path, &format!("-wal.left-{}", crate::clock::now_ms()));
        let moved = crate::durable::rename_over(&log, &aside);
        let _ = std::fs::remove_file(swap::beside(&self.path, "-shm")); // the log's index: made again, and of no use without it
        moved.map_err(|source| StoreError::Machine { path: log.display().to_string(), source })
    }

    /// Runs something on the connection and says in our words what went wrong.
    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| {
            if matches!(error.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull)) {
                // Closing would sync the log once more on the same open file, and that second sync may say "fine" about pages
                // that the first one lost. Whoever opens next moves the log into the database instead.
                let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true); // it is in trouble as it is
            }
            classify(&self.path, error)
        })
    }
}

/// Opens the store for reading only, beside a running writer.
///
/// # Errors
/// [`StoreError`], also when there is no store yet.
pub fn open_to_read(path: &Path) -> Result<Store> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    let connection = open().map_err(|error| classify(path, error))?;
    let store = Store { connection, path: path.to_owned(), checkpoint_at: Cell::new(0), ours: Default::default() };
    let found: u32 = store.run(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
    check_version(path, found)?;
    Ok(store)
}

/// One moment of the store, for several questions.
#[derive(Debug)]
pub struct Snapshot<'s> {
    store: &'s Store,
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let _ = self.store.connection.execute_batch("ROLLBACK"); // nothing was written
    }
}

/// Jobs that become durable together. Dropped without [`commit`](Self::commit), nothing of it has happened.
#[derive(Debug)]
pub struct Group<'s> {
    store: &'s Store,
    open: bool,
    is_alone: bool,
}

impl<'s> Group<'s> {
    /// The store, to write into this group.
    #[must_use]
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// Begins one job's part, which alone can be taken back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn savepoint(&self) -> Result<()> {
        if self.is_alone {
            return Ok(()); // the transaction itself is the savepoint
        }
        self.store.run(|connection| connection.execute_batch("SAVEPOINT job"))
    }

    /// Keeps the job's part.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release(&self) -> Result<()> {
        if self.is_alone {
            return Ok(());
        }
        self.store.run(|connection| connection.execute_batch("RELEASE job"))
    }

    /// Takes the job's part back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn roll_back(&self) -> Result<()> {
        let undo = if self.is_alone { "ROLLBACK; BEGIN IMMEDIATE" } else { "ROLLBACK TO job; RELEASE job" };
        self.store.run(|connection| connection.execute_batch(undo))
    }

    /// Makes the whole group durable.
    ///
    /// # Errors
    /// [`StoreError`]; whether the group is in the store is then known only by asking it again.
    pub fn commit(mut self) -> Result<()> {
        self.store.require_in_place()?;
        self.store.run(|connection| connection.execute_batch("COMMIT"))?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if self.open {
            // Nothing to do about a failure here: SQLite rolls back when it next opens the file.
            let _ = self.store.connection.execute_batch("ROLLBACK");
        }
    }
}

/// Whether a database has tables and none of our versions.
fn is_foreign(connection: &Connection) -> rusqlite::Result<bool> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    Ok(version == 0 && tables > 0)
}

fn check_version(path: &Path, found: u32) -> Result<()> {
    if found > SCHEMA {
        return Err(StoreError::Newer { path: path.display().to_string(), found, known: SCHEMA });
    }
    Ok(())
}

/// Whether a small file beside the database cannot be written for want of room.
fn is_full_beside(path: &Path) -> bool {
    let probe = path.with_extension("probe");
    let written = std::fs::write(&probe, [0; 4096]).and_then(|()| std::fs::File::open(&probe)?.sync_all());
    let _ = std::fs::remove_file(&probe); // whether it is there depends on what is being asked
    written.is_err_and(|error| matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

fn classify(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    // A quota shows itself only as a failed write.
    let is_full = error.sqlite_error_code() == Some(SystemIoFailure) && is_full_beside(path);
    let path = path.display().to_string();
    match error.sqlite_error_code() {
        _ if is_full => StoreError::Full { path },
        Some(DiskFull) => StoreError::Full { path },
        Some(DatabaseBusy | DatabaseLocked) => StoreError::Busy { path },
        Some(ReadOnly | CannotOpen | PermissionDenied) => StoreError::ReadOnly { path, what: error.to_string() },
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged { path, what: error.to_string() },
        _ => StoreError::Other { path, source: error },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A store in a folder of its own.
    pub(crate) fn scratch() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(&dir.path().join("valhalla.db"), 8).expect("a new store");
        (dir, store)
    }

    #[test]
    fn a_group_that_is_dropped_never_happened() {
        let (_dir, store) = scratch();
        let count =
            |store: &Store| store.run(|c| c.query_row("SELECT count(*) FROM layouts", [], |row| row.get::<_, i64>(0))).expect("count");
        let insert =
            |store: &Store, name: &str| store.run(|c| c.execute("INSERT INTO layouts (names) VALUES (?1)", [name])).expect("insert");
        drop({
            let group = store.begin().expect("begin");
            insert(group.store(), "a");
            group
        });
        assert_eq!(count(&store), 0);
        let group = store.begin().expect("begin");
        insert(group.store(), "a");
        group.savepoint().expect("savepoint");
        insert(group.store(), "b");
        group.roll_back().expect("roll back");
        group.commit().expect("commit");
        assert_eq!(count(&store), 1);
    }

    #[test]
    fn a_job_that_is_alone_is_taken_back_as_one_among_others() {
        let (_dir, store) = scratch();
        let names = |store: &Store| {
            store.run(|c| c.query_row("SELECT group_concat(names) FROM layouts", [], |row| row.get::<_, Option<String>>(0)))
        };
        let insert = |group: &Group<'_>, name: &str| {
            group.store().run(|c| c.execute("INSERT INTO layouts (names) VALUES (?1)", [name])).expect("insert");
        };
        for (begin, kept) in [(Store::begin as fn(&Store) -> Result<Group<'_>>, "b"), (Store::begin_alone, "b,b2")] {
            let group = begin(&store).expect("begin");
            group.savepoint().expect("savepoint");
            insert(&group, "a");
            group.roll_back().expect("roll back");
            group.savepoint().expect("savepoint again");
            insert(&group, if kept == "b" { "b" } else { "b2" });
            group.release().expect("release");
            group.commit().expect("commit");
            assert_eq!(names(&store).expect("names"), Some(kept.to_owned()));
        }
        let group = store.begin_alone().expect("begin");
        insert(&group, "c");
        drop(group);
        assert_eq!(names(&store).expect("names"), Some("b,b2".to_owned()), "a dropped one never happened");
    }

    #[test]
    fn an_older_program_refuses_a_newer_store() {
        let (dir, store) = scratch();
        store.run(|c| c.pragma_update(None, "user_version", 99)).expect("set");
        drop(store);
        let path = dir.path().join("valhalla.db");
        assert!(matches!(Store::open(&path, 8), Err(StoreError::Newer { found: 99, .. })));
        assert!(matches!(open_to_read(&path), Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn leads_of_version_2_are_found_without_their_indices() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("valhalla.db");
        let older = Connection::open(&path).expect("open");
        MIGRATIONS[..2].iter().for_each(|script| older.execute_batch(script).expect("version 2"));
        let job = |n: u8| [n; 16];
        for (seq, tier, address) in [(1, 3, "ada@example.com"), (1, 0, "boris@example.com"), (2, 3, "celia@example.com")] {
            let insert_job =
                "INSERT OR IGNORE INTO jobs VALUES (?1, ?2, 2, 'processed', 0, 0, NULL, 'x.csv', 'csv', 9, NULL, 7, 'r', 0, 0, 0,
                 1, 1, 0, 0, 0, 1, NULL, NULL, NULL, '[]', '{}', '{}')";
            older.execute(insert_job, rusqlite::params![seq, job(seq)]).expect("job");
            let insert_lead = "INSERT INTO leads (email, layout, job, row, score, tier) VALUES (?1, 1, ?2, 1, 100, ?3)";
            older.execute(insert_lead, rusqlite::params![address, seq, tier]).expect("lead");
            let key = crate::engine::lead::lead_id_of(address).as_u64_pair().0.cast_signed();
            older.execute("INSERT INTO lead_keys VALUES (?1, ?2)", [key, older.last_insert_rowid()]).expect("key");
        }
        older.execute_batch("INSERT INTO layouts VALUES (1, '[]'); PRAGMA user_version = 2").expect("fill");
        drop(older);

        let found = |store: &Store, query: read::LeadQuery| {
            let mut found = Vec::new();
            let listed: Result<()> = store.leads(&query, |lead| {
                found.push(lead.lead().email.to_owned());
                Ok(())
            });
            listed.expect("leads");
            found
        };
        let job_id = Some(uuid::Uuid::from_bytes(job(1)));
        for is_forward in [false, true] {
            let store = if is_forward { Store::open(&path, 8) } else { open_to_read(&path) }.expect("opened");
            let query = read::LeadQuery::default;
            assert_eq!(found(&store, read::LeadQuery { tier: Some(3), ..query() }), ["ada@example.com", "celia@example.com"]);
            assert_eq!(found(&store, read::LeadQuery { job_id, ..query() }), ["ada@example.com", "boris@example.com"]);
            assert_eq!(found(&store, read::LeadQuery { best_first: true, limit: Some(1), ..query() }), ["boris@example.com"]);
            assert!(store.lead("celia@example.com").expect("lead").is_some());
        }
        let reader = open_to_read(&path).expect("version 3");
        let read = |sql: &str| reader.run(|c| c.query_row(sql, [], |row| row.get::<_, u32>(0))).expect(sql);
        assert_eq!(read("PRAGMA user_version"), SCHEMA);
        assert_eq!(read("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'leads'"), 0);
    }

    #[test]
    fn a_file_that_is_no_database_is_said_to_be_damaged() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("valhalla.db");
        std::fs::write(&path, "this is not a database, but it is long enough to be looked at".repeat(20)).expect("write");
        assert!(matches!(Store::open(&path, 8), Err(StoreError::Damaged { .. })));
    }
}
