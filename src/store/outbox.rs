//! Journal lines inside the transaction that they tell about: decided there, written afterwards.

use rusqlite::{OptionalExtension, params};

use super::{Group, Result, Store};
use crate::journal::{Head, Journal, Line};

/// Waiting lines beyond so many bytes are left for the next look.
const PAGE_BYTES: usize = 4 << 20;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The first of them.
    pub lines: Vec<Line>,
    /// The number of the last of these.
    pub last: i64,
    /// Whether there are more.
    pub is_cut: bool,
}

impl Store {
    /// Where a journal will end once the outbox is empty.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn head(&self, journal: Journal) -> Result<Head> {
        Ok(self.head_and_lines(journal)?.0)
    }

    /// Whether a line was ever placed in a journal.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn has_posted(&self, journal: Journal) -> Result<bool> {
        Ok(self.head_and_lines(journal)?.1 > 0)
    }

    fn head_and_lines(&self, journal: Journal) -> Result<(Head, u64)> {
        let found = self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT segment, length, last_hash, lines FROM journals WHERE journal = ?1")?;
            let head = |row: &rusqlite::Row<'_>| {
                let length = row.get::<_, i64>(1)?.unsigned_abs();
                Ok((Head { journal, segment: row.get(0)?, length, last_hash: row.get(2)? }, row.get::<_, i64>(3)?.unsigned_abs()))
            };
            statement.query_row([journal.stem()], head).optional()
        })?;
        Ok(found.unwrap_or((Head::new(journal), 0)))
    }

    fn set_head(&self, head: &Head, lines: u64) -> Result<()> {
        self.run(|connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO journals (journal, segment, length, last_hash, lines) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![head.journal.stem(), head.segment, head.length.cast_signed(), head.last_hash, lines.cast_signed()])
        })?;
        Ok(())
    }

    /// The first lines that may not have been written yet, in order: as many as may be held in memory at once.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn outbox(&self) -> Result<Waiting> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT journal, segment, start, line, seq FROM outbox ORDER BY seq")?;
            let mut rows = statement.query([])?;
            let (mut waiting, mut bytes) = (Waiting::default(), 0);
            while let Some(row) = rows.next()? {
                if bytes >= PAGE_BYTES {
                    waiting.is_cut = true;
                    break;
                }
                let stem: String = row.get(0)?;
                let journal = Journal::from_stem(&stem).unwrap_or(Journal::Audit);
                let line = Line { journal, segment: row.get(1)?, offset: row.get::<_, i64>(2)?.unsigned_abs(), bytes: row.get(3)? };
                bytes += line.bytes.len();
                waiting.lines.push(line);
                waiting.last = row.get(4)?;
            }
            Ok(waiting)
        })
    }

    /// Where the first waiting line of a journal belongs; none when none waits.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn first_waiting(&self, journal: Journal) -> Result<Option<u64>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT start FROM outbox WHERE journal = ?1 ORDER BY seq LIMIT 1")?;
            let start = statement.query_row([journal.stem()], |row| row.get::<_, i64>(0)).optional()?;
            Ok(start.map(i64::unsigned_abs))
        })
    }

    /// Forgets the lines up to `last`, all of which have been written and made durable.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn clear_outbox(&self, last: i64) -> Result<()> {
        self.run(|connection| connection.prepare_cached("DELETE FROM outbox WHERE seq <= ?1")?.execute([last])).map(drop)
    }
}

impl Group<'_> {
    /// Takes the waiting lines of a journal back, to be placed anew.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn withdraw(&self, journal: Journal) -> Result<()> {
        self.store.run(|c| c.prepare_cached("DELETE FROM outbox WHERE journal = ?1")?.execute([journal.stem()])).map(drop)
    }

    /// Puts a line into the outbox, at the place where its journal will end by then. `seal` makes the line from the head
    /// it follows and its number, from 1.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn post(&self, journal: Journal, rotate_bytes: u64, seal: impl FnOnce(&Head, u64) -> Vec<u8>) -> Result<()> {
        let (mut head, lines) = self.store.head_and_lines(journal)?;
        let line = head.place(seal(&head, lines + 1), rotate_bytes);
        self.store.run(|connection| {
            connection.prepare_cached("INSERT INTO outbox (journal, segment, start, line) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                journal.stem(),
                line.segment,
                line.offset.cast_signed(),
                line.bytes
            ])
        })?;
        self.store.set_head(&head, lines + 1)
    }

    /// Sets where a journal ends, when what stands on the disk is found to differ. The chain goes on from our own last line.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn correct_head(&self, on_disk: &Head) -> Result<()> {
        let (head, lines) = self.store.head_and_lines(on_disk.journal)?;
        let last_hash = if lines == 0 { on_disk.last_hash } else { head.last_hash };
        self.store.set_head(&Head { last_hash, ..*on_disk }, lines)
    }

    /// Goes on behind a journal as it stands on the disk, of so many lines: for a store that knows less than the journals.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn adopt_head(&self, on_disk: &Head, lines: u64) -> Result<()> {
        self.store.set_head(on_disk, lines)
    }
}
