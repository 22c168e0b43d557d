//! People who are erased: what the store holds of one goes, what was counted of them stays counted beside it.
//!
//! The lead, its history, its key and its outcomes are deleted; the reports of the jobs that brought them stay as they were,
//! so of each job the number of rows that went is kept, and whoever adds up (`audit`, `undo`) adds it. The arms of
//! experiments that the person was given stay in the counts. Who went is known only by a keyed hash that the caller makes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use rusqlite::{OptionalExtension, params};
use serde_json::Value;
use uuid::Uuid;

use super::{Group, Result, Store, StoreError};

/// A person as a keyed hash.
pub type PersonHash = [u8; 32];

/// What of a job was of people who were erased since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GoneRows {
    /// First rows of people.
    pub first: u64,
    /// Further rows.
    pub later: u64,
    /// Outcomes.
    pub outcomes: u64,
}

/// What went with one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// Whether they were a lead.
    pub was_lead: bool,
    /// Of each job, in the order of commits, what went.
    pub jobs: Vec<(Uuid, GoneRows)>,
    /// Jobs whose kept texts quoted the address.
    pub texts: u64,
}

impl Erased {
    /// Everything together.
    #[must_use]
    pub fn total(&self) -> GoneRows {
        self.jobs.iter().fold(GoneRows::default(), |sum, (_, gone)| GoneRows {
            first: sum.first + gone.first,
            later: sum.later + gone.later,
            outcomes: sum.outcomes + gone.outcomes,
        })
    }
}

/// What was done to a file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveChange {
    /// `rewritten`, `removed` or `expired`.
    pub change: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Hash of what a rewriting left.
    pub sha256: Option<[u8; 32]>,
    /// The rows that it took out, in their order.
    pub rows: Vec<u64>,
}

/// Stands where an address stood in a text of ours.
pub const IN_PLACE_OF_ADDRESS: &str = "(forgotten)";

impl Group<'_> {
    /// Erases a person: `address` is the one they are known by. They are on the list of the forgotten from now on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn erase(&self, person: Uuid, address: &str, hash: &PersonHash, at_ms: i64) -> Result<Erased> {
        let erased = self.take_out(person)?;
        self.note_gone(&erased.jobs)?;
        self.add_forgotten(hash, at_ms)?;
        let texts = self.store.scrub_texts(|text| names_address(text, address), |text| without_address(text, address))?;
        Ok(Erased { texts, ..erased })
    }

    /// The same of a past in which it was erased: `told` is what went then. `person` is none for somebody whom no file of
    /// that past has shown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn erase_again(&self, person: Option<Uuid>, hash: &PersonHash, told: &[(Uuid, GoneRows)], at_ms: i64) -> Result<()> {
        if let Some(person) = person {
            self.take_out(person)?;
        }
        self.note_gone(told)?;
        self.add_forgotten(hash, at_ms)
    }

    /// Takes a person off the list: they may come in again. Whether they were on it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn allow(&self, hash: &PersonHash) -> Result<bool> {
        self.store.run(|c| c.execute("DELETE FROM forgotten WHERE hash = ?1", [hash])).map(|rows| rows > 0)
    }

    /// Blanks what the kept texts of a job say of these rows: a sentence there may quote a cell.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn blank_problems(&self, job: Uuid, rows: &HashSet<u64>) -> Result<bool> {
        let read = "SELECT facts FROM jobs WHERE job_id = ?1";
        let Some(facts) = self.store.run(|c| c.query_row(read, [job.as_bytes()], |row| row.get::<_, String>(0)).optional())? else {
            return Ok(false);
        };
        let Ok(mut value) = serde_json::from_str::<Value>(&facts) else { return Ok(false) };
        let mut is_changed = false;
        for problem in value["problems"].as_array_mut().into_iter().flatten() {
            let is_theirs = problem["row"].as_u64().is_some_and(|row| rows.contains(&row));
            if is_theirs && problem["message"] != IN_PLACE_OF_ADDRESS {
                problem["message"] = IN_PLACE_OF_ADDRESS.into();
                is_changed = true;
            }
        }
        if is_changed {
            let write = "UPDATE jobs SET facts = ?2 WHERE job_id = ?1";
            self.store.run(|c| c.execute(write, params![job.as_bytes(), value.to_string()]))?;
        }
        Ok(is_changed)
    }

    /// Notes what was done to a file of the archive.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_archive_change(&self, job: Uuid, place: &str, change: &ArchiveChange) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO archive_changes (job, place, change, at_ms, sha256, rows)
            SELECT seq, ?2, ?3, ?4, ?5, ?6 FROM jobs WHERE job_id = ?1";
        let rows = serde_json::to_string(&change.rows).expect("numbers are JSON");
        let values = params![job.as_bytes(), place, change.change, change.at_ms, change.sha256, rows];
        self.store.run(|c| c.prepare_cached(sql)?.execute(values)).map(drop)
    }

    /// Deletes what the store holds of a person; what was learned since their first row is to be learned anew.
    fn take_out(&self, person: Uuid) -> Result<Erased> {
        let store = self.store;
        let mut gone: BTreeMap<i64, GoneRows> = BTreeMap::new();
        let lead = store.lead_of(person)?;
        if let Some(lead) = lead {
            for (at, job) in store.jobs_of_lead(lead)?.into_iter().enumerate() {
                let held = gone.entry(job).or_default();
                if at == 0 { held.first += 1 } else { held.later += 1 }
            }
            store.free_key(person, lead)?;
            store.run(|connection| {
                connection.execute("DELETE FROM history WHERE lead = ?1", [lead])?;
                connection.execute("DELETE FROM leads WHERE id = ?1", [lead])
            })?;
        }
        let outcomes: Vec<(i64, i64)> = store.run(|connection| {
            let mut statement = connection.prepare("SELECT job, count(*) FROM outcomes WHERE person = ?1 GROUP BY job")?;
            let rows = statement.query_map([person.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        for (job, count) in outcomes {
            gone.entry(job).or_default().outcomes += count.unsigned_abs();
        }
        store.run(|c| c.execute("DELETE FROM outcomes WHERE person = ?1", [person.as_bytes()]))?;
        if let Some((first, _)) = gone.first_key_value() {
            self.learn_anew_from(*first)?;
        }
        let jobs = gone.into_iter().map(|(seq, rows)| Ok((store.job_id_of(seq)?, rows))).collect::<Result<_>>()?;
        Ok(Erased { was_lead: lead.is_some(), jobs, texts: 0 })
    }

    fn note_gone(&self, jobs: &[(Uuid, GoneRows)]) -> Result<()> {
        let sql = "INSERT INTO forgotten_rows (job, first, later, outcomes) SELECT seq, ?2, ?3, ?4 FROM jobs WHERE job_id = ?1 AND undone = 0
            ON CONFLICT (job) DO UPDATE SET first = first + excluded.first, later = later + excluded.later, outcomes = outcomes + excluded.outcomes";
        let count = u64::cast_signed;
        self.store.run(|connection| {
            let mut add = connection.prepare_cached(sql)?;
            for (job, gone) in jobs {
                add.execute(params![job.as_bytes(), count(gone.first), count(gone.later), count(gone.outcomes)])?;
            }
            Ok(())
        })
    }

    fn add_forgotten(&self, hash: &PersonHash, at_ms: i64) -> Result<()> {
        self.store.run(|c| c.execute("INSERT OR IGNORE INTO forgotten (hash, at_ms) VALUES (?1, ?2)", params![hash, at_ms])).map(drop)
    }
}

impl Store {
    /// Everybody who was erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forgotten(&self) -> Result<HashSet<PersonHash>> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT hash FROM forgotten")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// What of each job was of people who were erased, by its place in the order of commits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forgotten_by_job(&self) -> Result<HashMap<i64, GoneRows>> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT first, later, outcomes, job FROM forgotten_rows")?;
            let rows = statement.query_map([], |row| Ok((row.get(3)?, gone(row)?)))?;
            rows.collect()
        })
    }

    /// The same of one job.
    pub(super) fn forgotten_of(&self, seq: i64) -> Result<GoneRows> {
        let sql = "SELECT first, later, outcomes FROM forgotten_rows WHERE job = ?1";
        Ok(self.run(|c| c.prepare_cached(sql)?.query_row([seq], gone).optional())?.unwrap_or_default())
    }

    /// What was done to the files that a job left in the archive, by place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn archive_changes(&self, seq: i64) -> Result<HashMap<String, ArchiveChange>> {
        let sql = "SELECT place, change, at_ms, sha256, rows FROM archive_changes WHERE job = ?1";
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([seq], |row| {
                let text: Option<String> = row.get(4)?;
                let rows = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                Ok((row.get(0)?, ArchiveChange { change: row.get(1)?, at_ms: row.get(2)?, sha256: row.get(3)?, rows }))
            })?;
            rows.collect()
        })
    }

    /// Whether bytes stand anywhere in the database's files, whatever the case of their letters: also in parts of pages that
    /// no row uses any more. The write-ahead log must have been moved into the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn holds_bytes(&self, text: &str) -> Result<bool> {
        let needle = text.to_ascii_lowercase().into_bytes();
        for tail in ["", "-wal"] {
            let path = super::swap::beside(&self.path, tail);
            let broken = |source| StoreError::Machine { path: path.display().to_string(), source };
            let mut file = match std::fs::File::open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened.map_err(broken)?,
            };
            let (mut buffer, mut kept) = (vec![0; needle.len() + (1 << 20)], 0);
            loop {
                let read = file.read(&mut buffer[kept..]).map_err(broken)?;
                if read == 0 {
                    break;
                }
                let seen = &mut buffer[..kept + read];
                seen.make_ascii_lowercase();
                if memchr::memmem::find(seen, &needle).is_some() {
                    return Ok(true);
                }
                let keep = (needle.len() - 1).min(seen.len());
                let from = seen.len() - keep;
                buffer.copy_within(from..from + keep, 0);
                kept = keep;
            }
        }
        Ok(false)
    }

    /// Writes the whole database anew, so that no page has anything in it that no row has. Needs its size once more on the disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write_anew(&self) -> Result<()> {
        self.run(|connection| connection.execute_batch("VACUUM"))
    }

    fn jobs_of_lead(&self, lead: i64) -> Result<Vec<i64>> {
        let several: Vec<i64> = self.run(|connection| {
            let mut statement = connection.prepare("SELECT job FROM history WHERE lead = ?1 ORDER BY job")?;
            let rows = statement.query_map([lead], |row| row.get(0))?;
            rows.collect()
        })?;
        if !several.is_empty() {
            return Ok(several);
        }
        self.run(|c| c.query_row("SELECT job FROM leads WHERE id = ?1", [lead], |row| row.get(0))).map(|job| vec![job])
    }

    fn job_id_of(&self, seq: i64) -> Result<Uuid> {
        self.run(|c| c.prepare_cached("SELECT job_id FROM jobs WHERE seq = ?1")?.query_row([seq], |row| row.get(0))).map(Uuid::from_bytes)
    }

    /// Changes the kept texts of jobs where `is_meant` says so; of how many.
    fn scrub_texts(&self, is_meant: impl Fn(&str) -> bool, change: impl Fn(&str) -> String) -> Result<u64> {
        let (mut after, mut changed) = (0, 0);
        loop {
            let sql = "SELECT seq, facts FROM jobs WHERE seq > ?1 ORDER BY seq LIMIT 1000";
            let part: Vec<(i64, String)> = self.run(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect()
            })?;
            let Some((last, _)) = part.last() else { return Ok(changed) };
            after = *last;
            for (seq, facts) in part.iter().filter(|(_, facts)| is_meant(facts)) {
                self.run(|c| c.prepare_cached("UPDATE jobs SET facts = ?2 WHERE seq = ?1")?.execute(params![seq, change(facts)]))?;
                changed += 1;
            }
        }
    }
}

/// A text without an address, however its letters are written there.
#[must_use]
pub fn without_address(text: &str, address: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, length)) = find_folded(rest, address) {
        out += &rest[..at];
        out += IN_PLACE_OF_ADDRESS;
        rest = &rest[at + length..];
    }
    out + rest
}

/// Whether an address stands in a text by itself, however its letters are written there.
#[must_use]
pub fn names_address(text: &str, address: &str) -> bool {
    find_folded(text, address).is_some()
}

/// Where a lower-case address stands in a text by itself, and how many bytes it takes there.
fn find_folded(text: &str, lower: &str) -> Option<(usize, usize)> {
    let goes_on = |character: char| character.is_alphanumeric() || matches!(character, '_' | '%' | '+' | '-');
    let mut before = None;
    text.char_indices().find_map(|(at, character)| {
        let is_start = !before.replace(character).is_some_and(|before| goes_on(before) || before == '.');
        let length = folded_length(&text[at..], lower).filter(|_| is_start)?;
        let mut behind = text[at + length..].chars();
        let is_end = match behind.next() {
            Some('.') => !behind.next().is_some_and(goes_on),
            next => !next.is_some_and(goes_on),
        };
        is_end.then_some((at, length))
    })
}

/// How many bytes a lower-case text takes at the front of another one; none where it does not stand there.
fn folded_length(text: &str, lower: &str) -> Option<usize> {
    let mut wanted = lower.chars().peekable();
    for (offset, character) in text.char_indices() {
        if wanted.peek().is_none() {
            return Some(offset);
        }
        if !character.to_lowercase().all(|folded| wanted.next() == Some(folded)) {
            return None;
        }
    }
    wanted.peek().is_none().then_some(text.len())
}

fn gone(row: &rusqlite::Row<'_>) -> rusqlite::Result<GoneRows> {
    let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(GoneRows { first: count(0)?, later: count(1)?, outcomes: count(2)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_out_of_a_text_however_it_is_written() {
        for (text, expected) in [
            ("Ada@Example.com is no address", "(forgotten) is no address"),
            ("x ada@example.com ADA@EXAMPLE.COM", "x (forgotten) (forgotten)"),
            ("ada@example.co", "ada@example.co"),
            ("'ada@example.com'.", "'(forgotten)'."),
            ("grada@example.com ada@example.com.br r.ada@example.com", "grada@example.com ada@example.com.br r.ada@example.com"),
            ("Ünë", "Ünë"),
        ] {
            assert_eq!(without_address(text, "ada@example.com"), expected);
        }
    }
}
